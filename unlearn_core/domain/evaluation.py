"""The evaluation set: what is asked again after the working data is gone.

It is cut out of the sealed sets before they are destroyed, and holds as little as the
gates about the subject need:

- the subject's probes with their answers, and those of never-trained people;
- probe families, rendered, so that no data map and no source is needed any more;
- nobody who stays. Their facts would be kept beyond a request of their own, so wrong
  answers are drawn from never-trained people's values, and questions that mix two
  people name one of those.
"""

import json
import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from unlearn_core.domain.canonical import canonical_json
from unlearn_core.domain.data_map import DataMap
from unlearn_core.domain.datasets import (
    Datasets,
    Group,
    Probe,
    example_of,
    plain_json,
    probe_of,
)
from unlearn_core.domain.families import Asking, FamilyProbe, family_probes
from unlearn_core.domain.framing import Wanted
from unlearn_core.domain.probing import with_alternatives
from unlearn_core.privacy import Personal

ASKED_AGAIN = frozenset({Group.SUBJECT, Group.CONTROL})


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationSet:
    """What is asked again.

    Attributes:
        probes: Questions about the subject and about never-trained people.
        families: The same in other ways of asking.
    """

    probes: tuple[Probe, ...]
    families: tuple[FamilyProbe, ...] = ()

    def to_bytes(self) -> bytes:
        """Serialise the set; the result is personal data and must be sealed at once."""
        return canonical_json(
            {
                "probes": plain_json(self.probes),
                "families": plain_json(self.families),
            }
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> "EvaluationSet":
        """Read what `to_bytes` wrote."""
        raw = json.loads(data)
        return cls(
            probes=tuple(map(probe_of, raw["probes"])),
            families=tuple(map(_family_probe, raw["families"])),
        )


def cut_evaluation_set(
    datasets: Datasets,
    families: Mapping[str, float],
    *,
    data_map: DataMap,
    seed: int,
) -> EvaluationSet:
    """Cut out what may be kept; the same sets give the same evaluation set.

    Args:
        datasets: The sealed sets.
        families: Probe families by name with the share of never-trained people.
        data_map: Fields with their questions, and how many wrong answers are drawn.
        seed: Seed of every random choice.
    """
    kept = [probe for probe in datasets.probes if probe.group in ASKED_AGAIN]
    strangers = tuple(probe.example for probe in kept if probe.group is Group.CONTROL)
    among_strangers = replace(
        datasets, retain=replace(datasets.retain, examples=strangers)
    )
    return EvaluationSet(
        probes=with_alternatives(
            kept,
            datasets.holdout.controls,
            count=data_map.sizes.alternatives,
            rng=random.Random(seed),
        ),
        families=family_probes(among_strangers, families, data_map=data_map, seed=seed),
    )


def _family_probe(raw: Mapping[str, Any]) -> FamilyProbe:
    asking = raw["asking"]
    return FamilyProbe(
        family=raw["family"],
        group=Group(raw["group"]),
        fact=Personal(raw["fact"]),
        asking=Asking(
            example=example_of(asking["example"]),
            turns=tuple(map(example_of, asking["turns"])),
            wanted=Wanted(asking.get("wanted", Wanted.FACT)),
        ),
        also=tuple(map(Personal, raw.get("also", ()))),
    )
