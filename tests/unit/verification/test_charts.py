from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest
from support.reports import report_of, rich_evidence

from unlearn_core.domain.datasets import Group
from unlearn_core.metrics.base import GuardResult
from unlearn_core.verification.charts import (
    attack_chart,
    family_chart,
    gate_chart,
    guard_chart,
    kept_chart,
    leak_chart,
    people_chart,
    strength_chart,
)
from unlearn_core.verification.report import Measurement, Report
from unlearn_core.verification.words import MINUS

RICH = report_of(rich_evidence())


def parts(drawn: str, *, kind: str, tag: str) -> list[ET.Element]:
    """Return the elements of a tag that carry a class."""
    root = ET.fromstring(drawn)  # noqa: S314 - our own drawing
    return [
        item
        for item in root
        if item.tag.endswith(f"}}{tag}") and kind in item.attrib["class"].split()
    ]


def test_everybody_is_a_dot_and_the_subject_a_diamond() -> None:
    drawn = people_chart(RICH)
    count = {crowd.group: len(crowd.after) for crowd in RICH.crowds}
    for group in (Group.CONTROL, Group.RETAINED, Group.NEIGHBOUR):
        assert len(parts(drawn, kind=group, tag="circle")) == 2 * count[group]
    before, after = parts(drawn, kind="subject", tag="polygon")
    at = [float(item.attrib["points"].split(",")[0]) for item in (before, after)]
    assert at[0] > at[1]


def test_the_band_holds_the_middle_of_the_strangers() -> None:
    band = parts(people_chart(RICH), kind="usual", tag="rect")[1]
    left = float(band.attrib["x"])
    right = left + float(band.attrib["width"])
    dots = parts(people_chart(RICH), kind="control", tag="circle")[60:]
    inside = [left <= float(dot.attrib["cx"]) <= right for dot in dots]
    assert 54 <= sum(inside) <= 58


def test_dots_on_one_place_are_stacked_within_their_row() -> None:
    (control,) = [item for item in RICH.crowds if item.group is Group.CONTROL]
    same = replace(control, before=(-1.0,) * 60, after=(-1.0,) * 60)
    dots = parts(
        people_chart(replace(RICH, crowds=(same,))), kind="control", tag="circle"
    )
    heights = {dot.attrib["cy"] for dot in dots[:60]}
    assert len(heights) > 5
    assert max(map(float, heights)) - min(map(float, heights)) <= 40


def test_a_leak_curve_has_a_point_for_every_number_of_tries() -> None:
    drawn = leak_chart(RICH)
    points = sum(len(curve.points) for curve in RICH.leaks)
    assert len(parts(drawn, kind="subject", tag="circle")) * 2 == points
    assert len(parts(drawn, kind="band", tag="polygon")) == len(RICH.leaks)


@pytest.mark.parametrize(("names", "rows"), [(2, 2), (0, 0)])
def test_what_has_changed_for_others_is_an_interval_a_row(
    names: int, rows: int
) -> None:
    kept = [item for item in RICH.metrics if "accuracy" in item.name][:names]
    drawn = kept_chart(replace(RICH, metrics=tuple(kept)))
    assert len(parts(drawn, kind="whisker", tag="line")) == rows


def test_public_questions_that_were_asked_are_an_interval_each() -> None:
    guards = (
        GuardResult(guard="bbq", problem="no such file"),
        GuardResult(
            guard="arc_easy", items=9, before=0.5, after=0.25, low=-0.5, high=0.1
        ),
    )
    drawn = guard_chart(replace(RICH, guards=guards))
    assert len(parts(drawn, kind="whisker", tag="line")) == 1
    assert f"{MINUS}25.0 points" in drawn


def test_a_change_without_a_number_leaves_its_row_empty() -> None:
    (found,) = [item for item in RICH.metrics if item.name == "retain_accuracy_change"]
    empty = replace(RICH, metrics=(replace(found, value=None, low=None),))
    assert parts(kept_chart(empty), kind="whisker", tag="line") == []


def test_an_attack_shows_both_groups_and_strengths_are_a_line_of_their_own() -> None:
    others = [row for row in RICH.attacks if row.attack != "strength"]
    assert len(parts(attack_chart(RICH), kind="subject", tag="polygon")) == len(others)
    assert len(parts(attack_chart(RICH), kind="control", tag="circle")) == len(others)
    line = parts(strength_chart(RICH), kind="subject", tag="polyline")
    assert len(line[0].attrib["points"].split()) == 6


def test_the_served_strength_is_a_point_of_the_line_and_marked() -> None:
    drawn = strength_chart(RICH)
    (marked,) = parts(drawn, kind="limit", tag="line")
    (line,) = parts(drawn, kind="subject", tag="polyline")
    places = [point.split(",")[0] for point in line.attrib["points"].split()]
    assert float(marked.attrib["x1"]) in map(float, places)
    assert "as served" in drawn


def test_every_family_is_a_row() -> None:
    drawn = family_chart(RICH)
    assert len(RICH.families) == 16
    assert len(parts(drawn, kind="subject", tag="polygon")) == 16
    assert len(parts(drawn, kind="control", tag="circle")) == 16


def test_an_attack_on_the_subject_alone_is_shown_alone() -> None:
    alone = replace(
        RICH, attacks=tuple(replace(row, control=None) for row in RICH.attacks)
    )
    assert parts(attack_chart(alone), kind="control", tag="circle") == []
    assert parts(strength_chart(alone), kind="control", tag="polyline") == []


def drawn_gate(report: Report, number: int, measured: Measurement | None) -> str:
    return gate_chart(report.conditions[number], measured)


@pytest.mark.parametrize(("passed", "kind"), [(True, "passed"), (False, "failed")])
def test_a_gate_says_by_its_colour_whether_it_is_met(
    kind: str, *, passed: bool
) -> None:
    condition = replace(RICH.conditions[0], passed=passed)
    drawn = gate_chart(condition, RICH.metric(condition.metric))
    assert len(parts(drawn, kind=kind, tag="circle")) == 1


def test_the_allowed_side_is_tinted() -> None:
    """At most: left of the limit; above: right of it."""
    for number, is_left in ((0, True), (1, False)):
        drawn = drawn_gate(RICH, number, RICH.metric(RICH.conditions[number].metric))
        (limit,) = parts(drawn, kind="limit", tag="line")
        (allowed,) = parts(drawn, kind="allowed", tag="rect")
        start = float(allowed.attrib["x"])
        assert (start < float(limit.attrib["x1"])) is is_left


def test_an_open_end_reaches_the_edge() -> None:
    measured = Measurement(name="x", value=0.2, low=0.1, high=None, count=9)
    drawn = drawn_gate(RICH, 0, measured)
    (whisker,) = parts(drawn, kind="whisker", tag="line")
    assert float(whisker.attrib["x2"]) == 156.0
    (dot,) = parts(drawn, kind="whisker", tag="circle") or parts(
        drawn, kind="passed", tag="circle"
    )
    assert float(whisker.attrib["x1"]) < float(dot.attrib["cx"])


def test_a_gate_without_a_number_shows_its_limit_alone() -> None:
    drawn = drawn_gate(RICH, 0, None)
    assert parts(drawn, kind="failed", tag="circle") == []
    assert len(parts(drawn, kind="limit", tag="line")) == 1
