"""Requests and answers in the shape of the OpenAI API.

Unknown fields are refused instead of ignored, and so are fields that an offset cannot
honour: a parameter that silently does nothing would be a lie about the answer. A field
of the latter kind is accepted with the value that asks for nothing, because clients
send their defaults.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

MAXIMUM_TOKENS = 256
MAXIMUM_PROMPT_CHARACTERS = 20_000
MAXIMUM_PROMPTS = 64
MAXIMUM_CHOICES = 8
MAXIMUM_LOGPROBS = 5
"""Most alternatives that are told with a token, unless the settings admit more."""

_REQUEST = ConfigDict(extra="forbid", frozen=True)

_StopText = Annotated[str, Field(min_length=1, max_length=64)]
_TokenId = Annotated[int, Field(ge=0)]
_Bias = Annotated[float, Field(ge=-100, le=100)]
_Text = Annotated[str, Field(min_length=1, max_length=MAXIMUM_PROMPT_CHARACTERS)]
_Ids = Annotated[
    list[_TokenId], Field(min_length=1, max_length=MAXIMUM_PROMPT_CHARACTERS)
]
_Texts = Annotated[list[_Text], Field(min_length=1, max_length=MAXIMUM_PROMPTS)]
_IdLists = Annotated[list[_Ids], Field(min_length=1, max_length=MAXIMUM_PROMPTS)]
_Zero = Annotated[float, Field(ge=0, le=0)]


class StreamOptions(BaseModel):
    """What a stream holds besides the answer."""

    model_config = _REQUEST

    include_usage: bool = False


class _Sampled(BaseModel):
    """Fields that both kinds of completion share."""

    model_config = _REQUEST

    model: str
    max_tokens: Annotated[int, Field(ge=1, le=MAXIMUM_TOKENS)] = 64
    temperature: Annotated[float, Field(ge=0, le=2)] = 1.0
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    n: Annotated[int, Field(ge=1, le=MAXIMUM_CHOICES)] = 1
    seed: int | None = None
    stop: _StopText | Annotated[list[_StopText], Field(max_length=4)] | None = None
    logit_bias: Annotated[dict[_TokenId, _Bias], Field(max_length=300)] | None = None
    stream: bool = False
    stream_options: StreamOptions | None = None
    user: Annotated[str, Field(max_length=200)] | None = None
    # Accepted only with the value that asks for nothing.
    presence_penalty: _Zero | None = None
    frequency_penalty: _Zero | None = None
    prompt_logprobs: None = None
    use_beam_search: Literal[False] | None = None


class CompletionRequest(_Sampled):
    """``POST /v1/completions``."""

    prompt: _Text | _Ids | _Texts | _IdLists
    logprobs: Annotated[int, Field(ge=0)] | None = None
    return_tokens_as_token_ids: bool = False
    ignore_eos: bool = False
    best_of: Literal[1] | None = None
    echo: Literal[False] | None = None
    suffix: None = None


class ChatMessage(BaseModel):
    """One message of a conversation."""

    model_config = _REQUEST

    role: Literal["system", "user", "assistant"]
    content: Annotated[str, Field(max_length=MAXIMUM_PROMPT_CHARACTERS)]


class ChatCompletionRequest(_Sampled):
    """``POST /v1/chat/completions``."""

    messages: Annotated[list[ChatMessage], Field(min_length=1, max_length=64)]
    max_completion_tokens: Annotated[int, Field(ge=1, le=MAXIMUM_TOKENS)] | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Field(ge=0)] | None = None


FIELD_NAMES: frozenset[str] = frozenset(
    {
        *CompletionRequest.model_fields,
        *ChatCompletionRequest.model_fields,
        *ChatMessage.model_fields,
        *StreamOptions.model_fields,
        # Parts of the OpenAI API that are refused, so that a refusal can name them.
        *("audio", "function_call", "functions", "metadata", "modalities"),
        *("parallel_tool_calls", "prediction", "reasoning_effort", "response_format"),
        *("service_tier", "store", "tool_choice", "tools"),
        # And of other servers, which would leave the offset out or reveal the base.
        *("prompt_embeds", "vllm_xargs"),
        *("custom_logit_processor", "logits_processors", "extra_args"),
    }
)
"""Field names that an answer about a malformed request may repeat."""


class OffsetStamp(BaseModel):
    """Which version of the offset answered, and how well if not exactly."""

    version: str
    sequence: int
    manifest: str
    guarantee: Literal["best_effort"] | None = None


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
    in_flight_by_sequence: dict[str, int]
    last_error: str
    is_best_effort: bool = False
    is_cut_off: bool = False
    restrictions: int = 0
