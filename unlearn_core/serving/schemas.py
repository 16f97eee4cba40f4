"""Requests and answers in the shape of the OpenAI API.

Unknown fields are refused instead of ignored, and so are fields that an offset cannot
honour: a parameter that silently does nothing would be a lie about the answer.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

MAXIMUM_TOKENS = 256
MAXIMUM_PROMPT_CHARACTERS = 20_000

_REQUEST = ConfigDict(extra="forbid", frozen=True)


class _Sampled(BaseModel):
    """Fields that both kinds of completion share."""

    model_config = _REQUEST

    model: str
    max_tokens: Annotated[int, Field(ge=1, le=MAXIMUM_TOKENS)] = 64
    temperature: Annotated[float, Field(ge=0, le=2)] = 1.0
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    n: Literal[1] = 1
    seed: int | None = None
    stream: bool = False
    user: Annotated[str, Field(max_length=200)] | None = None


class CompletionRequest(_Sampled):
    """``POST /v1/completions``."""

    prompt: Annotated[str, Field(min_length=1, max_length=MAXIMUM_PROMPT_CHARACTERS)]


class ChatMessage(BaseModel):
    """One message of a conversation."""

    model_config = _REQUEST

    role: Literal["system", "user", "assistant"]
    content: Annotated[str, Field(max_length=MAXIMUM_PROMPT_CHARACTERS)]


class ChatCompletionRequest(_Sampled):
    """``POST /v1/chat/completions``."""

    messages: Annotated[list[ChatMessage], Field(min_length=1, max_length=64)]
    max_completion_tokens: Annotated[int, Field(ge=1, le=MAXIMUM_TOKENS)] | None = None


FIELD_NAMES: frozenset[str] = frozenset(
    {
        *CompletionRequest.model_fields,
        *ChatCompletionRequest.model_fields,
        *ChatMessage.model_fields,
        # Parts of the OpenAI API that are refused, so that a refusal can name them.
        *("audio", "best_of", "echo", "frequency_penalty", "function_call"),
        *("functions", "logit_bias", "logprobs", "metadata", "modalities"),
        *("parallel_tool_calls", "prediction", "presence_penalty"),
        *("reasoning_effort", "response_format", "service_tier", "stop", "store"),
        *("stream_options", "suffix", "tool_choice", "tools", "top_logprobs"),
    }
)
"""Field names that an answer about a malformed request may repeat."""


class OffsetStamp(BaseModel):
    """Which version of the offset answered."""

    version: str
    sequence: int
    manifest: str


class Usage(BaseModel):
    """Token counts, by the base model's tokenizer."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class ReplicaStateAnswer(BaseModel):
    """``GET /state``: what this replica says of itself."""

    replica: str
    is_ready: bool
    sequence: int
    version: str
    oldest_in_flight: int | None
    in_flight: int
    last_error: str
