"""What every registered forget objective and retain term must honour."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import pytest
import torch
from support.laws import answer_laws
from support.models import llama, token_rows
from support.plugins import Installer
from torch import Tensor

from unlearn_core.modeling.laws import PlainLaw, law_at_answers
from unlearn_core.modeling.offset import compose_log_probs
from unlearn_core.modeling.tokens import answer_positions, collate
from unlearn_core.objectives import FORGET_OBJECTIVES, RETAIN_TERMS
from unlearn_core.objectives.base import (
    AnswerLaws,
    ForgetObjective,
    Teacher,
    is_mean_over_positions,
)
from unlearn_core.registry import Registry, UnknownNameError
from unlearn_core.training import recipe
from unlearn_core.training.targets import answer_laws as laws_of
from unlearn_core.training.targets import build_table

Objective = Callable[[AnswerLaws], Tensor]
ALL: list[tuple[str, Objective]] = [
    *((name, FORGET_OBJECTIVES.get(name)()) for name in FORGET_OBJECTIVES),
    # The term that asks for nothing has nothing to honour; see its unit test.
    *((name, RETAIN_TERMS.get(name)()) for name in RETAIN_TERMS if name != "none"),
]
every_objective = pytest.mark.parametrize(
    "objective", [item for _, item in ALL], ids=[name for name, _ in ALL]
)
EXAMPLES = token_rows(((5, 6), (7, 8, 9)), ((4,), (3,)), ((9, 9, 9), (1, 2)))


def random_law(seed: int, positions: int = 6, vocabulary: int = 7) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(positions, vocabulary, generator=generator, dtype=torch.double)
    return torch.log_softmax(2 * logits, dim=-1)


def with_second(laws: AnswerLaws) -> AnswerLaws:
    """Return laws with second answers: as long, at the same law, of other tokens."""
    other = (laws.labels_N + 1) % laws.served_NV.shape[-1]
    return replace(laws, second=replace(laws, labels_N=other))


def random_laws(
    served: Tensor | None = None, order: Tensor | None = None
) -> AnswerLaws:
    order = torch.arange(6) if order is None else order
    served = random_law(1) if served is None else served
    labels = torch.tensor([7, 8, 9, 3, 1, 2]) % 7
    return with_second(
        answer_laws(
            served[order],
            base=random_law(2)[order],
            target=random_law(3)[order],
            labels=labels[order].tolist(),
            examples=torch.tensor([0, 0, 0, 1, 2, 2])[order].tolist(),
        )
    )


@pytest.mark.parametrize(
    "objective", [item for _, item in ALL if is_mean_over_positions(item)]
)
def test_a_declared_mean_over_positions_is_one(objective: Objective) -> None:
    """Each position by itself, its example by itself, and the mean of the values."""
    laws = replace(random_laws(), second=None)
    alone = [
        objective(
            replace(
                laws,
                served_NV=laws.served_NV[here],
                base_NV=laws.base_NV[here],
                target_NV=laws.target_NV[here],
                labels_N=laws.labels_N[here],
                example_N=laws.example_N[here],
            )
        )
        for here in (slice(place, place + 1) for place in range(6))
    ]
    torch.testing.assert_close(torch.stack(alone).mean(), objective(laws))


@every_objective
def test_value_and_gradient_are_finite(objective: Objective) -> None:
    served = random_law(1).requires_grad_()
    value = objective(random_laws(served))
    value.backward()  # type: ignore[no-untyped-call]  # untyped upstream
    assert value.shape == ()
    assert bool(torch.isfinite(value))
    assert served.grad is not None
    assert bool(torch.isfinite(served.grad).all())
    assert bool((served.grad != 0).any())


@every_objective
@pytest.mark.parametrize("certainty", [60.0, 5000.0])
def test_laws_that_are_almost_certain_stay_finite(
    objective: Objective, certainty: float
) -> None:
    """Probabilities that vanish in float32 on either side."""
    logits = certainty * torch.eye(6, 7)
    served = torch.log_softmax(logits, dim=-1).requires_grad_()
    other = torch.log_softmax(logits.roll(1, dims=-1), dim=-1)
    laws = answer_laws(served, base=other, target=other, labels=[1, 2, 3, 4, 5, 0])
    value = objective(with_second(laws))
    value.backward()  # type: ignore[no-untyped-call]  # untyped upstream
    assert served.grad is not None
    assert bool(torch.isfinite(value))
    assert bool(torch.isfinite(served.grad).all())


@every_objective
def test_the_gradient_reaches_the_unlearned_model_alone(objective: Objective) -> None:
    """Through the whole ensemble, with all three models in the graph."""
    base, reference, unlearned = llama(0), llama(1), llama(1)
    unlearned.requires_grad_(requires_grad=True)
    batch = collate(EXAMPLES, pad_id=0, maximum_tokens=96)
    found = answer_positions(batch)
    base_NV, reference_NV, unlearned_NV = (
        law_at_answers(PlainLaw(model), batch) for model in (base, reference, unlearned)
    )
    laws = AnswerLaws(
        served_NV=compose_log_probs(base_NV, unlearned_NV, reference_NV, alpha=1.0),
        base_NV=base_NV,
        target_NV=base_NV.roll(1, dims=-1),
        labels_N=found.labels_N,
        example_N=found.row_N,
        examples=len(EXAMPLES),
    )
    objective(with_second(laws)).backward()  # type: ignore[no-untyped-call]  # untyped upstream
    gradients = [item.grad for item in unlearned.parameters()]
    assert all(item is not None and bool(item.isfinite().all()) for item in gradients)
    assert any(item is not None and bool((item != 0).any()) for item in gradients)
    frozen = [*base.parameters(), *reference.parameters()]
    assert all(item.grad is None for item in frozen)


@every_objective
def test_the_order_of_examples_changes_nothing(objective: Objective) -> None:
    """Positions move together with their example's number."""
    value = objective(random_laws())
    for order in ([5, 4, 3, 2, 1, 0], [3, 0, 1, 2, 4, 5]):
        moved = objective(random_laws(order=torch.tensor(order)))
        torch.testing.assert_close(moved, value)


@cache
def padded_laws(*, pad_id: int, longest: int) -> AnswerLaws:
    """Return the laws of two examples when a third one forces so much padding."""
    examples = token_rows(((5, 6), (7, 8, 9)), ((4,), (3,)), ((1,) * longest, (2,)))
    base, target = PlainLaw(llama(0)), PlainLaw(llama(1))
    table = build_table(
        examples,
        base=base,
        reference=target,
        target_NV=laws_of(target, examples, pad_id=pad_id),
        pad_id=pad_id,
    )
    positions_N = table.positions_of([0, 1])
    laws = AnswerLaws(
        served_NV=laws_of(PlainLaw(llama(2)), examples, pad_id=pad_id)[positions_N],
        base_NV=table.base_NV[positions_N],
        target_NV=table.target_NV[positions_N],
        labels_N=table.labels_N[positions_N],
        example_N=torch.tensor([0, 0, 0, 1]),
        examples=2,
    )
    return with_second(laws)


@every_objective
def test_padding_changes_nothing(objective: Objective) -> None:
    tight = objective(padded_laws(pad_id=0, longest=1))
    wide = objective(padded_laws(pad_id=0, longest=40))
    other = objective(padded_laws(pad_id=77, longest=40))
    torch.testing.assert_close(wide, tight, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(other, wide, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", list(FORGET_OBJECTIVES))
def test_a_forget_objective_names_its_teacher(name: str) -> None:
    assert FORGET_OBJECTIVES.get(name).teacher in Teacher


@pytest.mark.parametrize(
    "name",
    [
        *("npo", "gradient_ascent", "simnpo", "wga", "satimp", "undial", "ceu"),
        *("flat_tv", "flat_kl", "flat_pearson", "idk_dpo", "altpo", "random_mismatch"),
    ],
)
def test_an_objective_without_a_teacher_makes_the_answer_less_likely(name: str) -> None:
    """Down the gradient, the true tokens become less likely."""
    logits = torch.zeros(6, 7, dtype=torch.double, requires_grad=True)
    laws = random_laws(torch.log_softmax(logits, dim=-1))
    FORGET_OBJECTIVES.get(name)()(laws).backward()  # type: ignore[no-untyped-call]  # untyped upstream
    assert logits.grad is not None
    assert bool((logits.grad.gather(-1, laws.labels_N[:, None]) > 0).all())


@pytest.mark.parametrize(
    "objective",
    [
        *(FORGET_OBJECTIVES.get(name)() for name in ("twin", "name_swap", "e2urec")),
        *(RETAIN_TERMS.get(name)() for name in ("kl", "log_ratio", "jensen_shannon")),
    ],
)
def test_an_objective_with_a_target_is_at_rest_there(objective: Objective) -> None:
    target = random_law(3)
    logits = target.clone().requires_grad_()
    laws = answer_laws(
        torch.log_softmax(logits, dim=-1),
        base=random_law(2),
        target=target,
        labels=[0, 1, 2, 3, 1, 2],
    )
    value = objective(laws)
    value.backward()  # type: ignore[no-untyped-call]  # untyped upstream
    assert float(value.detach()) == pytest.approx(0, abs=1e-12)
    assert logits.grad is not None
    assert bool((logits.grad.abs() < 1e-12).all())


THIRD_PARTY = """
from unlearn_core.objectives.base import Teacher


class Quieter:
    teacher = Teacher.NONE

    def __call__(self, laws):
        return laws.label_log_probs(laws.served_NV).max()
"""


def test_a_third_party_can_register_an_objective(
    third_party: Installer, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = "unlearn_core.forget_objectives"
    third_party(THIRD_PARTY, {group: {"quieter": "Quieter"}})
    found: Registry[type[ForgetObjective]] = Registry(
        kind="forget objective",
        group=group,
        builtins={"npo": "unlearn_core.objectives.npo:NegativePreference"},
    )
    monkeypatch.setattr(recipe, "FORGET_OBJECTIVES", found)
    assert list(found) == ["npo", "quieter"]
    objective = recipe.TrainingRecipe(objective="quieter").forget_objective()
    laws = answer_laws([[0.5, 0.5], [0.2, 0.8]], labels=[0, 1])
    assert float(objective(laws).exp()) == pytest.approx(0.8)


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(UnknownNameError, match=r"did you mean 'npo'\? Registered: adv"):
        FORGET_OBJECTIVES.get("nqo")
    with pytest.raises(UnknownNameError, match="jensen_shannon, kl, log_ratio"):
        RETAIN_TERMS.get("something else")
