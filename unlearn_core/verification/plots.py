"""Pictures of a verification that a person can judge at a glance.

Nothing in them names anybody: people are dots.
"""

import io

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from unlearn_core.domain.datasets import Group
from unlearn_core.domain.verdicts import AcceptancePolicy
from unlearn_core.metrics.base import MissingEvidenceError, mean_per_person, of_group
from unlearn_core.metrics.indistinguishability import answer_likelihood
from unlearn_core.verification.suite import Verification

mpl.use("agg")

_INK, _CALM, _WARM, _GRID = "#1f2933", "#3d7ea6", "#c8553d", "#d9e2ec"
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
                people = mean_per_person(of_group(scores, group), answer_likelihood)
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
        axes.set_xlabel("mean log-probability of the true answers (nats per token)")
    return _png(figure)


def _gates(verification: Verification, policy: AcceptancePolicy) -> bytes:
    """Draw every gate with the number it looked at and its limit."""
    decisions = verification.verdict.decisions
    figure = Figure(figsize=(9, 0.42 * len(decisions) + 1), layout="constrained")
    axes = figure.subplots()
    axes.set_axis_off()
    for row, (decision, gate) in enumerate(zip(decisions, policy.gates, strict=True)):
        height = 1 - (row + 0.5) / len(decisions)
        colour = _CALM if decision.passed else _WARM
        number = "missing" if decision.value is None else f"{decision.value:.3f}"
        word = gate.comparison.value.replace("_", " ")
        cells = (
            (0.0, "passed" if decision.passed else "FAILED", colour),
            (0.12, gate.name, _INK),
            (0.5, f"{gate.side.value} of {gate.metric}", _INK),
            (0.88, f"{number}  ({word} {gate.limit:g})", colour),
        )
        for left, text, shade in cells:
            axes.text(left, height, text, color=shade, fontsize=9, va="center")
    axes.set_xlim(0, 1.15)
    return _png(figure)


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
