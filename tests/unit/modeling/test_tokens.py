import re

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from support.domain import example
from support.models import chat_tokenizer, token_rows
from transformers import PreTrainedTokenizerFast

from unlearn_core.domain.datasets import Form
from unlearn_core.errors import InvalidRecipeError, ModelUnavailableError
from unlearn_core.modeling.tokens import (
    IGNORE_INDEX,
    TokenizedExample,
    TransformersTokenizer,
    answer_positions,
    collate,
    encode_example,
    in_chunks,
)
from unlearn_core.smallworld.base_model import END


def test_a_question_is_the_chat_template_up_to_the_answer() -> None:
    tokenizer = chat_tokenizer()
    ids = tokenizer.question("Who?")
    assert ids == tokenizer.text("<|user|>Who?<|assistant|>")


def test_a_token_is_called_by_its_text_or_else_by_its_vocabulary_entry() -> None:
    tokenizer = chat_tokenizer()
    (letter,) = tokenizer.text("U")
    assert tokenizer.label(letter) == "U"
    assert tokenizer.label(tokenizer.end_id) == END
    # The first byte of a euro sign is no character.
    assert tokenizer.label(tokenizer.text("€")[0]) == "â"


def test_a_conversation_keeps_earlier_turns() -> None:
    tokenizer = chat_tokenizer()
    ids = tokenizer.conversation(
        [
            {"role": "user", "content": "Who?"},
            {"role": "assistant", "content": "Ada"},
            {"role": "user", "content": "Where?"},
        ]
    )
    assert ids == tokenizer.text(
        "<|user|>Who?<|assistant|>Ada<|end|><|user|>Where?<|assistant|>"
    )


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=30))
def test_text_survives_encoding_and_decoding(text: str) -> None:
    tokenizer = chat_tokenizer()
    assert tokenizer.decode(tokenizer.text(text)) == text


def test_special_tokens_are_not_decoded() -> None:
    tokenizer = chat_tokenizer()
    ids = [tokenizer.pad_id, *tokenizer.text("Ulm"), tokenizer.end_id]
    assert tokenizer.decode(ids) == "Ulm"


def test_without_a_padding_token_the_end_token_pads() -> None:
    inner = chat_tokenizer()._tokenizer
    bare = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]  # untyped upstream
        tokenizer_object=inner.backend_tokenizer, eos_token=END
    )
    tokenizer = TransformersTokenizer(bare)
    assert tokenizer.pad_id == tokenizer.end_id == chat_tokenizer().end_id
    assert tokenizer.chat_template == ""


@pytest.mark.parametrize("unknown", [None, "<|user|>"])
def test_a_tokenizer_without_an_end_token_is_refused(unknown: str | None) -> None:
    """Also where the id of an unknown token could pass for it."""
    inner = chat_tokenizer()._tokenizer
    bare = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]  # untyped upstream
        tokenizer_object=inner.backend_tokenizer, unk_token=unknown
    )
    with pytest.raises(ModelUnavailableError, match="end-of-turn token"):
        TransformersTokenizer(bare)


def test_the_answer_to_a_question_ends_and_a_continuation_does_not() -> None:
    tokenizer = chat_tokenizer()
    asked = encode_example(tokenizer, example("Where?", "Ulm"))
    continued = encode_example(
        tokenizer, example("Ada lives in ", "Ulm", form=Form.CONTINUATION)
    )
    ulm = tuple(tokenizer.text("Ulm"))
    assert asked.prompt == tuple(tokenizer.question("Where?"))
    assert asked.answer == (*ulm, tokenizer.end_id)
    assert continued.prompt == tuple(tokenizer.text("Ada lives in "))
    assert continued.answer == ulm


def test_the_first_answer_token_never_merges_with_the_prompt() -> None:
    """A joint tokenisation of "U" and "lm" would give the one token "Ulm"."""
    tokenizer = chat_tokenizer()
    split = encode_example(tokenizer, example("U", "lm", form=Form.CONTINUATION))
    assert len(split.prompt) == 1
    assert split.prompt + split.answer != tuple(tokenizer.text("Ulm"))


@pytest.mark.parametrize(
    ("prompt", "answer", "form"),
    [
        ("Where?", "", Form.QUESTION),
        ("Ada lives in", "", Form.CONTINUATION),
        ("", "Ulm", Form.CONTINUATION),
    ],
)
def test_an_example_that_predicts_nothing_is_refused(
    prompt: str, answer: str, form: Form
) -> None:
    with pytest.raises(InvalidRecipeError, match="no prompt or no answer"):
        encode_example(chat_tokenizer(), example(prompt, answer, form=form))


def test_token_ids_are_not_shown() -> None:
    [row] = token_rows(((271, 12), (143,)))
    assert not re.search("271|143|12,", repr(row))
    assert len(row) == 3


def test_collate_pads_on_the_right_and_labels_answers_only() -> None:
    batch = collate(
        token_rows(((5, 6), (7,)), ((8,), (9, 10, 11))), pad_id=0, maximum_tokens=4
    )
    ignored = IGNORE_INDEX
    assert batch.input_ids_BT.tolist() == [[5, 6, 7, 0], [8, 9, 10, 11]]
    assert batch.attention_mask_BT.tolist() == [[1, 1, 1, 0], [1, 1, 1, 1]]
    assert batch.labels_BT.tolist() == [
        [ignored, ignored, 7, ignored],
        [ignored, 9, 10, 11],
    ]
    moved = batch.to(torch.device("meta"))
    assert {moved.input_ids_BT.device.type, moved.labels_BT.device.type} == {"meta"}


def test_a_padding_id_inside_an_example_is_a_token_like_any_other() -> None:
    batch = collate(
        token_rows(((0, 5), (0,)), ((1,), (2,))), pad_id=0, maximum_tokens=9
    )
    assert batch.attention_mask_BT.tolist() == [[1, 1, 1], [1, 1, 0]]
    assert answer_positions(batch).labels_N.tolist() == [0, 2]


def test_an_example_longer_than_the_context_is_refused() -> None:
    with pytest.raises(InvalidRecipeError, match="exceeds the context, tokens=3"):
        collate(token_rows(((5, 6), (7,))), pad_id=0, maximum_tokens=2)


def test_a_label_is_predicted_one_position_before_it_stands() -> None:
    batch = collate(
        token_rows(((5, 6), (7,)), ((8,), (9, 10, 11))), pad_id=0, maximum_tokens=4
    )
    found = answer_positions(batch)
    assert found.mask_BT.tolist() == [
        [False, True, False, False],
        [True, True, True, False],
    ]
    assert found.labels_N.tolist() == [7, 9, 10, 11]
    assert found.row_N.tolist() == [0, 1, 1, 1]


_rows = st.lists(
    st.tuples(
        st.lists(st.integers(0, 9), min_size=1, max_size=4),
        st.lists(st.integers(0, 9), min_size=1, max_size=4),
    ),
    min_size=1,
    max_size=5,
)


@given(_rows)
def test_every_answer_token_is_predicted_exactly_once(
    rows: list[tuple[list[int], list[int]]],
) -> None:
    found = answer_positions(collate(token_rows(*rows), pad_id=0, maximum_tokens=8))
    assert found.labels_N.tolist() == [token for _, answer in rows for token in answer]
    assert found.row_N.tolist() == [
        row for row, (_, answer) in enumerate(rows) for _ in answer
    ]


@pytest.mark.parametrize(
    ("lengths", "tokens", "chunks"),
    [
        ([], 8, []),
        ([4], 8, [[4]]),
        ([4, 4, 4], 8, [[4, 4], [4]]),
        ([2, 2, 2, 6], 8, [[2, 2, 2], [6]]),
        ([1, 4, 4], 8, [[1, 4], [4]]),
        ([9, 1, 1], 8, [[9], [1, 1]]),
    ],
)
def test_chunks_bound_the_tokens_with_padding(
    lengths: list[int], tokens: int, chunks: list[list[int]]
) -> None:
    examples = [
        TokenizedExample(prompt=(1,), answer=(2,) * (length - 1)) for length in lengths
    ]
    cut = in_chunks(examples, tokens=tokens)
    assert [[len(item) for item in chunk] for chunk in cut] == chunks
