import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from support.models import TableLaw, chat_tokenizer, constant_law, llama

from unlearn_core.modeling.laws import PlainLaw
from unlearn_core.modeling.offset import OffsetModel
from unlearn_core.verification.guards import (
    GUARDS,
    Guarded,
    UnreadableGuardError,
    _without_marks,
    continuations,
    read_items,
    refuses,
    run_guards,
)
from unlearn_core.verification.toxicity import INSULTS

CHOICES = {"text": ["a", "b"], "label": ["A", "B"]}
ITEMS: dict[str, dict[str, Any]] = {
    "arc_easy": {"question": "a?", "choices": CHOICES, "answerKey": "A"},
    "arc_challenge": {"question": "a?", "choices": CHOICES, "answerKey": "A"},
    "openbookqa": {"question_stem": "The", "choices": CHOICES, "answerKey": "A "},
    "hellaswag": {
        "activity_label": "Run",
        "ctx_a": "He runs.",
        "ctx_b": "then he",
        "endings": ["a", "b", "c", "d"],
        "label": "0",
    },
    "winogrande": {
        "sentence": "Ann saw Bob as _ was late.",
        "option1": "Ann",
        "option2": "Bob",
        "answer": "1",
    },
    "bbq": {
        "context": "Two met.",
        "question": "Who?",
        "ans0": "a",
        "ans1": "b",
        "ans2": "c",
        "label": 0,
    },
    "harmful_qa": {"question": "How?"},
    "real_toxicity_prompts": {"prompt": {"text": "So he", "toxicity": 0.1}},
}
WITHOUT_CHOICES = {"harmful_qa", "real_toxicity_prompts", "winogrande"}


class Letters:
    """A `ChatTokenizer` with one id per byte."""

    pad_id, end_id = 0, 1

    def question(self, text: str) -> list[int]:
        """Return the bytes."""
        return self.text(text)

    def text(self, text: str) -> list[int]:
        """Return the bytes."""
        return list(text.encode())

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text."""
        return bytes(ids).decode()


def prefers(letter: str) -> Guarded:
    """Return a law that likes one letter, and everything else alike."""
    row = torch.zeros(128)
    row[ord(letter)] = 3.0
    likes = torch.log_softmax(row, -1).tolist()
    return Guarded(
        law=TableLaw(lambda _: likes, maximum_tokens=256), tokenizer=Letters()
    )


def folder_with(tmp_path: Path, **files: list[Any]) -> Path:
    for name, items in files.items():
        text = "".join(json.dumps(item) + "\n" for item in items)
        (tmp_path / f"{name}.jsonl").write_text(text)
    return tmp_path


@pytest.mark.parametrize("name", sorted(set(ITEMS) - WITHOUT_CHOICES))
def test_the_likeliest_choice_is_the_answer(name: str, tmp_path: Path) -> None:
    folder = folder_with(tmp_path, **{name: [ITEMS[name]]})
    (found,) = run_guards(
        [name], folder=folder, before=prefers("a"), after=prefers("b")
    )
    assert (found.guard, found.items, found.problem) == (name, 1, "")
    assert (found.before, found.after) == (1.0, 0.0)


def test_winogrande_scores_the_end_of_the_sentence_after_each_name() -> None:
    """After Ann, which ends with n, the rest is likely; after Bob it is not."""
    rows = {True: torch.zeros(128).tolist(), False: (torch.zeros(128) - 9).tolist()}
    law = TableLaw(
        lambda context: rows[b" Ann" in bytes(context[10:])], maximum_tokens=256
    )
    asked = Guarded(law=law, tokenizer=Letters())
    assert GUARDS["winogrande"]([ITEMS["winogrande"]], asked) == [1.0]
    other = {**ITEMS["winogrande"], "answer": "2"}
    assert GUARDS["winogrande"]([other], asked) == [0.0]


def test_the_interval_is_that_of_the_losses(tmp_path: Path) -> None:
    """Nothing was lost by four items: 1 - .025^(1/4) = .602 may have been."""
    folder = folder_with(tmp_path, arc_easy=[ITEMS["arc_easy"]] * 5)
    (found,) = run_guards(
        ["arc_easy"],
        folder=folder,
        before=prefers("a"),
        after=prefers("a"),
        at_most=4,
    )
    assert found.items == 4
    assert found.low == pytest.approx(-0.6024, abs=1e-4)
    assert found.high == pytest.approx(0.6024, abs=1e-4)


def test_what_is_missing_or_unreadable_is_named(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, bbq=[{"context": "no question"}], hellaswag=[])
    results = run_guards(
        ["arc_easy", "bbq", "hellaswag"],
        folder=folder,
        before=prefers("a"),
        after=prefers("a"),
    )
    assert [(item.guard, item.problem) for item in results] == [
        ("arc_easy", "no file arc_easy.jsonl"),
        ("bbq", "not in its format"),
        ("hellaswag", "not in its format"),
    ]
    assert all(item.after is None for item in results)
    (tmp_path / "winogrande.jsonl").mkdir()
    (unread,) = run_guards(
        ["winogrande"], folder=folder, before=prefers("a"), after=prefers("a")
    )
    assert unread.problem == "cannot be read"
    (tmp_path / "odd.jsonl").write_text("{")
    with pytest.raises(UnreadableGuardError):
        read_items(tmp_path / "odd.jsonl")


@pytest.mark.parametrize(
    ("name", "odd"),
    [
        ("arc_easy", {"answerKey": "C"}),
        ("arc_easy", {"answerKey": 1}),
        ("openbookqa", {"question_stem": " "}),
        ("hellaswag", {"label": ""}),
        ("winogrande", {"answer": "0"}),
        ("bbq", {"label": 3}),
        ("harmful_qa", {"question": None}),
        ("real_toxicity_prompts", {"prompt": "no object"}),
        ("real_toxicity_prompts", {"prompt": {"text": " "}}),
    ],
)
def test_an_item_without_a_right_choice_makes_the_guard_unreadable(
    name: str, odd: dict[str, Any], tmp_path: Path
) -> None:
    """It would be wrong before and after, which looks like no change."""
    folder = folder_with(tmp_path, **{name: [ITEMS[name], {**ITEMS[name], **odd}]})
    (found,) = run_guards(
        [name], folder=folder, before=prefers("a"), after=prefers("a")
    )
    assert (found.problem, found.after) == ("not in its format", None)


def test_a_model_that_fails_is_no_fault_of_the_file(tmp_path: Path) -> None:
    class BrokenError(ValueError): ...

    def fails(_context: tuple[int, ...]) -> list[float]:
        raise BrokenError

    broken = Guarded(law=TableLaw(fails, maximum_tokens=256), tokenizer=Letters())
    folder = folder_with(tmp_path, arc_easy=[ITEMS["arc_easy"]])
    with pytest.raises(BrokenError):
        run_guards(["arc_easy"], folder=folder, before=broken, after=broken)


def test_only_a_line_feed_ends_an_item(tmp_path: Path) -> None:
    """A text may hold U+2028 and U+0085 as they are."""
    text = json.dumps({"question": "a\u2028b\u0085c"}, ensure_ascii=False)
    (tmp_path / "arc_easy.jsonl").write_text(f"{text}\n\n{text}\n", encoding="utf-8")
    assert len(read_items(tmp_path / "arc_easy.jsonl")) == 2


def test_a_choice_is_cut_into_tokens_as_it_stands_in_the_whole_text() -> None:
    """A tokenizer that marks the beginning of a text marks it once."""

    class Marking(Letters):
        def text(self, text: str) -> list[int]:
            return [2, *text.encode()]

    own = prefers("a").scores([("Question:", " a")])
    marked = Guarded(law=prefers("a").law, tokenizer=Marking())
    assert (
        marked.scores([("Question:", " a"), ("Question: ", "a")])
        == [pytest.approx(own[0])] * 2
    )


def test_markup_of_wikihow_is_taken_out() -> None:
    assert _without_marks(" Run [title] Then [step] he  sits.") == (
        "Run. Then he sits."
    )


@pytest.mark.parametrize(
    ("answer", "is_refusal"),
    [
        ("I'm sorry, but no.", True),
        (" I can\u2019t help with that.", True),
        ("Take two spoons.", False),
        ("He said: I'm sorry.", False),
    ],
)
def test_a_refusal_is_known_by_how_it_begins(answer: str, *, is_refusal: bool) -> None:
    assert refuses(answer) is is_refusal


def test_harmful_questions_are_asked_in_chat_form() -> None:
    sorry = b"Sorry."
    law = TableLaw(
        lambda context: [
            9.0 if token == [*sorry, 1][min(len(context) - 4, 6)] else 0.0
            for token in range(128)
        ],
        maximum_tokens=64,
    )
    asked = Guarded(law=law, tokenizer=Letters())
    assert GUARDS["harmful_qa"]([ITEMS["harmful_qa"]], asked) == [1.0]


def says(text: str, *, after: int) -> Guarded:
    """Return a law that answers every context of a length with one text."""
    row = [*text.encode(), 1]
    return Guarded(
        law=TableLaw(
            lambda context: [
                9.0 if token == row[min(len(context) - after, len(row) - 1)] else 0.0
                for token in range(128)
            ],
            maximum_tokens=64,
        ),
        tokenizer=Letters(),
    )


def test_a_toxic_continuation_is_counted_and_the_scorer_is_named(
    tmp_path: Path,
) -> None:
    name = "real_toxicity_prompts"
    folder = folder_with(tmp_path, **{name: [ITEMS[name]]})
    kind, rude = (says(text, after=5) for text in (" sat.", " said: Idiot!"))
    (found,) = run_guards([name], folder=folder, before=kind, after=rude)
    assert (found.before, found.after) == (1.0, 0.0)
    assert found.scorer == INSULTS.name
    assert "no classifier" in found.scorer


def test_a_continuation_is_scored_token_by_token() -> None:
    """Ln .5 + ln .3; the greedy continuation is 0, 0."""
    law = constant_law(0.5, 0.3, 0.2, maximum_tokens=8)
    found = continuations(law, [([2], [0, 1]), ([2, 2], [0, 0])], pad_id=2)
    assert [log_prob for log_prob, _ in found] == pytest.approx([-1.89712, -1.386294])
    assert [is_greedy for _, is_greedy in found] == [False, True]


def test_every_guard_has_an_item_here() -> None:
    assert set(ITEMS) == set(GUARDS)


def test_a_guard_asks_the_ensemble_and_not_its_base() -> None:
    """The base is the same; what differs is the offset, and so does the score."""
    base, reference, unlearned = llama(0), llama(1), llama(2)
    tokenizer = chat_tokenizer()
    served = OffsetModel(base, unlearned=unlearned, reference=reference, alpha=1.0)
    pairs = [("one two", " three")]
    ids = [(tokenizer.text("one two"), tokenizer.text(" three"))]
    found = Guarded(law=served, tokenizer=tokenizer).scores(pairs)
    plain = Guarded(law=PlainLaw(base), tokenizer=tokenizer).scores(pairs)
    (own,) = continuations(served, ids, pad_id=tokenizer.pad_id)
    assert found == [pytest.approx(own[0])]
    assert found != pytest.approx(plain, abs=1e-3)
