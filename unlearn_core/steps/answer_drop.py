"""Answer: the code of every work item of a list of DROP, or why there is none yet.

Only what was done is answered as deleted. A partial outcome is, where nothing but
records on hold was left, because what is exempt may stay; with a source that was not
searched or not erased from it is no answer at all.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from unlearn_core.domain.drop import Code, WorkItem
from unlearn_core.domain.requests import ErasureRequest, Outcome, Stage
from unlearn_core.steps.import_drop import Found, find_request, judge
from unlearn_core.steps.match_drop import Match
from unlearn_core.steps.receive_request import FrontDesk

_DONE = frozenset({Outcome.SUPPRESSED_AT_OUTPUT, Outcome.ERASED_AT_SOURCE})
UNDER_WAY, NOT_IMPORTED = "under_way", "not_imported"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What is answered for a work item.

    Attributes:
        item_id: The platform's name of it.
        code: The code; None if there is none yet.
        why_not: Why there is none.
    """

    item_id: str
    code: Code | None
    why_not: str = ""


def answer_items(
    matched: Iterable[tuple[WorkItem, Match | None]],
    *,
    opted_out: bool,
    desk: FrontDesk,
) -> Iterator[Answer]:
    """Yield the answer to each work item.

    Args:
        matched: Work items with what matches them now.
        opted_out: Whether the sale and sharing of shared identifiers was stopped.
        desk: Knows the requests.
    """
    for item, match in matched:
        request = find_request(item.item_id, desk=desk)
        code, why_not = (
            _of_request(request, desk)
            if request is not None
            else _of_match(match, opted_out=opted_out)
        )
        yield Answer(item_id=item.item_id, code=code, why_not=why_not)


def _of_match(match: Match | None, *, opted_out: bool) -> tuple[Code | None, str]:
    found, _ = judge(match)
    if found is Found.NOT_FOUND:
        return Code.NOT_FOUND, ""
    if found is Found.SHARED and opted_out:
        return Code.OPTED_OUT, ""
    return None, NOT_IMPORTED if found is Found.NEW else found.value


def _of_request(
    request: ErasureRequest, desk: FrontDesk, *, is_other: bool = False
) -> tuple[Code | None, str]:
    if not request.is_closed:
        return None, UNDER_WAY
    outcome = request.outcome
    if outcome in _DONE or (outcome is Outcome.PARTIAL and _only_held(request, desk)):
        return Code.DELETED, ""
    if outcome is Outcome.EXEMPT or _has(request, Stage.DECLINED, desk):
        return Code.EXEMPTED, ""
    # Another item of the same person was first, and has left nothing to find.
    is_second = outcome is Outcome.NOT_FOUND or _has(request, Stage.JOINED, desk)
    if is_second and not is_other:
        return _of_first(request, desk)
    if outcome is Outcome.NOT_FOUND:
        return Code.NOT_FOUND, ""
    return None, outcome.value if outcome else UNDER_WAY


def _of_first(request: ErasureRequest, desk: FrontDesk) -> tuple[Code | None, str]:
    """Return the answer of the other requests about the same person."""
    others = [
        _of_request(other, desk, is_other=True)
        for other in desk.requests.with_commitments(request.commitments)
        if other.request_id != request.request_id
    ]
    codes = {code for code, _ in others}
    for code in (Code.DELETED, Code.EXEMPTED):
        if code in codes:
            return code, ""
    if request.outcome is Outcome.NOT_FOUND and codes <= {Code.NOT_FOUND}:
        return Code.NOT_FOUND, ""
    return None, next((why for code, why in others if code is None), UNDER_WAY)


def _only_held(request: ErasureRequest, desk: FrontDesk) -> bool:
    """Tell whether nothing but records on hold has made an outcome partial."""
    entries = desk.ledger.entries(request.request_id)
    said = {entry.event: entry.payload for entry in entries}
    located = said.get(Stage.LOCATED, {})
    erased = said.get(Stage.SOURCES_ERASED, {})
    is_complete = not located.get("unsearched") and not erased.get("kept")
    return is_complete and bool(erased.get("held"))


def _has(request: ErasureRequest, stage: Stage, desk: FrontDesk) -> bool:
    return any(desk.ledger.entries(request.request_id, event=stage))
