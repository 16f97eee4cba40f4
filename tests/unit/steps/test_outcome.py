import pytest
from support.steps import Controller

from unlearn_core.domain.canonical import JsonValue
from unlearn_core.domain.requests import Outcome, Stage
from unlearn_core.steps.outcome import outcome_of

pytestmark = pytest.mark.integration

LOCATED: dict[str, JsonValue] = {"unsearched": []}
INCOMPLETE: dict[str, JsonValue] = {"unsearched": ["corpus"]}
ERASED: dict[str, JsonValue] = {"kept": []}
KEPT: dict[str, JsonValue] = {"kept": ["corpus"]}


@pytest.mark.parametrize(
    ("located", "erased", "is_served", "expected"),
    [
        (LOCATED, ERASED, True, Outcome.SUPPRESSED_AT_OUTPUT),
        (LOCATED, ERASED, False, Outcome.FAILED),
        (LOCATED, KEPT, True, Outcome.PARTIAL),
        (LOCATED, KEPT, False, Outcome.FAILED),
        (INCOMPLETE, ERASED, True, Outcome.PARTIAL),
        (INCOMPLETE, ERASED, False, Outcome.FAILED),
    ],
    ids=[
        "everything worked",
        "never served",
        "a source may not be erased",
        "nor was it served",
        "a source could not be searched",
        "nor was anything served",
    ],
)
def test_the_outcome_is_the_honest_word(
    controller: Controller,
    located: dict[str, JsonValue],
    erased: dict[str, JsonValue],
    is_served: bool,  # noqa: FBT001 - a column of the table
    expected: Outcome,
) -> None:
    request_id = controller.receive()
    bench = controller.bench(request_id)
    for event, payload in (
        (Stage.LOCATED, located),
        (Stage.SOURCES_ERASED, erased),
        (Stage.SERVING_CONFIRMED if is_served else "work_started", {}),
    ):
        controller.store.note(event, payload, request_id=request_id)

    assert outcome_of(request_id, bench=bench) is expected


def test_an_outcome_that_was_recorded_early_stays(controller: Controller) -> None:
    request_id = controller.receive()
    bench = controller.bench(request_id)
    for stage, outcome in (
        (Stage.ACKNOWLEDGED, None),
        (Stage.REFUSED, Outcome.REFUSED),
    ):
        controller.store.advance(
            request_id, stage, {}, lease=bench.lease, outcome=outcome
        )

    assert outcome_of(request_id, bench=bench) is Outcome.REFUSED
