from dataclasses import replace
from pathlib import Path

import pytest
import torch
from support.domain import BASE_MODEL
from support.serving import ServingWorld, tiny_model
from support.vllm import END_ID, Seconds, offsets_of, slot_with

from unlearn_core.modeling.bundles import OpenedBundle
from unlearn_core.serving.watcher import Sources, Watcher
from unlearn_core.vllm.caretaker import Caretaker
from unlearn_core.vllm.offsets import IDLE_SECONDS, Asked, PairOffset, pair_offset
from unlearn_core.vllm.presence import check_present, present


class Host:
    """The base model of an engine, without the engine."""

    def __init__(self, world: ServingWorld) -> None:
        self.identity = world.base.identity
        self.vocabulary_size = 260
        self.device = torch.device("cpu")

    def prepare(self, bundle: OpenedBundle) -> PairOffset:
        """Return the offset."""
        return pair_offset(bundle, context=64)


@pytest.fixture
def world(tmp_path: Path) -> ServingWorld:
    """Return a registry and keys."""
    return ServingWorld(tmp_path)


@pytest.fixture
def seconds() -> Seconds:
    """Return a clock that is moved by hand."""
    return Seconds()


@pytest.fixture
def caretaker(world: ServingWorld, seconds: Seconds, tmp_path: Path) -> Caretaker:
    """Return the caretaker of an engine before its first look."""
    slot = slot_with(None)
    return Caretaker(
        replica="replica-1",
        slot=slot,
        watcher=Watcher(
            slot,
            replica="replica-1",
            host=Host(world),
            sources=Sources(
                base_model=BASE_MODEL,
                registry=world.registry,
                opener=world.notary,
                sealer=world.sealer,
                lists=world.lists,
            ),
            cache=world.cache,
            poll_seconds=3600,
        ),
        offsets=offsets_of(slot, seconds=seconds),
        folder=tmp_path,
        poll_seconds=3600,
    )


def asked() -> Asked:
    return Asked(key=0, rows=[0], length=2, ids=lambda start: [7, 8][start:])


def test_a_signed_pair_is_fetched_added_and_told_of(
    world: ServingWorld, caretaker: Caretaker, tmp_path: Path
) -> None:
    world.promote(1)
    caretaker.start(None)
    found = torch.zeros(1, 260)
    caretaker.offsets.add(found, [asked()])
    ids_BT = torch.tensor([[7, 8]])
    with torch.inference_mode():
        trained_V = tiny_model(101)(input_ids=ids_BT).logits[0, -1]
        expected_V = trained_V - tiny_model(2)(input_ids=ids_BT).logits[0, -1]
    torch.testing.assert_close(found[0], expected_V, rtol=0, atol=1e-4)
    assert caretaker.state()["oldest_in_flight"] == 1
    with present(tmp_path):
        check_present(tmp_path)


def test_a_withdrawn_pair_ends_every_answer(
    world: ServingWorld, caretaker: Caretaker
) -> None:
    pointer = world.promote(1)
    caretaker.watcher.look()
    caretaker.offsets.begin(0)
    world.publish(
        pointer.withdrawn(issued_at=world.clock.now(), expires_at=pointer.expires_at)
    )
    caretaker.watcher.look()
    found = torch.zeros(1, 260)
    caretaker.offsets.add(found, [asked()])
    assert torch.isfinite(found[0]).nonzero().tolist() == [[END_ID]]
    assert caretaker.state()["is_ready"] is False


def test_an_engine_that_is_cut_off_blanks_every_answer(
    world: ServingWorld, caretaker: Caretaker
) -> None:
    pointer = world.promote(1)
    caretaker.watcher.look()
    caretaker.offsets.begin(0)
    world.publish(replace(pointer, cut_off=("replica-1",)))
    caretaker.watcher.look()
    found = torch.zeros(1, 260)
    caretaker.offsets.add(found, [asked()])
    assert torch.isfinite(found[0]).nonzero().tolist() == [[END_ID]]
    state = caretaker.state()
    assert (state["is_ready"], state["is_cut_off"]) == (False, True)


def test_what_idle_requests_hold_is_given_back(
    world: ServingWorld, caretaker: Caretaker, seconds: Seconds
) -> None:
    world.promote(1)
    caretaker.watcher.look()
    caretaker.offsets.begin(0)
    caretaker.tick()
    assert caretaker.state()["in_flight"] == 1
    seconds.now = IDLE_SECONDS + 1
    caretaker.tick()
    assert caretaker.state()["in_flight"] == 0
