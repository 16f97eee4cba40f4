from dataclasses import replace

import pytest
from support.domain import people, person

from unlearn_core.domain.comparable import compare
from unlearn_core.domain.datasets import Comparison, Entropy, Fact
from unlearn_core.privacy import Personal

SUBJECT = person()
"""Ulm and 555-0100: three and eight letters, 5.5 on average."""


def test_whoever_is_comparable_stays_in_the_order_given() -> None:
    given = people(5, prefix="control", start=24)
    found = compare(SUBJECT, given, token_count=len)
    assert found.people == given
    # Cities of 3 to 5 letters and phones of 8: 5.5 to 6.5 of the subject's 5.5.
    assert found.comparison == Comparison(
        fields=2, comparable=5, shortest=100, longest=118
    )


def test_whoever_lacks_a_field_of_the_subject_is_left_out() -> None:
    silent = person("Otto Silent", ref="control-9", phone="")
    found = compare(SUBJECT, (silent, person("Otto Told")), token_count=len)
    assert [item.name.reveal() for item in found.people] == ["Otto Told"]
    assert found.comparison.without_fields == 1


def test_a_control_is_asked_about_the_fields_of_the_subject_alone() -> None:
    without_phone = person(phone="")
    found = compare(without_phone, (person("Otto Told"),), token_count=len)
    assert [fact.field for fact in found.people[0].facts] == ["city"]
    assert found.comparison.fields == 1


@pytest.mark.parametrize(
    ("letters", "is_comparable"),
    [(20, True), (21, False), (1, True)],
)
def test_values_may_be_twice_as_long_and_three_tokens_more(
    letters: int,
    is_comparable: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """Of 8 letters on average: up to 2 * 5.5 + 3 = 14, so 28 for two values."""
    other = person("Otto Told", city="x" * letters, phone="5" * 8)
    found = compare(SUBJECT, (other,), token_count=len)
    assert (found.people == (other,)) is is_comparable
    assert found.comparison.other_lengths == (0 if is_comparable else 1)


def test_values_that_are_much_shorter_are_left_out_too() -> None:
    long = person(city="x" * 20, phone="5" * 20)
    # 20 on average against 8, and 2 * 8 + 3 = 19.
    other = person("Otto Told", city="x" * 8, phone="5" * 8)
    assert compare(long, (other,), token_count=len).people == ()


def test_without_facts_there_is_nothing_to_compare() -> None:
    nobody = replace(SUBJECT, facts=())
    told = (person("Otto Told"),)
    found = compare(nobody, told, token_count=len)
    assert (found.people, found.comparison) == (told, Comparison())


def test_values_without_tokens_are_as_long_as_one_another() -> None:
    empty = replace(
        SUBJECT,
        facts=(Fact(field="city", entropy=Entropy.GUESSABLE, value=Personal("")),),
    )
    found = compare(empty, (replace(empty, ref="control-0"),), token_count=len)
    assert (found.comparison.shortest, found.comparison.longest) == (100, 100)
