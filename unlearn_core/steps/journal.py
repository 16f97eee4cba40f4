"""Makes a step idempotent: look into the ledger first, record at the end.

A step returns a frozen dataclass with a ``stage``. `recorded` gives it five
properties:

- done before: the recorded result is returned and nothing is done;
- in turn: a step that may not come next is refused before it does anything;
- fenced: a worker that has lost its lease does not start;
- in time: without its working data a request can only be ended;
- recorded: stage and result are one ledger entry.
"""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, Protocol, TypeVar, cast

from pydantic import TypeAdapter

from unlearn_core.domain.requests import TRANSITIONS, Outcome, RequestId, Stage
from unlearn_core.domain.stage_limits import check_not_expired
from unlearn_core.errors import IllegalTransitionError
from unlearn_core.steps.workbench import Workbench


class StepResult(Protocol):
    """What a step returns: facts without personal data."""

    @property
    def stage(self) -> Stage:
        """Return the stage that the request has reached."""
        ...


R = TypeVar("R", bound=StepResult)
Step = Callable[..., R]

OUTCOME = "outcome"


def recorded(*stages: Stage, result: type[R]) -> Callable[[Step[R]], Step[R]]:
    """Wrap a step that ends in one of these stages.

    Args:
        *stages: Stages that the step can record.
        result: Type of its result, read back from the ledger on a repetition.

    The step then raises `IllegalTransitionError` out of turn, `LeaseLostError` if
    another worker has taken over, and `WorkingDataExpiredError` if its working data lay
    too long.
    """
    adapter: TypeAdapter[R] = TypeAdapter(result)

    def wrap(step: Step[R]) -> Step[R]:
        @wraps(step)
        def idempotent(request_id: RequestId, *, bench: Workbench, **choice: int) -> R:
            done = find_entry(bench, request_id, *stages, **choice)
            if done is not None:
                return adapter.validate_python(done)
            _check_turn(request_id, stages, bench=bench)
            check_not_expired(bench.ledger.entries(request_id), stages=stages)
            bench.check_lease()
            value = step(request_id, bench=bench, **choice)
            payload = cast("dict[str, Any]", adapter.dump_python(value, mode="json"))
            outcome = payload.get(OUTCOME)
            bench.ledger.advance(
                request_id,
                value.stage,
                payload,
                lease=bench.lease,
                outcome=Outcome(outcome) if outcome else None,
            )
            return value

        return idempotent

    return wrap


def _check_turn(
    request_id: RequestId, stages: tuple[Stage, ...], *, bench: Workbench
) -> None:
    present = bench.requests.get(request_id).stage
    if not TRANSITIONS[present] & set(stages):
        raise IllegalTransitionError(
            present=present.value, following="|".join(stage.value for stage in stages)
        )


def find_entry(
    bench: Workbench, request_id: RequestId, *stages: Stage, **choice: int
) -> Mapping[str, Any] | None:
    """Return the payload of the latest entry of a stage, if there is one.

    Args:
        bench: The workbench.
        request_id: The request.
        *stages: Stages to look for.
        **choice: Values that the payload must have, such as the rung.
    """
    found: Mapping[str, Any] | None = None
    for entry in bench.ledger.entries(request_id):
        if entry.event in stages and all(
            entry.payload.get(name) == value for name, value in choice.items()
        ):
            found = entry.payload
        kept = _STILL_VALID.get(entry.event)
        if kept is not None and not set(stages) <= kept:
            found = None
    return found


def read_result(
    bench: Workbench,
    request_id: RequestId,
    *stages: Stage,
    result: type[R],
    **choice: int,
) -> R:
    """Return the recorded result of an earlier step.

    Raises:
        LookupError: The step has not been done.
    """
    payload = find_entry(bench, request_id, *stages, **choice)
    if payload is None:
        message = f"no entry for {', '.join(stages)}"
        raise LookupError(message)
    return TypeAdapter(result).validate_python(payload)


_BEFORE_SEARCH = frozenset(
    {
        Stage.RECEIVED,
        Stage.ACKNOWLEDGED,
        Stage.PROOF_AWAITED,
        Stage.PROOF_GIVEN,
        Stage.IDENTITY_VERIFIED,
        Stage.REFUSED,
        Stage.JOINED,
    }
)
"""Stages whose results stay valid when the sources are searched again."""

_BEFORE_TRAINING = _BEFORE_SEARCH | {
    Stage.LOCATED,
    Stage.NOT_FOUND,
    Stage.UNDER_REVIEW,
    Stage.REVIEWED,
    Stage.REFERRED,
    Stage.APPROVED,
    Stage.COOLING_OFF,
    Stage.SOURCES_ERASED,
    Stage.DATASETS_BUILT,
}
"""Stages whose results stay valid in another round of training."""

_STILL_VALID: Mapping[str, frozenset[Stage]] = {
    Stage.RELEASED: _BEFORE_SEARCH,
    Stage.RETRIED: _BEFORE_TRAINING,
    Stage.OVERTAKEN: _BEFORE_TRAINING,
}
"""What stays valid after an event that starts a part of the work anew."""
