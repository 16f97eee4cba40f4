"""Draws docs/lifecycle.md from the transitions: ``python infra/draw_lifecycle.py``.

A test compares the file with what this script would write.
"""

from pathlib import Path

from unlearn_core.domain.requests import TRANSITIONS, WAITS_FOR_A_PERSON, Stage

PAGE = Path(__file__).parents[1] / "docs" / "lifecycle.md"

BEGINNING = """\
# Life cycle of a request

Written by `python infra/draw_lifecycle.py` from `TRANSITIONS` in
[`domain/requests.py`](../unlearn_core/domain/requests.py); do not edit it by hand.
Each arrow is one ledger entry. A move that is not drawn is refused.

Stages in which the request waits for a person have a thick border. What an officer
decides, and who has to agree, is told [for the privacy officer](privacy-officer.md).

"""


def draw() -> str:
    """Return the page: a diagram, and the same as a table."""
    return (
        f"{BEGINNING}```mermaid\n{_diagram()}```\n\n"
        f"| Stage | May be followed by |\n|---|---|\n{_table()}"
    )


def _diagram() -> str:
    arrows = [
        f"    {present.value if present else '[*]'} --> {following.value}"
        for present, allowed in TRANSITIONS.items()
        for following in _in_order(allowed)
    ]
    ends = [f"    {stage.value} --> [*]" for stage in Stage if not TRANSITIONS[stage]]
    waiting = ",".join(stage.value for stage in _in_order(WAITS_FOR_A_PERSON))
    style = [
        "    classDef person stroke-width:4px",
        f"    class {waiting} person",
    ]
    return "\n".join(["stateDiagram-v2", *arrows, *ends, *style]) + "\n"


def _table() -> str:
    return "".join(
        f"| {f'`{present.value}`' if present else '(nothing yet)'} "
        f"| {', '.join(f'`{item.value}`' for item in _in_order(allowed)) or 'the end'}"
        " |\n"
        for present, allowed in TRANSITIONS.items()
    )


def _in_order(stages: frozenset[Stage]) -> list[Stage]:
    return [stage for stage in Stage if stage in stages]


if __name__ == "__main__":
    PAGE.write_text(draw(), encoding="utf-8")
