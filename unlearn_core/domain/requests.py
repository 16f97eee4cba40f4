"""An erasure request: what it is, where it stands, how it may move on.

- `Stage` is internal progress, one ledger entry each, past participles.
- `RequestStatus` is what outsiders see, in the Data Rights Protocol's words.
- `Outcome` is the honest word at the end; none of them is a bare "deleted".
- `TRANSITIONS` is the whole truth about legal moves; `check_transition` refuses
  every other one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType
from uuid import UUID

from unlearn_core.domain.deadlines import Deadline
from unlearn_core.errors import IllegalTransitionError

RequestId = NewType("RequestId", UUID)


class RequestStatus(StrEnum):
    """Status that the data subject and other systems see."""

    OPEN = "open"
    IN_PROGRESS = "in_progress"
    FULFILLED = "fulfilled"
    DENIED = "denied"
    REVOKED = "revoked"
    EXPIRED = "expired"


class Outcome(StrEnum):
    """What a request ended in."""

    SUPPRESSED_AT_OUTPUT = "suppressed_at_output"
    ERASED_AT_SOURCE = "erased_at_source"
    PARTIAL = "partial"
    NOT_FOUND = "not_found"
    EXEMPT = "exempt"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    FAILED = "failed"


class Channel(StrEnum):
    """How a request came in."""

    CLI = "cli"
    HTTP = "http"
    WEB_PAGE = "web_page"
    IMPORT = "import"
    OPENDSR = "opendsr"
    DRP = "data_rights_protocol"
    DROP = "drop"


ANSWERED_TO_SENDER = frozenset({Channel.OPENDSR, Channel.DRP})
"""Channels on which not the subject is answered, but whoever sent for them."""


class Stage(StrEnum):
    """Internal progress of a request."""

    RECEIVED = "received"
    ACKNOWLEDGED = "acknowledged"
    PROOF_AWAITED = "proof_awaited"
    PROOF_GIVEN = "proof_given"
    IDENTITY_VERIFIED = "identity_verified"
    REFUSED = "refused"
    JOINED = "joined"
    UNDER_REVIEW = "under_review"
    REVIEWED = "reviewed"
    LOCATED = "located"
    NOT_FOUND = "not_found"
    REFERRED = "referred"
    APPROVED = "approved"
    COOLING_OFF = "cooling_off"
    ON_HOLD = "on_hold"
    RELEASED = "released"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"
    SOURCES_ERASED = "sources_erased"
    BASE_SPARED = "base_spared"
    DATASETS_BUILT = "datasets_built"
    TRAINED = "trained"
    UNLEARNING_REJECTED = "unlearning_rejected"
    UNLEARNING_VERIFIED = "unlearning_verified"
    OVERTAKEN = "overtaken"
    ESCALATED = "escalated"
    RETRIED = "retried"
    GIVEN_UP = "given_up"
    REGISTERED = "registered"
    PROMOTED = "promoted"
    SERVING_CONFIRMED = "serving_confirmed"
    PURGED = "purged"
    CERTIFIED = "certified"
    NOTIFIED = "notified"


_CALLED_OFF = frozenset({Stage.DECLINED, Stage.WITHDRAWN})
"""Ends that are possible until the first record is erased."""

_STOPPED = _CALLED_OFF | {Stage.ON_HOLD}
"""What may stop the work once it is known who the subject is."""

_SEARCHED = frozenset({Stage.LOCATED, Stage.NOT_FOUND, Stage.UNDER_REVIEW})
"""What a search may come to."""

_DECIDED = frozenset({Stage.COOLING_OFF, Stage.SOURCES_ERASED})
"""What follows when nobody else has to be asked."""

TRANSITIONS: Mapping[Stage | None, frozenset[Stage]] = {
    None: frozenset({Stage.RECEIVED}),
    Stage.RECEIVED: frozenset({Stage.ACKNOWLEDGED}) | _CALLED_OFF,
    Stage.ACKNOWLEDGED: frozenset(
        {Stage.IDENTITY_VERIFIED, Stage.REFUSED, Stage.JOINED, Stage.PROOF_AWAITED}
    )
    | _CALLED_OFF,
    Stage.PROOF_AWAITED: frozenset({Stage.PROOF_GIVEN, Stage.REFUSED}) | _CALLED_OFF,
    Stage.PROOF_GIVEN: frozenset({Stage.IDENTITY_VERIFIED, Stage.REFUSED, Stage.JOINED})
    | _CALLED_OFF,
    Stage.IDENTITY_VERIFIED: _SEARCHED | _STOPPED,
    Stage.UNDER_REVIEW: frozenset({Stage.REVIEWED}) | _STOPPED,
    Stage.REVIEWED: frozenset({Stage.LOCATED, Stage.NOT_FOUND}) | _STOPPED,
    Stage.LOCATED: frozenset({Stage.REFERRED}) | _DECIDED | _STOPPED,
    Stage.REFERRED: frozenset({Stage.APPROVED}) | _STOPPED,
    Stage.APPROVED: _DECIDED | _STOPPED,
    Stage.COOLING_OFF: frozenset({Stage.SOURCES_ERASED}) | _STOPPED,
    Stage.ON_HOLD: frozenset({Stage.RELEASED}) | _CALLED_OFF,
    Stage.RELEASED: _SEARCHED | _STOPPED,
    Stage.SOURCES_ERASED: frozenset({Stage.DATASETS_BUILT, Stage.BASE_SPARED}),
    Stage.BASE_SPARED: frozenset({Stage.PURGED}),
    Stage.DATASETS_BUILT: frozenset({Stage.TRAINED, Stage.ESCALATED}),
    Stage.TRAINED: frozenset(
        {Stage.UNLEARNING_VERIFIED, Stage.UNLEARNING_REJECTED, Stage.OVERTAKEN}
    ),
    Stage.UNLEARNING_REJECTED: frozenset(
        {Stage.TRAINED, Stage.OVERTAKEN, Stage.ESCALATED}
    ),
    Stage.OVERTAKEN: frozenset({Stage.TRAINED}),
    Stage.ESCALATED: frozenset({Stage.RETRIED, Stage.GIVEN_UP}),
    Stage.RETRIED: frozenset({Stage.TRAINED}),
    Stage.UNLEARNING_VERIFIED: frozenset({Stage.REGISTERED, Stage.OVERTAKEN}),
    Stage.REGISTERED: frozenset({Stage.PROMOTED, Stage.OVERTAKEN}),
    Stage.PROMOTED: frozenset({Stage.SERVING_CONFIRMED}),
    Stage.SERVING_CONFIRMED: frozenset({Stage.PURGED}),
    Stage.REFUSED: frozenset({Stage.PURGED}),
    Stage.DECLINED: frozenset({Stage.PURGED}),
    Stage.WITHDRAWN: frozenset({Stage.PURGED}),
    Stage.GIVEN_UP: frozenset({Stage.PURGED}),
    Stage.JOINED: frozenset({Stage.PURGED}),
    Stage.NOT_FOUND: frozenset({Stage.PURGED}),
    Stage.PURGED: frozenset({Stage.CERTIFIED, Stage.NOTIFIED}),
    Stage.CERTIFIED: frozenset({Stage.NOTIFIED}),
    Stage.NOTIFIED: frozenset(),
}

WAITS_FOR_A_PERSON: frozenset[Stage] = frozenset(
    {
        Stage.PROOF_AWAITED,
        Stage.UNDER_REVIEW,
        Stage.REFERRED,
        Stage.ON_HOLD,
        Stage.ESCALATED,
    }
)

WAITS: frozenset[Stage] = WAITS_FOR_A_PERSON | {Stage.COOLING_OFF}
"""Stages in which no worker is at work: somebody is asked, or time has to pass."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureRequest:
    """What is known about a request without knowing the person.

    Attributes:
        request_id: Random identifier, safe to show everywhere.
        channel: How it came in.
        received_at: Moment of receipt, in UTC.
        deadline: The legal clock.
        base_model: Name of the base model that the request concerns.
        commitments: Keyed commitments to the identifiers.
        stage: Latest stage in the ledger.
        outcome: Set when the request is closed.
    """

    request_id: RequestId
    channel: Channel
    received_at: datetime
    deadline: Deadline
    base_model: str
    commitments: tuple[str, ...]
    stage: Stage
    outcome: Outcome | None = None

    @property
    def is_closed(self) -> bool:
        """Tell whether nothing more will happen by itself or by a person."""
        return not TRANSITIONS[self.stage]

    @property
    def status(self) -> RequestStatus:
        """Return the status in the Data Rights Protocol's words."""
        if self.stage is Stage.RECEIVED:
            return RequestStatus.OPEN
        if not self.is_closed:
            return RequestStatus.IN_PROGRESS
        match self.outcome:
            case (
                Outcome.SUPPRESSED_AT_OUTPUT
                | Outcome.ERASED_AT_SOURCE
                | Outcome.PARTIAL
                | Outcome.NOT_FOUND
            ):
                return RequestStatus.FULFILLED
            case Outcome.WITHDRAWN:
                return RequestStatus.REVOKED
            case _:
                return RequestStatus.DENIED


def check_transition(present: Stage | None, following: Stage) -> None:
    """Refuse an illegal move.

    Raises:
        IllegalTransitionError: ``following`` may not come after ``present``.
    """
    if following not in TRANSITIONS[present]:
        raise IllegalTransitionError(
            present=present.value if present else "none", following=following.value
        )
