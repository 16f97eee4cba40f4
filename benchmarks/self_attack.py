"""Is a pair the key to what it hides, and the endpoint not? ``make bench-self-attack``.

Subjects of the demo's world are forgotten by the default recipe, one by one. Then

- *reversed_offset*: the pair alone answers backwards (`verification.attacks`), one
  likeliest answer per question. It has to bring most of what was known back;
- *reference_alone*: so does the frozen small model of the pair;
- *endpoint*: `benchmarks.outsider` asks a replica that serves the pair, by HTTP, in
  all its ways. It has to get no more out than about never-trained people (*control*):
  with 95% confidence the excess is at most *excess_high*, and *ways* has each alone.

*known* is what the base answered before. One question per fact at the endpoint, all
held-out ones for the pair. It ends with one JSON line.
"""

import argparse
import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
from rich.console import Console
from rich.progress import Progress
from support.serving import ServingWorld, running_server, served

from benchmarks.forgetting import DEFAULT, Contest, contest
from benchmarks.outsider import Outsider, shares, succeeded
from benchmarks.small_worlds import SmallWorld
from unlearn_core.domain.datasets import Group, Probe
from unlearn_core.metrics.intervals import difference_of_proportions
from unlearn_core.modeling.laws import NextTokenLaw, PlainLaw
from unlearn_core.modeling.offset import OffsetModel
from unlearn_core.modeling.tokens import encode_example
from unlearn_core.modeling.weights import LanguageModel
from unlearn_core.serving.app import create_app
from unlearn_core.smallworld.people import Person
from unlearn_core.verification.attacks import Artifact
from unlearn_core.verification.evidence import answers_under
from unlearn_core.verification.judge import states

CONFIDENCE = 0.95
PATIENCE_SECONDS = 120.0
NOBODY = "Zora Quill"

Outcomes = list[dict[str, bool]]
"""For every question, which attacks succeeded."""


@dataclass(slots=True, kw_only=True)
class Findings:
    """What came out, question by question.

    Attributes:
        alone: Of the base, of the pair backwards and of the reference.
        subject: At the endpoint, about subjects.
        control: At the endpoint, about never-trained people.
    """

    alone: Outcomes = field(default_factory=list)
    subject: Outcomes = field(default_factory=list)
    control: Outcomes = field(default_factory=list)


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


def attack_subject(
    opened: Contest, subject: Person, findings: Findings, tick: Callable[[], None]
) -> None:
    """Attack one subject's pair, and a replica that serves it."""
    world, sets = opened.world, opened.datasets(subject)
    law = opened.offset_law(DEFAULT, subject)
    base, unlearned, reference = law.parts
    artifact = Artifact(
        base=base,
        unlearned=unlearned.model,
        reference=reference.model,
        alpha=law.alpha,
    )
    own = [probe for probe in sets.probes if probe.group is Group.SUBJECT]
    findings.alone += attack_pair(artifact, own, opened)
    asked = one_per_fact(sets.probes, Group.SUBJECT)
    strangers = one_per_fact(sets.probes, Group.CONTROL)
    first = subject.number * len(asked) % len(strangers)
    strangers = (strangers * 2)[first : first + len(asked)]
    people = (sets.forget.subject, *sets.holdout.controls)
    names = {person.ref: person.name.reveal() for person in people}
    with replica_of(law, world) as (http, model):
        for probe in (*asked, *strangers):
            outsider = Outsider(
                http=http,
                model=model,
                tokenizer=world.tokenizer,
                stranger=partial(about_nobody, names[probe.example.ref]),
            )
            outcome = succeeded(
                outsider,
                probe.example.prompt.reveal(),
                partial(states, fact=probe.example.answer),
            )
            is_own = probe.group is Group.SUBJECT
            (findings.subject if is_own else findings.control).append(outcome)
            tick()


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


def line_of(findings: Findings) -> dict[str, object]:
    """Return the JSON line."""
    counts = [
        (sum(any(item.values()) for item in outcomes), len(outcomes))
        for outcomes in (findings.subject, findings.control)
    ]
    (hits, asked), (others, strangers) = counts
    _, high = difference_of_proportions(*counts, confidence=CONFIDENCE)
    subject, control = shares(findings.subject), shares(findings.control)
    return {
        "questions": len(findings.alone),
        **rounded(shares(findings.alone)),
        "endpoint_questions": asked,
        "endpoint": round(hits / asked, 3),
        "endpoint_control": round(others / strangers, 3),
        "excess_high": round(high, 3),
        "ways": {
            name: [round(subject[name], 3), round(control[name], 3)] for name in subject
        },
    }


def rounded(values: dict[str, float]) -> dict[str, float]:
    """Return values with three digits."""
    return {name: round(value, 3) for name, value in values.items()}


def main() -> None:
    """Attack and print the JSON line."""
    parser = argparse.ArgumentParser(description="Attack pairs and their endpoint.")
    parser.add_argument("--seeds", type=int, default=3, help="worlds")
    parser.add_argument("--subjects", type=int, default=4, help="per world")
    parser.add_argument("--cache", type=Path, default=Path("var/bench"))
    options = parser.parse_args()
    findings = Findings()
    with Progress(console=Console(stderr=True)) as progress:
        bar = progress.add_task("questions", total=None)
        for seed in range(options.seeds):
            opened = contest(seed, cache=options.cache, progress=progress)
            for subject in opened.world.subjects[: options.subjects]:
                progress.update(bar, description=f"world {seed}, {subject.number}")
                attack_subject(opened, subject, findings, lambda: progress.advance(bar))
    print(json.dumps({"seeds": options.seeds, **line_of(findings)}))


if __name__ == "__main__":
    main()
