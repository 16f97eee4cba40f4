from datetime import timedelta

import pytest
from support.domain import request_id as unknown
from support.renewals import fulfil
from support.steps import BASE_MODEL, Controller

from unlearn_core.adapters.memory.retention import MemoryHoldings
from unlearn_core.domain.certificates import CertificateStatus
from unlearn_core.domain.requests import Stage
from unlearn_core.domain.retention import Kind
from unlearn_core.domain.standing import Reason
from unlearn_core.domain.verdicts import Reverification
from unlearn_core.errors import UnknownRequestError
from unlearn_core.steps.standing import CertificateDesk, latest_promotion

pytestmark = pytest.mark.integration

KEPT = Reverification(every_days=30, fingerprint_days=60)


def desk(controller: Controller) -> CertificateDesk:
    return CertificateDesk(
        requests=controller.store, ledger=controller.store, clock=controller.clock
    )


def test_before_the_first_version_nothing_is_served(controller: Controller) -> None:
    request_id = controller.receive()
    assert desk(controller).served(BASE_MODEL) is None
    assert desk(controller).standing(request_id) is None
    with pytest.raises(UnknownRequestError):
        desk(controller).standing(unknown(404))


def test_a_certificate_holds_for_the_version_that_was_verified(
    controller: Controller,
) -> None:
    first = fulfil(controller)
    assert desk(controller).served(BASE_MODEL) == (
        controller.registry.versions(BASE_MODEL)[0].manifest
    )
    before = desk(controller).standing(first)
    assert before is not None
    assert before.status is CertificateStatus.VALID

    second = fulfil(controller, 1)

    after = desk(controller).standing(first)
    assert after is not None
    assert (after.status, after.reason) == (
        CertificateStatus.EXPIRED,
        Reason.STACK_CHANGED,
    )
    own = desk(controller).standing(second)
    assert own is not None
    assert own.status is CertificateStatus.VALID
    assert desk(controller).served("another-base") is None
    latest = latest_promotion(
        BASE_MODEL, requests=controller.store, ledger=controller.store
    )
    assert latest is not None
    assert (latest.request_id, latest.payload["sequence"]) == (second, 2)


def test_promotions_whose_time_is_over_are_passed_over(controller: Controller) -> None:
    first, second = fulfil(controller), fulfil(controller, 1)
    holdings = MemoryHoldings(controller.store)
    oldest, newest = (
        next(iter(controller.store.entries(key, event=Stage.REGISTERED)))
        for key in (first, second)
    )
    assert desk(controller).served(BASE_MODEL) == newest.payload["manifest"]
    holdings.delete(Kind.LEDGER_CONTENT, second)
    assert desk(controller).served(BASE_MODEL) == oldest.payload["manifest"]
    holdings.delete(Kind.REQUEST, first)
    assert desk(controller).served(BASE_MODEL) is None


def test_only_closed_requests_with_something_kept_are_due(
    controller: Controller,
) -> None:
    kept, plain = fulfil(controller, kept=KEPT), fulfil(controller, 1)
    controller.receive(2)
    # The second version is served now, so the first certificate is due at once.
    assert desk(controller).due(BASE_MODEL) == (kept,)
    assert desk(controller).due("another-base") == ()
    assert desk(controller).outlived(BASE_MODEL) == ()
    controller.clock.move(timedelta(days=60))
    assert desk(controller).due(BASE_MODEL) == ()
    assert desk(controller).outlived(BASE_MODEL) == (kept,)
    assert plain != kept
