import pytest
from support.domain import NOW, ledger_entry

from unlearn_core.domain.decisions import (
    COMPLAINT,
    EFFECTS,
    JUDICIAL_REMEDY,
    REFUSALS,
    Decision,
    DecisionRefusedError,
    RefusalReason,
    Verb,
    Waiting,
    check_can_be_asked,
    check_not_own,
    check_not_too_late,
    has_entered,
    proposal_of,
    protocol_reason,
)
from unlearn_core.domain.ledger import LedgerEntry
from unlearn_core.domain.requests import TRANSITIONS, Stage

REFUSE = Decision(verb=Verb.REFUSE, officer="anna", reason=RefusalReason.NO_GROUND)


def entry(event: str, **payload: str | None) -> LedgerEntry:
    return ledger_entry(event, payload=dict(payload))


def proposed(
    decision: str = "refuse", reason: str | None = "no_ground", officer: str = "bela"
) -> LedgerEntry:
    return entry("decision_proposed", decision=decision, reason=reason, officer=officer)


@pytest.mark.parametrize(
    ("entries", "first"),
    [
        ([], None),
        ([proposed()], "bela"),
        ([proposed(officer="anna")], "anna"),
        ([proposed(reason="excessive")], None),
        ([proposed(decision="approve", reason=None)], None),
        # Another proposal has replaced it.
        ([proposed(), proposed(reason="excessive")], None),
        # The request has moved on since, or was extended.
        ([proposed(), entry("referred")], None),
        ([proposed(), entry("deadline_extended")], None),
        # What is no decision leaves it open.
        ([proposed(), entry("work_started"), entry("deadline_near")], "bela"),
    ],
)
def test_a_second_officer_finds_the_same_proposal_until_the_request_moves_on(
    entries: list[LedgerEntry], first: str | None
) -> None:
    waiting = proposal_of(entries, REFUSE)
    assert (waiting.officer if waiting else None) == first


def test_only_a_hold_and_what_concerns_the_identity_need_one_officer() -> None:
    assert [verb for verb, effect in EFFECTS.items() if not effect.needs_two] == [
        Verb.ASK_FOR_PROOF,
        Verb.CONFIRM_IDENTITY,
        Verb.HOLD,
    ]
    assert set(EFFECTS) == set(Verb)


@pytest.mark.parametrize("stage", [Stage.DECLINED, Stage.ON_HOLD, Stage.WITHDRAWN])
def test_nothing_is_stopped_once_the_erasure_was_announced(stage: Stage) -> None:
    begun = [entry("source_erasure_announced")]
    check_not_too_late([entry("located")], stage, now=NOW)
    with pytest.raises(DecisionRefusedError):
        check_not_too_late(begun, stage, now=NOW)
    check_not_too_late(begun, Stage.GIVEN_UP, now=NOW)


@pytest.mark.parametrize("reason", RefusalReason)
def test_every_refusal_says_why_where_to_complain_and_which_court(
    reason: RefusalReason,
) -> None:
    assert len(REFUSALS[reason]) > 40
    assert "Art. 77" in COMPLAINT
    assert "Art. 79" in JUDICIAL_REMEDY


@pytest.mark.parametrize(
    ("entries", "reason"),
    [
        ([entry("received")], None),
        ([entry("refused", reason="expired")], "insuf_verification"),
        ([entry("joined")], "other"),
        ([entry("declined", reason="legal_claims")], "claim_not_covered"),
        ([entry("declined", reason="excessive")], "too_many_requests"),
        ([entry("declined", reason="suspected_fraud")], "suspected_fraud"),
        ([entry("declined", reason="other_controller")], "outside_jurisdiction"),
        ([entry("on_hold", reason="identity_doubt")], "need_user_verification"),
        ([entry("on_hold", reason="legal_claims")], None),
        ([entry("on_hold", reason="identity_doubt"), entry("released")], None),
        ([entry("on_hold", reason="identity_doubt"), entry("withdrawn")], None),
    ],
)
def test_outsiders_read_a_reason_of_the_protocol(
    entries: list[LedgerEntry], reason: str | None
) -> None:
    assert protocol_reason([*entries, entry("purged"), entry("notified")]) == reason


def test_every_decision_is_possible_somewhere() -> None:
    targets = {effect.stage for effect in EFFECTS.values() if effect.stage}
    assert targets <= frozenset[Stage]().union(*TRANSITIONS.values())


@pytest.mark.parametrize(
    ("officer", "who", "is_same"),
    [
        ("anna", "key:1", True),
        ("anna", "key:2", True),
        ("bela", "key:1", True),
        ("bela", "key:2", False),
        ("bela", "", False),
    ],
)
def test_two_names_behind_one_key_are_one_officer(
    officer: str, who: str, *, is_same: bool
) -> None:
    waiting = Waiting(verb=Verb.APPROVE, reason=None, officer="anna", who="key:1")
    decision = Decision(verb=Verb.APPROVE, officer=officer, who=who)
    assert decision.is_by(waiting) is is_same


def test_officers_of_whom_only_names_are_known_are_told_apart_by_them() -> None:
    waiting = Waiting(verb=Verb.APPROVE, reason=None, officer="anna")
    assert not Decision(verb=Verb.APPROVE, officer="bela").is_by(waiting)
    assert Decision(verb=Verb.APPROVE, officer="anna").is_by(waiting)


@pytest.mark.parametrize(
    ("officer", "who", "is_own"),
    [
        ("bela", "key:1", True),
        ("anna", "key:2", True),  # another key of the same person
        ("anna", "", True),
        ("bela", "key:2", False),
        ("bela", "", False),
    ],
)
@pytest.mark.parametrize("verb", Verb)
def test_who_has_entered_a_request_lets_nothing_of_it_go_on(
    verb: Verb, officer: str, who: str, *, is_own: bool
) -> None:
    entries = [entry(Stage.RECEIVED, submitted_by="key:1", entered_by="anna")]
    decision = Decision(verb=verb, officer=officer, who=who)
    goes_on = {Verb.APPROVE, Verb.CONFIRM_IDENTITY, Verb.RELEASE}
    is_refused = is_own and verb in goes_on
    if is_refused:
        with pytest.raises(DecisionRefusedError, match="does not approve"):
            check_not_own(entries, decision)
    else:
        check_not_own(entries, decision)


def test_who_is_not_known_has_entered_nothing() -> None:
    assert not has_entered([entry(Stage.RECEIVED)], officer="anna", who="")


@pytest.mark.parametrize(
    ("stage", "entries", "may_ask"),
    [
        (Stage.PROOF_AWAITED, [entry("proof_awaited", proof="officer")], True),
        (Stage.PROOF_AWAITED, [entry("proof_awaited", proof="code")], False),
        (
            Stage.PROOF_AWAITED,
            [entry("proof_awaited", proof="officer"), entry("proof_asked")],
            False,
        ),
        (Stage.ACKNOWLEDGED, [], False),
        (Stage.LOCATED, [], False),
    ],
)
def test_the_subject_is_asked_for_a_proof_once(
    stage: Stage, entries: list[LedgerEntry], *, may_ask: bool
) -> None:
    if may_ask:
        check_can_be_asked(entries, stage)
    else:
        with pytest.raises(DecisionRefusedError):
            check_can_be_asked(entries, stage)
