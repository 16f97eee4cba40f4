"""Times of retention and a desk over a ledger in memory or in SQLite."""

from collections.abc import Collection

from support.log import Register

from unlearn_core import ports
from unlearn_core.domain.retention import Terms, table
from unlearn_core.ports.retention import Holdings
from unlearn_core.steps.apply_retention import RetentionDesk

TERMS = Terms(
    contact_days=14,
    material_days=100,
    record_days=1000,
    suppression_days=3000,
    evidence_days=4000,
)


def desk_over(
    register: Register,
    *,
    custody: ports.Custody,
    holdings: Holdings,
    retired: Collection[str] = (),
    terms: Terms = TERMS,
) -> RetentionDesk:
    """Return what retention needs of a register."""
    return RetentionDesk(
        holder="keeper",
        periods=table(terms),
        retired=retired,
        requests=register.store,
        ledger=register.ledger,
        leases=register.leases,
        custody=custody,
        evidence=register.evidence,
        holdings=holdings,
        clock=register.clock,
    )
