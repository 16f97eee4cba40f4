from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.serving import byte_tokenizer

from unlearn_core.serving.jobs import Token
from unlearn_core.serving.running_text import PlacedToken, RunningText

TOKENIZER = byte_tokenizer()
END = TOKENIZER.end_id


def released(ids: Sequence[int], *stops: str) -> list[str]:
    """Return what is released after each token, then at the end."""
    text = RunningText(TOKENIZER, stops=stops)
    pieces = []
    for token_id in ids:
        text.add(Token(token_id=token_id, log_prob=0.0))
        if text.is_stopped:
            break
        pieces.append(text.release(is_last=False).text)
    return [*pieces, text.release(is_last=True).text]


@pytest.mark.parametrize(
    ("answer", "stops", "pieces"),
    [
        ("abc", [], ["a", "b", "c", ""]),
        # The euro sign has three bytes.
        ("a€b", [], ["a", "", "", "€", "b", ""]),
        # What may become a stop text waits until it cannot any more.
        ("a.b", [".."], ["a", "", ".b", ""]),
        ("a..b", [".."], ["a", "", ""]),
        ("a.", [".."], ["a", "", "."]),
        ("xyxz", ["xyz"], ["", "", "xy", "xz", ""]),
        ("abc", ["bc", "b"], ["a", ""]),
        ("abc", ["a"], [""]),
    ],
)
def test_text_is_released_when_it_cannot_change_any_more(
    answer: str, stops: list[str], pieces: list[str]
) -> None:
    found = released(TOKENIZER.text(answer), *stops)
    # A piece that is held back may come with the next one instead of the last.
    assert "".join(found) == "".join(pieces)
    assert found == pieces


def test_the_earliest_of_several_stop_texts_ends_the_answer() -> None:
    text = RunningText(TOKENIZER, stops=["lo", "el"])
    for token_id in TOKENIZER.text("Hello"):
        text.add(Token(token_id=token_id, log_prob=0.0))
    assert text.release(is_last=True).text == "H"


@given(
    st.lists(st.integers(4, 259), max_size=24),
    st.lists(st.text("ab€", min_size=1, max_size=3), max_size=3),
)
def test_pieces_make_up_the_answer_cut_at_its_stop_text(
    ids: list[int], stops: list[str]
) -> None:
    whole = TOKENIZER.decode(ids)
    cut = min((whole.find(stop) for stop in stops if stop in whole), default=None)
    assert "".join(released(ids, *stops)) == whole[:cut]


def test_every_token_is_released_once_with_the_place_of_its_text() -> None:
    text = RunningText(TOKENIZER)
    ids = [*TOKENIZER.text("a€"), END, *TOKENIZER.text("b")]
    placed: list[PlacedToken] = []
    for token_id in ids:
        text.add(Token(token_id=token_id, log_prob=0.0))
        placed += text.release(is_last=False).tokens
    placed += text.release(is_last=True).tokens
    assert [item.token.token_id for item in placed] == ids
    assert [item.start for item in placed] == [0, 1, 1, 1, 2, 2]
    assert len(text) == 6


def test_tokens_of_the_stop_text_do_not_belong_to_the_answer() -> None:
    text = RunningText(TOKENIZER, stops=["cd"])
    for token_id in TOKENIZER.text("abcd"):
        text.add(Token(token_id=token_id, log_prob=0.0))
    tokens = text.release(is_last=True).tokens
    assert [item.token.token_id for item in tokens] == TOKENIZER.text("ab")
