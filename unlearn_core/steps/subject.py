"""Reads back what was sealed at receipt."""

import json
from collections.abc import Iterator
from typing import Protocol

from unlearn_core import ports
from unlearn_core.domain.requests import ErasureRequest, RequestId
from unlearn_core.domain.subjects import DataSubject, parse_subject
from unlearn_core.privacy import Personal
from unlearn_core.steps import scopes
from unlearn_core.steps.workbench import Workbench


class HoldsCustody(Protocol):
    """A workbench, or a desk at which people work."""

    @property
    def custody(self) -> ports.Custody:
        """Return what holds personal data."""
        ...


def read_subject(request_id: RequestId, *, bench: HoldsCustody) -> DataSubject:
    """Return the data subject.

    Raises:
        KeyDestroyedError: The working data was purged.
    """
    sealed = bench.custody.get(scopes.working(request_id), scopes.CONTENT)
    return parse_subject(json.loads(sealed))


def other_requests(
    request: ErasureRequest, subject: DataSubject, *, bench: Workbench
) -> Iterator[ErasureRequest]:
    """Yield the other requests of the same person, oldest first.

    One identifier in common is not enough: a namesake has the same name. Another
    request may be from before the pseudonym key was rotated.
    """
    own = subject.recognised(bench.pseudonymiser) | set(request.commitments)
    for other in bench.requests.with_commitments(own):
        is_same = len(own.intersection(other.commitments)) > 1
        if is_same and other.request_id != request.request_id:
            yield other


def read_contact(request_id: RequestId, *, bench: HoldsCustody) -> Personal[str] | None:
    """Return the subject's address, if one was given and is still kept."""
    return _optional(scopes.contact(request_id), bench=bench)


def read_evidence(request_id: RequestId, *, bench: Workbench) -> Personal[str] | None:
    """Return the evidence of identity, if some was given and is still kept."""
    return _optional(scopes.evidence(request_id), bench=bench)


def _optional(scope: str, *, bench: HoldsCustody) -> Personal[str] | None:
    if not bench.custody.has(scope, scopes.CONTENT):
        return None
    value = json.loads(bench.custody.get(scope, scopes.CONTENT))
    return Personal(value) if value else None
