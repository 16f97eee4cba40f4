import math

import pytest
import torch
from support.serving import language_model, offset_law
from support.upstream import checked, elsewhere, fingerprint

from unlearn_core.http_errors import UpstreamMismatchError, UpstreamUnavailableError
from unlearn_core.modeling.laws import PlainLaw
from unlearn_core.serving.upstream import CheckedUpstream

CONTEXTS = [[5, 6], [7]]


def law_after(context: list[int]) -> torch.Tensor:
    ids_BT = torch.tensor([context])
    with torch.inference_mode():
        return PlainLaw(language_model().model)(
            ids_BT, attention_mask_BS=torch.ones_like(ids_BT)
        )[0, -1]


def test_what_is_told_has_its_place_and_the_rest_is_untold() -> None:
    found_NV = checked(elsewhere(tokens=5))(CONTEXTS)
    for found_V, context in zip(found_NV, CONTEXTS, strict=True):
        best = law_after(context).topk(5)
        told = found_V > -math.inf
        assert set(told.nonzero()[:, 0].tolist()) == set(best.indices.tolist())
        torch.testing.assert_close(found_V[best.indices], best.values)


def test_nothing_is_asked_before_the_fingerprint_was_compared() -> None:
    source = elsewhere()
    checked(source)(CONTEXTS)
    probes = [probe.ids for probe in fingerprint().probes]
    assert source.asked == [*probes, *map(tuple, CONTEXTS)]


def test_another_model_is_refused_before_any_question_reaches_it() -> None:
    source = elsewhere(offset_law(1))
    with pytest.raises(UpstreamMismatchError, match="something else"):
        checked(source)(CONTEXTS)
    assert tuple(CONTEXTS[0]) not in source.asked


def test_a_model_that_is_exchanged_later_is_noticed_by_what_it_calls_itself() -> None:
    source = elsewhere()
    ask = checked(source)
    ask(CONTEXTS)
    source.mark, source._law = "base another", offset_law(1)
    for _ in range(2):
        with pytest.raises(UpstreamMismatchError, match="something else"):
            ask(CONTEXTS)


def test_a_model_that_only_changes_its_name_is_asked_on() -> None:
    source = elsewhere()
    ask = checked(source)
    before = ask(CONTEXTS)
    source.mark = "base newer"
    assert torch.equal(ask(CONTEXTS), before)


def test_the_fingerprint_is_compared_again_after_a_while() -> None:
    source, now = elsewhere(), [0.0]
    ask = CheckedUpstream(
        source,
        fingerprint=fingerprint(),
        check_seconds=60.0,
        tolerance_nats=0.25,
        now=lambda: now[0],
    )
    ask(CONTEXTS)
    source._law = offset_law(1)
    now[0] = 60.0
    ask(CONTEXTS)  # the check is still good
    now[0] = 60.1
    with pytest.raises(UpstreamMismatchError, match="something else"):
        ask(CONTEXTS)


@pytest.mark.parametrize(
    ("law", "problem"),
    [
        ({}, "too few"),
        ({0: -1.0}, "too few"),
        ({0: -1.0, 260: -1.0}, "vocabulary"),
        ({0: -1.0, -1: -1.0}, "vocabulary"),
        ({0: -0.1, 1: -0.1}, "no law"),
        ({0: 0.5, 1: -9.0}, "no law"),
        ({0: math.nan, 1: -9.0}, "no law"),
        ({0: 1000.0, 1: -9.0}, "no law"),
        # The others are at most as likely as token 1, so a tenth would be nobody's.
        ({0: math.log(0.9), 1: -9999.0}, "no law"),
    ],
)
def test_what_is_no_law_over_enough_known_tokens_is_refused(
    law: dict[int, float], problem: str
) -> None:
    source = elsewhere(tokens=2)
    ask = checked(source)
    ask(CONTEXTS)
    source.change = lambda _: law
    with pytest.raises(UpstreamMismatchError, match=problem):
        ask(CONTEXTS)


def test_about_nothing_nobody_is_asked() -> None:
    source = elsewhere()
    assert checked(source)([]).shape == (0, 260)
    assert source.asked == []


def test_a_token_more_than_asked_for_does_not_count() -> None:
    """It may be one that was drawn, and then the untold ones may be likelier."""
    source = elsewhere(tokens=2)
    ask = checked(source)
    assert 0 not in source.tell(CONTEXTS).laws[0]
    before = ask(CONTEXTS)
    source.change = lambda law: law | {0: -50.0}
    assert torch.equal(ask(CONTEXTS), before)


def test_a_failure_is_passed_on_and_the_next_question_is_answered() -> None:
    source = elsewhere()
    ask = checked(source)
    source.failures = [UpstreamUnavailableError(status=0)]
    with pytest.raises(UpstreamUnavailableError):
        ask(CONTEXTS)
    assert len(ask(CONTEXTS)) == 2
