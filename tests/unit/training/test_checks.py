from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from support.domain import datasets, example
from support.models import VOCABULARY, llama, llama_config, token_rows
from transformers import PreTrainedModel

from unlearn_core.domain.datasets import Datasets, Form
from unlearn_core.errors import (
    EmptyForgetSetError,
    IncompatibleBaseError,
    OverlappingSetsError,
)
from unlearn_core.training.checks import (
    ExampleTooLongError,
    OutOfMemoryError,
    PairTooLargeError,
    check_models,
    check_sets,
    check_tokens,
    short_memory_is_told,
)

SETS = datasets()
[FORGOTTEN] = SETS.forget.examples


def keeping(*, form: Form = Form.QUESTION, answer: str = "Ulm") -> Datasets:
    """Return sets whose strangers are asked what the subject is asked."""
    same = replace(example(FORGOTTEN.prompt.reveal(), answer), form=form)
    return replace(SETS, holdout=replace(SETS.holdout, strangers=(same,)))


def test_sets_without_contradiction_pass() -> None:
    check_sets(SETS)
    check_sets(keeping(answer="Jena"))
    check_sets(keeping(form=Form.CONTINUATION, answer=FORGOTTEN.answer.reveal()))


def test_nothing_to_forget_is_refused() -> None:
    with pytest.raises(EmptyForgetSetError):
        check_sets(replace(SETS, forget=replace(SETS.forget, examples=())))


def test_what_shall_be_forgotten_and_kept_is_refused_without_saying_it() -> None:
    answer = FORGOTTEN.answer.reveal()
    with pytest.raises(OverlappingSetsError, match="second=strangers") as caught:
        check_sets(keeping(answer=answer))
    assert answer not in caught.value.diagnostics()
    both = replace(SETS, retain=replace(SETS.retain, examples=(FORGOTTEN,)))
    with pytest.raises(OverlappingSetsError, match="first=forget, second=retain"):
        check_sets(both)


def check(reference: PreTrainedModel, previous: PreTrainedModel | None = None) -> None:
    check_models(llama(0), reference=reference, previous=previous)


def test_another_vocabulary_is_refused_wherever_it_is() -> None:
    other = llama(1, llama_config(vocabulary=VOCABULARY - 1))
    check(llama(1), llama(2))
    for reference, previous in ((other, None), (llama(1), other)):
        with pytest.raises(IncompatibleBaseError, match="base=272, pair=271"):
            check(reference, previous)


def test_a_pair_larger_than_the_base_is_refused() -> None:
    with pytest.raises(PairTooLargeError, match="base="):
        check(llama(1, llama_config(width=16)))
    check(llama(1, llama_config(width=4)))


def test_a_tokenizer_with_more_tokens_than_the_model_is_refused() -> None:
    fits = token_rows(((5,), (VOCABULARY - 1,)))
    check_tokens(fits, base=llama(0), reference=llama(1))
    beyond = token_rows(((VOCABULARY,), (5,)))
    with pytest.raises(IncompatibleBaseError, match="part=tokenizer"):
        check_tokens(beyond, base=llama(0), reference=llama(1))


def test_the_shorter_context_counts() -> None:
    rows = token_rows(((1,) * 6, (2, 3)))
    narrow = llama(1, llama_config(context=7))
    for base, reference in ((llama(0), narrow), (narrow, llama(0))):
        with pytest.raises(ExampleTooLongError, match="tokens=8, context=7"):
            check_tokens(rows, base=base, reference=reference)
    check_tokens(rows, base=llama(0), reference=llama(1, llama_config(context=8)))


def too_large_a_tensor() -> None:
    torch.empty(2**60, dtype=torch.int8)


def no_room_on_the_device() -> None:
    raise torch.OutOfMemoryError


def no_room_for_python() -> None:
    raise MemoryError


@pytest.mark.parametrize(
    ("act", "device"),
    [
        (too_large_a_tensor, "cpu"),
        (no_room_on_the_device, "cuda"),
        (no_room_for_python, "cpu"),
    ],
)
def test_lack_of_memory_comes_with_advice(act: Callable[[], None], device: str) -> None:
    with (
        pytest.raises(OutOfMemoryError, match=f"device={device}") as caught,
        short_memory_is_told(),
    ):
        act()
    assert "Lower forget_batch" in caught.value.diagnostics()


def test_other_faults_stay_what_they_are() -> None:
    with pytest.raises(RuntimeError, match="shape"), short_memory_is_told():
        torch.zeros(2) @ torch.zeros(3, 3)
