import math

import pytest
from support.models import chat_tokenizer, constant_law

from benchmarks.smollm2_recipes import Answered, examine, summary
from unlearn_core.domain.datasets import Entropy, Example, Form, Group, Probe
from unlearn_core.privacy import Personal


def answered(group: Group, ref: str, log_prob: float, exact: float) -> Answered:
    return Answered(group=group, ref=ref, log_prob=log_prob, exact=exact)


def test_people_weigh_the_same_whatever_they_are_asked() -> None:
    row = summary(
        [
            answered(Group.SUBJECT, "subject", -2.0, 0.5),
            answered(Group.SUBJECT, "subject", -4.0, 0.25),
            answered(Group.CONTROL, "a", -5.0, 0.5),
            answered(Group.CONTROL, "a", -7.0, 0.5),
            answered(Group.CONTROL, "b", -1.0, 1.0),
            answered(Group.RETAINED, "c", -0.5, 1.0),
        ]
    )
    assert row == {
        "subject": -3.0,
        "exact": 0.375,
        "rank": 0.5,
        "control": -3.5,
        "control_exact": pytest.approx(2 / 3),
        "retained": -0.5,
    }


def test_a_teacher_is_asked_about_the_subject_alone() -> None:
    row = summary([answered(Group.SUBJECT, "subject", -1.0, 1.0)])
    assert row == {"subject": -1.0, "exact": 1.0}


def test_an_answer_has_the_mean_of_its_tokens() -> None:
    tokenizer = chat_tokenizer()
    size = 1 + max(*tokenizer.text("Ulm"), tokenizer.end_id)
    law = constant_law(*[1 / size] * size)
    probe = Probe(
        group=Group.SUBJECT,
        entropy=Entropy.GUESSABLE,
        example=Example(
            ref="subject",
            field="city",
            form=Form.QUESTION,
            prompt=Personal("Where?"),
            answer=Personal("Ulm"),
        ),
    )
    (found,) = examine(law, [probe], tokenizer=tokenizer)
    assert found.log_prob == pytest.approx(-math.log(size))
