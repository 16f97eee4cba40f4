"""One Prefect task per step: name, retries, time limit.

- The request id, and the rung where there is one, are the only parameters. Nothing is
  cached or persisted by Prefect: the ledger knows what was done.
- Only errors of the environment are retried. A lost lease is not: somebody else is at
  work.
- An error that is not ours is replaced by its kind alone, because Prefect stores the
  text of exceptions.
"""

from collections.abc import Callable
from typing import Any, TypeVar
from uuid import UUID

from prefect import Task, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas import State, TaskRun

from flows.work import bench_of
from unlearn_core.domain.requests import RequestId
from unlearn_core.errors import (
    DependencyError,
    LeaseLostError,
    UnexpectedError,
    UnlearnError,
)
from unlearn_core.steps import results
from unlearn_core.steps.acknowledge_request import (
    acknowledge_request as _acknowledge_request,
)
from unlearn_core.steps.build_datasets import build_datasets as _build_datasets
from unlearn_core.steps.catch_up import catch_up as _catch_up
from unlearn_core.steps.confirm_serving import confirm_serving as _confirm_serving
from unlearn_core.steps.cools_off import cools_off as _cools_off
from unlearn_core.steps.destroy_kept_data import (
    destroy_kept_data as _destroy_kept_data,
)
from unlearn_core.steps.erase_source_records import (
    erase_source_records as _erase_source_records,
)
from unlearn_core.steps.escalate_to_controller import (
    escalate_to_controller as _escalate_to_controller,
)
from unlearn_core.steps.issue_certificate import (
    issue_certificate as _issue_certificate,
)
from unlearn_core.steps.keep_for_reverification import (
    keep_for_reverification as _keep_for_reverification,
)
from unlearn_core.steps.locate_personal_data import (
    locate_personal_data as _locate_personal_data,
)
from unlearn_core.steps.notify_data_subject import (
    notify_data_subject as _notify_data_subject,
)
from unlearn_core.steps.promote_version import promote_version as _promote_version
from unlearn_core.steps.purge_working_data import (
    purge_working_data as _purge_working_data,
)
from unlearn_core.steps.refer_to_controller import (
    refer_to_controller as _refer_to_controller,
)
from unlearn_core.steps.register_version import register_version as _register_version
from unlearn_core.steps.reverify_certificate import (
    reverify_certificate as _reverify_certificate,
)
from unlearn_core.steps.spare_base_model import spare_base_model as _spare_base_model
from unlearn_core.steps.tell_recipients import tell_recipients as _tell_recipients
from unlearn_core.steps.train_offset_pair import (
    train_offset_pair as _train_offset_pair,
)
from unlearn_core.steps.verify_identity import verify_identity as _verify_identity
from unlearn_core.steps.verify_unlearning import (
    verify_unlearning as _verify_unlearning,
)
from unlearn_core.steps.waits_for_proof import waits_for_proof as _waits_for_proof
from unlearn_core.steps.waits_for_review import waits_for_review as _waits_for_review
from unlearn_core.steps.was_called_off import was_called_off as _was_called_off
from unlearn_core.steps.was_given_up import was_given_up as _was_given_up

R = TypeVar("R")

RETRIES = 3
RETRY_DELAYS_SECONDS = [2, 10, 30]


def _is_worth_retrying(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    """Tell whether an error may go away by itself."""
    error = state.result(raise_on_failure=False)
    return isinstance(error, DependencyError) and not isinstance(error, LeaseLostError)


def _guarded(step: Callable[..., R], request_id: UUID, **choice: int) -> R:
    """Run a step; let no foreign exception text out."""
    try:
        return step(RequestId(request_id), bench=bench_of(request_id), **choice)
    except UnlearnError:
        raise
    except Exception as error:  # noqa: BLE001 - every foreign error is replaced
        raise UnexpectedError(kind=type(error).__name__) from None


_options: Any = {
    "retries": RETRIES,
    "retry_delay_seconds": RETRY_DELAYS_SECONDS,
    "retry_condition_fn": _is_worth_retrying,
    "persist_result": False,
    "cache_policy": NO_CACHE,
    "log_prints": False,
}


@task(name="was called off", **_options)
def was_called_off(request_id: UUID) -> bool:
    """Tell whether the request was declined or withdrawn meanwhile."""
    return _guarded(_was_called_off, request_id)


@task(name="was given up", **_options)
def was_given_up(request_id: UUID) -> bool:
    """Tell whether officers ended the request meanwhile."""
    return _guarded(_was_given_up, request_id)


@task(name="acknowledge request", **_options)
def acknowledge_request(request_id: UUID) -> results.Acknowledged:
    """Tell the subject that the request arrived."""
    return _guarded(_acknowledge_request, request_id)


@task(name="waits for proof", **_options)
def waits_for_proof(request_id: UUID) -> bool:
    """Tell whether somebody still has to prove who the requester is."""
    return _guarded(_waits_for_proof, request_id)


@task(name="verify identity", **_options)
def verify_identity(request_id: UUID) -> results.IdentityChecked:
    """Decide whether the requester is the subject."""
    return _guarded(_verify_identity, request_id)


@task(name="locate personal data", **_options)
def locate_personal_data(request_id: UUID) -> results.Located:
    """Search every training source."""
    return _guarded(_locate_personal_data, request_id)


@task(name="waits for review", **_options)
def waits_for_review(request_id: UUID) -> bool:
    """Tell whether somebody has to decide about uncertain records first."""
    return _guarded(_waits_for_review, request_id)


@task(name="refer to controller", **_options)
def refer_to_controller(request_id: UUID) -> bool:
    """Let officers approve, where that is asked for."""
    return _guarded(_refer_to_controller, request_id)


@task(name="cools off", **_options)
def cools_off(request_id: UUID) -> bool:
    """Tell whether the request can still be cancelled."""
    return _guarded(_cools_off, request_id)


@task(name="erase source records", **_options)
def erase_source_records(request_id: UUID) -> results.SourcesErased:
    """Erase the records in their sources."""
    return _guarded(_erase_source_records, request_id)


@task(name="tell recipients", **_options)
def tell_recipients(request_id: UUID) -> results.RecipientsConcerned:
    """Put notices to recipients on their way."""
    return _guarded(_tell_recipients, request_id)


@task(name="spare base model", **_options)
def spare_base_model(request_id: UUID) -> bool:
    """End after erasure if the base model was trained on none of what was found."""
    return _guarded(_spare_base_model, request_id)


@task(name="build datasets", **_options)
def build_datasets(request_id: UUID) -> results.DatasetsBuilt:
    """Build forget, retain and holdout sets."""
    return _guarded(_build_datasets, request_id)


@task(name="catch up", **_options)
def catch_up(request_id: UUID) -> bool:
    """Give up a training that another request has overtaken."""
    return _guarded(_catch_up, request_id)


@task(name="train offset pair", **_options)
def train_offset_pair(request_id: UUID, rung: int) -> results.Trained:
    """Train one rung of the recipe ladder."""
    return _guarded(_train_offset_pair, request_id, rung=rung)


@task(name="verify unlearning", **_options)
def verify_unlearning(request_id: UUID, rung: int) -> results.UnlearningVerified:
    """Decide about one rung."""
    return _guarded(_verify_unlearning, request_id, rung=rung)


@task(name="escalate to controller", **_options)
def escalate_to_controller(request_id: UUID) -> results.Escalated:
    """Hand over to a person."""
    return _guarded(_escalate_to_controller, request_id)


@task(name="register version", **_options)
def register_version(request_id: UUID) -> results.Registered:
    """Put the verified pair into the registry."""
    return _guarded(_register_version, request_id)


@task(name="promote version", **_options)
def promote_version(request_id: UUID) -> results.Promoted:
    """Make the version the one to be served."""
    return _guarded(_promote_version, request_id)


@task(name="confirm serving", **_options)
def confirm_serving(request_id: UUID) -> results.ServingConfirmed:
    """Wait until every replica serves it."""
    return _guarded(_confirm_serving, request_id)


@task(name="keep for reverification", **_options)
def keep_for_reverification(request_id: UUID) -> results.Arranged:
    """Keep what the policy says, apart from the working data."""
    return _guarded(_keep_for_reverification, request_id)


@task(name="purge working data", **_options)
def purge_working_data(request_id: UUID) -> results.Purged:
    """Destroy the key of the working data."""
    return _guarded(_purge_working_data, request_id)


@task(name="issue certificate", **_options)
def issue_certificate(request_id: UUID) -> results.Certified:
    """Sign what was done and measured."""
    return _guarded(_issue_certificate, request_id)


@task(name="notify data subject", **_options)
def notify_data_subject(request_id: UUID) -> results.Notified:
    """Tell the subject the outcome."""
    return _guarded(_notify_data_subject, request_id)


@task(name="destroy kept data", **_options)
def destroy_kept_data(request_id: UUID) -> results.KeptDataDestroyed:
    """Destroy what was kept for re-verification and has outlived its day."""
    return _guarded(_destroy_kept_data, request_id)


@task(name="reverify certificate", **_options)
def reverify_certificate(request_id: UUID) -> results.Reverified:
    """Ask what is served now; renew or fail the certificate."""
    return _guarded(_reverify_certificate, request_id)
