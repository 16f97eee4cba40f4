import json
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import torch
from support.domain import BASE_MODEL, NOW, digest
from support.serving import NEVER_SECONDS, ServingWorld, tiny_model

from unlearn_core.adapters.memory.delivery import MemoryRegistry
from unlearn_core.adapters.memory.signing import MemoryNotary
from unlearn_core.domain.canonical import canonical_json
from unlearn_core.domain.pointers import POINTER_TYPE, ServingPointer
from unlearn_core.errors import OffsetRequiredError
from unlearn_core.modeling.bundles import MANIFEST_FILE, MANIFEST_TYPE, PAIR_FILE
from unlearn_core.modeling.laws import PlainLaw
from unlearn_core.modeling.offset import OffsetModel
from unlearn_core.modeling.weights import pack_pair
from unlearn_core.serving.app import InferenceService
from unlearn_core.serving.backoff import Backoff
from unlearn_core.serving.watcher import (
    BUNDLES,
    SEEN_POINTER,
    SERVED_POINTER,
    Watcher,
)

pytestmark = pytest.mark.integration

Spoil = Callable[[Path], None]


@pytest.fixture
def world(tmp_path: Path) -> ServingWorld:
    return ServingWorld(tmp_path)


def started(world: ServingWorld, *, requires_offset: bool = False) -> InferenceService:
    """Start a replica on the world's disk and let it look once."""
    replica = world.replica(requires_offset=requires_offset)
    replica.watcher.restore()
    replica.watcher.look()
    return replica


def answers(replica: InferenceService) -> int | None:
    """Return the sequence that answers, or None if nothing is answered."""
    try:
        with replica.slot.lease() as version:
            return version.sequence
    except OffsetRequiredError:
        return None


def look(replica: InferenceService) -> str:
    """Let a replica look and return the code of its refusal."""
    replica.watcher.look()
    return replica.watcher.last_error


# What may answer before anything was published.


def test_the_base_answers_when_the_registry_says_that_nothing_was_published(
    world: ServingWorld,
) -> None:
    replica = started(world)
    assert (answers(replica), replica.watcher.last_error) == (0, "")


def test_the_base_does_not_answer_when_the_registry_is_down_at_the_first_start(
    world: ServingWorld,
) -> None:
    world.registry.is_reachable = False
    replica = started(world)
    assert answers(replica) is None
    assert replica.watcher.last_error == "registry_unavailable"
    world.registry.is_reachable = True
    assert (look(replica), answers(replica)) == ("", 0)


def test_only_an_answer_of_the_registry_counts_as_a_look_without_an_error(
    world: ServingWorld,
) -> None:
    """What is restored from the disk says nothing about the registry."""
    world.promote(1)
    started(world)
    world.registry.is_reachable = False
    replica = started(world)
    never = "unlearn:offset_last_poll_success_timestamp 0.0\n"
    assert answers(replica) == 1
    assert never in replica.engine.meter.text().decode()
    world.registry.is_reachable = True
    assert look(replica) == ""
    assert never not in replica.engine.meter.text().decode()


def test_a_service_that_requires_an_offset_waits_for_the_first_one(
    world: ServingWorld,
) -> None:
    replica = started(world, requires_offset=True)
    assert answers(replica) is None
    world.promote(1)
    assert (look(replica), answers(replica)) == ("", 1)


def test_the_base_goes_on_answering_while_the_first_version_is_not_yet_confirmed(
    world: ServingWorld,
) -> None:
    replica = started(world)
    pointer = replace(world.register(spoil=spoil_weights), minimum_sequence=0)
    world.publish(pointer)
    assert (look(replica), answers(replica)) == ("digest_mismatch", 0)


# Following the pointer.


def test_versions_are_followed_in_order(world: ServingWorld) -> None:
    replica = started(world)
    for sequence in (1, 2):
        pointer = world.promote(sequence)
        assert (look(replica), answers(replica)) == ("", sequence)
        assert replica.slot.current.manifest == pointer.manifest
        assert replica.slot.current.version == str(sequence)


def test_what_is_served_is_the_law_of_the_published_pair(world: ServingWorld) -> None:
    replica = started(world)
    world.promote(1)
    replica.watcher.look()
    expected = OffsetModel(
        world.base.model,
        unlearned=tiny_model(101),
        reference=tiny_model(2),
        alpha=1.0,
    )
    ids_BT = torch.tensor([[5, 6, 7]])
    mask_BS = torch.ones_like(ids_BT)
    law = replica.slot.current.law.rows().join([[5, 6, 7]])[0]
    laws_BTV = expected(ids_BT, attention_mask_BS=mask_BS)
    torch.testing.assert_close(law, laws_BTV[0, -1], rtol=0, atol=1e-5)
    base = PlainLaw(world.base.model)(ids_BT, attention_mask_BS=mask_BS)
    assert not torch.allclose(law, base[0, -1], atol=0.01)


def test_a_renewed_pointer_to_the_same_version_extends_its_time_and_loads_nothing(
    world: ServingWorld,
) -> None:
    replica = started(world)
    pointer = world.promote(1)
    replica.watcher.look()
    law = replica.slot.current.law
    world.expire()
    assert answers(replica) is None
    now = world.clock.now()
    world.publish(replace(pointer, issued_at=now, expires_at=now + timedelta(hours=1)))
    assert (look(replica), answers(replica)) == ("", 1)
    assert replica.slot.current.law is law


def test_the_thread_notices_a_new_version_by_itself_and_ends(
    world: ServingWorld,
) -> None:
    replica = world.replica()
    watcher = replica.watcher
    watcher._poll_seconds = 0.01
    watcher.start()
    world.promote(1)
    deadline = time.monotonic() + 20
    while answers(replica) != 1 and time.monotonic() < deadline:
        time.sleep(0.01)
    watcher.stop()
    assert answers(replica) == 1
    assert not watcher._thread.is_alive()


# Tampered bundles.


def spoil_weights(folder: Path) -> None:
    data = bytearray((folder / PAIR_FILE).read_bytes())
    data[-1] ^= 1
    (folder / PAIR_FILE).write_bytes(data)


def truncate_weights(folder: Path) -> None:
    data = (folder / PAIR_FILE).read_bytes()
    (folder / PAIR_FILE).write_bytes(data[: len(data) // 2])


def drop_weights(folder: Path) -> None:
    (folder / PAIR_FILE).unlink()


def drop_manifest(folder: Path) -> None:
    (folder / MANIFEST_FILE).unlink()


def spoil_manifest(folder: Path) -> None:
    data = bytearray((folder / MANIFEST_FILE).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / MANIFEST_FILE).write_bytes(data)


def add_code(folder: Path) -> None:
    (folder / "modeling.py").write_text("raise SystemExit")


def sign_with_a_strange_key(folder: Path) -> None:
    envelope = json.loads((folder / MANIFEST_FILE).read_bytes())
    payload = bytes.fromhex(envelope["payload"])
    signed = MemoryNotary().sign(payload, payload_type=MANIFEST_TYPE)
    (folder / MANIFEST_FILE).write_bytes(signed)


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (spoil_weights, "digest_mismatch"),
        (truncate_weights, "digest_mismatch"),
        (drop_weights, "manifest_invalid"),
        (drop_manifest, "manifest_invalid"),
        (add_code, "manifest_invalid"),
        (spoil_manifest, "signature_invalid"),
        (sign_with_a_strange_key, "signature_invalid"),
    ],
    ids=lambda value: value.__name__ if callable(value) else value,
)
@pytest.mark.parametrize("minimum", [1, 2])
def test_a_tampered_bundle_is_refused_and_an_older_version_answers_only_if_it_may(
    world: ServingWorld, spoil: Spoil, code: str, minimum: int
) -> None:
    replica = started(world)
    world.promote(1)
    replica.watcher.look()
    pointer = world.register(2, spoil=spoil)
    world.publish(replace(pointer, minimum_sequence=minimum))
    assert look(replica) == code
    assert answers(replica) == (1 if minimum == 1 else None)
    assert not list((world.cache / BUNDLES).glob(pointer.manifest[7:]))


def rewritten(**changes: object) -> Spoil:
    """Return a spoiler that changes the manifest; `properly_signed` signs it anew."""

    def rewrite(folder: Path) -> None:
        envelope = json.loads((folder / MANIFEST_FILE).read_bytes())
        manifest = json.loads(bytes.fromhex(envelope["payload"])) | changes
        (folder / MANIFEST_FILE).write_bytes(canonical_json(manifest))

    return rewrite


def properly_signed(world: ServingWorld, spoil: Spoil) -> Spoil:
    def sign(folder: Path) -> None:
        spoil(folder)
        payload = (folder / MANIFEST_FILE).read_bytes()
        signed = world.notary.sign(payload, payload_type=MANIFEST_TYPE)
        (folder / MANIFEST_FILE).write_bytes(signed)

    return sign


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"base_model": "another"}, "incompatible_base"),
        ({"vocabulary_size": 261}, "incompatible_base"),
        (
            {
                "identity": {
                    "base": digest("another"),
                    "tokenizer": digest("tokenizer"),
                    "chat_template": digest("chat template"),
                }
            },
            "incompatible_base",
        ),
        ({"unlearned": digest("another")}, "digest_mismatch"),
        ({"reference": digest("another")}, "digest_mismatch"),
        ({"alpha": 5.0}, "manifest_invalid"),
        ({"alpha": 0.0}, "manifest_invalid"),
        ({"surprise": 1}, "manifest_invalid"),
        # Signed and sound, but not the manifest that the pointer names.
        ({"alpha": 0.5}, "digest_mismatch"),
    ],
)
def test_a_bundle_that_is_signed_but_does_not_fit_is_refused(
    world: ServingWorld, changes: dict[str, object], code: str
) -> None:
    replica = started(world)
    spoil = properly_signed(world, rewritten(**changes))
    world.publish(world.register(1, spoil=spoil))
    assert (look(replica), answers(replica)) == (code, None)


def test_a_pair_that_is_not_finite_is_refused(world: ServingWorld) -> None:
    replica = started(world)
    broken = tiny_model(7)
    broken.get_parameter("model.norm.weight")[0] = float("inf")
    world.publish(world.register(1, unlearned=broken))
    assert (look(replica), answers(replica)) == ("manifest_invalid", None)


def test_a_pair_whose_law_is_not_finite_is_refused_by_the_warm_up(
    world: ServingWorld,
) -> None:
    replica = started(world)
    broken = tiny_model(7)
    for name in ("model.norm.weight", "lm_head.weight"):
        broken.get_parameter(name).fill_(3e38)
    world.publish(world.register(1, unlearned=broken))
    assert (look(replica), answers(replica)) == ("manifest_invalid", None)


def test_a_refused_version_is_served_when_it_was_repaired_and_is_tried_again(
    world: ServingWorld,
) -> None:
    replica = started(world)
    world.promote(1)
    replica.watcher.look()
    pointer = world.publish(world.register(2))
    stored = world.registry._models[BASE_MODEL].bundles[pointer.version]
    whole = stored[PAIR_FILE]
    stored[PAIR_FILE] = whole[:-1]
    assert look(replica) == "digest_mismatch"
    stored[PAIR_FILE] = whole
    # As if the wait were over.
    replica.watcher._backoff = Backoff(first_seconds=1)
    assert (look(replica), answers(replica)) == ("", 2)


# Tampered pointers.


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"base_model": "another"}, "manifest_invalid"),
        ({"manifest": digest("another")}, "digest_mismatch"),
        ({"sequence": 3}, "manifest_invalid"),
        ({"sequence": 0}, "downgrade_refused"),
        ({"sequence": 1}, "downgrade_refused"),
        ({"minimum_sequence": 0}, "downgrade_refused"),
        ({"issued_at": NOW}, "downgrade_refused"),
        ({"version": "9"}, "registry_unavailable"),
    ],
)
def test_a_pointer_that_contradicts_what_is_known_changes_nothing(
    world: ServingWorld, changes: dict[str, object], code: str
) -> None:
    replica = started(world)
    world.promote(1)
    replica.watcher.look()
    law = replica.slot.current.law
    pointer = replace(world.register(2), minimum_sequence=1)
    values = {
        name: getattr(pointer, name) for name in ServingPointer.__dataclass_fields__
    }
    world.publish(ServingPointer(**(values | changes)))
    assert look(replica) == code
    assert replica.slot.current.law is law
    assert answers(replica) == 1


@pytest.mark.parametrize("payload", [b"no JSON", b"[]", b"{}", b'{"format": 1}'])
def test_a_signed_document_that_is_no_pointer_is_refused(
    world: ServingWorld, payload: bytes
) -> None:
    replica = started(world)
    world.promote(1)
    replica.watcher.look()
    envelope = world.notary.sign(payload, payload_type=POINTER_TYPE)
    world.registry.publish_pointer(BASE_MODEL, envelope)
    assert (look(replica), answers(replica)) == ("manifest_invalid", 1)


@pytest.mark.parametrize("place", [0, 20, -2])
def test_a_pointer_with_a_changed_byte_is_refused(
    world: ServingWorld, place: int
) -> None:
    replica = started(world)
    envelope = bytearray(world.sign(world.register(1)))
    envelope[place] ^= 1
    world.registry.publish_pointer(BASE_MODEL, bytes(envelope))
    assert (look(replica), answers(replica)) == ("signature_invalid", 0)


def test_a_manifest_signature_does_not_make_a_pointer(world: ServingWorld) -> None:
    replica = started(world)
    payload = canonical_json(world.register(1).to_json())
    envelope = world.notary.sign(payload, payload_type=MANIFEST_TYPE)
    world.registry.publish_pointer(BASE_MODEL, envelope)
    assert look(replica) == "signature_invalid"


# Going back.


@pytest.mark.parametrize("restarts", [False, True])
def test_an_older_pointer_is_refused_also_after_a_restart(
    world: ServingWorld, *, restarts: bool
) -> None:
    replica = started(world)
    old = world.promote(1)
    replica.watcher.look()
    world.promote(2)
    replica.watcher.look()
    world.publish(old)
    if restarts:
        replica = started(world)
    assert (look(replica), answers(replica)) == ("downgrade_refused", 2)


def test_a_running_service_does_not_go_back_although_its_memory_was_deleted(
    world: ServingWorld,
) -> None:
    replica = started(world)
    old = world.promote(1)
    replica.watcher.look()
    world.promote(2)
    replica.watcher.look()
    (world.cache / SEEN_POINTER).unlink()
    world.publish(old)
    assert (look(replica), answers(replica)) == ("downgrade_refused", 2)


@pytest.mark.parametrize("restarts", [False, True])
def test_a_pointer_that_vanishes_does_not_bring_the_base_back(
    world: ServingWorld, *, restarts: bool
) -> None:
    replica = started(world)
    world.promote(1)
    replica.watcher.look()
    world.withdraw_pointer()
    if restarts:
        replica = started(world)
    assert (look(replica), answers(replica)) == ("downgrade_refused", 1)


def test_an_expired_pointer_stops_the_answers(world: ServingWorld) -> None:
    replica = started(world)
    world.promote(1)
    replica.watcher.look()
    world.expire()
    assert (look(replica), answers(replica)) == ("", None)
    assert answers(started(world)) is None


# A registry or a disk that fails.


@pytest.mark.parametrize("restarts", [False, True])
def test_the_last_good_version_answers_while_the_registry_is_down(
    world: ServingWorld, *, restarts: bool
) -> None:
    replica = started(world)
    world.promote(1)
    replica.watcher.look()
    world.registry.is_reachable = False
    if restarts:
        replica = started(world)
    assert (look(replica), answers(replica)) == ("registry_unavailable", 1)


def test_a_demand_for_a_version_that_cannot_be_fetched_outlives_a_restart(
    world: ServingWorld,
) -> None:
    replica = started(world)
    world.promote(1)
    replica.watcher.look()
    world.publish(world.register(2, spoil=spoil_weights))
    replica.watcher.look()
    world.registry.is_reachable = False
    assert answers(replica) is None
    assert answers(started(world)) is None


def test_a_version_that_was_served_is_the_least_that_answers_after_a_restart(
    world: ServingWorld,
) -> None:
    replica = started(world)
    world.publish(replace(world.register(1), minimum_sequence=0))
    assert (look(replica), answers(replica)) == ("", 1)
    world.registry.is_reachable = False
    (bundle,) = (world.cache / BUNDLES).iterdir()
    spoil_weights(bundle)
    assert answers(started(world)) is None


def test_a_damaged_memory_of_what_was_served_forbids_the_base(
    world: ServingWorld,
) -> None:
    replica = started(world)
    world.publish(replace(world.register(1), minimum_sequence=0))
    replica.watcher.look()
    world.registry.is_reachable = False
    (bundle,) = (world.cache / BUNDLES).iterdir()
    spoil_weights(bundle)
    (world.cache / SERVED_POINTER).write_bytes(b"{}")
    assert answers(started(world)) is None


def test_no_weights_of_a_pair_are_on_a_replica_s_disk_in_the_clear(
    world: ServingWorld,
) -> None:
    replica = started(world)
    world.promote(1)
    replica.watcher.look()
    unlearned, reference = tiny_model(101), tiny_model(2)
    weights = unlearned.get_parameter("lm_head.weight").numpy().tobytes()[:64]
    assert weights in pack_pair(unlearned=unlearned, reference=reference)
    files = [path for path in world.cache.rglob("*") if path.is_file()]
    assert {PAIR_FILE, MANIFEST_FILE} < {path.name for path in files}
    assert [path.name for path in files if weights in path.read_bytes()] == []


def test_a_damaged_copy_is_fetched_again(world: ServingWorld) -> None:
    replica = started(world)
    world.promote(1)
    replica.watcher.look()
    (bundle,) = (world.cache / BUNDLES).iterdir()
    spoil_weights(bundle)
    replica = started(world)
    assert (replica.watcher.last_error, answers(replica)) == ("", 1)


@pytest.mark.parametrize("rubbish", [b"", b"{}", b"\xff\xfe"])
@pytest.mark.parametrize(
    "damaged", [(SEEN_POINTER,), (SERVED_POINTER,), (SEEN_POINTER, SERVED_POINTER)]
)
@pytest.mark.parametrize("is_reachable", [False, True])
def test_damaged_memory_of_a_pointer_never_brings_the_base_back(
    world: ServingWorld, rubbish: bytes, damaged: tuple[str, ...], *, is_reachable: bool
) -> None:
    replica = started(world)
    world.publish(replace(world.register(1), minimum_sequence=0))
    replica.watcher.look()
    for name in damaged:
        (world.cache / name).write_bytes(rubbish)
    world.registry.is_reachable = is_reachable
    replica = started(world)
    assert answers(replica) == (None if len(damaged) == 2 else 1)
    world.withdraw_pointer()
    replica.watcher.look()
    assert answers(replica) != 0


@pytest.mark.parametrize("failure", [KeyError("keyid"), MemoryError(), OSError()])
def test_whatever_keeps_a_pointer_from_being_read_the_base_does_not_answer(
    world: ServingWorld, monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    replica = started(world)
    world.publish(replace(world.register(1), minimum_sequence=0))
    replica.watcher.look()
    (world.cache / SEEN_POINTER).unlink()
    world.withdraw_pointer()

    def fail(*_: object, **__: object) -> bytes:
        raise failure

    monkeypatch.setattr(MemoryNotary, "open", fail)
    assert answers(started(world)) is None


def test_a_memory_that_may_not_be_read_is_no_empty_one(world: ServingWorld) -> None:
    replica = started(world)
    world.publish(replace(world.register(1), minimum_sequence=0))
    replica.watcher.look()
    for name in (SEEN_POINTER, SERVED_POINTER):
        (world.cache / name).unlink()
        (world.cache / name).mkdir()
    world.withdraw_pointer()
    assert answers(started(world)) is None


@pytest.mark.parametrize(
    "failure",
    [OSError("no space left"), RuntimeError("out of memory"), KeyError("tags")],
    ids=repr,
)
def test_an_unexpected_failure_keeps_the_last_good_version_and_the_thread(
    world: ServingWorld, monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    replica = started(world)
    world.promote(1)
    replica.watcher.look()
    world.promote(2)

    def fail(_watcher: Watcher, _pointer: ServingPointer) -> None:
        raise failure

    with monkeypatch.context() as patched:
        patched.setattr(Watcher, "_fetch", fail)
        assert look(replica) == "unexpected_error"
    # The pointer that was seen demands the second version.
    assert answers(replica) is None
    assert (look(replica), answers(replica)) == ("", 2)


# What was refused is not fetched at every look.


def test_a_refused_bundle_is_fetched_again_only_after_a_wait(
    world: ServingWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    replica = started(world)
    world.publish(world.register(1, spoil=spoil_weights))
    fetched: list[str] = []
    download = MemoryRegistry.download

    def counted(
        self: MemoryRegistry, base_model: str, version: str, folder: Path
    ) -> None:
        fetched.append(version)
        download(self, base_model, version, folder)

    monkeypatch.setattr(MemoryRegistry, "download", counted)
    codes = [look(replica) for _ in range(5)]
    assert (codes, fetched) == (["digest_mismatch"] * 5, ["1"])
    world.promote(2)
    assert (look(replica), answers(replica)) == ("", 2)
    assert fetched == ["1", "2"]


def test_looks_are_spread_so_that_replicas_do_not_ask_all_at_once(
    world: ServingWorld,
) -> None:
    watcher = world.replica().watcher
    pauses = [watcher._pause() / NEVER_SECONDS for _ in range(200)]
    assert 0.8 <= min(pauses) < 0.85
    assert 1.15 < max(pauses) <= 1.2


# A withdrawal is a signed statement of its own.


@pytest.mark.parametrize("restarts", [False, True])
def test_a_withdrawn_version_ends_its_answers_and_nothing_answers_until_the_next(
    world: ServingWorld, *, restarts: bool
) -> None:
    replica = started(world)
    pointer = world.promote(1)
    replica.watcher.look()
    world.clock.move(timedelta(seconds=1))
    now = world.clock.now()
    with replica.slot.lease() as version:
        world.publish(
            pointer.withdrawn(issued_at=now, expires_at=now + timedelta(hours=1))
        )
        assert look(replica) == ""
        assert version.recalled.is_set()
    assert answers(replica) is None
    # The pointer before the withdrawal does not bring the version back.
    world.publish(pointer)
    if restarts:
        replica = started(world)
    assert (look(replica), answers(replica)) == ("downgrade_refused", None)
    world.clock.move(timedelta(seconds=1))
    world.publish(replace(world.register(2), minimum_sequence=2))
    assert (look(replica), answers(replica)) == ("", 2)


# A pointer may cut replicas off.


@pytest.mark.parametrize("restarts", [False, True])
def test_a_replica_that_is_cut_off_is_silent_until_it_is_readmitted(
    world: ServingWorld, *, restarts: bool
) -> None:
    replica = started(world)
    pointer = world.promote(1)
    replica.watcher.look()
    world.publish(replace(pointer, cut_off=("replica-2",)))
    assert (look(replica), answers(replica)) == ("", 1)
    with replica.slot.lease() as version:
        world.publish(replace(pointer, cut_off=("replica-1", "replica-2")))
        assert look(replica) == ""
        assert version.recalled.is_set()
    if restarts:
        world.registry.is_reachable = False
        replica = started(world)
        world.registry.is_reachable = True
    state = replica.state()
    assert (state.is_ready, state.is_cut_off, answers(replica)) == (False, True, None)
    # It goes on following, so that it can answer when it is let in again.
    world.clock.move(timedelta(seconds=1))
    following = world.register(2)
    world.publish(replace(following, cut_off=("replica-1",)))
    assert (look(replica), answers(replica)) == ("", None)
    assert replica.slot.current.sequence == 2
    world.publish(following)
    assert (look(replica), answers(replica)) == ("", 2)
    assert replica.state().is_cut_off is False
