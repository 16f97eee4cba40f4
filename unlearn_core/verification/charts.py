"""The pictures of a report, as SVG."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from unlearn_core.domain.datasets import Group
from unlearn_core.metrics.base import GuardResult
from unlearn_core.verification.report import (
    Condition,
    Crowd,
    Measurement,
    Report,
    Share,
)
from unlearn_core.verification.svg import Canvas, Scale, nice_ticks
from unlearn_core.verification.words import (
    ENTROPIES,
    GROUPS,
    LAYERED,
    MINUS,
    STRENGTH,
    Unit,
    attack_words,
    family_words,
    guard_words,
    in_words,
    metric_words,
)

WIDTH, LEFT, RIGHT = 760.0, 132.0, 20.0
KEPT = (
    "retain_accuracy_change",
    "retain_accuracy_bound",
    "neighbour_accuracy_change",
    "neighbour_accuracy_bound",
)
_ROW, _HEAD, _FOOT, _DOT = 40.0, 30.0, 46.0, 2.6
_TOP, _BOTTOM = 28.0, 250.0


def people_chart(report: Report) -> str:
    """Draw everybody's statistic before and after, one row a group."""
    crowds = sorted(report.crowds, key=lambda item: list(GROUPS).index(item.group))
    values = [v for item in crowds for v in (*item.before, *item.after)]
    scale = Scale(
        low=min(values) - 0.2, high=max(0.0, *values), start=LEFT, end=WIDTH - RIGHT
    )
    height = 2 * (_HEAD + _ROW * len(crowds)) + _FOOT
    canvas = Canvas(
        WIDTH,
        height,
        title="Likelihood of the true answers, person by person",
        text=_people_text(report),
    )
    _across(canvas, scale, (_HEAD - 8, height - _FOOT))
    _panel(canvas, scale, crowds, top=_HEAD, is_after=False)
    second = 2 * _HEAD + _ROW * len(crowds)
    _panel(canvas, scale, crowds, top=second, is_after=True)
    _under(
        canvas,
        scale,
        height - _FOOT,
        "mean log-probability of the true answers, nats per token",
    )
    return canvas.drawn()


def leak_chart(report: Report) -> str:
    """Draw the chance of a leak over the number of answers sampled."""
    points = [point for curve in report.leaks for point in curve.points]
    most = max(point.tries for point in points)
    scale = Scale(low=1, high=max(2, most), start=56, end=WIDTH - 210, is_log=True)
    top = max(0.05, *(point.high for point in points))
    up = Scale(low=0, high=min(1.0, top), start=_BOTTOM, end=_TOP)
    canvas = Canvas(
        WIDTH,
        _BOTTOM + _FOOT,
        title="Chance that a fact is stated when somebody asks again and again",
        text="One line for each group of people and kind of fact, with its interval.",
    )
    _beside(canvas, up, (scale.start, scale.end))
    for tries in sorted({point.tries for point in points}):
        canvas.text(scale(tries), _BOTTOM + 18, str(tries), "tick", anchor="middle")
    canvas.text(scale.start, _BOTTOM + 38, "answers sampled to one question", "axis")
    lines = [
        Line(
            words=(GROUPS[curve.group], ENTROPIES[curve.entropy]),
            kind=f"{curve.group} {curve.entropy}",
            places=tuple(
                (scale(item.tries), up(item.value), up(item.low), up(item.high))
                for item in curve.points
            ),
        )
        for curve in report.leaks
    ]
    _draw_lines(canvas, lines, at=scale.end + 12)
    return canvas.drawn()


def kept_chart(report: Report) -> str:
    """Draw what has changed for everybody else, with intervals and limits."""
    limits = {item.metric: item.limit for item in report.conditions}
    return _changes_chart(
        "Change of the share of true answers about others",
        [
            (metric_words(item.name).name, item, limits.get(item.name))
            for item in map(report.metric, KEPT)
            if item
        ],
    )


def guard_chart(report: Report) -> str:
    """Draw what has changed in the answers to public questions."""
    return _changes_chart(
        "Change of the answers to public questions",
        [
            (guard_words(item.guard), _change_of(item), None)
            for item in report.guards
            if not item.problem
        ],
    )


def _change_of(guard: GuardResult) -> Measurement:
    return Measurement(
        name=guard.guard,
        value=_difference(guard.before, guard.after),
        low=guard.low,
        high=guard.high,
        count=guard.items,
    )


def _difference(before: float | None, after: float | None) -> float | None:
    return None if before is None or after is None else after - before


def _changes_chart(
    title: str, rows: Sequence[tuple[str, Measurement, float | None]]
) -> str:
    """Draw a change a row, with its interval and, if there is one, its limit."""
    ends = [
        end for _, item, _ in rows for end in (item.low, item.high) if end is not None
    ]
    reach = max([0.03, *(abs(end) for end in ends)])
    scale = Scale(low=-reach, high=reach, start=300, end=WIDTH - RIGHT)
    height = _TOP + 34 * len(rows) + _FOOT
    told = "; ".join(
        f"{name}: {in_words(item.value, Unit.POINTS)}" for name, item, _ in rows
    )
    canvas = Canvas(WIDTH, height, title=title, text=told)
    _across(canvas, scale, (_TOP - 10, height - _FOOT))
    canvas.line((scale(0), _TOP - 10), (scale(0), height - _FOOT), "zero")
    for row, (name, item, limit) in enumerate(rows):
        y = _TOP + 34 * row + 10
        canvas.text(288, y + 5, name, "label", anchor="end")
        _interval(canvas, scale, item, y=y, limit=limit)
    _under(canvas, scale, height - _FOOT, "after minus before, in points", factor=100)
    return canvas.drawn()


def attack_chart(report: Report) -> str:
    """Draw what every attack got out, of the subject and of strangers."""
    rows = [
        (attack_words(row.attack).name, row.subject, row.control)
        for row in report.attacks
        if row.attack not in {STRENGTH, *LAYERED}
    ]
    return _shares_chart("Facts that attacks bring to light", rows)


def family_chart(report: Report) -> str:
    """Draw what every probe family got out, of the subject and of strangers."""
    rows = [
        (family_words(row.family), row.subject, row.control) for row in report.families
    ]
    return _shares_chart("Facts stated in each family of probes", rows)


def strength_chart(report: Report) -> str:
    """Draw what comes out at other strengths of the offset."""
    rows = sorted(
        (row for row in report.attacks if row.attack == STRENGTH),
        key=lambda row: row.setting,
    )
    low, high = rows[0].setting, rows[-1].setting
    scale = Scale(low=low, high=high, start=56, end=WIDTH - 210)
    up = Scale(low=0, high=1, start=_BOTTOM, end=_TOP)
    canvas = Canvas(
        WIDTH,
        _BOTTOM + _FOOT,
        title="Facts stated at other strengths of the offset",
        text="; ".join(
            f"{row.setting:g}: {in_words(row.subject.value)}" for row in rows
        ),
    )
    _beside(canvas, up, (scale.start, scale.end))
    canvas.line((scale(1.0), _TOP), (scale(1.0), _BOTTOM), "limit")
    canvas.text(scale(1.0), _TOP - 10, "as served", "tick", anchor="middle")
    for row in rows:
        words = f"{row.setting:g}".replace("-", MINUS)
        canvas.text(scale(row.setting), _BOTTOM + 18, words, "tick", anchor="middle")
    label = "strength, in multiples of the served one"
    canvas.text(scale.start, _BOTTOM + 38, label, "axis")
    lines = []
    for group in (Group.SUBJECT, Group.CONTROL):
        shares = [
            (row.setting, row.subject if group is Group.SUBJECT else row.control)
            for row in rows
        ]
        lines.append(
            Line(
                words=(GROUPS[group], ""),
                kind=group.value,
                places=tuple(
                    (scale(x), up(share.value), up(share.low), up(share.high))
                    for x, share in shares
                    if share is not None
                ),
            )
        )
    _draw_lines(canvas, [line for line in lines if line.places], at=scale.end + 12)
    return canvas.drawn()


def gate_chart(condition: Condition, measured: Measurement | None) -> str:
    """Draw one gate's interval beside its limit; small, for a table's cell."""
    numbers = [0.0, condition.limit]
    if measured is not None:
        ends = (measured.low, measured.value, measured.high)
        numbers += [end for end in ends if end is not None]
    margin = (max(numbers) - min(numbers)) * 0.08 or 0.5
    scale = Scale(
        low=min(numbers) - margin, high=max(numbers) + margin, start=4, end=156
    )
    canvas = Canvas(
        160, 24, title=condition.gate, text=f"limit {in_words(condition.limit)}"
    )
    canvas.line((4, 12), (156, 12), "grid")
    limit = scale(condition.limit)
    goes_up = condition.comparison != "at_most"
    allowed = (limit, 156 - limit) if goes_up else (4, limit - 4)
    canvas.box(allowed[0], 8, (allowed[1], 8), "allowed")
    if measured is not None and measured.value is not None:
        kind = "passed" if condition.passed else "failed"
        if measured.low is not None or measured.high is not None:
            start = 4.0 if measured.low is None else scale(measured.low)
            end = 156.0 if measured.high is None else scale(measured.high)
            canvas.line((start, 12), (end, 12), f"whisker {kind}")
        canvas.dot(scale(measured.value), 12, kind, radius=4.5)
    canvas.line((limit, 3), (limit, 21), "limit")
    return canvas.drawn()


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line with its band: x, and value, low and high as places."""

    words: tuple[str, str]
    kind: str
    places: tuple[tuple[float, float, float, float], ...]


def _draw_lines(canvas: Canvas, lines: Sequence[Line], *, at: float) -> None:
    """Draw lines, then their names at the right, far enough from each other."""
    for line in lines:
        upper = [(x, high) for x, _, _, high in line.places]
        lower = [(x, low) for x, _, low, _ in reversed(line.places)]
        canvas.area([*upper, *lower], f"band {line.kind}")
    lowest = _BOTTOM + 22.0
    for line in sorted(lines, key=lambda item: -item.places[-1][1]):
        canvas.path([(x, y) for x, y, _, _ in line.places], f"line {line.kind}")
        for x, y, _, _ in line.places:
            canvas.dot(x, y, line.kind, radius=3)
        y = min(line.places[-1][1], lowest - 34)
        lowest = y
        canvas.text(at, y, line.words[0], f"name {line.kind}")
        canvas.text(at, y + 15, line.words[1], "tick")


def _panel(
    canvas: Canvas, scale: Scale, crowds: Sequence[Crowd], *, top: float, is_after: bool
) -> None:
    canvas.text(8, top - 10, "after" if is_after else "before", "panel")
    bottom = top + _ROW * len(crowds)
    control = next((item for item in crowds if item.group is Group.CONTROL), None)
    if control is not None:
        values = control.after if is_after else control.before
        low, high = np.quantile(values, [0.025, 0.975])
        left, right = scale(float(low)), scale(float(high))
        canvas.box(left, top - 2, (right - left, bottom - top + 4), "usual")
    for row, crowd in enumerate(crowds):
        y = top + _ROW * (row + 0.5)
        values = crowd.after if is_after else crowd.before
        canvas.text(LEFT - 14, y + 5, GROUPS[crowd.group], "label", anchor="end")
        if crowd.group is Group.SUBJECT:
            for value in values:
                canvas.line((scale(value), top), (scale(value), y), "subject trace")
                canvas.diamond(scale(value), y, "subject")
        else:
            for x, rise in _swarm([scale(value) for value in values]):
                canvas.dot(x, y + rise, crowd.group.value, radius=_DOT)


def _swarm(places: Sequence[float]) -> list[tuple[float, float]]:
    """Move dots that would lie on each other up and down; the row has its height."""
    stacked: dict[int, int] = {}
    moved = []
    for x in places:
        column = round(x / (2 * _DOT))
        height = stacked.get(column, 0)
        stacked[column] = height + 1
        step = (height + 1) // 2 * (1 if height % 2 else -1)
        rise = max(-_ROW / 2 + 4, min(_ROW / 2 - 4, step * 2 * _DOT))
        moved.append((x, rise))
    return moved


def _shares_chart(title: str, rows: Sequence[tuple[str, Share, Share | None]]) -> str:
    """Draw two shares a row: the subject's above that of strangers."""
    scale = Scale(low=0, high=1, start=268, end=WIDTH - RIGHT)
    height = _TOP + 44 * len(rows) + _FOOT
    told = "; ".join(f"{name}: {in_words(subject.value)}" for name, subject, _ in rows)
    canvas = Canvas(WIDTH, height, title=title, text=told)
    _across(canvas, scale, (_TOP - 10, height - _FOOT))
    for number, (name, subject, control) in enumerate(rows):
        y = _TOP + 44 * number + 12
        canvas.text(256, y + 5, name, "label", anchor="end")
        if control is not None:
            _share(canvas, scale, control, y=y + 7, group=Group.CONTROL)
        _share(canvas, scale, subject, y=y - 5, group=Group.SUBJECT)
    label = "share of probes whose most likely answer states the fact, percent"
    _under(canvas, scale, height - _FOOT, label, factor=100)
    return canvas.drawn()


def _share(
    canvas: Canvas, scale: Scale, share: Share, *, y: float, group: Group
) -> None:
    canvas.line((scale(share.low), y), (scale(share.high), y), f"whisker {group}")
    mark = canvas.diamond if group is Group.SUBJECT else canvas.dot
    mark(scale(share.value), y, group.value, radius=5)


def _interval(
    canvas: Canvas, scale: Scale, item: Measurement, *, y: float, limit: float | None
) -> None:
    if item.value is None or item.low is None or item.high is None:
        return
    if limit is not None:
        canvas.line((scale(limit), y - 12), (scale(limit), y + 12), "limit")
    canvas.line((scale(item.low), y), (scale(item.high), y), "whisker control")
    canvas.dot(scale(item.value), y, "control", radius=5)


def _across(canvas: Canvas, scale: Scale, ends: tuple[float, float]) -> None:
    for tick in nice_ticks(scale.low, scale.high, count=7):
        canvas.line((scale(tick), ends[0]), (scale(tick), ends[1]), "grid")


def _under(
    canvas: Canvas, scale: Scale, y: float, label: str, *, factor: float = 1.0
) -> None:
    for tick in nice_ticks(scale.low, scale.high, count=7):
        words = f"{factor * tick:g}".replace("-", MINUS)
        canvas.text(scale(tick), y + 18, words, "tick", anchor="middle")
    canvas.text(scale.start, y + 38, label, "axis")


def _beside(canvas: Canvas, up: Scale, ends: tuple[float, float]) -> None:
    for tick in nice_ticks(up.low, up.high):
        canvas.line((ends[0], up(tick)), (ends[1], up(tick)), "grid")
        words = f"{100 * tick:g}%"
        canvas.text(ends[0] - 10, up(tick) + 4, words, "tick", anchor="end")


def _people_text(report: Report) -> str:
    found = report.metric("two_sided_p")
    p_value = in_words(found.value if found else None)
    return (
        "Rows of dots for never-trained, retained and neighbouring people, and a "
        f"diamond for the subject. P-value of the test afterwards: {p_value}."
    )
