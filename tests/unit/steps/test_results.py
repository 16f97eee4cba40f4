import inspect
from dataclasses import fields, is_dataclass

import pytest

from unlearn_core.domain.requests import Stage
from unlearn_core.privacy import Personal
from unlearn_core.steps import results

pytestmark = pytest.mark.integration

RESULTS = [
    item
    for _, item in inspect.getmembers(results, inspect.isclass)
    if item.__module__ == results.__name__
]


@pytest.mark.parametrize("result", RESULTS)
def test_a_result_cannot_hold_anything_personal(result: type) -> None:
    assert is_dataclass(result)
    for field in fields(result):
        assert Personal.__name__ not in str(field.type), field.name


def test_every_stage_that_a_step_reaches_has_a_result() -> None:
    fixed = {
        field.default
        for result in RESULTS
        if is_dataclass(result)
        for field in fields(result)
        if field.name == "stage" and isinstance(field.default, Stage)
    }
    # Those that choose their stage: identity, search, review, verification.
    chosen = {
        Stage.UNDER_REVIEW,
        Stage.REVIEWED,
        Stage.IDENTITY_VERIFIED,
        Stage.REFUSED,
        Stage.JOINED,
        Stage.LOCATED,
        Stage.NOT_FOUND,
        Stage.UNLEARNING_VERIFIED,
        Stage.UNLEARNING_REJECTED,
    }
    by_a_person = {
        Stage.APPROVED,
        Stage.DECLINED,
        Stage.GIVEN_UP,
        Stage.ON_HOLD,
        Stage.RELEASED,
        Stage.RETRIED,
        Stage.WITHDRAWN,
        Stage.PROOF_GIVEN,
    }
    without_a_result = {Stage.RECEIVED, Stage.OVERTAKEN, Stage.PROOF_AWAITED}

    assert fixed | chosen | by_a_person | without_a_result == set(Stage)
    assert not fixed & chosen
