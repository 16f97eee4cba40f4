from dataclasses import replace
from pathlib import Path

import pytest
import torch
from support.models import chat_tokenizer, llama
from support.steps import Controller, tiny_shelf

from unlearn_core.errors import LeaseLostError, ModelUnavailableError
from unlearn_core.modeling.weights import own_tensors_digest
from unlearn_core.steps.workbench import ModelShelf

pytestmark = pytest.mark.integration


def test_a_bench_without_the_base_checks_the_request_alone(
    controller: Controller,
) -> None:
    bench = controller.bench(controller.receive())

    bench.check_lease()
    controller.lose(bench)

    with pytest.raises(LeaseLostError):
        bench.check_lease()


def test_a_bench_with_the_base_checks_both_leases(controller: Controller) -> None:
    bench = controller.bench(controller.receive())
    base = controller.lease("base:small-world")
    bench = replace(bench, base_lease=base)
    bench.check_lease()

    controller.leases.release(base)

    with pytest.raises(LeaseLostError, match="base:small-world"):
        bench.check_lease()


def test_the_shelf_loads_a_model_when_it_is_needed_and_once() -> None:
    shelf = ModelShelf(base=Path("nowhere"), reference=Path("nowhere"), device="cpu")

    with pytest.raises(ModelUnavailableError):
        _ = shelf.base
    assert shelf.device.type == "cpu"
    assert tiny_shelf().base is tiny_shelf().base


def test_only_the_base_is_loaded_in_the_precision_asked_for(tmp_path: Path) -> None:
    llama(0).save_pretrained(tmp_path)
    chat_tokenizer()._tokenizer.save_pretrained(tmp_path)

    shelf = ModelShelf(
        base=tmp_path, reference=tmp_path, device="cpu", precision="bfloat16"
    )

    assert shelf.base.dtype is torch.bfloat16
    assert shelf.reference.dtype is torch.float32


def test_a_base_may_be_laid_out_over_several_places(tmp_path: Path) -> None:
    """Where one device has room for it all, that is where it is."""
    llama(0).save_pretrained(tmp_path)
    chat_tokenizer()._tokenizer.save_pretrained(tmp_path)

    def shelf(offload: Path | None) -> ModelShelf:
        return ModelShelf(
            base=tmp_path, reference=tmp_path, device="cpu", offload=offload
        )

    spread, whole = shelf(tmp_path / "offload"), shelf(None)
    assert spread.identity == whole.identity
    assert own_tensors_digest(spread.base) == own_tensors_digest(whole.base)


def test_a_small_base_stays_at_hand() -> None:
    shelf = tiny_shelf()
    before = shelf.base

    shelf.put_base_back()

    assert shelf.base is before
