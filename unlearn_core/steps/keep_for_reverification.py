"""Keep: cut out what re-verification needs, before the working data is destroyed.

Nothing is kept unless the policy that was committed to before training says so. What
is kept has a scope, and so a key, of its own, and a day on which it is destroyed. The
ledger says what and until when; if nothing is kept, it says that.
"""

import secrets
from dataclasses import replace
from datetime import timedelta

from pydantic import TypeAdapter

from unlearn_core.domain.datasets import Entropy, from_bytes
from unlearn_core.domain.evaluation import cut_evaluation_set
from unlearn_core.domain.requests import RequestId, Stage
from unlearn_core.domain.standing import ARRANGED
from unlearn_core.errors import CommitmentBrokenError
from unlearn_core.steps import scopes
from unlearn_core.steps.commitment import VERIFICATION_SEED, check_commitment
from unlearn_core.steps.journal import read_result
from unlearn_core.steps.results import Arranged, UnlearningVerified
from unlearn_core.steps.workbench import Workbench
from unlearn_core.verification.fingerprints import Fingerprints
from unlearn_core.verification.policy import policy_to_bytes

KEY_BYTES = 32

_ARRANGED = TypeAdapter(Arranged)


def keep_for_reverification(request_id: RequestId, *, bench: Workbench) -> Arranged:
    """Keep what the policy says, for as long as it says; once.

    If probes, policy or judge are no longer those that were committed to, nothing is
    kept and the ledger names the part.

    Raises:
        StorageError: It cannot be kept.
        LeaseLostError: Another worker has taken over.
    """
    for entry in bench.ledger.entries(request_id, event=ARRANGED):
        return _ARRANGED.validate_python(entry.payload)
    nothing = Arranged(
        every_days=bench.policy.reverification.every_days,
        policy=bench.policy.digest,
        confidence=bench.policy.confidence,
    )
    if bench.requests.get(request_id).stage is not Stage.SERVING_CONFIRMED:
        return nothing
    bench.check_lease()
    sealed = bench.custody.get(scopes.working(request_id), scopes.DATASETS)
    try:
        check_commitment(request_id, sealed, bench=bench)
        arranged = _keep(request_id, sealed, nothing, bench=bench)
    except CommitmentBrokenError as error:
        arranged = replace(nothing, obstacle=str(error.facts["part"]))
    bench.ledger.note(
        ARRANGED,
        _ARRANGED.dump_python(arranged, mode="json"),
        request_id=request_id,
        lease=bench.lease,
    )
    return arranged


def _keep(
    request_id: RequestId, sealed: bytes, arranged: Arranged, *, bench: Workbench
) -> Arranged:
    """Keep what is wanted; what cannot be asked with is not kept."""
    wanted, now = bench.policy.reverification, bench.clock.now()
    verified = read_result(
        bench, request_id, Stage.UNLEARNING_VERIFIED, result=UnlearningVerified
    )
    if wanted.evaluation_set_days and verified.repeatable:
        probes, commitment = _keep_probes(
            request_id, sealed, verified.repeatable, bench=bench
        )
        arranged = replace(
            arranged,
            evaluation_set_until=now + timedelta(days=wanted.evaluation_set_days),
            commitment=commitment,
            gates=verified.repeatable,
            probes=probes,
        )
    if wanted.fingerprint_days:
        values = _keep_fingerprints(request_id, sealed, bench=bench)
        until = now + timedelta(days=wanted.fingerprint_days)
        arranged = replace(
            arranged, fingerprints_until=until if values else None, values=values
        )
    return arranged


def _keep_probes(
    request_id: RequestId, sealed: bytes, gates: list[str], *, bench: Workbench
) -> tuple[int, str]:
    """Seal the evaluation set; return its size and a keyed commitment to it."""
    evaluation_set = cut_evaluation_set(
        from_bytes(sealed),
        bench.policy.probe_families,
        data_map=bench.data_map,
        seed=VERIFICATION_SEED,
    )
    policy = policy_to_bytes(bench.policy.with_gates(gates))
    questions, scope = evaluation_set.to_bytes(), scopes.evaluation(request_id)
    bench.custody.open_scope(scope)
    bench.custody.put(scope, scopes.POLICY, policy)
    bench.custody.put(scope, scopes.QUESTIONS, questions)
    commitment = bench.custody.commit(scope, policy + questions)
    return len(evaluation_set.probes), commitment


def _keep_fingerprints(
    request_id: RequestId, sealed: bytes, *, bench: Workbench
) -> int:
    """Seal fingerprints of the values that cannot be guessed; return their number."""
    fingerprints = Fingerprints.of(
        (
            fact.value
            for fact in from_bytes(sealed).forget.subject.facts
            if fact.entropy is Entropy.HIGH
        ),
        key=secrets.token_bytes(KEY_BYTES),
    )
    if fingerprints.values:
        scope = scopes.fingerprints(request_id)
        bench.custody.open_scope(scope)
        bench.custody.put(scope, scopes.VALUES, fingerprints.to_bytes())
    return len(fingerprints.values)
