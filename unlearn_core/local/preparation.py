"""Makes a local installation ready: keys, database, world, identity provider."""

import json
import shutil
from pathlib import Path

from joserfc.jwk import OKPKey

from unlearn_core.local.environment import LocalInstallation
from unlearn_core.smallworld.base_model import (
    Progress,
    WorldRecipe,
    train_world_models,
)
from unlearn_core.smallworld.corpus import read_documents
from unlearn_core.smallworld.people import Population, populate
from unlearn_core.smallworld.sources import write_sources


def population_of(recipe: WorldRecipe) -> Population:
    """Return the people of a world."""
    return populate(
        seed=recipe.world_seed,
        trained=recipe.trained_people,
        controls=recipe.control_people,
    )


def prepare_world(
    installation: LocalInstallation,
    *,
    recipe: WorldRecipe,
    cache: Path,
    on_progress: Progress,
) -> Population:
    """Write the training sources and provide the models trained on them.

    Models are kept in the cache under the digest of their recipe.

    Returns:
        The people of the world.
    """
    population = population_of(recipe)
    paths = write_sources(population, installation.sources, seed=recipe.world_seed)
    kept = cache / recipe.key
    if not (kept / "complete").is_file():
        shutil.rmtree(kept, ignore_errors=True)
        train_world_models(
            read_documents(paths), kept, recipe=recipe, on_progress=on_progress
        )
        (kept / "complete").touch()
    shutil.rmtree(installation.models, ignore_errors=True)
    shutil.copytree(kept, installation.models)
    return population


def prepare_identity_provider(installation: LocalInstallation) -> OKPKey:
    """Create the stand-in for the controller's identity provider, or read it."""
    folder = installation.identity_provider
    private = folder / "private.jwk"
    if private.is_file():
        return OKPKey.import_key(json.loads(private.read_bytes()))
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    key = OKPKey.generate_key("Ed25519", private=True)
    private.touch(mode=0o600)
    private.write_text(json.dumps(key.as_dict(private=True)))
    (folder / "public.jwk").write_text(json.dumps(key.as_dict(private=False)))
    return key
