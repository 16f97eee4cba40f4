import pytest
import torch
from support.domain import digest, manifest, model_identity
from support.serving import language_model, tiny_model

from unlearn_core.errors import ManifestInvalidError
from unlearn_core.modeling.bundles import OpenedBundle
from unlearn_core.modeling.offset import FusedOffsetModel
from unlearn_core.serving.host import BaseHost


def bundle(seed: int) -> OpenedBundle:
    """Return a bundle as if it had passed every check."""
    return OpenedBundle(
        manifest=manifest(),
        manifest_digest=digest("manifest"),
        unlearned=tiny_model(seed),
        reference=tiny_model(2),
    )


def test_a_host_knows_what_a_pair_has_to_fit() -> None:
    host = BaseHost(language_model())
    assert host.identity == model_identity()
    assert (host.vocabulary_size, host.device) == (260, torch.device("cpu"))


def test_a_pair_is_prepared_as_one_model() -> None:
    assert isinstance(BaseHost(language_model()).prepare(bundle(101)), FusedOffsetModel)


def test_a_pair_that_changes_nothing_is_refused() -> None:
    with pytest.raises(ManifestInvalidError, match="changes nothing"):
        BaseHost(language_model()).prepare(bundle(2))
