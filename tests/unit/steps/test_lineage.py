from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from support.steps import Controller, tiny_shelf
from support.story import work_until

from unlearn_core.domain.canonical import digest_of
from unlearn_core.domain.requests import RequestId, Stage
from unlearn_core.errors import (
    DigestMismatchError,
    DowngradeRefusedError,
    IncompatibleBaseError,
    IntegrityError,
    LineageConflictError,
    RegistryUnavailableError,
)
from unlearn_core.modeling.bundles import MANIFEST_FILE, PAIR_FILE
from unlearn_core.modeling.laws import PlainLaw
from unlearn_core.modeling.offset import OffsetModel
from unlearn_core.modeling.weights import own_tensors_digest
from unlearn_core.steps.lineage import read_lineage
from unlearn_core.steps.results import Trained
from unlearn_core.steps.workbench import ModelShelf, Workbench

pytestmark = pytest.mark.integration


def _served(controller: Controller, stage: Stage) -> tuple[RequestId, Workbench]:
    request_id = controller.receive()
    bench = controller.bench(request_id)
    work_until(stage, request_id, bench=bench)
    return request_id, bench


def _trained(previous: str | None) -> Trained:
    return Trained(
        rung=0,
        run="run-1",
        recipe="r",
        unlearned="u",
        sequence=1,
        previous=previous,
        alpha=1.0,
    )


def test_the_first_version_builds_on_the_base_alone(controller: Controller) -> None:
    lineage = read_lineage(bench=controller.bench(controller.receive()))

    assert (lineage.latest, lineage.latest_digest, lineage.next_sequence) == (
        None,
        None,
        1,
    )
    assert lineage.materials.previous is None
    assert isinstance(lineage.materials.law_before, PlainLaw)


def test_a_later_version_builds_on_the_promoted_one(controller: Controller) -> None:
    request_id, bench = _served(controller, Stage.PROMOTED)

    lineage = read_lineage(bench=bench)

    [version] = controller.registry.versions("small-world")
    assert (lineage.latest_digest, lineage.next_sequence) == (version.manifest, 2)
    assert lineage.materials.previous is not None
    assert isinstance(lineage.materials.law_before, OffsetModel)
    assert lineage.covers(request_id)
    assert not lineage.covers(controller.receive(1))


def test_a_version_that_was_never_promoted_is_no_ground(
    controller: Controller,
) -> None:
    _, bench = _served(controller, Stage.REGISTERED)

    assert read_lineage(bench=bench).next_sequence == 1


@pytest.mark.parametrize("stage", [Stage.REGISTERED, Stage.PROMOTED])
def test_only_a_pair_trained_on_this_very_version_continues_it(
    controller: Controller, stage: Stage
) -> None:
    _, bench = _served(controller, stage)
    lineage = read_lineage(bench=bench)

    lineage.check_continued_by(_trained(lineage.latest_digest))
    with pytest.raises(LineageConflictError):
        lineage.check_continued_by(_trained("sha256:" + "0" * 64))
    if stage is Stage.PROMOTED:
        with pytest.raises(LineageConflictError, match="sequence=1, expected=2"):
            lineage.check_continued_by(_trained(None))


def _with_shelf(bench: Workbench, **parts: object) -> Workbench:
    """Return the bench with another base, tokenizer or reference on the shelf."""
    shelf = ModelShelf(base=Path(), reference=Path(), device="cpu")
    own = {
        name: getattr(tiny_shelf(), name)
        for name in ("base", "tokenizer", "identity", "reference", "device")
    }
    for name, value in (own | parts).items():
        setattr(shelf, name, value)
    return replace(bench, models=shelf)


@pytest.mark.parametrize("part", ["base", "tokenizer", "chat_template"])
def test_a_version_for_another_base_or_tokenizer_is_refused(
    controller: Controller, part: str
) -> None:
    _, bench = _served(controller, Stage.PROMOTED)
    other = replace(tiny_shelf().identity, **{part: digest_of(b"another")})

    with pytest.raises(IncompatibleBaseError, match=f"part={part}"):
        read_lineage(bench=_with_shelf(bench, identity=other))


def test_a_later_version_builds_on_the_reference_of_its_pair(
    controller: Controller,
) -> None:
    """Its offset is a difference to that one, whatever lies on the shelf meanwhile."""
    _, bench = _served(controller, Stage.PROMOTED)
    other = tiny_shelf().base
    own = own_tensors_digest(tiny_shelf().reference)
    assert own_tensors_digest(other) != own

    materials = read_lineage(bench=_with_shelf(bench, reference=other)).materials

    assert own_tensors_digest(materials.reference) == own


def _changed(download: Callable[[str, str, Path], None], file: str) -> object:
    def changed(base_model: str, version: str, destination: Path) -> None:
        download(base_model, version, destination)
        data = bytearray((destination / file).read_bytes())
        data[-30] ^= 1
        (destination / file).write_bytes(data)

    return changed


@pytest.mark.parametrize(
    ("file", "error"),
    [(PAIR_FILE, DigestMismatchError), (MANIFEST_FILE, IntegrityError)],
)
def test_a_changed_bundle_is_no_ground(
    controller: Controller,
    monkeypatch: pytest.MonkeyPatch,
    file: str,
    error: type[IntegrityError],
) -> None:
    _, bench = _served(controller, Stage.PROMOTED)
    changed = _changed(controller.registry.download, file)
    monkeypatch.setattr(controller.registry, "download", changed)

    with pytest.raises(error):
        read_lineage(bench=bench)


def test_an_absent_registry_is_not_an_empty_one(controller: Controller) -> None:
    bench = controller.bench(controller.receive())
    controller.registry.is_reachable = False

    with pytest.raises(RegistryUnavailableError):
        read_lineage(bench=bench)


def test_an_alias_that_somebody_moved_back_is_no_ground_to_build_on(
    controller: Controller,
) -> None:
    """Else the next version would undo the erasures in between."""
    for number in (0, 1):
        request_id = controller.receive(number)
        bench = controller.bench(request_id)
        work_until(Stage.SERVING_CONFIRMED, request_id, bench=bench)
    controller.registry.set_alias("small-world", "serving", "1")
    with pytest.raises(DowngradeRefusedError, match="offered=1, minimum=2"):
        read_lineage(bench=bench)
