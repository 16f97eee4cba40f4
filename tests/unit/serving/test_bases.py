import pytest
import torch
from support.domain import manifest
from support.serving import offset_law, tiny_model
from support.upstream import elsewhere, fingerprint, remote_base

from unlearn_core.adapters.memory.upstream import MemoryUpstream
from unlearn_core.errors import ManifestInvalidError, OffsetRequiredError
from unlearn_core.http_errors import UpstreamMismatchError, UpstreamUnavailableError
from unlearn_core.modeling.bundles import OpenedBundle

IDS = [5, 6, 7]


def bundle(sequence: int = 1, unlearned: int = 101) -> OpenedBundle:
    return OpenedBundle(
        manifest=manifest(sequence),
        manifest_digest=fingerprint().identity.base,
        unlearned=tiny_model(unlearned),
        reference=tiny_model(2),
    )


def expected_law() -> torch.Tensor:
    ids_BT = torch.tensor([IDS])
    with torch.inference_mode():
        return offset_law(1)(ids_BT, attention_mask_BS=torch.ones_like(ids_BT))[:, -1]


def test_a_base_elsewhere_that_tells_all_serves_the_law_of_one_that_is_here() -> None:
    assert bundle().manifest.alpha == 1.0
    law = remote_base(elsewhere(), largest_excluded=0.0).prepare(bundle())
    found = law.rows().join([IDS])
    torch.testing.assert_close(found, expected_law(), rtol=0, atol=1e-4)


def test_a_position_that_may_lose_too_much_is_refused() -> None:
    base = remote_base(elsewhere(tokens=2), largest_excluded=0.01)
    assert base.prepare(bundle()).rows().join([IDS]).max() == -torch.inf


def test_a_base_elsewhere_never_answers_by_itself() -> None:
    with pytest.raises(OffsetRequiredError):
        remote_base(elsewhere()).bare().rows()


def test_an_offset_that_changes_nothing_is_refused() -> None:
    with pytest.raises(ManifestInvalidError, match="changes nothing"):
        remote_base(elsewhere()).prepare(bundle(unlearned=2))


@pytest.mark.parametrize(
    ("source", "failures", "kind"),
    [
        (elsewhere(offset_law(2)), [], UpstreamMismatchError),
        (
            elsewhere(),
            [UpstreamUnavailableError(status=0)],
            UpstreamUnavailableError,
        ),
    ],
)
def test_no_offset_is_put_on_a_base_that_is_another_one_or_away(
    source: MemoryUpstream, failures: list[Exception | None], kind: type[Exception]
) -> None:
    source.failures = failures
    with pytest.raises(kind):
        remote_base(source).prepare(bundle())


def test_connections_are_given_back() -> None:
    closed: list[str] = []
    remote_base(elsewhere(), close=lambda: closed.append("upstream")).close()
    assert closed == ["upstream"]


def test_a_base_elsewhere_is_known_by_its_fingerprint() -> None:
    base = remote_base(elsewhere())
    assert base.identity == fingerprint().identity
    assert (base.vocabulary_size, base.is_best_effort) == (260, True)
    assert base.bare().maximum_tokens == 160
