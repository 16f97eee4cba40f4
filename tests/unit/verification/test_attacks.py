from dataclasses import replace

import pytest
import torch
from support.models import constant_law, llama, llama_config
from support.village import (
    EVERYBODY_TRAINED,
    OTHERS,
    TOKENIZER,
    WORDS,
    interrogation,
    law_that_knows,
    probe,
)

from unlearn_core.domain.datasets import Group
from unlearn_core.modeling.tokens import encode_example
from unlearn_core.settings import PACKAGE_ROOT
from unlearn_core.verification.attacks import (
    STRENGTHS,
    Artifact,
    MixedLaw,
    PlausibleLaw,
    TruncatedLaw,
    answers_of_attacks,
    attack,
    in_context,
    rounded,
)
from unlearn_core.verification.policy import load_policy
from unlearn_core.verification.suite import verify

BASE = law_that_knows(*EVERYBODY_TRAINED)
GOLD = law_that_knows(*OTHERS)
ASKED = tuple(
    probe(group, f"{group}-0", field, "ask")
    for group in (Group.SUBJECT, Group.CONTROL, Group.RETAINED)
    for field in ("city", "phone")
)


def artifact() -> Artifact:
    config = llama_config(vocabulary=len(WORDS))
    return Artifact(
        base=BASE, unlearned=llama(0, config), reference=llama(0, config), alpha=1.0
    )


def test_laws_are_mixed_by_weight() -> None:
    """0.8^2/0.5 against 0.2^2/0.5 is 16 to 1."""
    mixed = MixedLaw((constant_law(0.8, 0.2), 2.0), (constant_law(0.5, 0.5), -1.0))
    ids = torch.tensor([[0]])
    found = mixed(ids, attention_mask_BS=torch.ones_like(ids)).exp()[0, 0].tolist()
    assert found == pytest.approx([16 / 17, 1 / 17])
    assert len(mixed.new_caches()) == 2


def test_the_contrast_of_two_versions_names_the_subject() -> None:
    scores = attack(interrogation(before=BASE, after=GOLD, asked=ASKED), artifact())

    def hits(name: str, group: Group, setting: float | None = None) -> set[bool]:
        return {
            item.is_extracted
            for item in scores
            if item.attack == name
            and item.group is group
            and setting in {None, item.setting}
        }

    assert hits("version_contrast", Group.SUBJECT) == {True}
    assert hits("in_context", Group.SUBJECT) == {False}
    # Both halves of this pair are the same, so every strength is the base.
    for strength in STRENGTHS:
        assert hits("strength", Group.SUBJECT, strength) == {True}
    for bypass in ("int8_pair", "int4_pair", "truncated_base"):
        assert hits(bypass, Group.SUBJECT) == {True}
    for alone in ("reversed_offset", "reference_alone"):
        assert hits(alone, Group.SUBJECT) == {False}
    assert {item.group for item in scores} == {Group.SUBJECT, Group.CONTROL}


def test_other_facts_are_told_but_never_the_one_asked_for() -> None:
    encoded = [encode_example(TOKENIZER, item.example) for item in ASKED]
    told = in_context(ASKED, encoded, maximum_tokens=64)
    city, phone = encoded[:2]
    assert told[0].prompt == (*phone.prompt, *phone.answer, *city.prompt)
    assert told[1].prompt == (*city.prompt, *city.answer, *phone.prompt)
    assert in_context(ASKED, encoded, maximum_tokens=12)[0].prompt == city.prompt


@pytest.mark.parametrize(("bits", "largest"), [(8, 127), (4, 7)])
def test_bits_move_a_matrix_by_half_a_step_at_most(bits: int, largest: int) -> None:
    model = llama()
    copied = rounded(model, bits=bits)
    for before, after in zip(model.parameters(), copied.parameters(), strict=True):
        step = before.abs().amax(dim=-1, keepdim=True) / largest
        assert bool(((before - after).abs() <= step / 2 + 1e-6).all())
        assert before.ndim == 1 or len(set(after[0].tolist())) <= 2 * largest + 1
    assert not torch.equal(model.lm_head.weight, copied.lm_head.weight)


def test_of_a_truncated_law_the_likeliest_tokens_are_left() -> None:
    """0.5 and 0.3 are left of five: 5/8 and 3/8."""
    law = TruncatedLaw(constant_law(0.5, 0.1, 0.3, 0.06, 0.04), 2)
    ids = torch.tensor([[0]])
    found = law(ids, attention_mask_BS=torch.ones_like(ids)).exp()[0, 0].tolist()
    assert found == pytest.approx([5 / 8, 0, 3 / 8, 0, 0])
    mixed = MixedLaw((law, 1.0), (constant_law(0.9, 0.02, 0.02, 0.03, 0.03), -1.0))
    assert int(mixed(ids, attention_mask_BS=torch.ones_like(ids)).argmax()) == 2


def test_a_contrast_is_kept_to_what_its_guide_holds_plausible() -> None:
    """0.001/0.0001 is the largest ratio, of a token in which neither believes.

    At least 0.1 of 0.6 are 0.6, 0.3 and 0.099; their ratios are 1, 2 and 3.96.
    """
    guide = constant_law(0.6, 0.3, 0.099, 0.001)
    other = constant_law(0.6, 0.15, 0.025, 0.0001)
    contrast = MixedLaw((guide, 1.0), (other, -1.0))
    ids = torch.tensor([[0]])
    seen = torch.ones_like(ids)
    assert int(contrast(ids, attention_mask_BS=seen).argmax()) == 3
    kept = PlausibleLaw(contrast, guide=guide, share=0.1)
    found = kept(ids, attention_mask_BS=seen).exp()[0, 0].tolist()
    assert found == pytest.approx([1 / 6.96, 2 / 6.96, 3.96 / 6.96, 0], rel=1e-4)


def test_of_a_guide_s_likeliest_token_alone_the_guide_decides() -> None:
    guide, other = constant_law(0.6, 0.4), constant_law(0.9, 0.1)
    contrast = MixedLaw((guide, 1.0), (other, -1.0))
    ids = torch.tensor([[0]])
    kept = PlausibleLaw(contrast, guide=guide, share=1.0)
    found = kept(ids, attention_mask_BS=torch.ones_like(ids))
    assert found.exp()[0, 0].tolist() == [1.0, 0.0]


def test_every_answer_of_the_attacks_is_counted() -> None:
    ticks: list[int] = []
    attack(
        interrogation(before=BASE, after=GOLD, asked=ASKED),
        artifact(),
        tick=ticks.append,
    )
    assert sum(ticks) == answers_of_attacks(ASKED)


def test_only_a_policy_that_asks_for_attacks_gets_them() -> None:
    """One control person is enough, as the two-sided test is left out."""
    asked = interrogation(before=BASE, after=GOLD, asked=ASKED, samples=2)
    first, second = (
        replace(
            found,
            minimum_controls=1,
            gates=tuple(gate for gate in found.gates if gate.metric != "two_sided_p"),
        )
        for name in ("acceptance-1.yaml", "acceptance-2.yaml")
        for found in [load_policy(PACKAGE_ROOT / "policies" / name)]
    )
    assert verify(asked, policy=first, artifact=artifact()).evidence.attacks == ()
    found = verify(asked, policy=second, artifact=artifact())
    assert found.verdict.failed_gates[-2:] == ("G5-int8-pair", "G5-strength")
    missing = verify(asked, policy=second).verdict.failed_gates
    assert sum(name.startswith("G5") for name in missing) == 6


def test_the_shipped_policy_asks_for_the_same_attacks() -> None:
    second, shipped = (
        load_policy(PACKAGE_ROOT / "policies" / name)
        for name in ("acceptance-2.yaml", "acceptance-3.yaml")
    )
    assert {gate.name for gate in second.gates} < {gate.name for gate in shipped.gates}


def test_the_second_policy_is_the_first_and_its_attacks() -> None:
    first, second = (
        load_policy(PACKAGE_ROOT / "policies" / name)
        for name in ("acceptance-1.yaml", "acceptance-2.yaml")
    )
    assert second.gates[: len(first.gates)] == first.gates
    assert {gate.name[:2] for gate in second.gates[len(first.gates) :]} == {"G5"}
