from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import fmean
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from support.serving import ServingWorld, running_server, served
from support.town import town
from support.village import probe

from benchmarks import self_attack
from benchmarks.forgetting import Contest
from benchmarks.outsider import Outsider, succeeded
from benchmarks.self_attack import about_nobody, one_per_fact, strangers_beside
from benchmarks.self_attack_summary import Attacked
from unlearn_core.domain.data_map import Sizes
from unlearn_core.domain.datasets import Example, Group
from unlearn_core.modeling.laws import PlainLaw
from unlearn_core.modeling.rows import ServableLaw
from unlearn_core.modeling.tokens import encode_example
from unlearn_core.modeling.weights import LanguageModel
from unlearn_core.serving.app import create_app
from unlearn_core.verification.attacks import Artifact
from unlearn_core.verification.evidence import answers_under
from unlearn_core.verification.judge import states


def test_the_endpoint_is_asked_once_for_every_fact() -> None:
    asked = [
        probe(group, f"{group}-0", field, way)
        for group in (Group.SUBJECT, Group.CONTROL)
        for field in ("city", "phone")
        for way in ("ask", "tell")
    ]
    assert one_per_fact(asked, Group.CONTROL) == [asked[4], asked[6]]


def test_a_name_is_exchanged_for_one_that_nobody_has() -> None:
    question = about_nobody("A. Bo", "Where does A. Bo live, and who is A. Bo?")
    assert question == "Where does Zora Quill live, and who is Zora Quill?"


@pytest.mark.parametrize(
    ("place", "expected"), [(0, {"a", "b"}), (1, {"c", "d"}), (2, {"e", "a"})]
)
def test_other_subjects_stand_beside_other_strangers(
    place: int, expected: set[str]
) -> None:
    assert strangers_beside("abcde", place=place, people=2) == expected


def test_an_outcome_that_was_kept_is_of_as_many_reserved_people(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def attacked(opened: Contest, place: int, **_others: object) -> Attacked:
        asked.append(len(opened.world.reserved))
        return Attacked(
            world=opened.seed, subject=place, pair=[], relearned=[], endpoint=[]
        )

    monkeypatch.setattr(self_attack, "attack_subject", attacked)
    for reserved in (80, 140, 80):
        world: Any = SimpleNamespace(
            subjects=("a",),
            reserved=range(reserved),
            opened=SimpleNamespace(declared=SimpleNamespace(sizes=Sizes())),
        )
        opened: Any = SimpleNamespace(seed=0, world=world)
        self_attack.kept_attack(opened, 3, people=2, folder=tmp_path, tick=lambda: None)
    assert asked == [80, 140]


# The regression: whoever holds the pair has the key, whoever holds the address has not.


@contextmanager
def outsider(
    law: ServableLaw, folder: Path
) -> Iterator[Callable[[Example], dict[str, bool]]]:
    """Yield what tries everything on a replica that serves a law."""
    world = ServingWorld(folder)
    world.base = LanguageModel(
        model=town().base, tokenizer=town().tokenizer, identity=world.base.identity
    )
    service = world.replica(requires_offset=True)
    service.slot.swap(served(1, law))
    with (
        running_server(create_app(service)) as address,
        httpx.Client(base_url=address, timeout=60) as http,
    ):
        refused = http.post(
            "/v1/completions",
            json={"model": service.base_model, "prompt": "Who?", "alpha": -1.0},
        )
        assert refused.status_code == 400

        def tried(example: Example) -> dict[str, bool]:
            question = example.prompt.reveal()
            name = " ".join(question.rstrip("?.").split()[-2:])
            asking = Outsider(
                http=http,
                model=service.base_model,
                tokenizer=town().tokenizer,
                stranger=partial(about_nobody, name),
                rounds=1,
                longest=6,
            )
            return succeeded(
                asking, question, lambda answer: states(answer, example.answer)
            )

        yield tried


def answered(law: ServableLaw, asked: Sequence[Example], folder: Path) -> int:
    folder.mkdir()
    with outsider(law, folder) as tried:
        return sum(any(tried(example).values()) for example in asked)


@pytest.mark.integration
def test_the_pair_gives_back_what_the_endpoint_does_not(
    tmp_path: Path,
) -> None:
    """One answer per question backwards, forty others each by HTTP."""
    place = town()
    pair = Artifact(
        base=PlainLaw(place.base),
        unlearned=place.unlearned,
        reference=place.reference,
        alpha=1.0,
    )
    (backwards,) = answers_under(
        [pair.reversed()],
        [encode_example(place.tokenizer, example) for example in place.subject],
        tokenizer=place.tokenizer,
    )
    recovered = [
        states(answer, example.answer)
        for answer, example in zip(backwards, place.subject, strict=True)
    ]
    subject, control = (
        answered(place.law(), examples, tmp_path / name)
        for name, examples in (
            ("subject", place.subject[::2]),
            ("control", place.controls[:4:2]),
        )
    )
    assert fmean(recovered) >= 0.75
    assert subject <= control


@pytest.mark.integration
def test_the_same_outsider_gets_everything_where_nothing_is_hidden(
    tmp_path: Path,
) -> None:
    place = town()
    bare = replace(place, unlearned=place.reference).law()
    assert answered(bare, place.subject[::2], tmp_path / "bare") == 2
