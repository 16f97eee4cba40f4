"""What verification is bound to before training, and the proof that it stayed so.

Seven things are in the ledger before anything is trained:

- the probe set, as a keyed commitment to the sealed sets;
- the acceptance policy, as the digest of its file: thresholds, confidence and the
  number of samples;
- the probe families that the policy names, as the digest of their source files and
  of the questions that they fill in;
- the attacks and searches, as the digest of their source files;
- public questions that guards ask, as the digest of the files and of the guards;
- the judge, as the digest of its source file;
- the seed of every random choice in verification.

`build_datasets` writes them for the first round of training. If a person orders
another round, or the request was overtaken, `commit_round` writes them again before
that round's first training: policy and code may have changed, openly and for the
round as a whole, the probe set may not. `check_commitment` refuses to verify under
anything else, so nobody can try probes, limits or seeds until a pair passes.
"""

from collections.abc import Mapping

from unlearn_core.domain.canonical import JsonValue
from unlearn_core.domain.requests import RequestId, Stage
from unlearn_core.errors import CommitmentBrokenError
from unlearn_core.steps import scopes
from unlearn_core.steps.workbench import Workbench
from unlearn_core.verification.families import families_digest
from unlearn_core.verification.judge import judge_digest
from unlearn_core.verification.public_questions import questions_digest
from unlearn_core.verification.sources import attacks_digest

VERIFICATION_SEED = 0
ROUND_COMMITTED = "verification_committed"

_NEW_ROUND = frozenset({Stage.RETRIED, Stage.OVERTAKEN})


def terms_of_verification(
    request_id: RequestId, sealed: bytes, *, bench: Workbench
) -> dict[str, str | int]:
    """Return what verification would use now.

    Args:
        request_id: The request.
        sealed: The sets as they are in custody.
        bench: The workbench.
    """
    return {
        "probe_set": bench.custody.commit(scopes.working(request_id), sealed),
        "policy": bench.policy.digest,
        "policy_version": bench.policy.version,
        "probe_families": families_digest(
            bench.policy.probe_families, data_map=bench.data_map
        ),
        "attacks": attacks_digest(),
        "public_questions": questions_digest(bench.public),
        "judge": judge_digest(),
        "verification_seed": VERIFICATION_SEED,
    }


def commit_round(request_id: RequestId, sealed: bytes, *, bench: Workbench) -> None:
    """Commit to a later round of training, unless that was done.

    Raises:
        CommitmentBrokenError: The probe set is not that of the first round.
    """
    committed, is_due = _committed(request_id, bench=bench)
    if not is_due:
        return
    present = terms_of_verification(request_id, sealed, bench=bench)
    _compare(committed, present, parts=("probe_set",))
    bench.ledger.note(
        ROUND_COMMITTED, present, request_id=request_id, lease=bench.lease
    )


def check_commitment(request_id: RequestId, sealed: bytes, *, bench: Workbench) -> None:
    """Compare what verification is about to use with what the ledger says.

    Raises:
        CommitmentBrokenError: Probes, policy, families, attacks, public questions,
            judge or seed are not those that were committed to, or nothing was
            committed to before this round's training.
    """
    committed, is_due = _committed(request_id, bench=bench)
    if is_due:
        raise CommitmentBrokenError(part="round")
    present = terms_of_verification(request_id, sealed, bench=bench)
    _compare(committed, present, parts=tuple(present))


def _committed(
    request_id: RequestId, *, bench: Workbench
) -> tuple[Mapping[str, JsonValue], bool]:
    """Return the latest commitment, and whether a new round has begun since."""
    committed: Mapping[str, JsonValue] = {}
    is_due = True
    for entry in bench.ledger.entries(request_id):
        if entry.event in {Stage.DATASETS_BUILT, ROUND_COMMITTED}:
            committed, is_due = entry.payload, False
        elif entry.event in _NEW_ROUND:
            is_due = True
    return committed, is_due


def _compare(
    committed: Mapping[str, JsonValue],
    present: Mapping[str, str | int],
    *,
    parts: tuple[str, ...],
) -> None:
    for part in parts:
        if committed.get(part) != present[part]:
            raise CommitmentBrokenError(part=part)
