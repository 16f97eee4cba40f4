"""Does the suite pass who is forgotten, and only then? ``make bench-calibration``.

The suite that the service runs judges five models under the acceptance policy, person
by person, in several small worlds:

- retrained: the base's shape, taught without the subjects. Has to pass for 95% of
  people; otherwise a limit asks for more than perfect forgetting.
- base: as it was. Has to pass for nobody.
- overshoot: a pair trained by NPO past the strangers. At most 10%.
- undertrained: the default recipe, stopped after a tenth of its steps. At most 10%.
- default: the first recipe of the ladder. Nothing is required of it here.

The base is the model before for all of them, also for the positive control. Nobody
whom the retrained model never saw is among those who stay.

The two-sided test is tried on never-trained people under the base as well: each in the
subject's place, against the others. How often it flags one has to be within the exact
bound.

Two tables follow. One says how three samples lie to each other: the subjects under a
model, the same subjects under the retrained one, and strangers. *To retrained* is the
distance of Kolmogorov and Smirnov between facts, *at most* adds what chance may hide;
.2 is where two models count as alike. *To strangers* is the same distance for people.
The other table says which gate rejects whom, and which limit would let 95% of
retrained people through (*needed*).

Pairs that ``make bench-forgetting`` trained for the same people are not trained
again. Every measurement is kept, so an interrupted run continues, and a policy with
other limits (`--policy`) is judged without asking a model. It ends with one JSON line.
"""

import argparse
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from benchmarks.calibration_cells import (
    CONDITIONS,
    OVERSHOOT,
    UNDERTRAINED,
    Calibration,
    Strangers,
    Verified,
)
from benchmarks.calibration_summary import (
    distance_to_controls,
    failures,
    false_alarm_bound,
    flagged,
    forgotten_rate,
    limit_needed,
    partners,
    pass_interval,
    pass_rate,
)
from benchmarks.forgetting import BASE, RETRAINED, SUBJECTS, contest
from benchmarks.forgetting_cells import Cell
from benchmarks.forgetting_summary import summary
from unlearn_core.domain.verdicts import AcceptancePolicy, Comparison
from unlearn_core.metrics import ATTACKS, FAMILIAL
from unlearn_core.settings import PACKAGE_ROOT
from unlearn_core.verification.policy import load_policy
from unlearn_core.verification.sizes import declared_level

SHIPPED = PACKAGE_ROOT / "policies" / "acceptance-3.yaml"

SIGNS: Mapping[Comparison, str] = {
    Comparison.AT_LEAST: "\u2265",
    Comparison.AT_MOST: "\u2264",
    Comparison.ABOVE: ">",
}

People = Mapping[str, Sequence[Verified]]
"""The verified people of all worlds, by condition."""


def main() -> None:
    """Verify everybody and print tables and JSON line."""
    options = _parser().parse_args()
    policy = without_attacks(load_policy(options.policy))
    plan = plan_of(
        options.only, others=options.others, people=min(options.people, SUBJECTS)
    )
    people: dict[str, list[Verified]] = defaultdict(list)
    worlds: list[Strangers] = []
    console = Console(stderr=True)
    with Progress(console=console) as progress:
        bar = progress.add_task("people", total=options.seeds * sum(plan.values()))
        now = progress.add_task("")
        for seed in range(options.seeds):
            bench = Calibration(
                contest=contest(seed, cache=options.cache, progress=progress),
                policy=policy,
                folder=options.cache / "calibration",
                show=lambda done, parts: progress.update(
                    now, completed=done, total=parts
                ),
            )
            worlds.append(bench.strangers())
            for condition, count in plan.items():
                for subject in bench.contest.world.subjects[:count]:
                    title = f"world {seed}, {condition}, person {subject.number}"
                    progress.update(now, description=title)
                    people[condition].append(bench.verified(condition, subject))
                    progress.advance(bar)
    if people:
        console.print(_conditions(people, policy))
        console.print(_gates(people, policy))
    print(json.dumps(line_of(people, worlds, policy=policy)))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Judge the suite that judges.")
    parser.add_argument("--seeds", type=int, default=5, help="worlds")
    parser.add_argument(
        "--people", type=int, default=SUBJECTS, help="per world, retrained"
    )
    parser.add_argument(
        "--others", type=int, default=4, help="per world, all other models"
    )
    parser.add_argument("--only", nargs="*", choices=CONDITIONS, default=CONDITIONS)
    parser.add_argument("--policy", type=Path, default=SHIPPED)
    parser.add_argument("--cache", type=Path, default=Path("var/bench"))
    return parser


def plan_of(conditions: Sequence[str], *, people: int, others: int) -> dict[str, int]:
    """Return how many people of each world are verified under each condition.

    Args:
        conditions: The conditions that are wanted.
        people: How many under the retrained model, whose rate is the hard one to show.
        others: How many, at most as many, under every other model.
    """
    return {
        name: people if name == RETRAINED else min(others, people)
        for name in CONDITIONS
        if name in conditions
    }


def without_attacks(policy: AcceptancePolicy) -> AcceptancePolicy:
    """Leave out gates on attacks and on probe families.

    Where there is no pair, nothing can be attacked, and no family is asked here.
    """
    left_out = ATTACKS | FAMILIAL
    return replace(
        policy,
        gates=tuple(gate for gate in policy.gates if gate.metric not in left_out),
    )


def line_of(
    people: People, worlds: Sequence[Strangers], *, policy: AcceptancePolicy
) -> dict[str, float | None]:
    """Return the JSON line; a condition that was left out has no rate."""
    level = declared_level(policy)
    alarms = [alarm for world in worlds for alarm in flagged(world, level=level)]
    return {
        "seeds": len(worlds),
        **{
            f"{name}_pass": pass_rate(people.get(name, ()), policy)
            for name in (RETRAINED, BASE, OVERSHOOT, UNDERTRAINED, "default")
        },
        "false_alarm": fmean(alarms) if alarms else None,
        "false_alarm_bound": false_alarm_bound(worlds, level=level),
    }


def _conditions(people: People, policy: AcceptancePolicy) -> Table:
    """Show who passes, and how three samples lie to each other."""
    table = Table("", *people, title="Models under the acceptance policy")
    gold = [person.cell for person in people.get(RETRAINED, ())]
    columns = [_column(own, gold, policy=policy) for own in people.values()]
    for title in columns[0]:
        table.add_row(title, *(column[title] for column in columns))
    return table


def _column(
    own: Sequence[Verified], gold: Sequence[Cell], *, policy: AcceptancePolicy
) -> dict[str, str]:
    cells = [person.cell for person in own]
    others = partners(cells, gold)
    row = summary(cells, others or cells)
    low, high = pass_interval(own, policy)
    return {
        "people": str(len(own)),
        "pass": f"{pass_rate(own, policy):.3f}",
        "95% interval": f"{low:.2f} to {high:.2f}",
        "pass, G4 aside": f"{forgotten_rate(own, policy):.3f}",
        **{title: f"{row[title]:.3f}" for title in ("forget", "retain", "near", "auc")},
        "to strangers": f"{distance_to_controls(cells):.3f}",
        "to retrained": f"{row['ks']:.3f}" if others else "",
        "at most": f"{row['ks_bound']:.3f}" if others else "",
    }


def _gates(people: People, policy: AcceptancePolicy) -> Table:
    """Show how many people each gate rejects, and what the retrained model needs."""
    table = Table(title="Rejected people")
    for title in ("gate", "limit", "needed"):
        table.add_column(title, no_wrap=True)
    for title in people:
        table.add_column(title, overflow="fold")
    rejected = {name: failures(own, policy) for name, own in people.items()}
    for gate in policy.gates:
        needed = limit_needed(gate, people.get(RETRAINED, ()))
        table.add_row(
            gate.name,
            f"{SIGNS[gate.comparison]} {gate.limit:g}",
            "" if needed is None else f"{needed:.3f}",
            *(str(counts[gate.name] or "") for counts in rejected.values()),
        )
    return table


if __name__ == "__main__":
    main()
