from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from support.steps import RECIPE, Controller, policy_that, tiny_shelf
from support.story import work_until

from unlearn_core.adapters.memory.teaching import MemoryLogprobs
from unlearn_core.domain.artifacts import OffsetPairManifest
from unlearn_core.domain.canonical import Digest
from unlearn_core.domain.requests import RequestId, Stage
from unlearn_core.errors import LeaseLostError, RegistryUnavailableError, StorageError
from unlearn_core.modeling import bundles
from unlearn_core.modeling.bundles import read_manifest
from unlearn_core.modeling.laws import PlainLaw
from unlearn_core.modeling.weights import own_tensors_digest
from unlearn_core.ports import RegisteredVersion
from unlearn_core.steps.lineage import read_lineage
from unlearn_core.steps.register_version import register_version
from unlearn_core.steps.workbench import Workbench
from unlearn_core.training.law_cache import TOLERANCE

pytestmark = pytest.mark.integration

Register = Callable[..., RegisteredVersion]


def _ready(controller: Controller, number: int = 0) -> tuple[RequestId, Workbench]:
    request_id = controller.receive(number)
    bench = controller.bench(request_id)
    work_until(Stage.UNLEARNING_VERIFIED, request_id, bench=bench)
    return request_id, bench


def _manifest(controller: Controller) -> tuple[OffsetPairManifest, Digest]:
    latest = controller.registry.versions("small-world")[-1]
    with TemporaryDirectory() as name:
        controller.registry.download("small-world", latest.version, Path(name))
        return read_manifest(Path(name), opener=controller.notary)


def test_the_manifest_says_what_a_base_elsewhere_left_untold(
    controller: Controller,
) -> None:
    request_id = controller.receive()
    bench = controller.bench(request_id)
    law = PlainLaw(bench.models.base)
    bench = replace(bench, teacher=MemoryLogprobs(law, told=9))
    work_until(Stage.UNLEARNING_VERIFIED, request_id, bench=bench)
    [trained] = controller.entries(request_id, Stage.TRAINED)

    register_version(request_id, bench=bench)

    manifest, _ = _manifest(controller)
    assert manifest.untold is not None
    assert manifest.untold == trained.payload["untold"]


def test_the_manifest_says_how_wrong_laws_are_that_were_kept_in_brief(
    controller: Controller,
) -> None:
    request_id = controller.receive()
    bench = controller.bench(request_id)
    bench = replace(bench, terms=replace(bench.terms, brief_laws=True))
    work_until(Stage.UNLEARNING_VERIFIED, request_id, bench=bench)
    [trained] = controller.entries(request_id, Stage.TRAINED)

    register_version(request_id, bench=bench)

    manifest, _ = _manifest(controller)
    assert manifest.law_error is not None
    assert 0 <= manifest.law_error <= TOLERANCE
    assert manifest.law_error == trained.payload["law_error"]


def test_the_manifest_binds_the_pair_to_everything_it_was_verified_with(
    controller: Controller,
) -> None:
    request_id, bench = _ready(controller)

    result = register_version(request_id, bench=bench)

    manifest, digest = _manifest(controller)
    shelf = tiny_shelf()
    [built] = controller.entries(request_id, Stage.DATASETS_BUILT)
    [verified] = controller.entries(request_id, Stage.UNLEARNING_VERIFIED)
    assert digest == result.manifest
    assert manifest.identity == shelf.identity
    assert manifest.reference == own_tensors_digest(shelf.reference)
    assert manifest.vocabulary_size == shelf.base.config.vocab_size
    assert (manifest.scheme, manifest.objective, manifest.alpha) == ("delta", "twin", 1)
    assert manifest.recipe == RECIPE.digest
    assert manifest.policy == policy_that(accepts=True).digest
    assert manifest.verdict == verified.payload["report"]
    assert manifest.created_at == verified.recorded_at.isoformat()
    assert (manifest.sequence, manifest.previous) == (1, None)
    assert manifest.untold is None
    assert manifest.law_error is None
    [erasure] = manifest.erasures
    assert erasure.request_id == str(request_id)
    assert erasure.forget_set == built.payload["forget_set"]


def test_a_scheme_that_trains_the_reference_side_registers_its_own_reference(
    controller: Controller,
) -> None:
    """And the next version finds it there, whatever the shelf holds."""
    request_id = controller.receive()
    recipe = replace(RECIPE, scheme="assistant")
    bench = replace(controller.bench(request_id), ladder=(recipe,))
    work_until(Stage.PROMOTED, request_id, bench=bench)

    manifest, _ = _manifest(controller)
    materials = read_lineage(bench=bench).materials

    assert (manifest.scheme, manifest.objective) == (
        "assistant",
        "cross_entropy_uniform",
    )
    assert manifest.recipe == recipe.digest
    assert manifest.reference != own_tensors_digest(tiny_shelf().reference)
    assert own_tensors_digest(materials.reference) == manifest.reference
    assert materials.previous is not None
    assert own_tensors_digest(materials.previous) == manifest.unlearned


def test_the_version_is_marked_as_verified_and_not_yet_served(
    controller: Controller,
) -> None:
    request_id, bench = _ready(controller)

    result = register_version(request_id, bench=bench)

    assert (result.registered_model, result.version) == ("offset-pair.small-world", "1")
    aliases = {
        alias: controller.registry.alias("small-world", alias)
        for alias in ("candidate", "verified", "serving")
    }
    assert aliases == {"candidate": "1", "verified": "1", "serving": None}


def test_a_later_version_continues_the_promoted_one(controller: Controller) -> None:
    first, bench = _ready(controller)
    work_until(Stage.PROMOTED, first, bench=bench)
    _, digest = _manifest(controller)
    second, bench = _ready(controller, 1)

    register_version(second, bench=bench)

    manifest, _ = _manifest(controller)
    assert (manifest.sequence, manifest.previous) == (2, digest)
    assert [item.request_id for item in manifest.erasures] == [str(first), str(second)]


def _interrupted(register: Register, interrupt: Callable[[], None]) -> Register:
    """Return a registration after which something happens to the worker."""

    def interrupted(
        base_model: str, bundle: Path, *, version: RegisteredVersion, run: str
    ) -> RegisteredVersion:
        registered = register(base_model, bundle, version=version, run=run)
        interrupt()
        return registered

    return interrupted


def _die() -> None:
    raise KeyboardInterrupt


def test_a_version_that_a_killed_worker_left_is_found_and_not_registered_twice(
    controller: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    request_id, bench = _ready(controller)
    registry = controller.registry
    with monkeypatch.context() as patch:
        patch.setattr(registry, "register", _interrupted(registry.register, _die))
        with pytest.raises(KeyboardInterrupt):
            register_version(request_id, bench=bench)

    result = register_version(request_id, bench=controller.lose(bench))

    [version] = registry.versions("small-world")
    assert (result.version, result.manifest) == (version.version, version.manifest)
    assert registry.alias("small-world", "verified") == version.version


def test_a_worker_that_lost_its_lease_while_uploading_takes_its_version_back(
    controller: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    request_id, bench = _ready(controller)
    registry = controller.registry

    def lose() -> None:
        controller.lose(bench)

    monkeypatch.setattr(registry, "register", _interrupted(registry.register, lose))

    with pytest.raises(LeaseLostError):
        register_version(request_id, bench=bench)

    assert registry.versions("small-world") == ()
    assert controller.store.get(request_id).stage is Stage.UNLEARNING_VERIFIED


def test_a_full_disk_registers_nothing_and_may_be_tried_again(
    controller: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    request_id, bench = _ready(controller)
    write = Path.write_bytes

    def full(path: Path, data: bytes) -> int:
        if path.name == bundles.PAIR_FILE:
            raise OSError(28, "No space left on device")
        return write(path, data)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        with pytest.raises(StorageError, match="errno=28"):
            register_version(request_id, bench=bench)
    assert controller.registry.versions("small-world") == ()

    assert register_version(request_id, bench=bench).version == "1"


def test_an_absent_registry_keeps_the_pair_for_later(controller: Controller) -> None:
    request_id, bench = _ready(controller)
    controller.registry.is_reachable = False
    with pytest.raises(RegistryUnavailableError):
        register_version(request_id, bench=bench)

    controller.registry.is_reachable = True

    assert register_version(request_id, bench=bench).version == "1"


def test_a_rejected_pair_cannot_be_registered(controller: Controller) -> None:
    request_id = controller.receive()
    bench = controller.bench(request_id, accepts=False)
    work_until(Stage.UNLEARNING_VERIFIED, request_id, bench=bench)
    assert controller.store.get(request_id).stage is Stage.UNLEARNING_REJECTED

    with pytest.raises(Exception, match="present=unlearning_rejected"):
        register_version(request_id, bench=bench)

    assert controller.registry.versions("small-world") == ()
