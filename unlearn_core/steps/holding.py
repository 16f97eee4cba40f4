"""What is kept of the erasures in effect: how much each weight matters for them.

A later training needs it, so it outlives the sets that it was computed from
(`training.consolidation`). It is derived from subjects' data and never leaves custody.

- A training leaves it with its pair in the working data. So a rejected rung and a
  version that is never promoted leave nothing behind the purge.
- Promotion copies it into a scope of its own before the alias moves: whoever builds on
  the version finds it.
- It is a sum over all requests so far. So promotion of the next version destroys it,
  and there is one for each base model, that of the version to be served.
"""

from unlearn_core.domain.requests import RequestId, Stage
from unlearn_core.observability import EventLog
from unlearn_core.steps import scopes
from unlearn_core.steps.lineage import Lineage, is_in_service
from unlearn_core.steps.workbench import Workbench
from unlearn_core.training.consolidation import (
    Importance,
    pack_importance,
    unpack_importance,
)
from unlearn_core.training.recipe import TrainingRecipe

_LOG = EventLog("worker")


def is_wanted(bench: Workbench) -> bool:
    """Tell whether any recipe in use would read what is kept."""
    return any(recipe.for_later_requests().hold_weight for recipe in bench.ladder)


def held_importance(
    request_id: RequestId,
    *,
    recipe: TrainingRecipe,
    lineage: Lineage,
    bench: Workbench,
) -> Importance | None:
    """Return what is kept for the version that a training builds on.

    Without it, as after an upgrade, training goes on and earlier erasures are not held;
    the log says so.

    Raises:
        ImportanceInvalidError: It belongs to another model.
        SealBrokenError: It was changed.
    """
    latest, previous = lineage.latest, lineage.materials.previous
    if latest is None or previous is None or not is_wanted(bench):
        return None
    scope = scopes.held(latest.manifest.erasures[-1].request_id)
    name = scopes.importance(latest.manifest_digest)
    if bench.custody.has(scope, name):
        return unpack_importance(bench.custody.get(scope, name), model=previous)
    if recipe.for_later_requests().hold_weight:
        _LOG.warning(
            "importance_missing",
            request_id=request_id,
            sequence=latest.manifest.sequence,
        )
    return None


def leave(
    request_id: RequestId, importance: Importance, *, pair: str, bench: Workbench
) -> None:
    """Seal with the working data what a training found; the pair is named by digest."""
    bench.check_lease()
    bench.custody.put(
        scopes.working(request_id),
        scopes.importance(pair),
        pack_importance(importance),
    )


def hand_on(
    request_id: RequestId, *, pair: str, manifest: str, bench: Workbench
) -> None:
    """Keep what a training left, for whoever builds on its version.

    Pair and manifest of the version are named by their digests.
    """
    working, left = scopes.working(request_id), scopes.importance(pair)
    if not bench.custody.has(working, left):
        return
    scope = scopes.held(str(request_id))
    bench.custody.open_scope(scope)
    bench.custody.put(
        scope, scopes.importance(manifest), bench.custody.get(working, left)
    )


def is_held(request_id: RequestId, *, manifest: str, bench: Workbench) -> bool:
    """Tell whether anything is kept for a version."""
    return bench.custody.has(scopes.held(str(request_id)), scopes.importance(manifest))


def let_go_of_superseded(
    request_id: RequestId, *, lineage: Lineage, bench: Workbench
) -> None:
    """Destroy what was kept for the version before that of a promoted request.

    The lineage may be that of before its promotion or of after it.
    """
    erasures = lineage.latest.manifest.erasures if lineage.latest else ()
    requests = [item.request_id for item in erasures]
    own = str(request_id)
    before = requests[: requests.index(own)] if own in requests else requests
    for earlier in before[-1:]:
        _destroy(earlier, bench=bench)


def let_go_unless_promoted(request_id: RequestId, *, bench: Workbench) -> None:
    """Destroy what a promotion left that was begun and then overtaken.

    If it set the alias before it was cut off, its version is the one that is built on,
    and what is held for that stays until the next promotion.

    Raises:
        RegistryUnavailableError: The registry does not answer.
        IntegrityError: The manifest of the version in service is not one.
    """
    events = {entry.event for entry in bench.ledger.entries(request_id)}
    was_begun = Stage.REGISTERED in events and Stage.PROMOTED not in events
    if was_begun and not is_in_service(request_id, bench=bench):
        _destroy(str(request_id), bench=bench)


def _destroy(request_id: str, *, bench: Workbench) -> None:
    """Shred a scope, also one that never was: then it never will be."""
    scope = scopes.held(request_id)
    bench.custody.open_scope(scope)
    bench.custody.shred(scope)
