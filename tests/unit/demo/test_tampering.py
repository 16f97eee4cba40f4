"""Attacks on stand-ins for a service: a careful one, and several careless ones."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from support.pages import answering
from support.steps import (
    BASE_MODEL,
    Controller,
    open_controller,
    read_pointer,
    tiny_shelf,
)
from support.tools import tools_of

from unlearn_core.demo import tampering
from unlearn_core.demo.tampering import (
    forged_pointer_is_refused,
    tampered_weights_are_refused,
)
from unlearn_core.domain.artifacts import Erasure, OffsetPairManifest
from unlearn_core.domain.canonical import canonical_json, digest_of
from unlearn_core.domain.pointers import POINTER_TYPE, ServingPointer
from unlearn_core.errors import UnlearnError
from unlearn_core.modeling.bundles import open_bundle, write_bundle
from unlearn_core.modeling.weights import own_tensors_digest, pack_pair
from unlearn_core.ports import RegisteredVersion

pytestmark = pytest.mark.integration

Look = Callable[[], None]


@pytest.fixture
def controller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Controller:
    """Open a controller that serves one version."""
    monkeypatch.setattr(tampering, "WAIT_SECONDS", 0.5)
    controller = open_controller(tmp_path)
    _publish(controller, tmp_path / "bundle")
    return controller


def _publish(controller: Controller, folder: Path) -> None:
    shelf = tiny_shelf()
    digest = own_tensors_digest(shelf.reference)
    pair = pack_pair(unlearned=shelf.reference, reference=shelf.reference)
    sealed = controller.sealer.close(pair, base_model=BASE_MODEL)
    manifest = OffsetPairManifest(
        base_model=BASE_MODEL,
        sequence=1,
        previous=None,
        identity=shelf.identity,
        reference=digest,
        unlearned=digest,
        pair_file=digest_of(sealed),
        vocabulary_size=shelf.base.config.vocab_size,
        alpha=1.0,
        scheme="delta",
        objective="twin",
        recipe=digest,
        policy=digest,
        verdict=digest,
        code_version="0.1.0",
        erasures=(Erasure(request_id="r", forget_set="f"),),
        created_at="2026-03-02T09:00:00+00:00",
    )
    folder.mkdir()
    written = write_bundle(
        folder, manifest=manifest, sealed_pair=sealed, signer=controller.notary
    )
    wanted = RegisteredVersion(version="", manifest=written, sequence=1, request_id="r")
    version = controller.registry.register(
        BASE_MODEL, folder, version=wanted, run=controller.runs.start("run", {})
    )
    now = controller.clock.now()
    pointer = ServingPointer(
        base_model=BASE_MODEL,
        version=version.version,
        manifest=written,
        sequence=1,
        minimum_sequence=1,
        issued_at=now,
        expires_at=now.replace(year=now.year + 1),
    )
    envelope = controller.notary.sign(
        canonical_json(pointer.to_json()), payload_type=POINTER_TYPE
    )
    controller.registry.publish_pointer(BASE_MODEL, envelope)


class Service:
    """A service that looks at the registry whenever it is asked for its state."""

    def __init__(self, controller: Controller, *, checks_weights: bool = True) -> None:
        self._controller = controller
        self._checks_weights = checks_weights
        self.state: dict[str, Any] = {
            "is_ready": True,
            "sequence": 1,
            "last_error": "",
        }

    def answer(self, path: str, _posted: object) -> tuple[int, Any]:
        """Look, then say how it is."""
        assert path == "/state"
        try:
            self._look()
            self.state["last_error"] = ""
        except UnlearnError as error:
            self.state["last_error"] = error.code
        return 200, self.state

    def _look(self) -> None:
        controller, shelf = self._controller, tiny_shelf()
        pointer = read_pointer(controller.registry, controller.notary)
        assert pointer is not None
        if not self._checks_weights:
            self.state["sequence"] = pointer.sequence
            return
        with TemporaryDirectory() as name:
            controller.registry.download(BASE_MODEL, pointer.version, Path(name))
            open_bundle(
                Path(name),
                base_model=BASE_MODEL,
                identity=shelf.identity,
                vocabulary_size=shelf.base.config.vocab_size,
                opener=controller.notary,
                sealer=controller.sealer,
                device=shelf.device,
            )
        self.state["sequence"] = pointer.sequence


@pytest.fixture
def careful(controller: Controller) -> Iterator[str]:
    with answering(Service(controller).answer) as address:
        yield address


def test_a_careful_service_withstands_a_forged_pointer(
    controller: Controller, careful: str
) -> None:
    before = controller.registry.pointer(BASE_MODEL)

    assert forged_pointer_is_refused(careful, tools_of(controller))

    # The genuine pointer is back.
    assert controller.registry.pointer(BASE_MODEL) == before


def test_a_careful_service_withstands_changed_weights(
    controller: Controller, careful: str
) -> None:
    assert tampered_weights_are_refused(careful, tools_of(controller))

    assert len(controller.registry.versions(BASE_MODEL)) == 2


def test_a_service_that_loads_anything_is_found_out(controller: Controller) -> None:
    service = Service(controller, checks_weights=False)
    with answering(service.answer) as address:
        assert not tampered_weights_are_refused(address, tools_of(controller))


def test_a_service_that_does_not_look_is_found_out(controller: Controller) -> None:
    state = {"is_ready": True, "sequence": 1, "last_error": ""}
    with answering(lambda _path, _posted: (200, state)) as address:
        assert not forged_pointer_is_refused(address, tools_of(controller))
        assert not tampered_weights_are_refused(address, tools_of(controller))


def test_a_service_that_stops_answering_is_found_out(controller: Controller) -> None:
    service = Service(controller)
    service.state["is_ready"] = False
    with answering(service.answer) as address:
        assert not forged_pointer_is_refused(address, tools_of(controller))


def test_without_a_pointer_there_is_nothing_to_forge(tmp_path: Path) -> None:
    controller = open_controller(tmp_path)
    state = {"is_ready": True, "sequence": 0, "last_error": ""}
    with answering(lambda _path, _posted: (200, state)) as address:
        assert not forged_pointer_is_refused(address, tools_of(controller))


def test_the_forged_pointer_differs_in_one_letter(
    controller: Controller, careful: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    published: list[bytes] = []
    publish = controller.registry.publish_pointer

    def watched(base_model: str, envelope: bytes) -> None:
        published.append(envelope)
        publish(base_model, envelope)

    monkeypatch.setattr(controller.registry, "publish_pointer", watched)
    forged_pointer_is_refused(careful, tools_of(controller))

    forged, genuine = (json.loads(item)["payload"] for item in published)
    assert sum(a != b for a, b in zip(forged, genuine, strict=True)) == 1
