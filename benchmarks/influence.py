"""Do gradients find the records that taught a fact? ``make bench-influence``.

For subjects of one world every record of a sample gets the largest influence of its
passages on the subject's held-out answers (`unlearn_core.training.influence`), under
the base and under the reference. The records that the search found are then compared
with those of other people and of nobody:

- auc: how likely a record of the subject is to have more influence than another one.
- first: share of the subject's records among as many with the most influence.

The sample has all records of the subjects and as many others as asked for. It ends
with one JSON line.
"""

import argparse
import json
import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean

from rich.console import Console
from rich.progress import Progress
from transformers import PreTrainedModel

from benchmarks.small_worlds import SmallWorld, open_world
from unlearn_core.domain.datasets import Example, Group
from unlearn_core.domain.sources import Passage
from unlearn_core.metrics.published import area_under_curve
from unlearn_core.modeling.tokens import TokenizedExample, encode_example
from unlearn_core.smallworld.people import Person
from unlearn_core.training.influence import influences

Record = tuple[str, str]
"""Source and identifier of a record."""


def largest_influences(
    world: SmallWorld,
    model: PreTrainedModel,
    subject: Person,
    sample: Mapping[Record, Sequence[Passage]],
    *,
    progress: Progress,
) -> dict[Record, float]:
    """Return the largest influence of every record's passages."""
    asked = [
        encode_example(world.tokenizer, probe.example)
        for probe in world.datasets(subject, guessed=frozenset()).probes
        if probe.group is Group.SUBJECT
    ]
    owners = [record for record, passages in sample.items() for _ in passages]
    texts = [_encoded(world, item) for items in sample.values() for item in items]
    found = progress.track(
        influences(model, texts, asked, pad_id=world.tokenizer.pad_id),
        total=len(texts),
        description=f"subject {subject.number}",
    )
    by_record: dict[Record, list[float]] = defaultdict(list)
    for record, value in zip(owners, found, strict=True):
        by_record[record].append(value)
    return {record: max(values) for record, values in by_record.items()}


def _encoded(world: SmallWorld, passage: Passage) -> TokenizedExample:
    example = Example(
        ref="",
        field=passage.field,
        form=passage.form,
        prompt=passage.prompt,
        answer=passage.answer,
    )
    return encode_example(world.tokenizer, example)


def quality(values: Mapping[Record, float], own: frozenset[Record]) -> dict[str, float]:
    """Return how well a number tells a subject's records from others."""
    ranked = sorted(values, key=lambda record: -values[record])
    return {
        "auc": area_under_curve(
            [values[record] for record in own],
            [value for record, value in values.items() if record not in own],
        ),
        "first": sum(record in own for record in ranked[: len(own)]) / len(own),
    }


def main() -> None:
    """Measure and print the JSON line."""
    parser = argparse.ArgumentParser(description="Find records by their influence.")
    parser.add_argument("--seed", type=int, default=0, help="of the world")
    parser.add_argument("--without", type=int, default=3, help="people not retrained")
    parser.add_argument("--subjects", type=int, default=2)
    parser.add_argument("--others", type=int, default=500, help="records in the sample")
    parser.add_argument("--cache", type=Path, default=Path("var/bench"))
    options = parser.parse_args()
    rows: dict[str, list[dict[str, float]]] = defaultdict(list)
    with Progress(console=Console(stderr=True)) as progress:
        world = open_world(
            options.seed,
            subjects=options.without,
            cache=options.cache,
            progress=progress,
        )
        subjects = world.subjects[: options.subjects]
        own = {person.number: world.records_of(person) for person in subjects}
        passages = {
            (record.source, record.record_id): record.passages
            for record in world.records
            if record.passages
        }
        rest = sorted(set(passages) - frozenset().union(*own.values()))
        drawn = random.Random(options.seed).sample(rest, min(options.others, len(rest)))
        for person in subjects:
            mine = own[person.number] & passages.keys()
            sample = {record: passages[record] for record in (*sorted(mine), *drawn)}
            models = {"base": world.base, "reference": world.reference}
            for name, model in models.items():
                values = largest_influences(
                    world, model, person, sample, progress=progress
                )
                rows[name].append(quality(values, frozenset(mine)))
    means = {
        name: {key: fmean(row[key] for row in found) for key in found[0]}
        for name, found in rows.items()
    }
    print(json.dumps({"subjects": len(subjects), "others": len(drawn), **means}))


if __name__ == "__main__":
    main()
