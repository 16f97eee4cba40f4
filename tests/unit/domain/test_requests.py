import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from support.domain import request

from unlearn_core.domain.requests import (
    TRANSITIONS,
    WAITS,
    WAITS_FOR_A_PERSON,
    Outcome,
    RequestStatus,
    Stage,
    check_transition,
)
from unlearn_core.errors import IllegalTransitionError

LEGAL = {
    (None, "received"),
    ("received", "acknowledged"),
    ("received", "declined"),
    ("received", "withdrawn"),
    ("acknowledged", "identity_verified"),
    ("acknowledged", "refused"),
    ("acknowledged", "joined"),
    ("acknowledged", "withdrawn"),
    ("acknowledged", "declined"),
    ("identity_verified", "located"),
    ("identity_verified", "not_found"),
    ("identity_verified", "under_review"),
    ("under_review", "reviewed"),
    ("under_review", "on_hold"),
    ("under_review", "declined"),
    ("under_review", "withdrawn"),
    ("reviewed", "located"),
    ("reviewed", "not_found"),
    ("reviewed", "on_hold"),
    ("reviewed", "declined"),
    ("reviewed", "withdrawn"),
    ("released", "under_review"),
    ("identity_verified", "on_hold"),
    ("identity_verified", "declined"),
    ("identity_verified", "withdrawn"),
    ("located", "sources_erased"),
    ("located", "cooling_off"),
    ("located", "referred"),
    ("located", "on_hold"),
    ("located", "declined"),
    ("located", "withdrawn"),
    ("referred", "approved"),
    ("referred", "on_hold"),
    ("referred", "declined"),
    ("referred", "withdrawn"),
    ("approved", "sources_erased"),
    ("approved", "cooling_off"),
    ("cooling_off", "sources_erased"),
    ("cooling_off", "on_hold"),
    ("cooling_off", "declined"),
    ("cooling_off", "withdrawn"),
    ("approved", "on_hold"),
    ("approved", "declined"),
    ("approved", "withdrawn"),
    ("on_hold", "released"),
    ("on_hold", "declined"),
    ("on_hold", "withdrawn"),
    ("released", "located"),
    ("released", "not_found"),
    ("released", "on_hold"),
    ("released", "declined"),
    ("released", "withdrawn"),
    ("withdrawn", "purged"),
    ("acknowledged", "proof_awaited"),
    ("proof_awaited", "proof_given"),
    ("proof_awaited", "refused"),
    ("proof_awaited", "declined"),
    ("proof_awaited", "withdrawn"),
    ("proof_given", "identity_verified"),
    ("proof_given", "refused"),
    ("proof_given", "joined"),
    ("proof_given", "declined"),
    ("proof_given", "withdrawn"),
    ("declined", "purged"),
    ("sources_erased", "datasets_built"),
    ("sources_erased", "base_spared"),
    ("base_spared", "purged"),
    ("datasets_built", "trained"),
    ("datasets_built", "escalated"),
    ("trained", "unlearning_verified"),
    ("trained", "unlearning_rejected"),
    ("trained", "overtaken"),
    ("unlearning_rejected", "overtaken"),
    ("unlearning_verified", "overtaken"),
    ("registered", "overtaken"),
    ("overtaken", "trained"),
    ("unlearning_rejected", "trained"),
    ("unlearning_rejected", "escalated"),
    ("escalated", "retried"),
    ("escalated", "given_up"),
    ("given_up", "purged"),
    ("retried", "trained"),
    ("unlearning_verified", "registered"),
    ("registered", "promoted"),
    ("promoted", "serving_confirmed"),
    ("serving_confirmed", "purged"),
    ("refused", "purged"),
    ("joined", "purged"),
    ("not_found", "purged"),
    ("purged", "certified"),
    ("purged", "notified"),
    ("certified", "notified"),
}


@pytest.mark.parametrize("present", [None, *Stage], ids=str)
def test_exactly_the_listed_moves_are_legal(present: Stage | None) -> None:
    for following in Stage:
        if (present, following) in LEGAL:
            check_transition(present, following)
            continue
        with pytest.raises(IllegalTransitionError) as caught:
            check_transition(present, following)
        assert caught.value.facts == {
            "present": present or "none",
            "following": following,
        }


@st.composite
def histories(draw: st.DrawFn) -> list[Stage]:
    """Draw a legal history: a walk from nothing, ended at random or at the end."""
    walked: list[Stage] = []
    for _ in range(draw(st.integers(1, 40))):
        options = sorted(TRANSITIONS[walked[-1] if walked else None])
        if not options:
            break
        walked.append(draw(st.sampled_from(options)))
    return walked


NEEDS = [
    (Stage.PROOF_GIVEN, Stage.PROOF_AWAITED),
    (Stage.LOCATED, Stage.IDENTITY_VERIFIED),
    (Stage.SOURCES_ERASED, Stage.IDENTITY_VERIFIED),
    (Stage.TRAINED, Stage.DATASETS_BUILT),
    (Stage.REGISTERED, Stage.UNLEARNING_VERIFIED),
    (Stage.PROMOTED, Stage.REGISTERED),
    (Stage.CERTIFIED, Stage.PURGED),
    (Stage.NOTIFIED, Stage.PURGED),
    (Stage.RETRIED, Stage.ESCALATED),
    (Stage.GIVEN_UP, Stage.ESCALATED),
    (Stage.APPROVED, Stage.REFERRED),
    (Stage.REVIEWED, Stage.UNDER_REVIEW),
    (Stage.RELEASED, Stage.ON_HOLD),
    (Stage.ON_HOLD, Stage.IDENTITY_VERIFIED),
    (Stage.COOLING_OFF, Stage.LOCATED),
]


@given(histories())
def test_no_history_skips_what_a_stage_needs(history: list[Stage]) -> None:
    for stage, needed in NEEDS:
        if stage in history:
            assert needed in history[: history.index(stage)]


@given(histories())
def test_only_what_was_trained_verified_and_registered_last_is_served(
    history: list[Stage],
) -> None:
    for place, stage in enumerate(history):
        if stage is Stage.PROMOTED:
            assert history[place - 3 : place] == [
                Stage.TRAINED,
                Stage.UNLEARNING_VERIFIED,
                Stage.REGISTERED,
            ]


@given(histories())
def test_nothing_but_evidence_and_answer_follows_the_purge(
    history: list[Stage],
) -> None:
    if Stage.PURGED in history:
        after = history[history.index(Stage.PURGED) + 1 :]
        assert set(after) <= {Stage.CERTIFIED, Stage.NOTIFIED}


def test_every_stage_can_be_reached_and_can_reach_the_end() -> None:
    def reached(starts: set[Stage]) -> set[Stage]:
        found, waiting = set(starts), list(starts)
        while waiting:
            for following in TRANSITIONS[waiting.pop()] - found:
                found.add(following)
                waiting.append(following)
        return found

    assert reached(set(TRANSITIONS[None])) == set(Stage)
    for stage in Stage:
        assert Stage.NOTIFIED in reached({stage})


def test_only_the_answer_to_the_subject_closes_a_request() -> None:
    assert [stage for stage in Stage if request(stage=stage).is_closed] == [
        Stage.NOTIFIED
    ]
    assert set(WAITS_FOR_A_PERSON) == {
        Stage.PROOF_AWAITED,
        Stage.UNDER_REVIEW,
        Stage.REFERRED,
        Stage.ON_HOLD,
        Stage.ESCALATED,
    }
    assert {Stage.COOLING_OFF} == WAITS - WAITS_FOR_A_PERSON


@pytest.mark.parametrize("stage", Stage)
def test_an_unfinished_request_is_open_or_in_progress_whatever_its_outcome(
    stage: Stage,
) -> None:
    unfinished = {RequestStatus.OPEN, RequestStatus.IN_PROGRESS}
    for outcome in (None, *Outcome):
        status = request(stage=stage, outcome=outcome).status
        if stage is Stage.RECEIVED:
            assert status is RequestStatus.OPEN
        elif stage is Stage.NOTIFIED:
            assert status not in unfinished
        else:
            assert status is RequestStatus.IN_PROGRESS


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        ("suppressed_at_output", "fulfilled"),
        ("erased_at_source", "fulfilled"),
        ("partial", "fulfilled"),
        ("not_found", "fulfilled"),
        ("exempt", "denied"),
        ("refused", "denied"),
        ("failed", "denied"),
        ("withdrawn", "revoked"),
    ],
)
def test_outsiders_see_what_became_of_a_closed_request(
    outcome: str, status: str
) -> None:
    assert request(stage=Stage.NOTIFIED, outcome=Outcome(outcome)).status == status


def test_a_closed_request_without_an_outcome_does_not_count_as_fulfilled() -> None:
    assert request(stage=Stage.NOTIFIED).status is RequestStatus.DENIED


ERASES = {Stage.SOURCES_ERASED, Stage.DATASETS_BUILT, Stage.TRAINED}


class Lives(RuleBasedStateMachine):
    """One request that moves on as the ledger lets it, whatever anybody tries."""

    def __init__(self) -> None:
        super().__init__()
        self.history: list[Stage] = []

    @property
    def present(self) -> Stage | None:
        """Return the stage that the request is in."""
        return self.history[-1] if self.history else None

    @rule(stage=st.sampled_from(Stage))
    def try_anything(self, stage: Stage) -> None:
        """Ask for any move; an illegal one changes nothing."""
        try:
            check_transition(self.present, stage)
        except IllegalTransitionError:
            assert stage not in TRANSITIONS[self.present]
        else:
            self.history.append(stage)

    @precondition(lambda self: bool(TRANSITIONS[self.present]))
    @rule(data=st.data())
    def go_on(self, data: st.DataObject) -> None:
        """Make one of the legal moves."""
        options = sorted(TRANSITIONS[self.present])
        self.history.append(data.draw(st.sampled_from(options)))

    @precondition(lambda self: self.present not in {None, *WAITS_FOR_A_PERSON})
    @rule()
    def withdraw(self) -> None:
        """Call it off: possible exactly until the first record is erased."""
        is_early = not ERASES & set(self.history) and not {
            Stage.REFUSED,
            Stage.JOINED,
            Stage.NOT_FOUND,
            Stage.DECLINED,
            Stage.WITHDRAWN,
        } & set(self.history)
        assert (Stage.WITHDRAWN in TRANSITIONS[self.present]) == is_early

    @invariant()
    def nothing_is_erased_after_it_was_called_off(self) -> None:
        """A request that was declined or withdrawn touches no source and no model."""
        for end in (Stage.DECLINED, Stage.WITHDRAWN, Stage.REFUSED, Stage.JOINED):
            if end in self.history:
                after = self.history[self.history.index(end) + 1 :]
                assert set(after) <= {Stage.PURGED, Stage.CERTIFIED, Stage.NOTIFIED}
                assert not ERASES & set(self.history)

    @invariant()
    def what_was_held_is_searched_again_before_it_is_erased(self) -> None:
        """Sources change while a request is held."""
        if Stage.RELEASED in self.history and Stage.SOURCES_ERASED in self.history:
            last = len(self.history) - self.history[::-1].index(Stage.RELEASED)
            assert (
                Stage.LOCATED
                in self.history[last : self.history.index(Stage.SOURCES_ERASED)]
            )

    @invariant()
    def what_is_uncertain_is_not_erased_without_a_decision(self) -> None:
        """Once there is a review list, nothing goes on before it is decided."""
        for place, stage in enumerate(self.history[:-1]):
            if stage is Stage.UNDER_REVIEW:
                assert self.history[place + 1] in {
                    Stage.REVIEWED,
                    Stage.ON_HOLD,
                    Stage.DECLINED,
                    Stage.WITHDRAWN,
                }

    @invariant()
    def what_was_referred_is_not_erased_without_approval(self) -> None:
        """Once a person has to decide, nothing goes on without their word."""
        for place, stage in enumerate(self.history[:-1]):
            if stage is Stage.REFERRED:
                assert self.history[place + 1] in {
                    Stage.APPROVED,
                    Stage.ON_HOLD,
                    Stage.DECLINED,
                    Stage.WITHDRAWN,
                }

    @invariant()
    def the_end_is_the_end(self) -> None:
        """The answer is given once and nothing follows it."""
        assert self.history.count(Stage.NOTIFIED) <= 1
        if Stage.NOTIFIED in self.history:
            assert self.present is Stage.NOTIFIED


TestLives = Lives.TestCase
TestLives.settings = settings(max_examples=40, stateful_step_count=40)
