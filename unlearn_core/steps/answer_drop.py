"""Answer: the code of every work item of a list of DROP, or why there is none yet.

Only what was done is answered as deleted. A partial outcome is, where nothing but
records on hold was left, because what is exempt may stay; if nothing else was there, it
is exempted. With a source that was not searched or not erased from it is no answer at
all. Neither is one that says that nothing is there, while records match.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from unlearn_core.domain.canonical import JsonValue
from unlearn_core.domain.decisions import RefusalReason
from unlearn_core.domain.drop import Code, WorkItem
from unlearn_core.domain.requests import ErasureRequest, Outcome, Stage
from unlearn_core.steps.import_drop import Found, find_request, judge
from unlearn_core.steps.match_drop import Match
from unlearn_core.steps.receive_request import FrontDesk

_DONE = frozenset({Outcome.SUPPRESSED_AT_OUTPUT, Outcome.ERASED_AT_SOURCE})
_NOTHING_LEFT = _DONE | {Outcome.NOT_FOUND}
_NO_EXEMPTION = frozenset(
    {
        RefusalReason.UNFOUNDED,
        RefusalReason.EXCESSIVE,
        RefusalReason.OTHER_CONTROLLER,
        RefusalReason.SUSPECTED_FRAUD,
    }
)
"""Refusals that say something of the request, and nothing of the data."""
UNDER_WAY, NOT_IMPORTED = "under_way", "not_imported"
FOUND_AGAIN = "found_again"


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
            _of_request(request, desk, is_there=match is not None)
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
    request: ErasureRequest,
    desk: FrontDesk,
    *,
    is_there: bool,
    is_other: bool = False,
) -> tuple[Code | None, str]:
    """Return the answer that a request comes to.

    Args:
        request: The request.
        desk: Knows the ledger.
        is_there: Whether records match now.
        is_other: Whether it is another request than that of the work item.
    """
    outcome = request.outcome
    if not request.is_closed or outcome is None:
        return None, UNDER_WAY
    if outcome in _NOTHING_LEFT and is_there:
        return None, FOUND_AGAIN
    code = _code_of(request, desk)
    # Another item of the same person was first, and has left nothing to find.
    is_second = outcome is Outcome.NOT_FOUND or _has(request, Stage.JOINED, desk)
    if code is None and is_second and not is_other:
        return _of_first(request, desk, is_there=is_there)
    if outcome is Outcome.NOT_FOUND:
        code = Code.NOT_FOUND
    return code, "" if code else outcome.value


def _code_of(request: ErasureRequest, desk: FrontDesk) -> Code | None:
    """Return the code of what was done for a closed request, or why not."""
    if request.outcome in _DONE:
        return Code.DELETED
    if request.outcome is Outcome.PARTIAL and _only_held(request, desk):
        return _of_held(request, desk)
    is_exempt = request.outcome is Outcome.EXEMPT or _is_exempted(request, desk)
    return Code.EXEMPTED if is_exempt else None


def _of_first(
    request: ErasureRequest, desk: FrontDesk, *, is_there: bool
) -> tuple[Code | None, str]:
    """Return the answer of the other requests about the same person.

    A namesake has one identifier in common, the name.
    """
    own = set(request.commitments)
    others = [
        _of_request(other, desk, is_there=is_there, is_other=True)
        for other in desk.requests.with_commitments(own)
        if other.request_id != request.request_id
        and len(own.intersection(other.commitments)) > 1
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
    located = _said(request, Stage.LOCATED, desk)
    erased = _said(request, Stage.SOURCES_ERASED, desk)
    is_complete = not located.get("unsearched") and not erased.get("kept")
    return is_complete and bool(erased.get("held"))


def _of_held(request: ErasureRequest, desk: FrontDesk) -> Code:
    """Return what is answered where records on hold were left."""
    erased = _said(request, Stage.SOURCES_ERASED, desk)
    counts = (erased.get(name) for name in ("erased", "redacted"))
    gone = any(any(it.values()) for it in counts if isinstance(it, dict))
    return Code.DELETED if gone else Code.EXEMPTED


def _is_exempted(request: ErasureRequest, desk: FrontDesk) -> bool:
    """Tell whether officers have refused it for what the data is needed for."""
    said = _said(request, Stage.DECLINED, desk)
    return bool(said) and said.get("reason") not in _NO_EXEMPTION


def _said(
    request: ErasureRequest, stage: Stage, desk: FrontDesk
) -> Mapping[str, JsonValue]:
    """Return what the last entry of a stage says; nothing if there is none."""
    said: Mapping[str, JsonValue] = {}
    for entry in desk.ledger.entries(request.request_id, event=stage):
        said = entry.payload
    return said


def _has(request: ErasureRequest, stage: Stage, desk: FrontDesk) -> bool:
    return any(desk.ledger.entries(request.request_id, event=stage))
