"""On which ground erasure is asked for: GDPR Art. 17(1), letters (a) to (f).

- Whoever submits a request may claim one; nobody has to know the law.
- Two officers may set or correct it when they approve; what they say counts.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from unlearn_core.domain.ledger import LedgerEntry
from unlearn_core.domain.requests import Stage
from unlearn_core.errors import InvalidIdentifierError

GROUND = "ground"
"""Fact of the first entry and of an approval; also a field of forms and tables."""


class Ground(StrEnum):
    """Why data has to be erased, in the order of the law's letters."""

    NO_LONGER_NEEDED = "no_longer_needed"
    CONSENT_WITHDRAWN = "consent_withdrawn"
    OBJECTION = "objection"
    UNLAWFUL = "unlawful"
    DUTY_TO_ERASE = "duty_to_erase"
    OFFERED_TO_CHILD = "offered_to_child"


ARTICLES: Mapping[Ground, str] = {
    Ground.NO_LONGER_NEEDED: "Art. 17(1)(a) GDPR",
    Ground.CONSENT_WITHDRAWN: "Art. 17(1)(b) GDPR",
    Ground.OBJECTION: "Art. 17(1)(c), Art. 21 GDPR",
    Ground.UNLAWFUL: "Art. 17(1)(d) GDPR",
    Ground.DUTY_TO_ERASE: "Art. 17(1)(e) GDPR",
    Ground.OFFERED_TO_CHILD: "Art. 17(1)(f), Art. 8(1) GDPR",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class GroundStanding:
    """The ground that counts for a request.

    Attributes:
        ground: The ground.
        is_examined: Whether officers have said so; otherwise it is claimed.
    """

    ground: Ground
    is_examined: bool


def read_ground(value: object) -> Ground | None:
    """Read what somebody claims; nothing is no ground.

    Raises:
        InvalidIdentifierError: It is none of the law; it is not repeated.
    """
    if value is None or value == "":
        return None
    try:
        return Ground(str(value))
    except ValueError:
        raise InvalidIdentifierError(kind=GROUND, problem="not known") from None


def ground_of(entries: Iterable[LedgerEntry]) -> GroundStanding | None:
    """Return the ground that the ledger tells, if it tells one.

    Args:
        entries: The request's ledger entries, in order.
    """
    standing: GroundStanding | None = None
    for entry in entries:
        said = entry.payload.get(GROUND)
        if entry.event in {Stage.RECEIVED, Stage.APPROVED} and said is not None:
            standing = GroundStanding(
                ground=Ground(str(said)), is_examined=entry.event == Stage.APPROVED
            )
    return standing
