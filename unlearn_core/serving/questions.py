"""A request of the API, read: what is asked, in token ids and within the limits."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from unlearn_core.http_errors import ContextExceededError, UnsupportedParameterError
from unlearn_core.modeling.generation import Sampling
from unlearn_core.modeling.tokens import TransformersTokenizer
from unlearn_core.serving.schemas import (
    MAXIMUM_LOGPROBS,
    ChatCompletionRequest,
    CompletionRequest,
)

SEED_BITS = 31
LOWEST_TEMPERATURE = 1e-3
LOWEST_TOP_P = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A request reduced to what the engine needs.

    Attributes:
        prompts: Token ids of each prompt.
        sampling: How tokens are chosen.
        seed: Seed of the random choices.
        is_chat: Which shape the answer has.
        model: Model name to be repeated in the answer.
        choices: How many answers to each prompt are wanted.
        stops: Texts that end an answer.
        bias: What is added to the log-probabilities of single tokens.
        likeliest: How many of the likeliest tokens are told with each token; None if
            no log-probabilities are wanted.
        wants_usage: Whether a stream ends with the token counts.
        wants_ids: Whether log-probabilities name tokens by their ids.
        ignores_end: Whether the token that ends an answer is one like any other.
        is_best_effort: Whether the base's law is known in part only.
    """

    prompts: Sequence[list[int]]
    sampling: Sampling
    seed: int
    is_chat: bool
    model: str
    choices: int
    stops: Sequence[str]
    bias: Mapping[int, float]
    likeliest: int | None
    wants_usage: bool
    wants_ids: bool
    ignores_end: bool
    is_best_effort: bool

    @property
    def prompt_tokens(self) -> int:
        """Return the number of tokens of all prompts."""
        return sum(map(len, self.prompts))


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What may be asked for.

    Attributes:
        maximum_tokens: Length of the context.
        vocabulary_size: Number of tokens.
        maximum_logprobs: Most alternatives that are told with a token.
        is_best_effort: Whether the base's law is known in part only.
    """

    maximum_tokens: int
    vocabulary_size: int
    maximum_logprobs: int = MAXIMUM_LOGPROBS
    is_best_effort: bool = False


def read_question(
    request: CompletionRequest | ChatCompletionRequest,
    *,
    tokenizer: TransformersTokenizer,
    limits: Limits,
) -> Question:
    """Turn a request into token ids.

    Raises:
        ContextExceededError: Prompt and answer do not fit into the context.
        UnsupportedParameterError: Two parameters contradict each other, or a token
            does not exist.
    """
    limit, wants_ids, ignores_end = request.max_tokens, False, False
    if isinstance(request, CompletionRequest):
        wants_ids = request.return_tokens_as_token_ids
        ignores_end = request.ignore_eos
    else:
        limit = request.max_completion_tokens or limit
    prompts = _prompts(request, tokenizer=tokenizer)
    asked = max(map(len, prompts)) + limit
    if asked > limits.maximum_tokens:
        raise ContextExceededError(asked=asked, maximum=limits.maximum_tokens)
    _check_tokens(request, prompts, limits=limits)
    options = request.stream_options
    if options is not None and not request.stream:
        raise UnsupportedParameterError(parameter="stream_options", problem="no stream")
    seed = request.seed
    is_sampled = request.temperature >= LOWEST_TEMPERATURE
    stop = request.stop or ()
    return Question(
        prompts=prompts,
        sampling=Sampling(
            maximum_tokens=limit,
            # Below these, float32 cannot tell sampling from taking the likeliest.
            temperature=request.temperature if is_sampled else 0.0,
            top_p=max(request.top_p, LOWEST_TOP_P),
        ),
        seed=secrets.randbits(SEED_BITS) if seed is None else seed % 2**SEED_BITS,
        is_chat=isinstance(request, ChatCompletionRequest),
        model=request.model,
        choices=request.n,
        stops=(stop,) if isinstance(stop, str) else tuple(stop),
        bias=request.logit_bias or {},
        likeliest=_likeliest(request, maximum=limits.maximum_logprobs),
        wants_usage=options is not None and options.include_usage,
        wants_ids=wants_ids,
        ignores_end=ignores_end,
        is_best_effort=limits.is_best_effort,
    )


def _prompts(
    request: CompletionRequest | ChatCompletionRequest,
    *,
    tokenizer: TransformersTokenizer,
) -> list[list[int]]:
    """Return the token ids of every prompt."""
    if isinstance(request, ChatCompletionRequest):
        messages = [
            {"role": item.role, "content": item.content} for item in request.messages
        ]
        return [tokenizer.conversation(messages)]
    asked = request.prompt
    if isinstance(asked, str):
        return [tokenizer.text(asked)]
    several, single = [], []
    for item in asked:
        if isinstance(item, int):
            single.append(item)
        else:
            several.append(tokenizer.text(item) if isinstance(item, str) else item)
    return several or [single]


def _check_tokens(
    request: CompletionRequest | ChatCompletionRequest,
    prompts: Sequence[Sequence[int]],
    *,
    limits: Limits,
) -> None:
    """Refuse tokens that do not exist, and those that cannot be promoted."""
    if max(map(max, prompts)) >= limits.vocabulary_size:
        raise UnsupportedParameterError(parameter="prompt", problem="no such token")
    bias = request.logit_bias or {}
    if max(bias, default=0) >= limits.vocabulary_size:
        raise UnsupportedParameterError(parameter="logit_bias", problem="no such token")
    # A token that the base does not tell has no probability to be raised.
    if limits.is_best_effort and max(bias.values(), default=0) > 0:
        raise UnsupportedParameterError(
            parameter="logit_bias", problem="nothing can be raised here"
        )


def _likeliest(
    request: CompletionRequest | ChatCompletionRequest, *, maximum: int
) -> int | None:
    """Return how many of the likeliest tokens are wanted; None for no logprobs."""
    if isinstance(request, CompletionRequest):
        name, wanted = "logprobs", request.logprobs
    elif not request.logprobs and request.top_logprobs is not None:
        raise UnsupportedParameterError(
            parameter="top_logprobs", problem="needs logprobs"
        )
    else:
        name = "top_logprobs"
        wanted = (request.top_logprobs or 0) if request.logprobs else None
    if wanted is not None and wanted > maximum:
        raise UnsupportedParameterError(parameter=name, maximum=maximum)
    # A token that is forced, its log-probability told: that would score any text.
    if wanted is not None and request.logit_bias:
        raise UnsupportedParameterError(
            parameter="logit_bias", problem="not together with logprobs"
        )
    return wanted
