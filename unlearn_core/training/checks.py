"""What training refuses before it spends time, and what it says without memory."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from transformers import PreTrainedModel

from unlearn_core.domain.datasets import Datasets
from unlearn_core.errors import (
    DependencyError,
    EmptyForgetSetError,
    IncompatibleBaseError,
    OverlappingSetsError,
    PolicyError,
)
from unlearn_core.modeling.tokens import TokenizedExample


class ExampleTooLongError(PolicyError):
    """A training example is longer than the context of a model."""

    code = "example_too_long"
    summary = "a training example does not fit into a model's context"
    next_step = (
        "Split the text in its source, or use models with a context of as many tokens."
    )


class PairTooLargeError(PolicyError):
    """The small model is larger than the base."""

    code = "pair_too_large"
    summary = "the reference has more parameters than the base model"
    next_step = "Choose a reference that is smaller than the base, or swap the two."


class OutOfMemoryError(DependencyError):
    """A device has too little memory for caching laws or for a training step."""

    code = "out_of_memory"
    summary = "training ran out of memory"
    next_step = (
        "Lower forget_batch, retain_batch and stranger_batch of the recipe, set its "
        "precision to bfloat16, or use a device with more memory."
    )


def check_sets(datasets: Datasets) -> None:
    """Refuse sets that training cannot obey.

    Raises:
        EmptyForgetSetError: There is nothing to forget.
        OverlappingSetsError: The same answer to the same prompt shall be both
            forgotten and kept.
    """
    if not datasets.forget.examples:
        raise EmptyForgetSetError
    forgotten = {
        (item.form, item.prompt, item.answer) for item in datasets.forget.examples
    }
    kept = {
        "retain": datasets.retain.examples,
        "strangers": datasets.holdout.strangers,
    }
    for name, examples in kept.items():
        if any((item.form, item.prompt, item.answer) in forgotten for item in examples):
            raise OverlappingSetsError(first="forget", second=name)


def check_models(
    base: PreTrainedModel,
    *,
    reference: PreTrainedModel,
    previous: PreTrainedModel | None,
) -> None:
    """Refuse models that make no ensemble, or a wasteful one.

    Raises:
        IncompatibleBaseError: The vocabularies have different sizes.
        PairTooLargeError: The reference is larger than the base.
    """
    small = (reference,) if previous is None else (reference, previous)
    for model in small:
        if model.config.vocab_size != base.config.vocab_size:
            raise IncompatibleBaseError(
                part="vocabulary",
                base=base.config.vocab_size,
                pair=model.config.vocab_size,
            )
    sizes = {"base": base.num_parameters(), "reference": reference.num_parameters()}
    if sizes["reference"] > sizes["base"]:
        raise PairTooLargeError(**sizes)


def check_tokens(
    examples: Sequence[TokenizedExample],
    *,
    base: PreTrainedModel,
    reference: PreTrainedModel,
) -> None:
    """Refuse token ids or lengths that a model does not have.

    Raises:
        IncompatibleBaseError: The tokenizer has more tokens than the vocabulary.
        ExampleTooLongError: An example exceeds the shorter context.
    """
    context = min(
        int(model.config.max_position_embeddings) for model in (base, reference)
    )
    for item in examples:
        if max(item.prompt + item.answer) >= base.config.vocab_size:
            raise IncompatibleBaseError(part="tokenizer")
        if len(item) > context:
            raise ExampleTooLongError(tokens=len(item), context=context)


@contextmanager
def short_memory_is_told() -> Iterator[None]:
    """Turn what libraries raise for lack of memory into our own error.

    Raises:
        OutOfMemoryError: There is too little memory on a device or on the machine.
    """
    try:
        yield
    except MemoryError:
        raise OutOfMemoryError(device="cpu") from None
    except RuntimeError as error:
        if isinstance(error, torch.OutOfMemoryError):
            raise OutOfMemoryError(device="cuda") from None
        # The allocator of the CPU has no class of its own.
        if "DefaultCPUAllocator" in str(error):
            raise OutOfMemoryError(device="cpu") from None
        raise
