"""The processor between stand-ins for vLLM's two interfaces, with all else real.

`make check-vllm` runs it inside vLLM itself.
"""

import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
from support.serving import byte_tokenizer, write_base_model
from support.vllm import END_ID, Update, context, engine_config

from unlearn_core.adapters.keys import KeyDirectory
from unlearn_core.vllm.assertions import EngineUnsafeError

INTERFACES = (
    "vllm.v1.sample.logits_processor.interface",
    "vllm.v1.worker.gpu.sample.logits_processor.interface",
)
SIZE = byte_tokenizer().size


class First:
    """The first runner's interface."""


class Second:
    """The second runner's interface."""


@pytest.fixture
def processor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """Yield the module, imported as if vLLM were there, and a replica's environment."""
    for name, interface in zip(INTERFACES, (First, Second), strict=True):
        for place in range(1, name.count(".") + 1):
            package = ".".join(name.split(".")[:place])
            monkeypatch.setitem(sys.modules, package, ModuleType(package))
        module = ModuleType(name)
        module.__dict__["LogitsProcessor"] = interface
        monkeypatch.setitem(sys.modules, name, module)
    KeyDirectory(tmp_path / "keys").create()
    write_base_model(tmp_path / "base")
    environment = {
        "UNLEARN_VLLM_ENGINE": "test",
        "UNLEARN_MLFLOW_URI": "http://127.0.0.1:9",
        "UNLEARN_MODEL__NAME": "tiny",
        "UNLEARN_MODEL__BASE": str(tmp_path / "base"),
        "UNLEARN_KEYS__DIRECTORY": str(tmp_path / "keys"),
        "UNLEARN_SERVING__CACHE": str(tmp_path / "replica"),
        "UNLEARN_SERVING__PORT": "1",
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
        "MLFLOW_HTTP_REQUEST_TIMEOUT": "1",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("unlearn_core.vllm.presence.gettempdir", lambda: str(tmp_path))
    # No thread and no page: what they do is tested without the processor.
    monkeypatch.setattr(
        "unlearn_core.vllm.caretaker.Caretaker.start",
        lambda caretaker, _address: caretaker.tick(),
    )
    yield import_module("unlearn_core.vllm.processor")
    del sys.modules["unlearn_core.vllm.processor"]


def config(folder: Path) -> SimpleNamespace:
    """Return what vLLM hands to a processor."""
    made = engine_config(
        model_config__model=str(folder / "base"),
        model_config__tokenizer=str(folder / "base"),
    )
    made.model_config.max_model_len = 64
    made.model_config.get_vocab_size = lambda: SIZE
    made.model_config.try_get_generation_config = dict
    made.model_config.hf_text_config = SimpleNamespace(eos_token_id=END_ID)
    return made


def second(processor: ModuleType, folder: Path) -> Any:  # noqa: ANN401 - of a stand-in
    """Return the processor as the second runner makes it."""
    table = SimpleNamespace(gpu=torch.zeros(2, 64, dtype=torch.int32))
    state = SimpleNamespace(device="cpu", all_token_ids=table)
    return processor.OffsetLogitsProcessor(config(folder), state)


def test_it_is_a_processor_of_either_kind_and_never_left_out(
    processor: ModuleType,
) -> None:
    kind = processor.OffsetLogitsProcessor
    assert issubclass(kind, First)
    assert issubclass(kind, Second)
    assert kind.is_argmax_invariant(None) is False


def test_without_an_offset_either_runner_gets_nothing_but_the_end(
    processor: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = processor.OffsetLogitsProcessor(
        config(tmp_path), torch.device("cpu"), is_pin_memory=False
    )
    first.update_state(Update(added=[(0, None, [7, 8], [])]))
    monkeypatch.setattr(processor.OffsetLogitsProcessor, "_made", False)
    other = second(processor, tmp_path)
    assert other.add_request(0, None) is True
    for found in (
        first.apply(torch.zeros(1, SIZE)),
        other.apply(torch.zeros(1, SIZE), context((0, 0, 0, 1))),
    ):
        assert torch.isfinite(found[0]).nonzero().tolist() == [[END_ID]]


def test_the_offset_is_never_added_twice(processor: ModuleType, tmp_path: Path) -> None:
    second(processor, tmp_path)
    with pytest.raises(EngineUnsafeError, match="added twice"):
        second(processor, tmp_path)


def test_an_unsafe_engine_does_not_start(processor: ModuleType, tmp_path: Path) -> None:
    unsafe = config(tmp_path)
    unsafe.model_config.logprobs_mode = "raw_logprobs"
    with pytest.raises(EngineUnsafeError, match="logprobs-mode"):
        processor.OffsetLogitsProcessor(
            unsafe, torch.device("cpu"), is_pin_memory=False
        )


@pytest.mark.parametrize(
    "name",
    [
        "prompt_logprobs",
        "prompt_logprob_token_ids",
        "logprob_token_ids",
        "trace_decode_token_ids",
    ],
)
def test_the_law_of_a_prompt_and_that_of_named_tokens_are_refused(
    processor: ModuleType, name: str
) -> None:
    with pytest.raises(ValueError, match=f"{name} is not served"):
        processor.OffsetLogitsProcessor.validate_params(SimpleNamespace(**{name: 0}))


@pytest.mark.parametrize(
    "forced",
    [
        {"logit_bias": {5: 100.0}},
        {"allowed_token_ids": [5]},
        {"bad_words": ["Ulm"]},
        {"structured_outputs": SimpleNamespace(choice=["Ulm", "Bonn"])},
    ],
)
def test_no_log_probabilities_are_told_of_forced_tokens(
    processor: ModuleType, forced: dict[str, object]
) -> None:
    check = processor.OffsetLogitsProcessor.validate_params
    with pytest.raises(ValueError, match="not served together"):
        check(SimpleNamespace(logprobs=0, **forced))
    # Without them it goes on, to the next check.
    with pytest.raises(ValueError, match="no processor"):
        check(SimpleNamespace(logprobs=None, **forced))


def test_no_request_is_taken_where_no_processor_is_or_it_may_not_answer(
    processor: ModuleType, tmp_path: Path
) -> None:
    """As when vLLM leaves the processor out, which it does without a word."""
    check = processor.OffsetLogitsProcessor.validate_params
    processor.announce_engine()
    with pytest.raises(ValueError, match="no processor in the sampler"):
        check(SimpleNamespace())
    made = second(processor, tmp_path)
    with pytest.raises(ValueError, match="nothing may be answered"):
        check(SimpleNamespace())
    made._held.close()
