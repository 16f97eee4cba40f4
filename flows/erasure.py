"""One erasure request from acknowledgement to answer."""

from uuid import UUID

from prefect import flow

from flows import tasks
from flows.ladder import unlearn_until_verified
from flows.work import alone_on_base, working_on


@flow(name="fulfil-erasure-request", persist_result=False, log_prints=False)
def fulfil_erasure_request(request_id: UUID) -> None:  # noqa: PLR0911 - one for each end
    """Fulfil one request; started again, it continues where the ledger ends."""
    with working_on(request_id):
        if tasks.was_called_off(request_id):
            return decline(request_id)
        if tasks.was_given_up(request_id):
            return conclude(request_id)
        tasks.acknowledge_request(request_id)
        if tasks.waits_for_proof(request_id):
            return None
        if not tasks.verify_identity(request_id).may_proceed:
            return decline(request_id)
        if not tasks.locate_personal_data(request_id).has_records:
            return conclude(request_id)
        if tasks.waits_for_review(request_id):
            return None
        if not tasks.refer_to_controller(request_id):
            return None
        if tasks.cools_off(request_id):
            return None
        tasks.erase_source_records(request_id)
        tasks.tell_recipients(request_id)
        if tasks.spare_base_model(request_id):
            return conclude(request_id)
        return suppress(request_id)


def suppress(request_id: UUID) -> None:
    """Train, verify and serve an offset, and answer; or leave it to a person."""
    tasks.build_datasets(request_id)
    with alone_on_base(request_id):
        tasks.catch_up(request_id)
        if not unlearn_until_verified(request_id):
            tasks.escalate_to_controller(request_id)
            return
        tasks.register_version(request_id)
        tasks.promote_version(request_id)
        tasks.confirm_serving(request_id)
    tasks.keep_for_reverification(request_id)
    conclude(request_id)


def conclude(request_id: UUID) -> None:
    """Destroy the working data, attest to what was done, answer."""
    tasks.purge_working_data(request_id)
    tasks.issue_certificate(request_id)
    tasks.notify_data_subject(request_id)


def decline(request_id: UUID) -> None:
    """Destroy the working data and answer; there is nothing to attest to."""
    tasks.purge_working_data(request_id)
    tasks.notify_data_subject(request_id)
