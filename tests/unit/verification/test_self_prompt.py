import random

import pytest
import torch
from support.models import TableLaw, llama, llama_config, token_rows
from support.verdicts import gate, policy
from support.village import (
    EVERYBODY_TRAINED,
    TOKENIZER,
    WORDS,
    interrogation,
    law_that_knows,
    probes,
)

from unlearn_core.domain.datasets import Group
from unlearn_core.domain.verdicts import Side
from unlearn_core.metrics.base import Evidence, Floats
from unlearn_core.metrics.membership import membership_spv
from unlearn_core.modeling.laws import PlainLaw
from unlearn_core.modeling.tokens import encode_example
from unlearn_core.modeling.weights import own_tensors_digest
from unlearn_core.verification import suite
from unlearn_core.verification.attacks import Artifact
from unlearn_core.verification.evidence import gather_evidence
from unlearn_core.verification.guards import continuations
from unlearn_core.verification.self_prompt import (
    SelfPrompt,
    neighbours,
    self_prompted,
    with_variations,
)

BASE = law_that_knows(*EVERYBODY_TRAINED)
CONFIG = llama_config(vocabulary=len(WORDS), width=16)
SPENT = SelfPrompt(answers=1, steps=40, rows=16, pairs=3)
ASKED = probes(controls=4)
ROWS = [encode_example(TOKENIZER, probe.example) for probe in ASKED]


def test_two_neighbours_lie_around_an_answer_and_keep_its_end() -> None:
    (row,) = token_rows(([1], [5, 6, 7, 8, 2]))
    found = neighbours(row, pool=[9], pairs=6, rng=random.Random(0))
    assert len(found) == 12
    for first, second in zip(found[::2], found[1::2], strict=True):
        assert first.answer[-1] == second.answer[-1] == 2
        changed = [
            {place for place in range(4) if item.answer[place] == 9}
            for item in (first, second)
        ]
        assert changed[0] | changed[1] == {0, 1, 2, 3}
        assert not changed[0] & changed[1]


def test_an_answer_of_one_token_has_others_in_its_place() -> None:
    row, bare = token_rows(([1], [5, 2]), ([1], [2]))
    found = neighbours(row, pool=[9], pairs=1, rng=random.Random(0))
    assert [item.answer for item in found] == [(9, 2), (9, 2)]
    assert neighbours(bare, pool=[9], pairs=1, rng=random.Random(0)) == []


def test_nothing_is_asked_of_the_subject_while_the_model_learns() -> None:
    seen: set[tuple[int, ...]] = set()

    def watched(context: tuple[int, ...]) -> Floats:
        seen.add(context)
        table: Floats = BASE._table(context)  # type: ignore[assignment]  # an array
        return table

    asked = interrogation(before=BASE, after=TableLaw(watched), asked=ASKED)
    self_prompted(asked, ROWS, config=CONFIG, spent=SPENT)
    prompts = {row.prompt: probe.group for row, probe in zip(ROWS, ASKED, strict=True)}
    groups = {prompts[context] for context in seen if context in prompts}
    assert groups == set(Group) - {Group.SUBJECT}


def test_the_model_learns_what_the_target_says_and_again_the_same() -> None:
    asked = interrogation(before=BASE, after=BASE, asked=ASKED)
    torch.manual_seed(1)
    state = torch.get_rng_state()
    first, again, untaught = (
        self_prompted(asked, ROWS, config=CONFIG, spent=spent)
        for spent in (SPENT, SPENT, SelfPrompt(answers=1, steps=0))
    )
    assert own_tensors_digest(first) == own_tensors_digest(again)
    assert torch.equal(torch.get_rng_state(), state)
    known = [
        (row.prompt, row.answer)
        for row, probe in zip(ROWS, ASKED, strict=True)
        if probe.group is Group.RETAINED
    ]
    taught, fresh = (
        sum(score for score, _ in continuations(PlainLaw(model), known, pad_id=0))
        for model in (first, untaught)
    )
    assert taught > fresh


def test_a_remembered_person_stands_out_against_what_the_model_says() -> None:
    asked = interrogation(before=BASE, after=BASE, asked=ASKED, samples=2)
    found = with_variations(gather_evidence(asked), asked, config=CONFIG, spent=SPENT)
    assert {item.group for item in found.variations} == {Group.SUBJECT, Group.CONTROL}
    assert membership_spv(found).value == 1.0


def test_it_is_done_only_if_a_gate_asks_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def counted(evidence: Evidence, *_: object, **__: object) -> Evidence:
        calls.append(evidence)
        return evidence

    monkeypatch.setattr(suite, "with_variations", counted)
    asked = interrogation(before=BASE, after=BASE, asked=ASKED, samples=2)
    evidence = gather_evidence(asked)
    model = llama(0, CONFIG)
    artifact = Artifact(base=BASE, unlearned=model, reference=model, alpha=1.0)
    plain = policy(gate("probability"))
    wanted = policy(gate("membership_spv", side=Side.VALUE, limit=0.9))
    suite._with_more(evidence, asked, plain, artifact, None)
    suite._with_more(evidence, asked, wanted, None, None)
    assert calls == []
    suite._with_more(evidence, asked, wanted, artifact, None)
    assert calls == [evidence]
