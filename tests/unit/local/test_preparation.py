import json
from pathlib import Path

import pytest
from support.smallworld import MICRO_WORLD, no_progress

from unlearn_core.adapters.identity_policies import load_public_key
from unlearn_core.local import preparation
from unlearn_core.local.environment import LocalInstallation, Ports
from unlearn_core.local.preparation import prepare_identity_provider, prepare_world
from unlearn_core.modeling.weights import identity_of
from unlearn_core.smallworld.people import Population

pytestmark = pytest.mark.integration


def _installation(folder: Path) -> LocalInstallation:
    return LocalInstallation(home=folder, ports=Ports())


def _prepare(installation: LocalInstallation, cache: Path) -> Population:
    return prepare_world(
        installation, recipe=MICRO_WORLD, cache=cache, on_progress=no_progress
    )


def _refuse(*_arguments: object, **_named: object) -> None:
    pytest.fail("the models are in the cache")


def test_models_are_trained_once_and_kept_under_the_key_of_their_recipe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache"
    first = _installation(tmp_path / "first")
    population = _prepare(first, cache)
    assert (cache / MICRO_WORLD.key / "complete").is_file()
    second = _installation(tmp_path / "second")
    monkeypatch.setattr(preparation, "train_world_models", _refuse)

    assert _prepare(second, cache) == population

    for part in ("base", "reference"):
        assert identity_of(second.models / part) == identity_of(first.models / part)


def test_a_training_that_was_broken_off_is_done_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache"
    installation = _installation(tmp_path / "home")

    def broken_off(_documents: object, directory: Path, **_named: object) -> None:
        directory.mkdir(parents=True)
        (directory / "leftover").touch()
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(preparation, "train_world_models", broken_off)
        with pytest.raises(KeyboardInterrupt):
            _prepare(installation, cache)

    _prepare(installation, cache)

    assert (installation.models / "base" / "model.safetensors").is_file()
    assert not (installation.models / "leftover").exists()


def test_earlier_models_and_sources_are_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installation = _installation(tmp_path / "home")
    stale = installation.models / "base" / "stale"
    stale.parent.mkdir(parents=True)
    stale.touch()

    def train(_documents: object, directory: Path, **_named: object) -> None:
        (directory / "base").mkdir(parents=True)

    monkeypatch.setattr(preparation, "train_world_models", train)
    _prepare(installation, tmp_path / "cache")

    assert not stale.exists()
    assert (installation.sources / "data-map.yaml").is_file()


def test_the_identity_provider_keeps_its_key(tmp_path: Path) -> None:
    installation = _installation(tmp_path)

    first = prepare_identity_provider(installation)
    second = prepare_identity_provider(installation)

    assert first.as_dict(private=True) == second.as_dict(private=True)
    public = load_public_key(installation.identity_provider / "public.jwk")
    assert public.as_dict() == first.as_dict(private=False)


def test_the_private_key_is_for_its_owner_alone(tmp_path: Path) -> None:
    installation = _installation(tmp_path)

    prepare_identity_provider(installation)

    folder = installation.identity_provider
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / "private.jwk").stat().st_mode & 0o777 == 0o600
    assert "d" not in json.loads((folder / "public.jwk").read_bytes())
