"""Log-probabilities of the served law, in the two shapes of the OpenAI API.

They are those of the law before temperature, top-p and bias, for generated tokens only.
What the base alone thinks is nowhere to be had: it would undo the offset.
"""

from collections.abc import Callable, Sequence
from typing import Any

from unlearn_core.modeling.tokens import TransformersTokenizer
from unlearn_core.serving.running_text import INCOMPLETE, PlacedToken

LOWEST = -9999.0
"""Stands for minus infinity, which JSON cannot say."""


def chat_logprobs(
    tokens: Sequence[PlacedToken], *, tokenizer: TransformersTokenizer
) -> dict[str, Any]:
    """Return the ``logprobs`` member of a choice of a chat completion."""

    def entry(token_id: int, log_prob: float) -> dict[str, Any]:
        label = tokenizer.label(token_id)
        text = tokenizer.decode([token_id])
        is_whole = bool(text) and INCOMPLETE not in text
        return {
            "token": label,
            "logprob": max(log_prob, LOWEST),
            "bytes": list(text.encode()) if is_whole else None,
        }

    return {
        "content": [
            entry(item.token.token_id, item.token.log_prob)
            | {"top_logprobs": [entry(*pair) for pair in item.token.likeliest]}
            for item in tokens
        ],
        "refusal": None,
    }


def text_logprobs(
    tokens: Sequence[PlacedToken], *, label: Callable[[int], str]
) -> dict[str, Any]:
    """Return the ``logprobs`` member of a choice of a text completion."""
    likeliest: list[dict[str, float]] = []
    for item in tokens:
        labels: dict[str, float] = {}
        for token_id, log_prob in item.token.likeliest:
            # Of two tokens with one text, the likelier is named.
            labels.setdefault(label(token_id), max(log_prob, LOWEST))
        likeliest.append(labels)
    return {
        "tokens": [label(item.token.token_id) for item in tokens],
        "token_logprobs": [max(item.token.log_prob, LOWEST) for item in tokens],
        "top_logprobs": likeliest if any(likeliest) else None,
        "text_offset": [item.start for item in tokens],
    }
