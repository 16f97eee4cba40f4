"""What an engine must be like for the offset to reach every answer.

Each line closes a way, found in vLLM 0.32, in which text or numbers of the bare base
would leave the engine without a word. The engine does not start where one is open.
"""

import os
from collections.abc import Mapping
from typing import Any

from unlearn_core.errors import DependencyError

MOST_LOGPROBS = 20


class EngineUnsafeError(DependencyError):
    """An engine could answer without the offset."""

    code = "engine_unsafe"
    summary = "the engine could answer without the offset"
    next_step = "Start vLLM as the named problem says."


def check_engine(
    config: Any,  # noqa: ANN401 - vLLM's configuration; it is no dependency
    *,
    is_first_runner: bool,
    environment: Mapping[str, str] = os.environ,
) -> None:
    """Refuse to start an engine that could answer without the offset.

    Args:
        config: vLLM's ``VllmConfig``.
        is_first_runner: Whether the first of the two model runners is in use.
        environment: Where vLLM finds its switches.

    Raises:
        EngineUnsafeError: The problem says what must be changed.
    """
    for is_wrong, problem in (
        *_problems_of_model(config.model_config),
        *_problems_of_weights(config),
        *_problems_of_running(config, is_first_runner, environment),
    ):
        if is_wrong:
            raise EngineUnsafeError(problem=problem)


def _problems_of_model(
    model: Any,  # noqa: ANN401 - as above
) -> tuple[tuple[bool, str], ...]:
    most = model.max_logprobs
    return (
        (
            model.logprobs_mode != "processed_logprobs",
            "returned logprobs are the base's: --logprobs-mode processed_logprobs",
        ),
        (
            not 0 <= most <= MOST_LOGPROBS,
            f"logprobs give the law away: --max-logprobs {MOST_LOGPROBS} at most",
        ),
        (
            bool(model.enable_prompt_embeds),
            "embedded prompts have no tokens: no --enable-prompt-embeds",
        ),
        (
            bool(getattr(model, "is_multimodal_model", False)),
            "the pair reads text alone: a model with images or sound",
        ),
        (
            model.runner_type != "generate",
            "pooling models load no processors: --runner generate",
        ),
        (
            bool(model.logits_processors),
            "another processor would come after this one: no --logits-processors",
        ),
        (
            model.tokenizer != model.model,
            "the pair is bound to the model's tokenizer: no --tokenizer",
        ),
    )


def _problems_of_weights(
    config: Any,  # noqa: ANN401 - as above
) -> tuple[tuple[bool, str], ...]:
    return (
        (
            bool(config.model_config.quantization),
            "the pair is bound to these weights: no --quantization",
        ),
        (
            config.load_config.load_format == "dummy",
            "the weights are not the model's: no --load-format dummy",
        ),
        (config.lora_config is not None, "adapters change the base: no --enable-lora"),
        (
            getattr(config, "weight_transfer_config", None) is not None,
            "weights may be exchanged: no weight transfer",
        ),
    )


def _problems_of_running(
    config: Any,  # noqa: ANN401 - as above
    is_first_runner: bool,  # noqa: FBT001 - private
    environment: Mapping[str, str],
) -> tuple[tuple[bool, str], ...]:
    parallel = config.parallel_config
    return (
        (
            is_first_runner and config.speculative_config is not None,
            "processors are left out when it speculates: no --speculative-config",
        ),
        (
            is_first_runner and bool(config.scheduler_config.async_scheduling),
            "the first runner hides the last token: --no-async-scheduling",
        ),
        (
            parallel.tensor_parallel_size > 1 or parallel.pipeline_parallel_size > 1,
            "workers would swap at different steps: one device for each engine",
        ),
        (
            environment.get("VLLM_SERVER_DEV_MODE", "0") not in {"", "0"},
            "anybody may call the worker: no VLLM_SERVER_DEV_MODE",
        ),
    )
