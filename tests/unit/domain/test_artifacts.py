from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.domain import digest, manifest, model_identity, request_id

from unlearn_core.domain.artifacts import (
    Erasure,
    OffsetPairManifest,
    registered_model_name,
)
from unlearn_core.errors import (
    DowngradeRefusedError,
    IncompatibleBaseError,
    LineageConflictError,
    ManifestInvalidError,
)


def erasures(*numbers: int) -> tuple[Erasure, ...]:
    return tuple(
        Erasure(request_id=str(request_id(number)), forget_set="hmac-sha256:0")
        for number in numbers
    )


def test_the_registered_model_is_named_after_the_base() -> None:
    assert registered_model_name("llama-3") == "offset-pair.llama-3"


def test_the_written_form_is_fixed() -> None:
    assert manifest().to_json() == {
        "format": "unlearn/offset-pair/v1",
        "base_model": "small-world",
        "sequence": 1,
        "previous": None,
        "identity": {
            "base": digest("base"),
            "tokenizer": digest("tokenizer"),
            "chat_template": digest("chat template"),
        },
        "reference": digest("reference"),
        "unlearned": digest("unlearned"),
        "pair_file": digest("pair file"),
        "vocabulary_size": 256,
        "alpha": 1.0,
        "scheme": "delta",
        "objective": "twin",
        "recipe": digest("recipe"),
        "policy": digest("policy"),
        "verdict": digest("verdict"),
        "code_version": "0.1.0",
        "erasures": [
            {
                "request_id": "00000000-0000-0000-0000-000000000001",
                "forget_set": "hmac-sha256:" + "f" * 64,
            }
        ],
        "created_at": "2026-03-02T09:30:00+00:00",
    }


@pytest.mark.parametrize("sequence", [1, 2, 5])
def test_a_manifest_is_the_same_after_writing_and_reading(sequence: int) -> None:
    written = manifest(sequence).to_json()
    assert OffsetPairManifest.from_json(written) == manifest(sequence)


@pytest.mark.parametrize("missing", manifest().to_json())
def test_a_manifest_without_one_of_its_fields_is_refused(missing: str) -> None:
    raw = {key: value for key, value in manifest().to_json().items() if key != missing}
    with pytest.raises(ManifestInvalidError):
        OffsetPairManifest.from_json(raw)


def test_what_a_base_elsewhere_left_untold_is_written_and_read() -> None:
    told = replace(manifest(), untold=0.25)
    assert told.to_json() == manifest().to_json() | {"untold": 0.25}
    assert OffsetPairManifest.from_json(told.to_json()) == told


def test_the_error_of_kept_laws_is_written_and_read() -> None:
    told = replace(manifest(), law_error=0.003)
    assert told.to_json() == manifest().to_json() | {"law_error": 0.003}
    assert OffsetPairManifest.from_json(told.to_json()) == told


ERASURE = {"request_id": "r-1", "forget_set": "hmac-sha256:0"}


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"surprise": 1}, "unknown or missing field"),
        ({"format": "unlearn/offset-pair/v2"}, "unknown or missing field"),
        ({"base_model": 7}, "wrong type"),
        ({"reference": None}, "wrong type"),
        ({"verdict": ["sha256:0"]}, "wrong type"),
        ({"created_at": 1772443800}, "wrong type"),
        ({"identity": None}, "wrong type"),
        ({"identity": {"base": "b", "tokenizer": "t"}}, "wrong type"),
        (
            {"identity": {"base": "b", "tokenizer": "t", "chat_template": None}},
            "wrong type",
        ),
        ({"erasures": None}, "wrong type"),
        ({"erasures": [ERASURE | {"name": "x"}]}, "wrong type"),
        ({"erasures": [ERASURE | {"request_id": ["r-1"]}]}, "wrong type"),
        ({"erasures": ["r-1"]}, "wrong type"),
        ({"erasures": []}, "erasures"),
        ({"erasures": [ERASURE, ERASURE]}, "erasures"),
        ({"sequence": 0}, "sequence"),
        ({"sequence": -1}, "sequence"),
        ({"sequence": 1.0}, "sequence"),
        ({"sequence": True}, "sequence"),
        ({"sequence": "1"}, "sequence"),
        ({"sequence": 2}, "previous"),
        ({"previous": "sha256:0"}, "previous"),
        ({"previous": 0}, "wrong type"),
        ({"alpha": 0.0}, "alpha"),
        ({"alpha": -1.0}, "alpha"),
        ({"alpha": 4.1}, "alpha"),
        ({"alpha": 1}, "alpha"),
        ({"alpha": float("nan")}, "alpha"),
        ({"alpha": float("inf")}, "alpha"),
        ({"alpha": None}, "alpha"),
        ({"untold": None}, "unknown or missing field"),
        ({"untold": 1}, "untold"),
        ({"untold": 1.1}, "untold"),
        ({"untold": float("nan")}, "untold"),
        ({"law_error": None}, "unknown or missing field"),
        ({"law_error": 0}, "law_error"),
        ({"law_error": -0.1}, "law_error"),
        ({"law_error": float("nan")}, "law_error"),
        ({"vocabulary_size": 0}, "vocabulary_size"),
        ({"vocabulary_size": 256.0}, "vocabulary_size"),
        ({"vocabulary_size": True}, "vocabulary_size"),
    ],
    ids=str,
)
def test_a_malformed_or_implausible_manifest_is_refused(
    change: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ManifestInvalidError) as caught:
        OffsetPairManifest.from_json({**manifest().to_json(), **change})
    assert caught.value.facts == {"problem": problem}


@pytest.mark.parametrize("alpha", [1e-6, 0.5, 4.0])
def test_the_ends_of_the_range_of_alpha_are_plausible(alpha: float) -> None:
    replace(manifest(), alpha=alpha).check_plausible()


@pytest.mark.parametrize("part", ["base", "tokenizer", "chat_template"])
def test_a_pair_fits_its_own_base_only(part: str) -> None:
    manifest().check_fits(model_identity())
    other = replace(model_identity(), **{part: digest("other")})
    with pytest.raises(IncompatibleBaseError) as caught:
        manifest().check_fits(other)
    assert caught.value.facts == {"part": part}


def test_a_version_builds_on_nothing_or_on_the_one_before() -> None:
    manifest(1).check_builds_on(None, earlier_digest=None)
    manifest(2).check_builds_on(manifest(1), earlier_digest=digest("manifest 1"))


@pytest.mark.parametrize(
    ("later", "earlier", "earlier_digest", "facts"),
    [
        (manifest(2), None, None, {"sequence": 2, "expected": 1}),
        (manifest(3), manifest(1), "manifest 1", {"sequence": 3, "expected": 2}),
        (manifest(2), manifest(2), "manifest 2", {"sequence": 2, "expected": 3}),
        (manifest(1), manifest(1), "manifest 1", {"sequence": 1, "expected": 2}),
        (manifest(2), manifest(1), "forged", {"sequence": 2, "expected": 2}),
        (
            replace(manifest(2), erasures=erasures(2, 3)),
            manifest(1),
            "manifest 1",
            {"problem": "an erasure would be lost"},
        ),
        (
            replace(manifest(2), erasures=erasures(1)),
            manifest(1),
            "manifest 1",
            {"problem": "an erasure would be lost"},
        ),
    ],
)
def test_a_version_that_does_not_continue_the_latest_is_refused(
    later: OffsetPairManifest,
    earlier: OffsetPairManifest | None,
    earlier_digest: str | None,
    facts: dict[str, object],
) -> None:
    link = digest(earlier_digest) if earlier_digest else None
    with pytest.raises(LineageConflictError) as caught:
        later.check_builds_on(earlier, earlier_digest=link)
    assert caught.value.facts == facts


COVERED = st.sets(st.integers(1, 6), min_size=1)


@given(COVERED, COVERED)
def test_moving_forward_never_forgets_an_erasure(
    before: set[int], after: set[int]
) -> None:
    first = replace(manifest(1), erasures=erasures(*before))
    second = replace(manifest(2), erasures=erasures(*after))
    try:
        second.check_builds_on(first, earlier_digest=digest("manifest 1"))
    except LineageConflictError:
        assert not before < after
    else:
        assert before < after


def test_an_older_version_is_refused_and_the_same_one_is_not() -> None:
    manifest(3).check_not_older_than(3)
    manifest(3).check_not_older_than(0)
    with pytest.raises(DowngradeRefusedError) as caught:
        manifest(2).check_not_older_than(3)
    assert caught.value.facts == {"offered": 2, "minimum": 3}
