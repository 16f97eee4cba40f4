"""Climb the recipe ladder until a pair is verified or no rung is left."""

from uuid import UUID

from flows import tasks
from flows.work import rungs_of


def unlearn_until_verified(request_id: UUID) -> bool:
    """Train and verify rung by rung; a rejected pair is registered nowhere."""
    for rung in rungs_of(request_id):
        tasks.train_offset_pair(request_id, rung)
        if tasks.verify_unlearning(request_id, rung).passed:
            return True
    return False
