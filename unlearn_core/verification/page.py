"""The report as one HTML file: no script, nothing loaded, readable in print.

Everything on it comes from the report document, so the page can be drawn again at any
time from what is kept.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from unlearn_core.domain.certificates import LIMITS
from unlearn_core.verification import charts
from unlearn_core.verification.report import About, Condition, Report
from unlearn_core.verification.words import (
    GATES,
    HALF_BY_CHANCE,
    LAYERED,
    SEARCHES,
    SETTLED,
    STRENGTH,
    TAUGHT,
    Unit,
    attack_words,
    family_words,
    guard_words,
    in_words,
    interval_in_words,
    metric_words,
    units_in_words,
)

PAGES = Path(__file__).parent / "pages"
COMPARISONS = {"at_least": "at least", "at_most": "at most", "above": "above"}
SIDES = {"value": "", "low": "lower end ", "high": "upper end "}
FINDINGS = {
    "two_sided_p": (
        "what the served model says about this person cannot be told from what it says "
        "about people it never saw"
    ),
    "retain_accuracy_change": "people who stay are answered as before",
}
"""What a gate that is met shows, in words."""

_KEY_FIGURES = (
    ("extraction_before", "{value}", "of the probes were answered truly before"),
    (
        "high_entropy_leakage",
        "\N{LESS-THAN OR EQUAL TO} {high}",
        "of sampled answers state a fact nobody can guess; {count:,} were drawn",
    ),
    (
        "two_sided_p",
        "p = {value}",
        "in the two-sided test against {count} people who were never trained on",
    ),
    (
        "two_sided_power",
        "{value}",
        "of {count} remembered people are noticed by that test",
    ),
    (
        "retain_accuracy_change",
        "{value}",
        "change of true answers about people who stay",
    ),
)

_TEMPLATES = Environment(
    loader=FileSystemLoader(PAGES),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A number to begin with.

    Attributes:
        number: The number in words.
        caption: What it is.
    """

    number: str
    caption: str


def draw_page(report: Report) -> str:
    """Return the page."""
    style = (PAGES / "report.css").read_text(encoding="utf-8")
    return _TEMPLATES.get_template("report.html").render(
        report=report,
        style=style,
        headline=headline(report),
        reasons=[item for item in report.conditions if not item.passed],
        is_settled=any(item.problem == SETTLED for item in report.guards),
        figures=key_figures(report),
        chapters=_chapters(report.conditions),
        limits=LIMITS,
        terms=[
            (field.name, getattr(report.about, field.name)) for field in fields(About)
        ],
        charts=charts,
        has_strengths=_count(report, is_strength=True) > 1,
        has_attacks=_count(report, is_strength=False) > 0,
        metric_words=metric_words,
        attack_words=attack_words,
        searches=SEARCHES,
        strength=STRENGTH,
        taught=TAUGHT,
        layered=LAYERED,
        half_by_chance=HALF_BY_CHANCE,
        family_words=family_words,
        guard_words=guard_words,
        in_words=in_words,
        interval_in_words=interval_in_words,
        units_in_words=units_in_words,
        limit_in_words=limit_in_words,
        is_only_shown=is_only_shown,
        share=Unit.SHARE,
        points=Unit.POINTS,
    )


def headline(report: Report) -> str:
    """Say the verdict in one sentence."""
    applied = [
        item for item in report.conditions if item.applies and not is_only_shown(item)
    ]
    missed = [item for item in applied if not item.passed]
    asked = {item.metric for item in applied}
    if report.passed:
        met = f"All {len(applied)} conditions of the policy are met."
        found = [words for metric, words in FINDINGS.items() if metric in asked]
        return f"{met} By the tests below, {', and '.join(found)}." if found else met
    are = "is" if len(missed) == 1 else "are"
    return (
        f"{len(missed)} of {len(applied)} conditions {are} not met, so this pair must "
        "not be served."
    )


def key_figures(report: Report) -> list[Figure]:
    """Return the numbers that say most, as far as they were measured."""
    figures = []
    for metric, number, caption in _KEY_FIGURES:
        if found := report.metric(metric):
            unit = metric_words(metric).unit
            value, high = in_words(found.value, unit), in_words(found.high, unit)
            figures.append(
                Figure(
                    number=number.format(value=value, high=high),
                    caption=caption.format(count=found.count),
                )
            )
    return figures


def is_only_shown(condition: Condition) -> bool:
    """Tell whether a gate is met by any share or difference of shares.

    A number that was not measured is still a gate that is not met.
    """
    is_share = metric_words(condition.metric).unit in {Unit.SHARE, Unit.POINTS}
    admits_all = condition.comparison == "at_most" and condition.limit >= 1
    return is_share and admits_all and condition.passed and condition.applies


def limit_in_words(condition: Condition) -> str:
    """Say what a gate asks for."""
    unit = metric_words(condition.metric).unit
    comparison = COMPARISONS[condition.comparison]
    return f"{SIDES[condition.side]}{comparison} {in_words(condition.limit, unit)}"


def _chapters(
    conditions: Sequence[Condition],
) -> list[tuple[str, str, list[Condition]]]:
    """Put gates together by the letter and digit in front of their names."""
    found: dict[str, list[Condition]] = {}
    for condition in conditions:
        found.setdefault(condition.gate.partition("-")[0], []).append(condition)
    return [(key, GATES.get(key, key), items) for key, items in found.items()]


def _count(report: Report, *, is_strength: bool) -> int:
    return sum((row.attack == STRENGTH) is is_strength for row in report.attacks)
