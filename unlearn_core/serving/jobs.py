"""One answer to be generated, and what is handed out while it is."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from unlearn_core.modeling.generation import Sampling
from unlearn_core.modeling.rows import ServableLaw


class FinishReason(StrEnum):
    """Why an answer ended."""

    STOP = "stop"
    LENGTH = "length"
    CANCELLED = "cancelled"
    RECALLED = "recalled"
    BOUND = "bound"
    UNAVAILABLE = "unavailable"
    MISMATCH = "mismatch"
    ERROR = "error"
    WITHHELD = "content_filter"


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """One generated token.

    Attributes:
        token_id: Its id.
        log_prob: Its log-probability under the served law, before temperature, top-p
            and bias.
        likeliest: The likeliest tokens of that law with their log-probabilities.
    """

    token_id: int
    log_prob: float
    likeliest: Sequence[tuple[int, float]] = ()


Event = Token | FinishReason


@dataclass(slots=True, kw_only=True, eq=False)
class Job:
    """One answer to be generated.

    Attributes:
        law: The law that the request has pinned.
        prompt: Token ids.
        sampling: How tokens are chosen.
        end_id: The id that ends the answer.
        seed: Seed of the random choices.
        emit: Receives tokens, then one `FinishReason`; called from the engine's
            thread.
        bias: What is added to the log-probabilities of single tokens before choosing.
        likeliest: How many of the likeliest tokens are handed out with each token.
        is_cancelled: Set by the requester to stop early.
        recalled: Set when the version may not go on answering.
    """

    law: ServableLaw
    prompt: list[int]
    sampling: Sampling
    end_id: int
    seed: int
    emit: Callable[[Event], None]
    bias: Mapping[int, float] = field(default_factory=dict)
    likeliest: int = 0
    is_cancelled: threading.Event = field(default_factory=threading.Event)
    recalled: threading.Event = field(default_factory=threading.Event)
