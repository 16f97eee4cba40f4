"""Several laws asked the same: a model that more than one is made of runs once.

Legend: B batch rows, T new tokens, S cached and new tokens, N answer positions,
P models, V vocabulary.

The base, the served law and most attacks on a pair are made of the same three models.
`Together` runs each model once and makes every law out of what they said, by the very
arithmetic that the law itself uses. `greedy_together` goes further: as long as two laws
continue a prompt with the same tokens, they also share the models' next pass.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor
from transformers import Cache

from unlearn_core.modeling.generation import Decoder, Tick
from unlearn_core.modeling.laws import ComposedLaw, NextTokenLaw, PlainLaw

MEMORY_BYTES = 2**30
FLOAT_BYTES = 4
LAWS_AT_A_TIME = 4
"""Laws of a row that are there together: said, stacked, composed, and the next."""


def parts_of(law: NextTokenLaw) -> tuple[NextTokenLaw, ...]:
    """Return the laws that a law is made of; itself if it is made of none."""
    return law.parts if isinstance(law, ComposedLaw) else (law,)


class Together:
    """The models behind several laws, asked as one `NextTokenLaw` would be.

    Args:
        laws: The laws.

    Attributes:
        models: Every law that they are made of, once.
        device: Where token ids are expected.
        maximum_tokens: Length of the shortest context.
    """

    def __init__(self, laws: Sequence[NextTokenLaw]) -> None:
        self._laws = tuple(laws)
        self.models = tuple(
            dict.fromkeys(part for law in laws for part in parts_of(law))
        )
        self._places = [
            [self.models.index(part) for part in parts_of(law)] for law in laws
        ]
        self.device = self.models[0].device
        self.maximum_tokens = min(model.maximum_tokens for model in self.models)

    def new_caches(self) -> tuple[Cache, ...]:
        """Return empty caches of all models."""
        return tuple(cache for model in self.models for cache in model.new_caches())

    def __call__(
        self,
        input_ids_BT: Tensor,
        *,
        attention_mask_BS: Tensor,
        position_ids_BT: Tensor | None = None,
        caches: tuple[Cache, ...] | None = None,
        first: int = 0,
    ) -> Tensor:
        """Return what every model says, ``[B, T - first, P, V]``."""
        remaining = list(caches or ())
        said = []
        for model in self.models:
            count = len(model.new_caches()) if caches else 0
            own, remaining = tuple(remaining[:count]), remaining[count:]
            found_BTV = model(
                input_ids_BT,
                attention_mask_BS=attention_mask_BS,
                position_ids_BT=position_ids_BT,
                caches=own or None,
                first=first,
            )
            said.append(found_BTV.to(self.device))
        return torch.stack(said, dim=-2)

    def row_bytes(self, prompt: int, answer: int) -> int:
        """Return about how many bytes a row takes, by tokens of prompt and answer."""
        tokens = prompt + answer
        rows = (row_bytes(law, prompt=prompt, tokens=tokens) for law in self.models)
        return sum(rows)

    def law(self, number: int, said: Sequence[Tensor]) -> Tensor:
        """Make one law, ``[..., V]``, out of what each of the models said."""
        law = self._laws[number]
        own = [said[place] for place in self._places[number]]
        return law.compose(own) if isinstance(law, ComposedLaw) else own[0]


class DerivedLaw(ABC):
    """A law that is made, by a rule, of what other laws say: a `ComposedLaw`.

    Args:
        *laws: The laws.
    """

    def __init__(self, *laws: NextTokenLaw) -> None:
        self._together = Together(laws)
        self._count = len(laws)
        self.parts = self._together.models
        self.device = self._together.device
        self.maximum_tokens = self._together.maximum_tokens

    @abstractmethod
    def derive(self, laws: Sequence[Tensor]) -> Tensor:
        """Return log-probabilities ``[..., V]``, given those of the laws."""

    def compose(self, log_probs: Sequence[Tensor]) -> Tensor:
        """Return the law, given what the parts of the laws say."""
        return self.derive(
            [self._together.law(number, log_probs) for number in range(self._count)]
        )

    def new_caches(self) -> tuple[Cache, ...]:
        """Return empty caches of all parts."""
        return self._together.new_caches()

    def __call__(
        self,
        input_ids_BT: Tensor,
        *,
        attention_mask_BS: Tensor,
        position_ids_BT: Tensor | None = None,
        caches: tuple[Cache, ...] | None = None,
        first: int = 0,
    ) -> Tensor:
        """Return log-probabilities; see `NextTokenLaw`."""
        said_BTPV = self._together(
            input_ids_BT,
            attention_mask_BS=attention_mask_BS,
            position_ids_BT=position_ids_BT,
            caches=caches,
            first=first,
        )
        return self.compose(said_BTPV.unbind(dim=-2))


def row_bytes(law: NextTokenLaw, *, prompt: int, tokens: int) -> int:
    """Return about how much memory a row of a model's batch takes, in bytes.

    Cache, laws, and what the widest layer computes of the prompt, its scores of
    attention included. A law that is no model of ours takes what it takes elsewhere.

    Args:
        law: The law.
        prompt: Tokens of the prompt.
        tokens: Tokens of prompt and answer.
    """
    if not isinstance(law, PlainLaw):
        return 0
    config = law.model.config.get_text_config()
    heads = config.num_attention_heads
    width = getattr(config, "head_dim", None) or config.hidden_size // heads
    kept = 2 * (getattr(config, "num_key_value_heads", None) or heads) * width
    inner = getattr(config, "intermediate_size", None) or 4 * config.hidden_size
    layer = prompt * (4 * config.hidden_size + 3 * inner + heads * prompt)
    laws = LAWS_AT_A_TIME * config.vocab_size
    cache = tokens * kept * config.num_hidden_layers * law.model.dtype.itemsize
    return int(cache + FLOAT_BYTES * (layer + laws))


def greedy_together(
    laws: Sequence[NextTokenLaw],
    prompts: Sequence[Sequence[int]],
    *,
    maximum_tokens: int,
    end_id: int,
    pad_id: int,
    rows_at_once: int = 256,
    memory_bytes: int = MEMORY_BYTES,
    tick: Tick = lambda _answers: None,
) -> list[list[list[int]]]:
    """Continue every prompt by the most likely tokens, under each of several laws.

    Args:
        laws: The laws.
        prompts: Token ids, one sequence per prompt.
        maximum_tokens: Most tokens to generate.
        end_id: The id that ends an answer; it is not returned.
        pad_id: Id that fills up short prompts.
        rows_at_once: About how many different continuations to run in one batch.
        memory_bytes: About how much memory a batch may take beside the weights; a
            single prompt may take more.
        tick: Called with the number of answers that were finished.

    Returns:
        For every law its answers, in the order of the prompts.
    """
    together = Together(laws)
    answers: list[list[list[int]]] = [[[] for _ in prompts] for _ in laws]
    # Prompts of like length stand together, so that few rows are padded much.
    order = sorted(range(len(prompts)), key=lambda place: len(prompts[place]))
    for places in _in_batches(
        order,
        lengths=[len(prompt) for prompt in prompts],
        most=max(1, 2 * rows_at_once // (len(laws) + 1)),
        # All laws may part at the first token.
        bytes_of=lambda prompt: len(laws) * together.row_bytes(prompt, maximum_tokens),
        memory_bytes=memory_bytes,
    ):
        decoder = Decoder(together, [prompts[item] for item in places], pad_id=pad_id)
        found = _walk(
            decoder, together, laws=len(laws), steps=maximum_tokens, end_id=end_id
        )
        for law, own in enumerate(found):
            for place, answer in zip(places, own, strict=True):
                answers[law][place] = answer
        tick(len(laws) * len(places))
    return answers


def _in_batches(
    order: Sequence[int],
    *,
    lengths: Sequence[int],
    most: int,
    bytes_of: Callable[[int], int],
    memory_bytes: int,
) -> Iterator[list[int]]:
    """Cut prompts, the shortest first, by number and by the memory that they take."""
    batch: list[int] = []
    for place in order:
        # The longest comes last, and all are padded to its length.
        needed = (len(batch) + 1) * bytes_of(lengths[place])
        if batch and (len(batch) == most or needed > memory_bytes):
            yield batch
            batch = []
        batch.append(place)
    if batch:
        yield batch


def _walk(
    decoder: Decoder, together: Together, *, laws: int, steps: int, end_id: int
) -> list[list[list[int]]]:
    """Walk down the tree of continuations; each of its nodes is a row of the batch."""
    prompts = range(len(decoder.log_probs_BV))
    answers: list[list[list[int]]] = [[[] for _ in prompts] for _ in range(laws)]
    standing = [{prompt: prompt for prompt in prompts} for _ in range(laws)]
    for remaining in reversed(range(steps)):
        children: dict[tuple[int, int], int] = {}
        for law, places in enumerate(standing):
            nodes = list(places.values())
            said_NPV = decoder.log_probs_BV[nodes]
            law_NV = together.law(law, said_NPV.unbind(dim=-2))
            tokens = law_NV.argmax(dim=-1).tolist()
            standing[law] = {}
            for prompt, node, token in zip(places, nodes, tokens, strict=True):
                if token != end_id:
                    answers[law][prompt].append(token)
                    child = children.setdefault((node, token), len(children))
                    standing[law][prompt] = child
        if not children or not remaining:
            break
        parents, chosen = zip(*children, strict=True)
        if parents != tuple(range(len(decoder.log_probs_BV))):
            decoder.keep(torch.tensor(parents, device=together.device))
        decoder.advance(torch.tensor(chosen, device=together.device))
    return answers
