import re

import pytest
from support.vllm import engine_config

from unlearn_core.vllm.assertions import EngineUnsafeError, check_engine


@pytest.mark.parametrize("is_first_runner", [True, False])
def test_a_safe_engine_starts(is_first_runner: bool) -> None:  # noqa: FBT001 - a case
    check_engine(engine_config(), is_first_runner=is_first_runner, environment={})


@pytest.mark.parametrize(
    ("name", "value", "remedy"),
    [
        ("model_config__logprobs_mode", "raw_logprobs", "--logprobs-mode"),
        ("model_config__logprobs_mode", "processed_logits", "--logprobs-mode"),
        ("model_config__max_logprobs", 21, "--max-logprobs"),
        ("model_config__max_logprobs", -1, "--max-logprobs"),
        ("model_config__enable_prompt_embeds", True, "--enable-prompt-embeds"),
        ("model_config__is_multimodal_model", True, "text alone"),
        ("model_config__runner_type", "pooling", "--runner generate"),
        ("model_config__logits_processors", ["other:P"], "--logits-processors"),
        ("model_config__tokenizer", "/models/other", "--tokenizer"),
        ("model_config__quantization", "fp8", "--quantization"),
        ("load_config__load_format", "dummy", "--load-format dummy"),
        ("lora_config", object(), "--enable-lora"),
        ("weight_transfer_config", object(), "weight transfer"),
        ("parallel_config__tensor_parallel_size", 2, "one device"),
        ("parallel_config__pipeline_parallel_size", 2, "one device"),
    ],
)
def test_an_engine_that_could_answer_without_the_offset_does_not_start(
    name: str, value: object, remedy: str
) -> None:
    config = engine_config(**{name: value})
    with pytest.raises(EngineUnsafeError, match=re.escape(remedy)):
        check_engine(config, is_first_runner=False, environment={})


@pytest.mark.parametrize(
    ("name", "value", "remedy"),
    [
        ("speculative_config", object(), "--speculative-config"),
        ("scheduler_config__async_scheduling", True, "--no-async-scheduling"),
    ],
)
def test_what_only_the_second_runner_can_do_is_refused_for_the_first(
    name: str, value: object, remedy: str
) -> None:
    config = engine_config(**{name: value})
    check_engine(config, is_first_runner=False, environment={})
    with pytest.raises(EngineUnsafeError, match=re.escape(remedy)):
        check_engine(config, is_first_runner=True, environment={})


@pytest.mark.parametrize(("value", "is_safe"), [("0", True), ("", True), ("1", False)])
def test_an_engine_whose_worker_anybody_may_call_does_not_start(
    value: str,
    is_safe: bool,  # noqa: FBT001 - a case
) -> None:
    environment = {"VLLM_SERVER_DEV_MODE": value}
    if is_safe:
        check_engine(engine_config(), is_first_runner=True, environment=environment)
    else:
        with pytest.raises(EngineUnsafeError, match="VLLM_SERVER_DEV_MODE"):
            check_engine(engine_config(), is_first_runner=True, environment=environment)
