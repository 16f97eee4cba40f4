"""The four statuses of OpenDSR."""

import pytest
from support.domain import request as erasure_request

from unlearn_core.domain.opendsr import PENDING, request_status
from unlearn_core.domain.requests import TRANSITIONS, RequestStatus, Stage


@pytest.mark.parametrize(
    ("stage", "status", "word"),
    [
        (Stage.RECEIVED, RequestStatus.OPEN, "pending"),
        (Stage.PROOF_AWAITED, RequestStatus.IN_PROGRESS, "pending"),
        (Stage.LOCATED, RequestStatus.IN_PROGRESS, "in_progress"),
        (Stage.NOTIFIED, RequestStatus.FULFILLED, "completed"),
        (Stage.NOTIFIED, RequestStatus.DENIED, "cancelled"),
        (Stage.NOTIFIED, RequestStatus.EXPIRED, "cancelled"),
        (Stage.WITHDRAWN, RequestStatus.REVOKED, "cancelled"),
    ],
)
def test_only_what_was_done_is_completed(
    stage: Stage, status: RequestStatus, word: str
) -> None:
    assert request_status(erasure_request(stage=stage), status) == word


def test_whatever_is_pending_can_be_called_off() -> None:
    assert all(Stage.WITHDRAWN in TRANSITIONS[stage] for stage in PENDING)
