from uuid import UUID

import pytest

from unlearn_core.domain.requests import RequestId
from unlearn_core.steps import scopes

pytestmark = pytest.mark.integration

REQUEST = RequestId(UUID("12345678-1234-5678-1234-567812345678"))


def test_each_purpose_of_a_request_has_its_own_key() -> None:
    assert [
        scopes.working(REQUEST),
        scopes.evidence(REQUEST),
        scopes.contact(REQUEST),
        scopes.evaluation(REQUEST),
        scopes.fingerprints(REQUEST),
        scopes.held(str(REQUEST)),
    ] == [
        "12345678-1234-5678-1234-567812345678",
        "12345678-1234-5678-1234-567812345678.evidence",
        "12345678-1234-5678-1234-567812345678.contact",
        "12345678-1234-5678-1234-567812345678.evaluation",
        "12345678-1234-5678-1234-567812345678.fingerprints",
        "12345678-1234-5678-1234-567812345678.held",
    ]


def test_a_checkpoint_belongs_to_one_rung_recipe_and_earlier_version() -> None:
    recipe, other = "sha256:" + "a" * 64, "sha256:" + "b" * 64

    names = {
        scopes.checkpoint(rung, digest, sequence=sequence)
        for rung in (0, 1)
        for digest in (recipe, other)
        for sequence in (1, 2)
    }

    assert len(names) == 8
    assert scopes.checkpoint(0, recipe, sequence=1) == "checkpoint-1-0-aaaaaaaaaaaa"


def test_a_sealed_bundle_belongs_to_one_pair() -> None:
    assert scopes.bundle("sha256:" + "a" * 64) != scopes.bundle("sha256:" + "b" * 64)
    assert scopes.pair(2) == "pair-2"


def test_a_law_is_named_by_its_commitment_alone() -> None:
    assert scopes.laws("sha256:" + "a" * 40 + "b" * 24) == "laws-" + "b" * 24


def test_an_importance_belongs_to_one_pair_or_manifest() -> None:
    assert (
        scopes.importance("sha256:" + "a" * 40 + "b" * 24) == "importance-" + "b" * 24
    )
