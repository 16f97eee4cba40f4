"""One-time codes: how one is made, and what the ledger says about those that were sent.

- A code has eight digits from the system's random source; it is sealed until identity
  is decided and then destroyed with the evidence.
- It counts for half an hour and five tries. At most three codes are sent for a request,
  so a guess succeeds once in about seven million requests.
- Tries are in the ledger, so no restart and no second service forgets them.
"""

import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from unlearn_core.domain.ledger import LedgerEntry
from unlearn_core.domain.requests import Stage
from unlearn_core.errors import RequestError
from unlearn_core.privacy import Personal

CODE_SENT = "identity_code_sent"
CODE_REFUSED = "identity_code_refused"
PROOF_ASKED = "proof_asked"
"""An officer has asked the subject for a proof."""
TEMPLATE = "identity_code"

DIGITS = 8
VALID_FOR = timedelta(minutes=30)
MAXIMUM_TRIES = 5
MAXIMUM_CODES = 3
ANSWER_WITHIN = timedelta(days=14)
"""Whoever was asked and proves nothing for so long is refused."""


class Proof(StrEnum):
    """Where the proof of identity comes from."""

    WITH_REQUEST = "with_request"
    """It is submitted with the request."""
    CHANNEL = "channel"
    """None is needed, because only those we trust could have entered the request."""
    CODE = "code"
    """The subject enters a code that is sent to their address."""
    OFFICER = "officer"
    """An officer looks and confirms."""

    @property
    def is_waited_for(self) -> bool:
        """Tell whether it comes after the request."""
        return self in {Proof.CODE, Proof.OFFICER}


class CodeRefusedError(RequestError):
    """A code does not prove anything."""

    code = "code_refused"
    summary = "the code is not accepted"
    next_step = "Enter the latest code within half an hour, or ask for a new one."


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeStanding:
    """What is known about the codes of a request.

    Attributes:
        sent: How many were sent.
        expires_at: When the latest one ends; None if none was sent.
        tries: Wrong tries of the latest one.
    """

    sent: int
    expires_at: datetime | None
    tries: int

    def is_open(self, now: datetime) -> bool:
        """Tell whether the latest code can still be entered."""
        return (
            self.expires_at is not None
            and now < self.expires_at
            and self.tries < MAXIMUM_TRIES
        )

    @property
    def may_send(self) -> bool:
        """Tell whether another code may be sent."""
        return self.sent < MAXIMUM_CODES


def read_codes(entries: Iterable[LedgerEntry]) -> CodeStanding:
    """Return what a request's entries say about its codes."""
    sent, tries = 0, 0
    expires_at: datetime | None = None
    for entry in entries:
        if entry.event == CODE_SENT:
            sent, tries = sent + 1, 0
            expires_at = datetime.fromisoformat(str(entry.payload["expires_at"]))
        elif entry.event == CODE_REFUSED:
            tries += 1
    return CodeStanding(sent=sent, expires_at=expires_at, tries=tries)


def asked_at(entries: Iterable[LedgerEntry]) -> datetime | None:
    """Return since when it is the subject's turn to prove something.

    Args:
        entries: The request's ledger entries, in order.

    Returns:
        The moment; None as long as nobody has asked them.
    """
    asked: datetime | None = None
    for entry in entries:
        if entry.event == PROOF_ASKED:
            asked = entry.recorded_at
        elif entry.event == Stage.PROOF_AWAITED:
            is_their_turn = entry.payload.get("proof") == Proof.CODE
            asked = entry.recorded_at if is_their_turn else None
    return asked


def new_code() -> str:
    """Return a code that nobody can foresee."""
    return f"{secrets.randbelow(10**DIGITS):0{DIGITS}d}"


def is_same_code(entered: Personal[str], expected: str) -> bool:
    """Compare in a time that tells nothing; spaces between digits do not count."""
    digits = "".join(entered.reveal().split())
    return hmac.compare_digest(digits.encode(), expected.encode())


def template_of(number: int) -> str:
    """Return the name of the message that brings a code; each is posted once."""
    return f"{TEMPLATE}_{number}"
