"""Compare ways of training with a retrained model: ``make bench-ways``.

Every optimiser, parameter mask and combination forgets the same subjects of one world,
each on its own, with the default recipe otherwise. A combination that trains several
parts gives each its share of the default's steps, so every row but that of ``negation``
costs the same number of steps. Columns, cells and the JSON line are those of
`benchmarks.schemes`.
"""

from collections.abc import Mapping
from dataclasses import replace

from benchmarks.forgetting import DEFAULT
from benchmarks.schemes import Trial, compare

PARTS = 3.0

TRIALS: Mapping[str, Trial] = {
    "adamw, all": Trial(recipe=DEFAULT),
    "sophia": Trial(recipe=replace(DEFAULT, optimizer="sophia")),
    **{
        f"layers, block {number:g} of 2": Trial(
            recipe=replace(
                DEFAULT,
                mask="layers",
                mask_parameters={"first": number},
            )
        )
        for number in (0.0, 1.0)
    },
    **{
        mask: Trial(recipe=replace(DEFAULT, mask=mask))
        for mask in ("wagle", "pcgu", "depn")
    },
    **{
        f"negation, weight {weight:g}": Trial(
            recipe=replace(
                DEFAULT,
                combination="negation",
                combination_parameters={"weight": weight},
            )
        )
        for weight in (1.0, 4.0)
    },
    **{
        combination: Trial(
            recipe=replace(
                DEFAULT,
                steps=DEFAULT.steps // round(PARTS),
                combination=combination,
                combination_parameters={"parts": PARTS},
            )
        )
        for combination in ("spunge", "fusion", "orthogonal")
    },
}


if __name__ == "__main__":
    compare(TRIALS, name="ways")
