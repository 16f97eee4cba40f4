import time

import pytest

from unlearn_core.domain.subjects import DataSubject, parse_subject
from unlearn_core.serving.guard import HELD_BACK, LOOK_EVERY, Guard, Watch


def person(name: str = "Zoë Müller", **others: str) -> DataSubject:
    return parse_subject({"name": name, "email": "zoe.m@example.org"} | others)


ZOE = Guard([person()])


@pytest.mark.parametrize(
    "text",
    [
        "Where does Zoë Müller live?",
        "zoe mueller",
        "ZOE MULLER's telephone number",
        "Müller, Zoë",
        "Write to ZOE.M@example.org.",
        "<user>Who is Zoë Müller<end><assistant>",
    ],
)
def test_every_certain_spelling_is_recognised(text: str) -> None:
    assert ZOE.names(text)


@pytest.mark.parametrize(
    "text",
    [
        "Where does Zoë Miller live?",
        "Zoë and the Müller family",
        "Z. Müller",
        "Müller",
        "Granzoe Müller",
        "Write to x.zoe.m@example.org.",
    ],
)
def test_others_and_what_is_only_a_part_of_a_name_are_not(text: str) -> None:
    assert not ZOE.names(text)


def test_a_name_that_goes_on_is_somebody_else_s() -> None:
    told = "x" * LOOK_EVERY + " Zoë Müller"
    assert not asked().is_named(told, is_last=False)
    assert not asked().is_named(told + "skøtter.", is_last=False)
    assert asked().is_named(told + ".", is_last=False)
    assert asked().is_named(told, is_last=True)


def test_it_looks_again_when_there_is_enough_that_is_new() -> None:
    watch = asked()
    assert not watch.is_named("It is Zoë Müller. ", is_last=False)
    begun = "It is" + " so" * LOOK_EVERY + " Zoë"
    assert not watch.is_named(begun, is_last=False)
    assert not watch.is_named(begun + " Müller ", is_last=False)
    assert watch.is_named(begun + " Müller " + "y" * LOOK_EVERY, is_last=False)


def asked() -> Watch:
    return ZOE.watch("Who lives there?", is_chat=True)


def test_a_text_that_is_continued_is_read_together_with_the_answer() -> None:
    begun = ZOE.watch("My neighbour Zoë", is_chat=False)
    assert not begun.is_named_at_once
    assert begun.is_named(" Müller ", is_last=True)
    # In a conversation nobody's answer is the end of somebody's word.
    chat = ZOE.watch("My neighbour Zo", is_chat=True)
    assert not chat.is_named("ë Müller ", is_last=True)


def test_a_question_that_names_somebody_is_decided_at_once() -> None:
    assert ZOE.watch("Where does Zoë Müller live?", is_chat=True).is_named_at_once


def test_what_might_have_been_said_counts_if_it_is_told() -> None:
    watch = ZOE.watch("Who?", is_chat=True)
    assert watch.would_be_named(["Zoë Meier", "Zoë Müller"])
    assert not watch.would_be_named(["Zoë Meier", "Zoë"])


def test_a_name_in_a_word_that_does_not_end_is_recognised_before_it_is_released() -> (
    None
):
    watch = asked()
    told = "Zoë_Müller" + "_and_so" * 100
    assert any(
        watch.is_named(told[:end], is_last=False) for end in range(0, HELD_BACK, 5)
    )
    # So is one behind whose last word more has come than a look reads.
    watch = asked()
    begun = "x" * LOOK_EVERY + " Zoë"
    assert not watch.is_named(begun + " Müller" + "y" * 900, is_last=False)
    assert watch.is_named(begun + " Müller, " + "y" * 900, is_last=False)


@pytest.mark.parametrize("text", ["a" * 20_000 + " @ ", "a." * 10_000 + " @ "])
def test_the_longest_words_take_no_more_time_than_others(text: str) -> None:
    began = time.process_time()
    watch = ZOE.watch(text, is_chat=False)
    assert not watch.is_named("b" * LOOK_EVERY + "!", is_last=False)
    # With the square of its length it took eight seconds and more.
    assert time.process_time() - began < 4


def test_only_the_end_of_a_long_answer_is_read_again_from_a_whole_word_on() -> None:
    long = "long " * 1000
    assert asked().is_named(long + "Zoë Müller", is_last=True)
    # Wherever the end begins, "zoe" is never cut out of "Grazoe".
    watch = asked()
    told = long + "Grazoe Müller "
    for more in range(ZOE.longest + 3 * LOOK_EVERY):
        assert not watch.is_named(told + "y" * more, is_last=True)


def test_so_much_is_held_back_that_the_longest_name_fits() -> None:
    assert ZOE.held_back == HELD_BACK
    long = Guard([person("Zoë " + "Maria " * 30 + "Müller")])
    longest = 10 * len("Zoë " + "Maria " * 30 + "Müller")
    assert (long.longest, long.held_back) == (longest, longest + LOOK_EVERY)
