"""Why records that concern the subject stay: GDPR Art. 17(3), letters (a) to (e).

- An officer names the ground of an exemption, for a record on the review list or, in
  the data map, for a whole source, and says in a sentence why it applies.
- The ground is a code that everybody is told. The reasoning may name somebody, so it is
  sealed and the ledger commits to it.
"""

from collections.abc import Mapping
from enum import StrEnum


class Kept(StrEnum):
    """Why a record was not erased; the first five in the order of the law's letters."""

    FREE_EXPRESSION = "free_expression"
    LEGAL_OBLIGATION = "legal_obligation"
    PUBLIC_HEALTH = "public_health"
    ARCHIVING = "archiving"
    LEGAL_CLAIMS = "legal_claims"
    LEGAL_HOLD = "legal_hold"
    NOT_ERASABLE = "not_erasable"
    SHARED_IDENTIFIER = "shared_identifier"


EXEMPTIONS: Mapping[Kept, str] = {
    Kept.FREE_EXPRESSION: "Art. 17(3)(a) GDPR",
    Kept.LEGAL_OBLIGATION: "Art. 17(3)(b) GDPR",
    Kept.PUBLIC_HEALTH: "Art. 17(3)(c) GDPR",
    Kept.ARCHIVING: "Art. 17(3)(d) GDPR",
    Kept.LEGAL_CLAIMS: "Art. 17(3)(e) GDPR",
}
"""Those that are grounds of the law, with their articles."""

KeptCounts = Mapping[str, Mapping[str, int]]
"""Source to code to the number of its records that stay."""
