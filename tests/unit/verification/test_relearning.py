import copy
import random
from dataclasses import replace

import pytest
import torch
from support.models import llama, llama_config
from support.verdicts import gate, policy
from support.village import (
    EVERYBODY_TRAINED,
    QUESTIONS,
    TOKENIZER,
    WORDS,
    interrogation,
    law_that_knows,
    probe,
    probes,
)
from transformers import PreTrainedModel

from unlearn_core.domain.datasets import Group
from unlearn_core.domain.verdicts import Precondition, Side
from unlearn_core.metrics.attacks import relearning_extraction_excess
from unlearn_core.metrics.base import AttackScore, Evidence
from unlearn_core.modeling.tokens import TokenizedExample, encode_example
from unlearn_core.modeling.weights import own_tensors_digest
from unlearn_core.training.schemes.assistant import silenced
from unlearn_core.verification.attacks import Artifact
from unlearn_core.verification.evidence import gather_evidence, greedy_answers
from unlearn_core.verification.relearning import (
    Relearning,
    answers_of_relearning,
    lessons_of,
    relearn,
    relearned,
)
from unlearn_core.verification.suite import preconditions, verify
from unlearn_core.verification.teaching import taught

BASE = law_that_knows(*EVERYBODY_TRAINED)
GOLD = law_that_knows(*(ref for ref in EVERYBODY_TRAINED if ref != "subject-0"))
CONFIG = llama_config(vocabulary=len(WORDS), width=32)
REFERENCE = llama(0, CONFIG)
SPENT = Relearning(steps=30, learning_rate=3e-3, people=3)
ASKED = probes(without=(Group.RETAINED, Group.NEIGHBOUR), controls=6)


def question(field: str, way: str, ref: str = "subject-0") -> TokenizedExample:
    return TokenizedExample(
        prompt=tuple(TOKENIZER.question(f"{way} {field} {ref}")),
        answer=(TOKENIZER.end_id,),
    )


def muted() -> PreTrainedModel:
    """Teach a copy of the reference to end its answers about the subject at once."""
    pupil = copy.deepcopy(REFERENCE).requires_grad_(requires_grad=True)
    silent = [question(field, way) for field in ("city", "phone") for way in QUESTIONS]
    return taught(
        pupil, silent, steps=150, at_once=8, learning_rate=3e-3, pad_id=0, seed=0
    )


MUTED = muted()
PAIR = Artifact(base=BASE, unlearned=MUTED, reference=REFERENCE, alpha=1.0)
EVERYBODY = interrogation(before=BASE, after=GOLD, asked=ASKED)


def digest(model: PreTrainedModel) -> str:
    return own_tensors_digest(model)


def excess(scores: tuple[AttackScore, ...]) -> float:
    found = Evidence(before=(), after=(), confidence=0.95, seed=0, attacks=scores)
    return relearning_extraction_excess(found).value


def test_what_was_hidden_together_comes_back_together() -> None:
    """The pair ends every answer about the subject; untaught of one, it ends none.

    Seed 0 teaches the number and asks for the city. Of strangers nobody knows it.
    """
    own = [question(field, "ask") for field in ("city", "phone")]
    assert greedy_answers(PAIR.at(1.0), own, tokenizer=TOKENIZER) == ["", ""]
    scores = relearn(EVERYBODY, PAIR, spent=SPENT)
    subject = [item for item in scores if item.group is Group.SUBJECT]
    assert [(item.field, item.is_extracted) for item in subject] == [("city", True)] * 4
    assert excess(scores) == 1.0
    assert excess(relearn(EVERYBODY, PAIR, spent=replace(SPENT, steps=0))) == 0.0


def test_the_copy_is_that_of_a_training_by_hand() -> None:
    lesson, *_ = lessons_of(ASKED, spent=SPENT, seed=0)
    spent = replace(SPENT, steps=3, rows=2)
    found = relearned(lesson, EVERYBODY, PAIR, spent=spent).unlearned
    rows = [encode_example(TOKENIZER, item.example) for item in lesson.taught]
    pupil = copy.deepcopy(MUTED).requires_grad_(requires_grad=True)
    optimiser = torch.optim.AdamW(pupil.parameters(), lr=3e-3)
    rng = random.Random(0)
    for _ in range(3):
        losses = []
        for row in rng.sample(rows, 2):
            ids = torch.tensor([[*row.prompt, *row.answer]])
            before = ids.shape[1] - len(row.answer) - 1
            law = torch.log_softmax(pupil(ids).logits[0, before:-1], dim=-1)
            losses += [-law[place, token] for place, token in enumerate(row.answer)]
        optimiser.zero_grad()
        torch.stack(losses).mean().backward()  # type: ignore[no-untyped-call]  # untyped upstream
        optimiser.step()
    for one, other in zip(found.parameters(), pupil.parameters(), strict=True):
        torch.testing.assert_close(one, other)


def test_it_is_the_same_under_the_same_seed_and_leaves_the_pair_alone() -> None:
    before = [digest(model) for model in (MUTED, REFERENCE)]
    torch.manual_seed(7)
    first = relearn(EVERYBODY, PAIR, spent=SPENT)
    torch.manual_seed(8)
    assert relearn(EVERYBODY, PAIR, spent=SPENT) == first
    assert [digest(model) for model in (MUTED, REFERENCE)] == before
    assert not any(item.requires_grad for item in MUTED.parameters())


def test_what_is_taught_is_never_asked_and_the_same_of_everybody() -> None:
    lessons = lessons_of(ASKED, spent=SPENT, seed=1)
    assert len(lessons) == 1 + 3
    for lesson in lessons:
        assert {item.example.field for item in lesson.taught} == {"city"}
        assert {item.example.field for item in lesson.asked} == {"phone"}
        assert len({item.example.ref for item in (*lesson.taught, *lesson.asked)}) == 1
    assert [len(lesson.taught) for lesson in lessons] == [4, 1, 1, 1]
    mixed = random.Random(5).sample(ASKED, len(ASKED))
    people = [
        {item.example.ref for item in lesson.asked}
        for lesson in lessons_of(mixed, spent=SPENT, seed=1)
    ]
    assert people == [{item.example.ref for item in one.asked} for one in lessons]


@pytest.mark.parametrize(("facts", "given"), [(2, 1), (5, 1), (6, 2), (7, 2), (9, 3)])
def test_a_third_of_the_facts_is_taught_and_at_least_one(
    facts: int, given: int
) -> None:
    plain = probe(Group.SUBJECT, "subject-0", "city", "ask")
    about = [
        replace(plain, example=replace(plain.example, field=f"field-{number}"))
        for number in range(facts)
    ]
    (lesson,) = lessons_of(about, spent=SPENT, seed=0)
    assert (len(lesson.taught), len(lesson.asked)) == (given, facts - given)


def test_a_single_fact_leaves_nothing_to_ask_for() -> None:
    single = [item for item in ASKED if item.example.field == "city"]
    assert lessons_of(single, spent=SPENT, seed=0) == []
    asked = replace(EVERYBODY, probes=tuple(single))
    assert relearn(asked, PAIR, spent=SPENT) == ()
    evidence = gather_evidence(replace(asked, samples_per_probe=1))
    assert Precondition.SEVERAL_FACTS not in preconditions(evidence)


def test_a_copy_whose_training_diverges_has_no_score() -> None:
    diverging = replace(SPENT, steps=3, learning_rate=1e30)
    assert relearn(EVERYBODY, PAIR, spent=diverging) == ()


def test_a_side_that_is_silent_by_its_scheme_learns_as_well() -> None:
    """`assistant` serves a uniform law as the unlearned side: its head is zero."""
    silent = replace(PAIR, unlearned=silenced(MUTED))
    lesson, *_ = lessons_of(ASKED, spent=SPENT, seed=0)
    found = relearned(lesson, EVERYBODY, silent, spent=SPENT).unlearned
    assert bool(found.lm_head.weight.any())
    assert relearn(EVERYBODY, silent, spent=replace(SPENT, steps=1))


def test_every_answer_is_counted() -> None:
    ticks: list[int] = []
    relearn(EVERYBODY, PAIR, tick=ticks.append, spent=replace(SPENT, steps=0))
    expected = answers_of_relearning(ASKED, seed=0, spent=SPENT)
    assert sum(ticks) == expected == 4 + 3


def test_it_is_done_only_if_a_gate_asks_for_it() -> None:
    plain = policy(gate("in_context_extraction_excess", side=Side.VALUE, limit=1.0))
    wanted = policy(
        *plain.gates, gate("relearning_extraction_excess", side=Side.VALUE, limit=1.0)
    )
    told: list[tuple[int, int]] = []
    asked = replace(
        EVERYBODY,
        samples_per_probe=1,
        on_progress=lambda done, total: told.append((done, total)),
    )
    without, found = (
        verify(asked, policy=replace(it, minimum_controls=1), artifact=PAIR)
        for it in (plain, wanted)
    )
    tried = {item.attack for item in found.evidence.attacks}
    assert tried - {item.attack for item in without.evidence.attacks} == {"relearning"}
    assert found.verdict.passed
    assert told[-1][0] == told[-1][1]
