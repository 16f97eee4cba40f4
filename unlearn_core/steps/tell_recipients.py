"""Tell recipients: put a notice on its way to everybody who has what was erased.

Notices are made while it is known who the subject is, and queued in one transaction
before training begins; the purge destroys what they were made from. Identifiers are in
none of them in the open. What a recipient needs to know is signed by us and sealed for
their key, so that afterwards we cannot read it any more than the postman can.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date

from unlearn_core.domain.canonical import JsonValue, canonical_json
from unlearn_core.domain.dispatches import Dispatch
from unlearn_core.domain.recipients import (
    CONCERNED,
    NOTICE,
    NOTICE_TYPE,
    Enclosure,
    Notice,
    Recipient,
    Telling,
    Told,
    concerned,
    read_recipients,
)
from unlearn_core.domain.requests import RequestId, Stage
from unlearn_core.steps import scopes
from unlearn_core.steps.journal import read_result
from unlearn_core.steps.results import RecipientsConcerned, SourcesErased
from unlearn_core.steps.spare_base_model import was_trained_on_any
from unlearn_core.steps.workbench import Workbench


def tell_recipients(request_id: RequestId, *, bench: Workbench) -> RecipientsConcerned:
    """Queue a notice to everybody concerned who is to get one; once.

    Returns:
        Who is concerned; a later run returns what has become of it.

    Raises:
        LeaseLostError: Another worker has taken over.
        StorageError: A notice cannot be kept.
    """
    if known := read_recipients(bench.ledger.entries(request_id)):
        return _concerned(known)
    if bench.requests.get(request_id).stage is not Stage.SOURCES_ERASED:
        return _concerned(())
    erased = read_result(bench, request_id, Stage.SOURCES_ERASED, result=SourcesErased)
    gone = Counter(erased.erased) + Counter(erased.redacted)
    # Who has the weights of a model that was trained on none of it has none of it.
    is_in_weights = was_trained_on_any(request_id, bench=bench)
    told = concerned(
        bench.register.recipients,
        sources=gone,
        base_model=bench.terms.base_model if is_in_weights else "",
        on=bench.clock.now().date(),
    )
    if not told:
        return _concerned(())
    bench.check_lease()
    waiting = [item for item in told if item.telling is Telling.WAITING]
    if waiting and not _are_queued(request_id, bench=bench):
        _queue(request_id, waiting, gone, bench=bench)
    bench.ledger.note(
        CONCERNED,
        {"recipients": [item.to_json() for item in told]},
        request_id=request_id,
        lease=bench.lease,
    )
    return _concerned(told)


def _concerned(told: Iterable[Told]) -> RecipientsConcerned:
    return RecipientsConcerned(
        tellings={item.name: item.telling.value for item in told}
    )


def _are_queued(request_id: RequestId, *, bench: Workbench) -> bool:
    """Tell whether a run that was cut off has queued the notices, which is at once."""
    return any(
        dispatch.template == NOTICE for dispatch in bench.outbox.dispatches(request_id)
    )


def _queue(
    request_id: RequestId,
    told: list[Told],
    erased: Mapping[str, int],
    *,
    bench: Workbench,
) -> None:
    """Seal what the notices say, then put all of them into the outbox."""
    now = bench.clock.now()
    known = {item.name: item for item in bench.register.recipients}
    scope = scopes.notices(request_id)
    bench.custody.open_scope(scope)
    for item in told:
        notice = _notice(
            request_id, item, known[item.name], erased, on=now.date(), bench=bench
        )
        bench.custody.put(scope, item.name, canonical_json(notice.to_json()))
    bench.outbox.queue(
        [
            Dispatch(
                request_id=request_id,
                template=NOTICE,
                channel=known[item.name].channel,
                queued_at=now,
                due_at=now,
            )
            for item in told
        ]
    )


def _notice(
    request_id: RequestId,
    told: Told,
    recipient: Recipient,
    erased: Mapping[str, int],
    *,
    on: date,
    bench: Workbench,
) -> Notice:
    sealed = ""
    if recipient.encloses is not Enclosure.NOTHING:
        letter = canonical_json(
            {
                "request_id": str(request_id),
                "recipient": told.name,
                "erased_on": on.isoformat(),
                **_named(request_id, told, recipient.encloses, bench=bench),
            }
        )
        signed = bench.signer.sign(letter, payload_type=NOTICE_TYPE)
        sealed = bench.register.seal(told.name, signed)
    return Notice(
        sources={name: erased[name] for name in told.sources},
        base_model=told.base_model,
        erased_on=on,
        sealed=sealed,
    )


def _named(
    request_id: RequestId, told: Told, encloses: Enclosure, *, bench: Workbench
) -> dict[str, JsonValue]:
    """Return what says whose records are meant, no more than the recipient needs."""
    if encloses is Enclosure.RECORDS:
        sealed = bench.custody.get(scopes.working(request_id), scopes.ERASED)
        ids = json.loads(sealed)
        return {"records": {name: ids[name] for name in told.sources}}
    sealed = bench.custody.get(scopes.working(request_id), scopes.CONTENT)
    return {"identifiers": json.loads(sealed)}
