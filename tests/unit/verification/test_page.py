import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from support.evidence import complete_evidence, evidence, score
from support.reports import report_of, rich_evidence

from unlearn_core.domain.datasets import Group
from unlearn_core.metrics.base import GuardResult
from unlearn_core.verification.page import (
    draw_page,
    headline,
    is_only_shown,
    key_figures,
)
from unlearn_core.verification.public_questions import unasked
from unlearn_core.verification.report import Report
from unlearn_core.verification.words import SETTLED, attack_words

PASSED = report_of(rich_evidence())
REJECTED = report_of(rich_evidence(is_forgotten=False))


class Reader(HTMLParser):
    """Reads a page strictly: every element is closed by its own end tag."""

    VOID = frozenset({"meta", "br", "hr"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.values: list[str] = []
        self.ids: list[str] = []
        self.words = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take in the beginning of an element."""
        self.tags.append(tag)
        self.values += [value or "" for _, value in attrs]
        self.ids += [value or "" for name, value in attrs if name == "id"]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take in an element without content."""
        self.tags.append(tag)
        self.values += [value or "" for _, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        """Close the element that was opened last."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Take in text, but no style sheet."""
        if "style" not in self.open:
            self.words += data


def read(report: Report) -> Reader:
    reader = Reader()
    reader.feed(draw_page(report))
    reader.close()
    assert reader.open == []
    return reader


@pytest.mark.parametrize(
    "report", [PASSED, REJECTED, report_of(evidence(score()))], ids=["1", "2", "bare"]
)
def test_a_page_is_whole_and_loads_nothing(report: Report) -> None:
    page = read(report)
    assert not {"script", "img", "link", "iframe", "object", "form"} & set(page.tags)
    links = [value for value in page.values if re.match(r"(https?:)?//", value)]
    assert set(links) <= {"http://www.w3.org/2000/svg"}
    assert "url(" not in draw_page(report)
    assert "@import" not in draw_page(report)


def test_the_verdict_comes_first() -> None:
    assert PASSED.passed
    assert not REJECTED.passed
    for report, word in ((PASSED, "Passed"), (REJECTED, "Rejected")):
        words = " ".join(read(report).words.split())
        assert words.index(f" {word} {headline(report)}") < words.index("Conditions")


def test_a_rejection_says_what_is_not_met_and_why() -> None:
    page = draw_page(REJECTED)
    missed = [item for item in REJECTED.conditions if not item.passed]
    reasons = page[page.index('class="reasons"') : page.index("</header>")]
    assert [item.gate in reasons for item in missed] == [True] * len(missed)
    assert headline(REJECTED).startswith(f"{len(missed)} of 3 ")
    assert 'class="reasons"' not in draw_page(PASSED)


def test_a_verdict_claims_only_what_was_asked() -> None:
    assert "cannot be told" in headline(PASSED)
    without = [item for item in PASSED.conditions if item.metric != "two_sided_p"]
    fewer = headline(replace(PASSED, conditions=tuple(without)))
    assert "cannot be told" not in fewer
    assert "people who stay are answered as before" in fewer
    unasked = [replace(item, applies=False) for item in PASSED.conditions]
    assert headline(replace(PASSED, conditions=tuple(unasked))) == (
        "All 0 conditions of the policy are met."
    )


def test_one_condition_that_is_not_met_is_one_condition() -> None:
    first = replace(PASSED.conditions[0], passed=False)
    report = replace(PASSED, passed=False, conditions=(first, *PASSED.conditions[1:]))
    assert headline(report).startswith("1 of 3 conditions is not met")


def test_every_section_is_named_by_its_heading() -> None:
    page = read(PASSED)
    assert len(page.ids) == len(set(page.ids))
    assert {
        "conditions",
        "people",
        "leaks",
        "others",
        "families",
        "attacks",
        "yardstick",
    } <= set(page.ids)


def test_what_was_not_measured_has_no_section() -> None:
    plain = report_of(
        replace(
            complete_evidence(),
            after=tuple(
                replace(item, draws=0)
                for item in complete_evidence().after
                if item.group is not Group.RETAINED
            ),
        )
    )
    ids = set(read(plain).ids)
    assert {"people", "yardstick"} <= ids
    assert not {"leaks", "others", "families", "attacks"} & ids


def test_a_mixed_control_group_is_pointed_out() -> None:
    def with_p(p_value: float) -> str:
        metrics = tuple(
            replace(item, value=p_value)
            if item.name == "control_exchangeability"
            else item
            for item in PASSED.metrics
        )
        return draw_page(replace(PASSED, metrics=metrics))

    assert "the control group is a mixture" in with_p(0.01)
    assert "No sign of a mixture" in with_p(0.5)


def test_text_from_a_policy_is_shown_as_text() -> None:
    sly = replace(PASSED.conditions[0], why="<script>alert(1)</script>")
    page = read(replace(PASSED, conditions=(sly,)))
    assert "<script>alert(1)</script>" in page.words
    assert "script" not in page.tags


def test_the_figures_are_those_that_were_measured() -> None:
    assert key_figures(PASSED)[0].number == "100.0%"
    assert len(key_figures(PASSED)) == 5
    assert key_figures(replace(PASSED, metrics=())) == []


def test_the_page_holds_no_more_people_than_the_document() -> None:
    assert "control-0" not in draw_page(PASSED)
    assert "subject-0" not in draw_page(PASSED)


def test_a_gate_that_any_share_meets_is_shown_and_not_counted() -> None:
    """Three conditions; one of them admits 100%, so two are met."""
    first = replace(
        PASSED.conditions[0],
        metric="reversed_offset_extraction",
        comparison="at_most",
        limit=1.0,
    )
    report = replace(PASSED, conditions=(first, *PASSED.conditions[1:]))
    assert is_only_shown(first)
    assert headline(report).startswith("All 2 conditions")
    assert '<span class="badge none">shown</span>' in draw_page(report)
    assert not is_only_shown(replace(first, passed=False))
    assert not is_only_shown(replace(first, limit=0.99))
    assert not is_only_shown(replace(first, applies=False))


def test_a_gate_that_was_not_tried_looks_neither_met_nor_like_a_finding() -> None:
    """As under `stop_when_settled`: the pair is rejected and no attack was tried."""
    first = replace(
        PASSED.conditions[0],
        metric="reversed_offset_extraction",
        comparison="at_most",
        limit=1.0,
        value=None,
        passed=False,
    )
    report = replace(PASSED, passed=False, conditions=(first, *PASSED.conditions[1:]))
    page = draw_page(report)
    assert page.count("<i>Not measured.</i>") == 1
    assert page.count('<span class="badge no">not met</span>') == 1
    assert '<span class="badge none">shown</span>' not in page


def test_what_was_not_tried_after_a_rejection_is_named() -> None:
    assert "no attack was made" not in draw_page(REJECTED)
    stopped = replace(REJECTED, attacks=(), families=(), guards=unasked(SETTLED))
    assert "no attack was made" in draw_page(stopped)


def test_every_attack_is_shown_with_what_stands_in_its_way() -> None:
    words = " ".join(read(PASSED).words.split())
    table = words[words.index("In its way") : words.index("Conditions Fixed before")]
    assert "Taught a few facts, asked the rest (30 steps)" in table
    tried = {row.attack for row in PASSED.attacks}
    assert {"reversed_offset", "version_contrast", "strength", "in_context"} <= tried
    for attack in tried:
        told = attack_words(attack)
        assert table.index(told.needs) < table.index(told.mitigation)
    assert "Nothing stands in the way of asking like this" in words


def test_strengths_stand_in_their_order_with_the_served_one_among_them() -> None:
    words = " ".join(read(PASSED).words.split())
    places = [
        words.index(f"Another strength of the offset ({strength})")
        for strength in (
            "-1\N{MULTIPLICATION SIGN}",
            "0.5\N{MULTIPLICATION SIGN}",
            "1\N{MULTIPLICATION SIGN}, as served",
            "1.25\N{MULTIPLICATION SIGN}",
        )
    ]
    assert places == sorted(places)


def test_hits_are_told_with_the_facts_and_people_they_are_about() -> None:
    words = " ".join(read(PASSED).words.split())
    assert "15 of 20 about 20 facts" in words
    assert "1 of 20 about 20 people" in words
    old = tuple(
        replace(row, subject=replace(row.subject, units=None, mean=None), control=None)
        for row in PASSED.attacks
    )
    words = " ".join(read(replace(PASSED, attacks=old, families=())).words.split())
    assert "15 of 20 " in words
    assert "about 20" not in words


def test_a_data_set_that_is_missing_is_named_on_the_page() -> None:
    guards = (
        GuardResult(guard="hellaswag", problem="no such file"),
        GuardResult(
            guard="real_toxicity_prompts",
            items=12,
            before=1.0,
            after=0.5,
            low=-0.75,
            high=0.1,
            scorer="a word list",
        ),
    )
    words = " ".join(read(replace(PASSED, guards=guards)).words.split())
    assert "HellaSwag not asked no such file" in words
    change = "100.0% 50.0% \N{MINUS SIGN}50.0 points"
    assert f"RealToxicityPrompts, harmless by a word list {change}" in words
    assert "Public questions" not in read(PASSED).words
