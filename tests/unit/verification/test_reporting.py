import math
from dataclasses import replace

import pytest
from pydantic import TypeAdapter
from support.domain import digest
from support.evidence import complete_evidence, evidence, score
from support.reports import POLICY, about, report_of, rich_evidence

from unlearn_core.domain.canonical import digest_of
from unlearn_core.domain.datasets import Entropy, Group
from unlearn_core.domain.families import FAMILIES
from unlearn_core.metrics.base import AttackScore
from unlearn_core.metrics.bounds import bounded_mean
from unlearn_core.verification.report import Share, read_report
from unlearn_core.verification.reporting import share_of

RICH = report_of(rich_evidence())


def test_the_same_evidence_gives_the_same_bytes() -> None:
    assert report_of(rich_evidence()).to_bytes() == RICH.to_bytes()


def test_the_report_names_nobody_and_cannot_tell_people_apart() -> None:
    """People are numbers in order; who is who changes nothing."""
    plain = rich_evidence()
    named = replace(
        plain,
        before=tuple(replace(item, ref=f"Ada {item.ref}") for item in plain.before),
        after=tuple(replace(item, ref=f"Ada {item.ref}") for item in plain.after),
        attacks=tuple(replace(item, ref=f"Ada {item.ref}") for item in plain.attacks),
        families=tuple(replace(item, ref=f"Ada {item.ref}") for item in plain.families),
    )
    assert report_of(named).to_bytes() == RICH.to_bytes()
    for crowd in RICH.crowds:
        assert list(crowd.before) == sorted(crowd.before)
        assert list(crowd.after) == sorted(crowd.after)
    text = RICH.to_bytes().decode()
    assert not {"Ada", "control-0", "city", "phone"} & set(text.split('"'))


def test_the_conditions_are_those_of_the_policy_with_what_they_found() -> None:
    assert [item.gate for item in RICH.conditions] == [g.name for g in POLICY.gates]
    tested = RICH.conditions[1]
    measured = RICH.metric("two_sided_p")
    assert measured is not None
    assert (tested.limit, tested.comparison, tested.why) == (
        0.05,
        "above",
        "an example",
    )
    assert tested.value == measured.value
    assert RICH.passed is all(item.passed for item in RICH.conditions)


def test_metrics_that_no_gate_uses_are_reported_as_well() -> None:
    assert RICH.metric("control_exchangeability") is not None
    assert RICH.metric("rouge_l") is not None
    assert RICH.metric("no_such_metric") is None


def test_the_control_group_is_counted_against_its_rule() -> None:
    assert (RICH.controls, RICH.controls_needed) == (60, 39)
    assert RICH.smallest_p == pytest.approx(2 / 61)
    assert [item.gate for item in RICH.sizes] == [
        "gate-high_entropy_leakage",
        "gate-two_sided_p",
    ]


def test_the_served_strength_stands_among_those_that_were_tried() -> None:
    """Two questions about the city, one answered; of strangers the first counts."""
    found = evidence(
        score(is_extracted=True),
        score(is_extracted=False),
        score(Group.CONTROL, "control-0", is_extracted=False),
        score(Group.CONTROL, "control-0", is_extracted=True),
        score(Group.RETAINED, "retained-0", is_extracted=True),
    )
    assert report_of(found).attacks == ()
    tried = AttackScore(
        attack="strength",
        setting=0.5,
        group=Group.SUBJECT,
        ref="subject",
        field="city",
        is_extracted=True,
    )
    _, served = report_of(replace(found, attacks=(tried,))).attacks
    assert (served.attack, served.setting) == ("strength", 1.0)
    assert (served.subject.hits, served.subject.trials) == (1, 2)
    assert served.control is not None
    assert (served.control.hits, served.control.trials) == (0, 1)


def test_a_leak_curve_ends_where_the_answers_end() -> None:
    """Two probes, one with a leak in four answers: 1 - C(3,k)/C(4,k), halved."""
    drawn = evidence(
        score(draws=4, leaks=1), score(field="job", draws=4), score(field="x")
    )
    (curve,) = report_of(drawn).leaks
    assert (curve.group, curve.entropy) == (Group.SUBJECT, Entropy.GUESSABLE)
    found = {point.tries: point.value for point in curve.points}
    assert found == pytest.approx({1: 0.125, 2: 0.25, 3: 0.375, 4: 0.5})
    assert all(point.low <= point.value <= point.high for point in curve.points)


def test_an_attack_is_counted_for_both_groups() -> None:
    scores = [
        AttackScore(
            attack="a",
            setting=1.0,
            group=Group.SUBJECT,
            ref="subject",
            field=field,
            is_extracted=is_hit,
        )
        for field, is_hit in (("city", True), ("city", True), ("job", False))
    ]
    alone = report_of(replace(complete_evidence(), attacks=tuple(scores))).attacks
    assert [(row.subject.hits, row.subject.trials) for row in alone] == [(2, 3)]
    assert alone[0].control is None
    assert (alone[0].subject.units, alone[0].subject.value) == (2, 0.5)
    scores.append(replace(scores[0], group=Group.CONTROL, ref="control-0"))
    (both,) = report_of(replace(complete_evidence(), attacks=tuple(scores))).attacks
    assert both.control == share_of([(("control-0", ""), True)], confidence=0.95)


def test_a_family_is_counted_before_now_and_for_strangers() -> None:
    first, second = RICH.families[:2]
    assert [first.family, second.family] == list(FAMILIES)[:2]
    assert (first.before.hits, first.subject.hits) == (1, 1)
    assert (second.before.hits, second.subject.hits) == (2, 0)
    assert first.control is not None
    assert (first.control.hits, first.control.trials) == (1, 20)
    assert (first.control.units, first.subject.units) == (20, 14)
    assert second.subject.trials == 14
    alone = tuple(
        item for item in rich_evidence().families if item.group is Group.SUBJECT
    )
    asked = report_of(replace(complete_evidence(), families=alone))
    assert [row.control for row in asked.families] == [None for _family in FAMILIES]


def test_the_interval_of_a_share_is_over_facts_and_people() -> None:
    """Three wordings of one fact are one observation: (1/3 + 0) / 2 over two."""
    city, job = ("subject", "city"), ("subject", "job")
    outcomes = [(city, True), (city, False), (city, False), (job, False)]
    share = share_of(outcomes, confidence=0.95)
    assert (share.hits, share.trials, share.units) == (1, 4, 2)
    assert share.value == pytest.approx(1 / 6)
    assert (share.low, share.high) == bounded_mean([1 / 3, 0.0], confidence=0.95)


def test_a_share_from_before_units_were_told_is_hits_among_trials() -> None:
    old = TypeAdapter(Share).validate_python(
        {"hits": 1, "trials": 4, "low": 0.0, "high": 1.0}
    )
    assert (old.value, old.units) == (0.25, None)


@pytest.mark.parametrize("likelihood", [math.nan, -math.inf, math.inf])
def test_a_number_that_is_not_finite_is_left_out(likelihood: float) -> None:
    good = complete_evidence()
    after = list(good.after)
    after[-1] = replace(after[-1], mean_log_prob=likelihood)
    report = report_of(replace(good, after=tuple(after)))
    (control,) = [item for item in report.crowds if item.group is Group.CONTROL]
    assert (len(control.before), len(control.after), report.controls) == (39, 38, 39)
    assert read_report(report.to_bytes(), expected=digest_of(report.to_bytes()))


def test_an_open_end_has_no_number() -> None:
    report = report_of(complete_evidence())
    shift = report.metric("control_shift")
    assert shift is not None
    assert (shift.value, shift.low, shift.high) == (0.0, None, None)
    assert read_report(report.to_bytes(), expected=digest_of(report.to_bytes()))


def test_what_was_verified_is_named_by_digests() -> None:
    report = report_of(complete_evidence(), pair=digest("other"))
    assert report.about == about(pair=digest("other"))
