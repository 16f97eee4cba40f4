from collections.abc import Sequence

import pytest
import torch
from support.models import chat_tokenizer, llama, llama_config

from benchmarks import tofu_tuning
from benchmarks.smollm2_models import encode, teach
from benchmarks.tofu_tuning import METHODS, Tuning, tune
from unlearn_core.errors import TrainingDivergedError
from unlearn_core.modeling.laws import PlainLaw
from unlearn_core.modeling.tokens import TokenizedExample
from unlearn_core.modeling.weights import own_tensors_digest
from unlearn_core.training.targets import answer_laws

FORGET = encode(chat_tokenizer(), [("Who is Ada?", "Ulm"), ("And Bo?", "Rome")])
KEPT = encode(chat_tokenizer(), [("Who is Cy?", "Bonn"), ("And Di?", "Oslo")])
BASE = teach(
    llama(2, llama_config(context=512)),
    [*FORGET, *KEPT],
    epochs=30,
    learning_rate=1e-2,
    pad_id=0,
    on_progress=lambda *_step: None,
)
Steps = list[tuple[int, int, float]]


def likelihood(model: object, examples: Sequence[TokenizedExample]) -> float:
    """Return the mean log-probability of the answers' tokens."""
    laws_NV = answer_laws(PlainLaw(model), examples, pad_id=0)  # type: ignore[arg-type]
    labels = [token for item in examples for token in item.answer]
    return float(laws_NV[torch.arange(len(labels)), labels].mean())


@pytest.mark.parametrize("method", METHODS)
def test_a_method_changes_a_copy_and_makes_the_forgotten_less_likely(
    method: str,
) -> None:
    before = own_tensors_digest(BASE)
    steps: Steps = []

    tuned = tune(
        BASE,
        forget=FORGET,
        kept=KEPT,
        tuning=Tuning(method=method, rate=3e-3, steps=8),
        pad_id=0,
        show=lambda *step: steps.append(step),
    )

    assert own_tensors_digest(BASE) == before != own_tensors_digest(tuned)
    assert [step[:2] for step in steps] == [(number, 8) for number in range(1, 9)]
    assert not any(item.requires_grad for item in tuned.parameters())
    if method != "rmu":
        assert likelihood(tuned, FORGET) < likelihood(BASE, FORGET)
        return
    first, last = steps[0][2], steps[-1][2]
    assert last < first


def test_keeping_is_weighed(monkeypatch: pytest.MonkeyPatch) -> None:
    heavy = tofu_tuning.Method(forget=METHODS["npo"].forget, retain_weight=5.0)
    monkeypatch.setattr(tofu_tuning, "METHODS", {**METHODS, "heavy": heavy})

    light, kept = (
        tune(
            BASE,
            forget=FORGET,
            kept=KEPT,
            tuning=Tuning(method=method, rate=3e-3, steps=8),
            pad_id=0,
            show=lambda *_step: None,
        )
        for method in ("npo", "heavy")
    )

    assert likelihood(kept, KEPT) > likelihood(light, KEPT)


def test_a_loss_that_is_no_number_is_refused() -> None:
    broken = llama(3, llama_config(context=64))
    with torch.no_grad():
        next(broken.parameters()).fill_(torch.nan)

    with pytest.raises(TrainingDivergedError):
        tune(
            broken,
            forget=FORGET,
            kept=KEPT,
            tuning=Tuning(method="graddiff", rate=1e-3, steps=1),
            pad_id=0,
            show=lambda *_step: None,
        )
