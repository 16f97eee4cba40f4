"""Is a pair the key to what it hides, and the endpoint not? ``make bench-self-attack``.

Subjects of the demo's world are forgotten by the default recipe, one by one. Then

- *reversed_offset*: the pair alone answers backwards (`verification.attacks`), one
  likeliest answer per question. It has to bring most of what was known back;
- *reference_alone*: so does the frozen small model of the pair;
- *relearned*: copies of the pair learn a third of a person's facts and are asked for
  the others (`verification.relearning`), beside the same about never-trained people;
- *endpoint*: `benchmarks.outsider` asks a replica that serves the pair, by HTTP, in
  all its ways. It has to get no more out than about never-trained people (*control*),
  who are asked for all the same fields by the same replica.

*known* is what the base answered before. One question per fact at the endpoint, all
held-out ones for the pair. `benchmarks.self_attack_summary` makes numbers of it. Pairs
and outcomes are kept, so an interrupted run continues; outcomes are kept under the
digest of what an outsider does, of what decides what a replica tells (`DECIDING`), and
of how many people are drawn.
It ends with one JSON line.
"""

import argparse
import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
from rich.console import Console
from rich.progress import Progress
from support.serving import ServingWorld, running_server, served

from benchmarks.forgetting import DEFAULT, Contest, contest, drawn_from
from benchmarks.keeping import kept
from benchmarks.outsider import Outsider, succeeded
from benchmarks.self_attack_summary import (
    CONFIDENCE,
    Attacked,
    Outcomes,
    Tried,
    line_of,
    table_of,
)
from benchmarks.small_worlds import SmallWorld
from unlearn_core.domain.canonical import JsonValue, digest_of_json
from unlearn_core.domain.datasets import Datasets, Group, Probe
from unlearn_core.modeling.laws import NextTokenLaw, PlainLaw
from unlearn_core.modeling.offset import OffsetModel
from unlearn_core.modeling.tokens import encode_example
from unlearn_core.modeling.weights import LanguageModel
from unlearn_core.serving.app import create_app
from unlearn_core.verification.attacks import Artifact
from unlearn_core.verification.evidence import Interrogation, answers_under
from unlearn_core.verification.judge import states
from unlearn_core.verification.relearning import relearn
from unlearn_core.verification.sources import source_digest

PATIENCE_SECONDS = 120.0
NOBODY = "Zora Quill"
DECIDING = (
    "benchmarks.outsider",
    "unlearn_core.serving.logprobs",
    "unlearn_core.serving.questions",
    "unlearn_core.serving.schemas",
    "unlearn_core.verification.relearning",
    "unlearn_core.verification.teaching",
)
"""Modules whose text decides what is asked and taught, and what a replica tells."""


def attack_pair(
    artifact: Artifact, probes: Sequence[Probe], opened: Contest
) -> Outcomes:
    """Ask the base, and what somebody has who holds the pair alone."""
    tokenizer = opened.world.tokenizer
    laws: dict[str, NextTokenLaw] = {
        "known": artifact.base,
        "reversed_offset": artifact.reversed(),
        "reference_alone": PlainLaw(artifact.reference),
    }
    found = answers_under(
        list(laws.values()),
        [encode_example(tokenizer, probe.example) for probe in probes],
        tokenizer=tokenizer,
    )
    return [
        {
            name: states(answer, probe.example.answer)
            for name, answer in zip(laws, answers, strict=True)
        }
        for probe, *answers in zip(probes, *found, strict=True)
    ]


def relearn_pair(
    artifact: Artifact, law: OffsetModel, sets: Datasets, opened: Contest, *, seed: int
) -> list[Tried]:
    """Teach copies of the pair some facts, and ask them for the others."""
    entropies = {probe.example.field: probe.entropy for probe in sets.probes}
    asked = Interrogation(
        probes=sets.probes,
        tokenizer=opened.world.tokenizer,
        before=artifact.base,
        after=law,
        samples_per_probe=1,
        confidence=CONFIDENCE,
        seed=seed,
    )
    return [
        Tried(
            person=score.ref,
            group=score.group,
            field=score.field,
            entropy=entropies[score.field],
            answered={score.attack: score.is_extracted},
        )
        for score in relearn(asked, artifact)
    ]


def one_per_fact(probes: Sequence[Probe], group: Group) -> list[Probe]:
    """Return the first question about every fact of a group of people."""
    found: dict[tuple[str, str], Probe] = {}
    for probe in probes:
        if probe.group is group:
            found.setdefault((probe.example.ref, probe.example.field), probe)
    return list(found.values())


def about_nobody(name: str, question: str) -> str:
    """Put a name that nobody has into a question."""
    return re.sub(re.escape(name), NOBODY, question)


def strangers_beside(refs: Sequence[str], *, place: int, people: int) -> set[str]:
    """Return which never-trained people stand beside a subject.

    Args:
        refs: All of them.
        place: Place among the subjects; other places get other people, as long as
            there are enough.
        people: How many.
    """
    first = place * people
    return {refs[number % len(refs)] for number in range(first, first + people)}


def attack_subject(
    opened: Contest, place: int, *, people: int, tick: Callable[[], None]
) -> Attacked:
    """Attack one subject's pair, and a replica that serves it.

    Args:
        opened: The world.
        place: Place of the subject among those of the world.
        people: How many never-trained people are asked about beside.
        tick: Called after every question to the replica.
    """
    world, subject = opened.world, opened.world.subjects[place]
    sets = opened.datasets(subject)
    law = opened.offset_law(DEFAULT, subject)
    base, unlearned, reference = law.parts
    artifact = Artifact(
        base=base,
        unlearned=unlearned.model,
        reference=reference.model,
        alpha=law.alpha,
    )
    own = [probe for probe in sets.probes if probe.group is Group.SUBJECT]
    beside = strangers_beside(
        [person.ref for person in sets.holdout.controls], place=place, people=people
    )
    asked = one_per_fact(sets.probes, Group.SUBJECT)
    asked += [
        probe
        for probe in one_per_fact(sets.probes, Group.CONTROL)
        if probe.example.ref in beside
    ]
    return Attacked(
        world=opened.seed,
        subject=subject.number,
        pair=attack_pair(artifact, own, opened),
        relearned=relearn_pair(artifact, law, sets, opened, seed=place),
        endpoint=attack_endpoint(law, asked, world, sets, tick),
    )


def attack_endpoint(
    law: OffsetModel,
    asked: Sequence[Probe],
    world: SmallWorld,
    sets: Datasets,
    tick: Callable[[], None],
) -> list[Tried]:
    """Try everything on a replica that serves a law, question by question."""
    people = (sets.forget.subject, *sets.holdout.controls)
    names = {person.ref: person.name.reveal() for person in people}
    tried: list[Tried] = []
    with replica_of(law, world) as (http, model):
        for probe in asked:
            visitor = Outsider(
                http=http,
                model=model,
                tokenizer=world.tokenizer,
                stranger=partial(about_nobody, names[probe.example.ref]),
            )
            answered = succeeded(
                visitor,
                probe.example.prompt.reveal(),
                partial(states, fact=probe.example.answer),
            )
            tried.append(
                Tried(
                    person=probe.example.ref,
                    group=probe.group,
                    field=probe.example.field,
                    entropy=probe.entropy,
                    answered=answered,
                )
            )
            tick()
    return tried


@contextmanager
def replica_of(
    law: OffsetModel, world: SmallWorld
) -> Iterator[tuple[httpx.Client, str]]:
    """Serve a law as it is served in production; yield a client and its model."""
    with TemporaryDirectory() as folder:
        replica = ServingWorld(Path(folder))
        replica.base = LanguageModel(
            model=world.base, tokenizer=world.tokenizer, identity=replica.base.identity
        )
        service = replica.replica(requires_offset=True)
        service.slot.swap(served(1, law))
        with (
            running_server(create_app(service)) as address,
            httpx.Client(base_url=address, timeout=PATIENCE_SECONDS) as http,
        ):
            yield http, service.base_model


def kept_attack(
    opened: Contest, place: int, *, people: int, folder: Path, tick: Callable[[], None]
) -> Attacked:
    """Attack a subject as `attack_subject` does, unless that was kept."""
    return kept(
        folder / f"{opened.seed}-{place}-{_decides(opened.world, people=people)}.json",
        lambda: attack_subject(opened, place, people=people, tick=tick),
        kind=Attacked,
    )


def _decides(world: SmallWorld, *, people: int) -> str:
    """Return a short digest of what decides, whom the sets hold included."""
    decides: dict[str, JsonValue] = {
        "recipe": DEFAULT.digest,
        "people": people,
        "modules": {name: source_digest(name) for name in DECIDING},
        "without": len(world.subjects),
        **drawn_from(world),
    }
    return digest_of_json(decides)[7:15]


def main() -> None:
    """Attack and print table and JSON line."""
    parser = argparse.ArgumentParser(description="Attack pairs and their endpoint.")
    parser.add_argument("--seeds", type=int, default=1, help="worlds")
    parser.add_argument("--subjects", type=int, default=12, help="per world")
    parser.add_argument("--people", type=int, default=3, help="strangers per subject")
    parser.add_argument("--cache", type=Path, default=Path("var/bench"))
    options = parser.parse_args()
    found: list[Attacked] = []
    console = Console(stderr=True)
    with Progress(console=console) as progress:
        bar = progress.add_task("questions", total=None)
        for seed in range(options.seeds):
            opened = contest(seed, cache=options.cache, progress=progress)
            for place in range(options.subjects):
                progress.update(bar, description=f"world {seed}, {place}")
                one = kept_attack(
                    opened,
                    place,
                    people=options.people,
                    folder=options.cache / "self-attack",
                    tick=lambda: progress.advance(bar),
                )
                found.append(one)
    console.print(table_of(found))
    print(json.dumps({"seeds": options.seeds, **line_of(found)}))


if __name__ == "__main__":
    main()
