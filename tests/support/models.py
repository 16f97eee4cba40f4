"""Language models that are small enough to be understood.

- `llama` and `chat_tokenizer` are real transformers models of a few thousand random
  weights with a byte-level tokenizer.
- `TableLaw` is a law of the next token written down as a function of the context, so
  that a test can say what the model knows.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor
from transformers import Cache, DynamicCache, LlamaConfig, PreTrainedModel

from unlearn_core.metrics.base import Floats
from unlearn_core.modeling.tokens import TokenizedExample, TransformersTokenizer
from unlearn_core.modeling.weights import frozen, new_model
from unlearn_core.smallworld.base_model import WorldRecipe, train_tokenizer
from unlearn_core.smallworld.corpus import Document

CPU = torch.device("cpu")
VOCABULARY = 272
CONTEXT = 96
_TEXTS = ("What is the city of Ada Example?", "Tell me the phone of Ada.", "Ulm")


@lru_cache(maxsize=1)
def chat_tokenizer() -> TransformersTokenizer:
    """Return a byte-level tokenizer with the small world's chat template."""
    trained = train_tokenizer(
        [Document(question="", text=text) for text in _TEXTS],
        recipe=WorldRecipe(vocabulary=VOCABULARY),
    )
    return TransformersTokenizer(trained)


def llama_config(
    *,
    vocabulary: int = VOCABULARY,
    width: int = 8,
    context: int = CONTEXT,
    tied: bool = False,
    dropout: float = 0.0,
) -> LlamaConfig:
    """Return the configuration of a two-layer Llama."""
    return LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=width,
        intermediate_size=2 * width,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=context,
        tie_word_embeddings=tied,
        attention_dropout=dropout,
        initializer_range=0.5,
        bos_token_id=None,
        eos_token_id=None,
    )


def llama(seed: int = 0, config: LlamaConfig | None = None) -> PreTrainedModel:
    """Return a frozen random Llama; the same seed gives the same weights."""
    torch.manual_seed(seed)
    return frozen(new_model(config or llama_config(), device=CPU))


def token_rows(*rows: tuple[Sequence[int], Sequence[int]]) -> list[TokenizedExample]:
    """Return examples from pairs of prompt ids and answer ids."""
    return [
        TokenizedExample(prompt=tuple(prompt), answer=tuple(answer))
        for prompt, answer in rows
    ]


class _History(DynamicCache):
    """A cache that remembers token ids instead of keys and values."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[tuple[int, ...]] = []

    def batch_repeat_interleave(self, repeats: int) -> None:
        self.rows = [row for row in self.rows for _ in range(repeats)]

    def batch_select_indices(self, indices: Tensor) -> None:
        self.rows = [self.rows[index] for index in indices.tolist()]


Table = Callable[[tuple[int, ...]], Sequence[float] | Floats]
"""Log-probabilities of the next token, given every token before it."""


class TableLaw:
    """A `NextTokenLaw` given by a function of the context; padding never reaches it."""

    def __init__(self, table: Table, *, maximum_tokens: int = 64) -> None:
        self._table = table
        self.maximum_tokens = maximum_tokens
        self.device = CPU

    def new_caches(self) -> tuple[Cache, ...]:
        """Return one empty history."""
        return (_History(),)

    def __call__(
        self,
        input_ids_BT: Tensor,
        *,
        attention_mask_BS: Tensor,
        position_ids_BT: Tensor | None = None,
        caches: tuple[Cache, ...] | None = None,
        first: int = 0,
    ) -> Tensor:
        """Look the law up at every position."""
        del position_ids_BT
        history = caches[0] if caches else _History()
        assert isinstance(history, _History)
        ids, width = input_ids_BT.tolist(), input_ids_BT.shape[1]
        mask = attention_mask_BS[:, -width:].tolist()
        rows = history.rows or [()] * len(ids)
        laws: list[list[Sequence[float] | Floats]] = []
        history.rows = []
        for context, new, is_token in zip(rows, ids, mask, strict=True):
            contexts = []
            for token, is_real in zip(new, is_token, strict=True):
                context = (*context, token) if is_real else context  # noqa: PLW2901
                contexts.append(context)
            wanted = contexts[first:]
            laws.append([self._table(item) for item in wanted])
            history.rows.append(context)
        return torch.from_numpy(np.array(laws, dtype=np.float32))


def constant_law(*probabilities: float, maximum_tokens: int = 64) -> TableLaw:
    """Return a law that does not look at the context."""
    row = torch.tensor(probabilities).log().tolist()
    return TableLaw(lambda _context: row, maximum_tokens=maximum_tokens)
