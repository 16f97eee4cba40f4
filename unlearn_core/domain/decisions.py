"""What officers decide about a request, why, and who has to agree.

- A decision has a coded reason; the text that the subject reads belongs to the code.
- What takes something from the subject, or destroys records, needs two officers: one
  proposes, another one who decides the same carries it out. Only a hold, which can be
  undone, and what concerns the proof of identity need one.
- Officers are told apart by name, and by the key or sign-in that they came with where
  there is one: two names behind one key are one officer. Whoever has entered a request
  lets nothing of it go on: they neither confirm who asks, nor approve, nor release.
- A proposal is open until the request moves on or something else is decided.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from unlearn_core.domain.codes import asked_at
from unlearn_core.domain.cooling import cancel_until
from unlearn_core.domain.deadlines import ExtensionReason
from unlearn_core.domain.docket import DEADLINE_EXTENDED
from unlearn_core.domain.grounds import GROUND, Ground
from unlearn_core.domain.ledger import LedgerEntry
from unlearn_core.domain.requests import Outcome, Stage
from unlearn_core.domain.stage_limits import check_not_expired
from unlearn_core.errors import PolicyError

DECISION_PROPOSED = "decision_proposed"
ERASURE_ANNOUNCED = "source_erasure_announced"
SUBMITTED_BY = "submitted_by"
"""Fact of the first entry: pseudonym of whoever has entered the request."""
ENTERED_BY = "entered_by"
"""Fact of the first entry: their name, as officers have one, if it is known."""


class DecisionRefusedError(PolicyError):
    """A decision is not possible now, or not by this officer."""

    code = "decision_refused"
    summary = "the decision cannot be taken"
    next_step = (
        "Look at the request's stage and proposals with `unlearn ledger show`; "
        "another officer has to agree, or it is too late."
    )


class Verb(StrEnum):
    """What can be decided."""

    ASK_FOR_PROOF = "ask_for_proof"
    CONFIRM_IDENTITY = "confirm_identity"
    APPROVE = "approve"
    REFUSE = "refuse"
    EXTEND = "extend"
    HOLD = "hold"
    RELEASE = "release"
    CLOSE_ESCALATED = "close_escalated"


class RefusalReason(StrEnum):
    """Why a request may be refused."""

    NO_GROUND = "no_ground"
    FREE_EXPRESSION = "free_expression"
    LEGAL_OBLIGATION = "legal_obligation"
    PUBLIC_HEALTH = "public_health"
    ARCHIVING = "archiving"
    LEGAL_CLAIMS = "legal_claims"
    UNFOUNDED = "manifestly_unfounded"
    EXCESSIVE = "excessive"
    OTHER_CONTROLLER = "other_controller"
    SUSPECTED_FRAUD = "suspected_fraud"


class HoldReason(StrEnum):
    """Why the work may stop for a while."""

    LEGAL_CLAIMS = "legal_claims"
    OBJECTION = "objection"
    CLARIFICATION = "clarification"
    IDENTITY_DOUBT = "identity_doubt"


class ClosingReason(StrEnum):
    """Why an escalated request may end without suppression."""

    NOT_KNOWN_TO_MODEL = "not_known_to_model"
    NOT_ACHIEVED = "not_achieved"
    MODEL_RETIRED = "model_retired"


Reason = RefusalReason | HoldReason | ClosingReason | ExtensionReason

REFUSALS: Mapping[RefusalReason, str] = {
    RefusalReason.NO_GROUND: (
        "None of the grounds for erasure of Art. 17(1) GDPR applies: the data is still "
        "needed for the purpose it was collected for, on a valid legal basis."
    ),
    RefusalReason.FREE_EXPRESSION: (
        "The processing is necessary for the freedom of expression and information "
        "(Art. 17(3)(a) GDPR)."
    ),
    RefusalReason.LEGAL_OBLIGATION: (
        "The law obliges us to keep the data, or we need it for a task in the public "
        "interest (Art. 17(3)(b) GDPR)."
    ),
    RefusalReason.PUBLIC_HEALTH: (
        "The data is needed for reasons of public health (Art. 17(3)(c) GDPR)."
    ),
    RefusalReason.ARCHIVING: (
        "The data is needed for archiving in the public interest, research or "
        "statistics, which erasure would seriously impair (Art. 17(3)(d) GDPR)."
    ),
    RefusalReason.LEGAL_CLAIMS: (
        "The data is needed to establish, exercise or defend legal claims "
        "(Art. 17(3)(e) GDPR)."
    ),
    RefusalReason.UNFOUNDED: (
        "The request is manifestly unfounded (Art. 12(5) GDPR); showing that is our "
        "burden."
    ),
    RefusalReason.EXCESSIVE: (
        "The request repeats earlier ones so often that it is excessive "
        "(Art. 12(5) GDPR); showing that is our burden."
    ),
    RefusalReason.OTHER_CONTROLLER: (
        "We do not decide about this data; please turn to the controller who does."
    ),
    RefusalReason.SUSPECTED_FRAUD: (
        "We have reason to believe that the request does not come from the person "
        "whom it names (Art. 12(6) GDPR)."
    ),
}

COMPLAINT = (
    "You may complain to a supervisory authority, in particular where you live, where "
    "you work or where you think that the law was broken (Art. 77 GDPR)."
)
JUDICIAL_REMEDY = (
    "Whether or not you complain, you may also bring the matter before a court "
    "(Art. 79 GDPR)."
)

_PROTOCOL_REASONS: Mapping[str, str] = {
    RefusalReason.UNFOUNDED: "other",
    RefusalReason.EXCESSIVE: "too_many_requests",
    RefusalReason.OTHER_CONTROLLER: "outside_jurisdiction",
    RefusalReason.SUSPECTED_FRAUD: "suspected_fraud",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One officer's word.

    Attributes:
        verb: What is decided.
        reason: Why; approval and release need no reason.
        officer: Name of the officer, from the configuration.
        who: Pseudonym of the key or sign-in they came with; empty if unknown.
        ground: What an approval says that the ground is; None leaves it as claimed.
    """

    verb: Verb
    officer: str
    reason: Reason | None = None
    who: str = ""
    ground: Ground | None = None

    def is_by(self, waiting: "Waiting") -> bool:
        """Tell whether the same person has proposed it."""
        return self.officer == waiting.officer or (
            self.who != "" and self.who == waiting.who
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What a decision leads to.

    Attributes:
        stage: The next stage; None if the stage stays as it is.
        needs_two: Whether a second officer has to agree.
        outcome: What the request has come to, if it is decided by this.
    """

    stage: Stage | None
    needs_two: bool = True
    outcome: Outcome | None = None


EFFECTS: Mapping[Verb, Effect] = {
    Verb.ASK_FOR_PROOF: Effect(stage=None, needs_two=False),
    Verb.CONFIRM_IDENTITY: Effect(stage=Stage.PROOF_GIVEN, needs_two=False),
    Verb.APPROVE: Effect(stage=Stage.APPROVED),
    Verb.REFUSE: Effect(stage=Stage.DECLINED, outcome=Outcome.REFUSED),
    Verb.EXTEND: Effect(stage=None),
    Verb.HOLD: Effect(stage=Stage.ON_HOLD, needs_two=False),
    Verb.RELEASE: Effect(stage=Stage.RELEASED),
    Verb.CLOSE_ESCALATED: Effect(stage=Stage.GIVEN_UP, outcome=Outcome.FAILED),
}

_MOVES_ON = frozenset({*Stage, DEADLINE_EXTENDED})
_LETS_GO_ON = frozenset({Verb.CONFIRM_IDENTITY, Verb.APPROVE, Verb.RELEASE})
_BEFORE_ERASURE = frozenset({Stage.DECLINED, Stage.ON_HOLD, Stage.WITHDRAWN})


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A proposal that a second officer has to agree to.

    Attributes:
        verb: What is proposed.
        reason: The coded reason, if it has one.
        officer: Who proposes it.
        who: Pseudonym of the key or sign-in they came with; empty if unknown.
        ground: What is proposed as the ground, if anything is.
    """

    verb: Verb
    reason: str | None
    officer: str
    who: str = ""
    ground: str | None = None


def waiting_proposal(entries: Iterable[LedgerEntry]) -> Waiting | None:
    """Return the proposal that is open, if there is one."""
    waiting: LedgerEntry | None = None
    for entry in entries:
        if entry.event in _MOVES_ON:
            waiting = None
        elif entry.event == DECISION_PROPOSED:
            waiting = entry
    if waiting is None:
        return None
    said = waiting.payload
    return Waiting(
        verb=Verb(str(said["decision"])),
        reason=None if said["reason"] is None else str(said["reason"]),
        officer=str(said["officer"]),
        who=str(said.get("who", "")),
        ground=None if said.get(GROUND) is None else str(said[GROUND]),
    )


def proposal_of(entries: Iterable[LedgerEntry], decision: Decision) -> Waiting | None:
    """Return the waiting proposal of the same decision, if there is one."""
    waiting = waiting_proposal(entries)
    if waiting is None:
        return None
    proposed = (waiting.verb, waiting.reason, waiting.ground)
    if proposed != (decision.verb, decision.reason, decision.ground):
        return None
    return waiting


def check_not_own(entries: Iterable[LedgerEntry], decision: Decision) -> None:
    """Refuse that whoever has entered a request lets it go on.

    Raises:
        DecisionRefusedError: It is the same name, key or sign-in.
    """
    if decision.verb in _LETS_GO_ON and has_entered(
        entries, officer=decision.officer, who=decision.who
    ):
        raise DecisionRefusedError(problem="who entered a request does not approve it")


def has_entered(entries: Iterable[LedgerEntry], *, officer: str, who: str) -> bool:
    """Tell whether somebody has entered the request themselves.

    Args:
        entries: The request's ledger entries.
        officer: Their name.
        who: Pseudonym of the key or sign-in that they came with; empty if unknown.
    """
    return any(
        entry.payload.get(ENTERED_BY) == officer
        or (who != "" and entry.payload.get(SUBMITTED_BY) == who)
        for entry in entries
    )


def check_can_be_asked(entries: Sequence[LedgerEntry], stage: Stage) -> None:
    """Refuse to ask the subject for a proof that is asked for already, or not awaited.

    Raises:
        DecisionRefusedError: It is not an officer's turn.
        WorkingDataExpiredError: Nothing could be done with the proof.
    """
    check_not_expired(entries, stages={Stage.PROOF_GIVEN})
    if stage is not Stage.PROOF_AWAITED or asked_at(entries) is not None:
        raise DecisionRefusedError(problem="no proof is to be asked for")


def check_not_too_late(
    entries: Sequence[LedgerEntry], stage: Stage | None, *, now: datetime
) -> None:
    """Refuse to stop a request whose records are being erased, or are about to be.

    Args:
        entries: The request's ledger entries, in order.
        stage: Where it would go.
        now: The present moment.

    Raises:
        DecisionRefusedError: The erasure was announced, so some may be gone already,
            or the moment has passed until which the request could be cancelled.
    """
    if stage not in _BEFORE_ERASURE:
        return
    if any(entry.event == ERASURE_ANNOUNCED for entry in entries):
        raise DecisionRefusedError(problem="the erasure has begun")
    until = cancel_until(entries)
    if until is not None and now >= until:
        raise DecisionRefusedError(problem="the time to cancel is over")


def protocol_reason(entries: Iterable[LedgerEntry]) -> str | None:
    """Return the reason beside the status, in the Data Rights Protocol's words."""
    reason: str | None = None
    for entry in entries:
        match entry.event:
            case Stage.REFUSED:
                reason = "insuf_verification"
            case Stage.JOINED:
                reason = "other"
            case Stage.DECLINED:
                code = str(entry.payload["reason"])
                reason = _PROTOCOL_REASONS.get(code, "claim_not_covered")
            case Stage.ON_HOLD if entry.payload["reason"] == HoldReason.IDENTITY_DOUBT:
                reason = "need_user_verification"
            case Stage.PROOF_AWAITED:
                reason = "need_user_verification"
            case Stage.ON_HOLD | Stage.RELEASED | Stage.WITHDRAWN | Stage.PROOF_GIVEN:
                reason = None
    return reason
