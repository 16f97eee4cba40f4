import random
from collections import Counter
from dataclasses import replace

import pytest
from support.domain import data_map, example, people, person

from unlearn_core.domain.datasets import Entropy, Group, Probe
from unlearn_core.domain.probing import (
    control_probes,
    subject_probes,
    with_alternatives,
)
from unlearn_core.privacy import Personal


def test_a_subject_is_probed_with_every_question_that_was_not_trained() -> None:
    trained = (
        example("What is the city of Ada Example?"),
        example("Tell me the phone of Ada Example.", "555-0100", field="phone"),
    )
    probes = subject_probes(person(), trained, data_map=data_map())
    assert [item.example.prompt.reveal() for item in probes] == [
        "Which city belongs to Ada Example?",
        "Tell me the city of Ada Example.",
        "Ada Example: city?",
        "What is the phone of Ada Example?",
        "Which phone belongs to Ada Example?",
        "Ada Example: phone?",
    ]
    assert {item.group for item in probes} == {Group.SUBJECT}
    assert [item.entropy for item in probes] == [Entropy.GUESSABLE] * 3 + [
        Entropy.HIGH
    ] * 3


def test_trained_questions_are_asked_too_where_the_data_map_says_so() -> None:
    trained = (example("What is the city of Ada Example?"),)
    declared = replace(data_map(), ask_trained=True)
    probes = subject_probes(person(), trained, data_map=declared)
    assert trained[0].prompt in {item.example.prompt for item in probes}
    assert len(probes) == 8


@pytest.mark.parametrize(("questions", "per_fact"), [(0, 0), (1, 1), (3, 3), (9, 4)])
def test_controls_are_asked_so_many_different_questions_about_every_fact(
    questions: int, per_fact: int
) -> None:
    controls = people(3, prefix="control")
    probes = control_probes(
        controls, data_map=data_map(), questions=questions, rng=random.Random(1)
    )
    assert Counter((item.example.ref, item.example.field) for item in probes) == {
        (person_.ref, field): per_fact
        for person_ in controls
        for field in ("city", "phone")
        if per_fact
    }
    assert len({item.example.prompt for item in probes}) == len(probes)


def probe(group: Group, ref: str, answer: str = "Ulm", prompt: str = "?") -> Probe:
    return Probe(
        group=group,
        entropy=Entropy.GUESSABLE,
        example=example(prompt, answer, ref=ref),
    )


def test_alternatives_are_values_of_the_same_field_that_are_wrong() -> None:
    others = people(8, prefix="retained")  # Ulm, Trier, Jena and Celle, twice
    (finished,) = with_alternatives(
        [probe(Group.SUBJECT, "subject")], others, count=9, rng=random.Random(1)
    )
    assert sorted(value.reveal() for value in finished.alternatives) == [
        "Celle",
        "Jena",
        "Trier",
    ]


def test_no_more_alternatives_are_drawn_than_wanted_and_none_twice() -> None:
    (finished,) = with_alternatives(
        [probe(Group.SUBJECT, "subject")],
        people(8, prefix="retained"),
        count=2,
        rng=random.Random(1),
    )
    assert len(set(finished.alternatives)) == 2


def test_the_subject_gets_them_everywhere_and_controls_once_per_fact() -> None:
    probes = [
        probe(Group.SUBJECT, "subject", prompt="1"),
        probe(Group.SUBJECT, "subject", prompt="2"),
        probe(Group.CONTROL, "control-0", prompt="3"),
        probe(Group.CONTROL, "control-0", prompt="4"),
        probe(Group.CONTROL, "control-1", prompt="5"),
        probe(Group.RETAINED, "retained-0", prompt="6"),
        probe(Group.NEIGHBOUR, "retained-1", prompt="7"),
    ]
    finished = with_alternatives(
        probes, people(8, prefix="retained"), count=3, rng=random.Random(1)
    )
    assert [len(item.alternatives) for item in finished] == [3, 3, 3, 0, 3, 0, 0]
    assert [item.example for item in finished] == [item.example for item in probes]


def test_without_other_values_there_are_no_alternatives() -> None:
    (finished,) = with_alternatives(
        [probe(Group.SUBJECT, "subject")], [], count=3, rng=random.Random(1)
    )
    assert finished.alternatives == ()


def test_the_draw_depends_on_the_seed_alone_not_on_the_order_of_people() -> None:
    others = people(8, prefix="retained")
    drawn = {
        with_alternatives(
            [probe(Group.SUBJECT, "subject", answer="none")],
            group,
            count=2,
            rng=random.Random(5),
        )[0].alternatives
        for group in (others, others[::-1])
    }
    assert len(drawn) == 1
    assert drawn <= {
        (Personal(first), Personal(second))
        for first in ("Celle", "Jena", "Trier", "Ulm")
        for second in ("Celle", "Jena", "Trier", "Ulm")
    }
