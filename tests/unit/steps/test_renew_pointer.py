from dataclasses import replace
from datetime import timedelta

import pytest
from support.steps import Controller
from support.story import work_until

from unlearn_core.domain.leases import base_resource
from unlearn_core.domain.requests import Stage
from unlearn_core.errors import DowngradeRefusedError, SignatureInvalidError
from unlearn_core.steps.renew_pointer import PointerKeeper, renew_pointer

pytestmark = pytest.mark.integration

BASE_MODEL = "small-world"
VALIDITY = timedelta(hours=24)


def keeper(controller: Controller) -> PointerKeeper:
    return PointerKeeper(
        base_model=BASE_MODEL,
        validity=VALIDITY,
        holder="keeper",
        registry=controller.registry,
        leases=controller.leases,
        requests=controller.store,
        ledger=controller.store,
        signer=controller.notary,
        envelopes=controller.notary,
        clock=controller.clock,
    )


def serve(controller: Controller, number: int = 0) -> None:
    """Bring one person's request as far as serving."""
    request_id = controller.receive(number)
    bench = controller.bench(request_id)
    work_until(Stage.SERVING_CONFIRMED, request_id, bench=bench)
    controller.leases.release(bench.lease)


def test_there_is_nothing_to_renew_before_the_first_version(
    controller: Controller,
) -> None:
    assert not renew_pointer(keeper(controller))
    assert controller.pointer() is None


def test_a_young_pointer_is_left_alone(controller: Controller) -> None:
    serve(controller)
    before = controller.pointer()
    controller.clock.move(VALIDITY / 2 - timedelta(seconds=1))
    assert not renew_pointer(keeper(controller))
    assert controller.pointer() == before


def test_an_old_pointer_gets_new_times_and_nothing_else(controller: Controller) -> None:
    serve(controller)
    before = controller.pointer()
    controller.clock.move(VALIDITY / 2)
    assert renew_pointer(keeper(controller))
    assert before is not None
    now = controller.clock.now()
    renewed = replace(before, issued_at=now, expires_at=now + VALIDITY)
    assert controller.pointer() == renewed
    renewed.check_follows(before)


def test_a_young_pointer_is_signed_again_to_name_the_list_that_was_published(
    controller: Controller,
) -> None:
    serve(controller)
    controller.store.note("restrictions_published", {"version": 3, "restricted": 1})
    controller.clock.move(timedelta(seconds=1))
    assert renew_pointer(keeper(controller))
    assert not renew_pointer(keeper(controller))
    pointer = controller.pointer()
    assert pointer is not None
    assert pointer.restrictions == 3


def test_a_young_pointer_is_signed_again_to_name_whom_the_ledger_has_cut_off(
    controller: Controller,
) -> None:
    serve(controller)
    facts = {"replica": "right", "address": "http://right", "officer": "anna"}
    controller.store.note("replica_cut_off", facts | {"is_gone": False})
    controller.clock.move(timedelta(seconds=1))
    assert renew_pointer(keeper(controller))
    assert not renew_pointer(keeper(controller))
    pointer = controller.pointer()
    assert pointer is not None
    assert pointer.cut_off == ("right",)
    controller.store.note("replica_readmitted", facts)
    assert renew_pointer(keeper(controller))
    assert controller.pointer() == replace(pointer, cut_off=())


def test_an_expired_pointer_is_renewed_too(controller: Controller) -> None:
    serve(controller)
    controller.clock.move(3 * VALIDITY)
    assert renew_pointer(keeper(controller))


def test_nothing_is_renewed_while_a_version_is_being_made(
    controller: Controller,
) -> None:
    serve(controller)
    controller.clock.move(VALIDITY)
    controller.lease(base_resource(BASE_MODEL))
    assert not renew_pointer(keeper(controller))


def test_a_pointer_that_somebody_put_back_is_not_signed_again(
    controller: Controller,
) -> None:
    serve(controller)
    earlier = controller.registry.pointer(BASE_MODEL)
    assert earlier is not None
    serve(controller, 1)
    controller.registry.publish_pointer(BASE_MODEL, earlier)
    controller.clock.move(VALIDITY)
    with pytest.raises(DowngradeRefusedError, match="offered=1, minimum=2"):
        renew_pointer(keeper(controller))
    assert controller.leases.is_free(base_resource(BASE_MODEL))


def test_a_forged_pointer_is_not_signed_again(controller: Controller) -> None:
    serve(controller)
    controller.registry.publish_pointer(BASE_MODEL, b"{}")
    with pytest.raises(SignatureInvalidError):
        renew_pointer(keeper(controller))
