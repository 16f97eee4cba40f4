"""The steps of a request in their order, and ways to do them."""

from collections.abc import Callable

from unlearn_core.domain.requests import RequestId, Stage
from unlearn_core.steps.acknowledge_request import acknowledge_request
from unlearn_core.steps.build_datasets import build_datasets
from unlearn_core.steps.confirm_serving import confirm_serving
from unlearn_core.steps.erase_source_records import erase_source_records
from unlearn_core.steps.issue_certificate import issue_certificate
from unlearn_core.steps.journal import StepResult
from unlearn_core.steps.locate_personal_data import locate_personal_data
from unlearn_core.steps.notify_data_subject import notify_data_subject
from unlearn_core.steps.promote_version import promote_version
from unlearn_core.steps.purge_working_data import purge_working_data
from unlearn_core.steps.register_version import register_version
from unlearn_core.steps.train_offset_pair import train_offset_pair
from unlearn_core.steps.verify_identity import verify_identity
from unlearn_core.steps.verify_unlearning import verify_unlearning
from unlearn_core.steps.workbench import Workbench

STORY: tuple[tuple[Stage, Callable[..., StepResult]], ...] = (
    (Stage.ACKNOWLEDGED, acknowledge_request),
    (Stage.IDENTITY_VERIFIED, verify_identity),
    (Stage.LOCATED, locate_personal_data),
    (Stage.SOURCES_ERASED, erase_source_records),
    (Stage.DATASETS_BUILT, build_datasets),
    (Stage.TRAINED, train_offset_pair),
    (Stage.UNLEARNING_VERIFIED, verify_unlearning),
    (Stage.REGISTERED, register_version),
    (Stage.PROMOTED, promote_version),
    (Stage.SERVING_CONFIRMED, confirm_serving),
    (Stage.PURGED, purge_working_data),
    (Stage.CERTIFIED, issue_certificate),
    (Stage.NOTIFIED, notify_data_subject),
)
"""The steps of a request that goes well, with the stage that each reaches."""

_ON_A_RUNG = (train_offset_pair, verify_unlearning)


def do(
    step: Callable[..., StepResult],
    request_id: RequestId,
    *,
    bench: Workbench,
    rung: int = 0,
) -> StepResult:
    """Do a step; the rung is for those that need one."""
    choice = {"rung": rung} if step in _ON_A_RUNG else {}
    return step(request_id, bench=bench, **choice)


def work_until(stage: Stage, request_id: RequestId, *, bench: Workbench) -> None:
    """Do the steps of the story up to one that reaches a stage."""
    for reached, step in STORY:
        do(step, request_id, bench=bench)
        if reached is stage:
            return
    message = f"{stage} is not a stage of the story"
    raise ValueError(message)
