"""Destroy: let go of what was kept for re-verification, when its time is over."""

from unlearn_core.domain.requests import RequestId
from unlearn_core.domain.standing import DESTROYED, Material
from unlearn_core.steps import scopes
from unlearn_core.steps.results import KeptDataDestroyed
from unlearn_core.steps.workbench import Workbench


def destroy_kept_data(request_id: RequestId, *, bench: Workbench) -> KeptDataDestroyed:
    """Destroy the key of everything that has outlived its day; the ledger has proof.

    Raises:
        LeaseLostError: Another worker has taken over.
    """
    bench.check_lease()
    renewals = bench.certificates.renewals(request_id)
    outlived = renewals.outlived(bench.clock.now()) if renewals else ()
    for material in outlived:
        destroyed = bench.custody.shred(_SCOPES[material](request_id))
        bench.ledger.note(
            DESTROYED,
            {
                "material": material.value,
                "key": destroyed.key,
                "objects": destroyed.objects,
                "destroyed_at": destroyed.destroyed_at.isoformat(),
            },
            request_id=request_id,
            lease=bench.lease,
        )
    return KeptDataDestroyed(materials=[material.value for material in outlived])


_SCOPES = {
    Material.EVALUATION_SET: scopes.evaluation,
    Material.FINGERPRINTS: scopes.fingerprints,
}
