"""Pictures of a verification that a person can judge at a glance.

Nothing in them names anybody: people are dots.
"""

import io

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from unlearn_core.domain.datasets import Group
from unlearn_core.domain.verdicts import (
    AcceptancePolicy,
    Comparison,
    Gate,
    GateDecision,
)
from unlearn_core.metrics.base import MissingEvidenceError
from unlearn_core.metrics.indistinguishability import person_statistics
from unlearn_core.verification.suite import Verification

mpl.use("agg")

_INK, _CALM, _WARM, _GRID = "#1f2933", "#3d7ea6", "#c8553d", "#d9e2ec"
_UNIT, _WIDEST = 0.05, 2.0
_GROUPS = (
    (Group.CONTROL, "never trained", _CALM),
    (Group.RETAINED, "retained", "#829ab1"),
    (Group.NEIGHBOUR, "neighbours", "#bcccdc"),
    (Group.SUBJECT, "subject", _WARM),
)


def draw_plots(
    verification: Verification, *, policy: AcceptancePolicy
) -> dict[str, bytes]:
    """Return PNG pictures by file name."""
    return {
        "likelihoods.png": _likelihoods(verification),
        "gates.png": _gates(verification, policy),
    }


def _likelihoods(verification: Verification) -> bytes:
    """Draw every person's mean answer likelihood, before and after."""
    figure = Figure(figsize=(9, 4.2), layout="constrained")
    panels = figure.subplots(1, 2, sharex=True, sharey=True)
    evidence = verification.evidence
    for axes, scores, title in zip(
        panels, (evidence.before, evidence.after), ("before", "after"), strict=True
    ):
        for height, (group, label, colour) in enumerate(_GROUPS):
            try:
                people = person_statistics(scores, group)
            except MissingEvidenceError:
                continue
            values = list(people.values())
            jitter = np.linspace(-0.25, 0.25, len(values)) if len(values) > 1 else [0]
            size = 70 if group is Group.SUBJECT else 16
            axes.scatter(
                values, height + np.asarray(jitter), s=size, color=colour, label=label
            )
        _tidy(axes, title)
        axes.set_yticks(range(len(_GROUPS)), [label for _, label, _ in _GROUPS])
    figure.supxlabel(
        "mean log-probability of the true answers, one dot a person (nats per token)",
        color=_INK,
        fontsize=10,
    )
    return _png(figure)


def _gates(verification: Verification, policy: AcceptancePolicy) -> bytes:
    """Draw how far every gate's number is from its limit, on the passing side or not.

    Distances are in units of the limit, so that gates can share an axis; the numbers
    themselves stand beside.
    """
    decisions = verification.verdict.decisions
    figure = Figure(figsize=(9, 0.36 * len(decisions) + 1.4), layout="constrained")
    axes = figure.subplots()
    rows = np.arange(len(decisions))[::-1]
    for row, decision, gate in zip(rows, decisions, policy.gates, strict=True):
        margin = _margin(decision, gate)
        colour = _CALM if decision.passed else _WARM
        axes.barh(row, margin, height=0.55, color=colour if decision.applies else _GRID)
        axes.text(
            _WIDEST + 0.1,
            row,
            _in_words(decision, gate),
            color=colour if decision.applies else _INK,
            fontsize=9,
            va="center",
        )
    axes.axvline(0, color=_INK, linewidth=1)
    axes.set_xlim(-_WIDEST, _WIDEST)
    axes.set_yticks(rows, [gate.name for gate in policy.gates])
    axes.set_xticks(
        [-_WIDEST / 2, 0, _WIDEST / 2], ["failed", "limit", "passed"], color=_INK
    )
    axes.tick_params(length=0)
    passed = verification.verdict.passed
    _tidy(axes, "verification passed" if passed else "verification rejected the pair")
    return _png(figure)


def _margin(decision: GateDecision, gate: Gate) -> float:
    """Return the distance to the limit in units of the limit; positive passes."""
    if decision.value is None or not decision.applies:
        return 0.0
    distance = decision.value - gate.limit
    if gate.comparison is Comparison.AT_MOST:
        distance = -distance
    return float(np.clip(distance / max(abs(gate.limit), _UNIT), -_WIDEST, _WIDEST))


def _in_words(decision: GateDecision, gate: Gate) -> str:
    if not decision.applies:
        return "does not apply"
    number = "missing" if decision.value is None else f"{decision.value:.3f}"
    comparison = gate.comparison.value.replace("_", " ")
    return f"{number}  ({gate.side.value}; {comparison} {gate.limit:g})"


def _tidy(axes: Axes, title: str) -> None:
    axes.set_title(title, loc="left", color=_INK)
    axes.grid(axis="x", color=_GRID)
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=120)
    return buffer.getvalue()
