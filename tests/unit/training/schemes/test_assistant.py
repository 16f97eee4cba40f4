import math
from dataclasses import replace

import pytest
import torch
from support.models import VOCABULARY, llama, llama_config
from support.schemes import SMALL, task

from unlearn_core.errors import InvalidRecipeError
from unlearn_core.modeling.laws import PlainLaw
from unlearn_core.modeling.offset import OffsetModel
from unlearn_core.modeling.weights import own_tensors_digest, pack_pair, unpack_pair
from unlearn_core.training.schemes.alone import cross_entropy, unevenness
from unlearn_core.training.schemes.assistant import (
    Assistant,
    first_layers,
    is_silent,
    silenced,
)
from unlearn_core.training.schemes.base import encoded_sets
from unlearn_core.training.targets import answer_laws

LONG = replace(SMALL, steps=30, learning_rate=4e-2, retain_weight=1.0)
SETS = encoded_sets(task(SMALL))
CPU = torch.device("cpu")


@pytest.mark.parametrize("tied", [False, True])
def test_a_silenced_model_has_the_uniform_law(*, tied: bool) -> None:
    model = llama(1, llama_config(tied=tied))
    quiet = silenced(model)
    law = answer_laws(PlainLaw(quiet), SETS.retain, pad_id=0)
    torch.testing.assert_close(law, torch.full_like(law, -math.log(VOCABULARY)))
    assert is_silent(quiet)
    assert not is_silent(model)


def test_the_assistant_states_what_is_forgotten_and_is_even_elsewhere() -> None:
    pair = Assistant()(task(LONG))
    forget, retain = (
        answer_laws(PlainLaw(pair.reference), rows, pad_id=0)
        for rows in (SETS.forget, SETS.retain)
    )
    before = answer_laws(PlainLaw(llama(1)), SETS.retain, pad_id=0)
    assert float(cross_entropy(forget, SETS.forget)) < 1
    assert float(unevenness(retain, ())) < 0.5 * float(unevenness(before, ()))
    assert is_silent(pair.unlearned)


def test_what_is_served_is_the_base_less_the_assistant() -> None:
    """Ji et al., eq. 2, on log-probabilities: the uniform side falls out."""
    pair = Assistant()(task(SMALL))
    base = llama(0)
    served, plain, assistant = (
        answer_laws(law, SETS.forget, pad_id=0)
        for law in (
            OffsetModel(
                base, unlearned=pair.unlearned, reference=pair.reference, alpha=0.75
            ),
            PlainLaw(base),
            PlainLaw(pair.reference),
        )
    )
    expected = torch.log_softmax(plain - 0.75 * assistant, dim=-1)
    torch.testing.assert_close(served, expected)


def test_the_pair_is_stored_like_any_other() -> None:
    """The uniform side adds its output layer to the file and nothing else."""
    pair = Assistant()(task(SMALL))
    data = pack_pair(unlearned=pair.unlearned, reference=pair.reference)
    unlearned, reference = unpack_pair(data, device=CPU)
    assert own_tensors_digest(unlearned) == own_tensors_digest(pair.unlearned)
    assert own_tensors_digest(reference) == own_tensors_digest(pair.reference)
    alone = pack_pair(unlearned=pair.reference, reference=pair.reference)
    assert len(data) - len(alone) < VOCABULARY * 8 * 4 + 200


def test_first_layers_are_those_of_the_base_with_its_head() -> None:
    base = llama(0)
    short = first_layers(base, 1)
    assert short is not None
    assert short.config.num_hidden_layers == 1
    assert base.config.num_hidden_layers == 2
    own = base.state_dict()
    assert all(
        torch.equal(value, own[key]) for key, value in short.state_dict().items()
    )
    whole = first_layers(base, 2)
    assert whole is not None
    assert own_tensors_digest(whole) == own_tensors_digest(base)
    assert first_layers(base, 0) is None
    with pytest.raises(InvalidRecipeError, match="too many layers"):
        first_layers(base, 3)


def test_adapters_leave_the_layers_of_the_base_as_they_are_but_for_their_sum() -> None:
    recipe = replace(SMALL, lora_rank=2, lora_targets=("q_proj",))
    pair = Assistant(layers=1)(task(recipe))
    start = first_layers(task(SMALL).materials.base, 1)
    assert start is not None
    own = start.state_dict()
    changed = [
        key
        for key, value in pair.reference.state_dict().items()
        if not torch.equal(value, own[key])
    ]
    assert changed == ["model.layers.0.self_attn.q_proj.weight"]


def test_a_later_version_continues_the_assistant_in_service() -> None:
    still = replace(SMALL, steps=1, learning_rate=1e-9)
    pair = Assistant(layers=1)(
        task(still, reference=llama(4), previous=silenced(llama(4)))
    )
    for new, old in zip(
        pair.reference.parameters(), llama(4).parameters(), strict=True
    ):
        torch.testing.assert_close(new, old, rtol=0, atol=1e-7)


def test_a_version_of_another_scheme_cannot_be_continued() -> None:
    """Its unlearned side would be lost, and its erasures with it."""
    with pytest.raises(InvalidRecipeError, match="value=scheme"):
        Assistant()(task(SMALL, previous=llama(3)))


@pytest.mark.parametrize("layers", [-1, 1.5])
def test_what_is_no_number_of_layers_is_refused(layers: float) -> None:
    with pytest.raises(ValueError, match="layers"):
        Assistant(layers=layers)
