import gc
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support.serving import byte_tokenizer, greedy_tokens, offset_law, tiny_model
from support.upstream import elsewhere, remote_law

from unlearn_core.http_errors import (
    OverloadedError,
    UpstreamMismatchError,
    UpstreamUnavailableError,
)
from unlearn_core.modeling.generation import Sampling
from unlearn_core.modeling.offset import FusedOffsetModel, OffsetModel
from unlearn_core.modeling.rows import ServableLaw
from unlearn_core.serving.batch import Decoding, RunningBatch
from unlearn_core.serving.engine import Engine
from unlearn_core.serving.jobs import Event, FinishReason, Job, Token
from unlearn_core.serving.pace import Speculation

pytestmark = pytest.mark.integration

WAIT_SECONDS = 20
GREEDY = Sampling(maximum_tokens=12)
SAMPLED = Sampling(maximum_tokens=12, temperature=0.8, top_p=0.9)
PROMPTS = ["a", "Where does Ada live?", "Tell me of the sea, slowly and at length."]
NO_END = -1
LAWS = {number: offset_law(number) for number in (1, 2)}


@dataclass
class Requester:
    """Somebody who waits for an answer.

    Attributes:
        on_token: Called in the engine's thread for every token.
    """

    prompt: str = "Hello"
    law: ServableLaw = LAWS[1]
    sampling: Sampling = GREEDY
    seed: int = 0
    end_id: int = NO_END
    on_token: Callable[[], None] = lambda: None
    events: list[Event] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    def job(self) -> Job:
        """Return what the requester asks for."""
        return Job(
            law=self.law,
            prompt=byte_tokenizer().text(self.prompt),
            sampling=self.sampling,
            end_id=self.end_id,
            seed=self.seed,
            emit=self.receive,
        )

    def receive(self, event: Event) -> None:
        """Take an event from the engine."""
        self.events.append(event)
        if isinstance(event, Token):
            self.on_token()
        else:
            self.ended.set()

    @property
    def tokens(self) -> list[int]:
        """Return the answer."""
        return [item.token_id for item in self.events if isinstance(item, Token)]

    @property
    def log_probs(self) -> list[float]:
        """Return the log-probability of every token of the answer."""
        return [item.log_prob for item in self.events if isinstance(item, Token)]

    @property
    def reason(self) -> Event:
        """Return why the answer ended."""
        return self.events[-1]


def spoiled_law(letter: str) -> OffsetModel:
    """Return a law that is not a number once a text has this letter in it."""
    spoiled = tiny_model(5)
    (token,) = byte_tokenizer().text(letter)
    spoiled.get_parameter("model.embed_tokens.weight")[token] = float("nan")
    return OffsetModel(
        tiny_model(1), unlearned=spoiled, reference=tiny_model(2), alpha=1.0
    )


def answer_together(*requesters: Requester) -> None:
    """Queue jobs before the engine starts, so that they share batches."""
    engine = Engine()
    for requester in requesters:
        engine.submit(requester.job())
    engine.start()
    for requester in requesters:
        assert requester.ended.wait(WAIT_SECONDS)
    engine.stop()


@pytest.fixture
def engine() -> Iterator[Engine]:
    started = Engine()
    started.start()
    yield started
    started.stop()


@pytest.mark.parametrize("prompt", PROMPTS)
def test_a_greedy_answer_is_the_likeliest_continuation_under_the_served_law(
    prompt: str,
) -> None:
    requester = Requester(prompt=prompt)
    answer_together(requester)
    expected = greedy_tokens(LAWS[1], byte_tokenizer().text(prompt), 12)
    assert requester.tokens == expected
    assert requester.reason is FinishReason.LENGTH


@settings(max_examples=12, deadline=None)
@given(
    neighbours=st.lists(
        st.tuples(
            st.sampled_from(PROMPTS),
            st.sampled_from([1, 2]),
            st.sampled_from([GREEDY, SAMPLED, Sampling(maximum_tokens=2)]),
        ),
        max_size=5,
    ),
    place=st.integers(0, 5),
    sampling=st.sampled_from([GREEDY, SAMPLED]),
)
def test_an_answer_does_not_depend_on_its_neighbours(
    neighbours: list[tuple[str, int, Sampling]], place: int, sampling: Sampling
) -> None:
    alone = Requester(prompt=PROMPTS[1], sampling=sampling, seed=7)
    answer_together(alone)
    together = Requester(prompt=PROMPTS[1], sampling=sampling, seed=7)
    batch = [
        Requester(prompt=prompt, law=LAWS[number], sampling=kind, seed=number)
        for prompt, number, kind in neighbours
    ]
    batch.insert(place, together)
    answer_together(*batch)
    assert together.tokens == alone.tokens
    assert together.log_probs == pytest.approx(alone.log_probs, abs=1e-4)


def test_the_same_seed_repeats_a_sampled_answer_and_another_one_does_not() -> None:
    first, again, other = (Requester(sampling=SAMPLED, seed=seed) for seed in (1, 1, 2))
    answer_together(first, again, other)
    assert first.tokens == again.tokens != other.tokens


def test_an_answer_stops_at_the_end_token_which_is_not_handed_out() -> None:
    free = Requester()
    answer_together(free)
    third = free.tokens[2]
    stopped = Requester(end_id=third)
    answer_together(stopped)
    assert stopped.tokens == free.tokens[: free.tokens.index(third)]
    assert stopped.reason is FinishReason.STOP


def test_log_probabilities_are_those_of_the_served_law() -> None:
    requester = Requester(prompt="ab", sampling=Sampling(maximum_tokens=1))
    answer_together(requester)
    ids_BT = torch.tensor([byte_tokenizer().text("ab")])
    laws_BTV = LAWS[1](ids_BT, attention_mask_BS=torch.ones_like(ids_BT))
    assert requester.log_probs == pytest.approx([float(laws_BTV[0, -1].max())])


def test_a_law_that_is_not_a_number_ends_that_request_alone() -> None:
    law = spoiled_law("!").fused()
    assert isinstance(law, FusedOffsetModel)
    spoiled, sound = Requester(prompt="Hi!", law=law), Requester(law=law)
    answer_together(spoiled, sound)
    assert spoiled.events == [FinishReason.ERROR]
    expected = greedy_tokens(spoiled_law("!"), byte_tokenizer().text("Hello"), 12)
    assert sound.tokens == expected


def test_what_is_not_a_number_does_not_stay_in_a_place_that_is_taken_over() -> None:
    """The row that ended was as long as the one after it will be."""
    law = spoiled_law("!").fused()
    long = Sampling(maximum_tokens=60)
    expected = greedy_tokens(spoiled_law("!"), byte_tokenizer().text("Hello"), 60)
    batch = RunningBatch(law, Decoding(speculation=Speculation.NEVER))
    spoiled, sound = Requester(prompt="!" * 40, law=law), Requester(law=law)
    sound.sampling = long
    batch.admit([spoiled.job()])
    assert spoiled.reason is FinishReason.ERROR
    batch.admit([sound.job(), Requester(prompt="abc" * 20, law=law).job()])
    while len(batch):
        batch.step()
    assert sound.tokens == expected


def test_a_broken_pair_ends_in_an_error_and_never_in_the_bare_base() -> None:
    broken = tiny_model(5)
    broken.get_parameter("model.norm.weight").fill_(float("nan"))
    law = OffsetModel(
        tiny_model(1), unlearned=broken, reference=tiny_model(2), alpha=1.0
    )
    requesters = [Requester(law=law, sampling=kind) for kind in (GREEDY, SAMPLED)]
    answer_together(*requesters)
    assert [item.events for item in requesters] == [[FinishReason.ERROR]] * 2


@pytest.mark.parametrize(
    "impossible",
    [
        Sampling(maximum_tokens=4, temperature=1e-300),
        Sampling(maximum_tokens=4, temperature=1.0, top_p=1e-300),
    ],
)
def test_sampling_that_cannot_be_done_does_not_harm_the_neighbours(
    impossible: Sampling,
) -> None:
    poisonous, neighbour = Requester(sampling=impossible), Requester()
    answer_together(poisonous, neighbour)
    assert poisonous.events == [FinishReason.ERROR]
    assert len(neighbour.tokens) == 12


@pytest.mark.parametrize("steps", [0, 1])
@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (UpstreamUnavailableError(), FinishReason.UNAVAILABLE),
        (UpstreamMismatchError(), FinishReason.MISMATCH),
        (ValueError(), FinishReason.ERROR),
    ],
)
def test_an_answer_whose_base_stops_to_answer_says_why(
    engine: Engine, error: Exception, reason: FinishReason, steps: int
) -> None:
    source = elsewhere()
    source.failures = [None] * (1 + steps) + [error]  # the first is the fingerprint's
    asker = Requester(law=remote_law(source))
    engine.submit(asker.job())
    assert asker.ended.wait(WAIT_SECONDS)
    assert asker.events[-1] is reason
    assert len(asker.tokens) == steps


def test_an_answer_that_may_lose_too_much_ends_without_a_token(engine: Engine) -> None:
    source = elsewhere(tokens=2)
    asker = Requester(law=remote_law(source, largest_excluded=1e-6))
    engine.submit(asker.job())
    assert asker.ended.wait(WAIT_SECONDS)
    assert asker.events == [FinishReason.BOUND]


def test_a_cancelled_request_ends_early_and_the_next_one_is_answered(
    engine: Engine,
) -> None:
    requester = Requester(sampling=Sampling(maximum_tokens=100))
    job = requester.job()
    requester.on_token = job.is_cancelled.set
    engine.submit(job)
    assert requester.ended.wait(WAIT_SECONDS)
    assert (len(requester.tokens), requester.reason) == (1, FinishReason.CANCELLED)
    following = Requester()
    engine.submit(following.job())
    assert following.ended.wait(WAIT_SECONDS)
    assert following.reason is FinishReason.LENGTH


def turn(engine: Engine) -> None:
    """Do what the engine's thread does again and again."""
    engine._admit(engine._take())
    engine._step()


def fail(*_given: object, **_named: object) -> None:
    raise MemoryError


@pytest.mark.parametrize(
    ("method", "runs_on", "newcomer"),
    [
        # Who is being answered has nothing to do with a prompt that does not fit.
        ("join", True, FinishReason.ERROR),
        ("fork", True, FinishReason.ERROR),
        # Two have ended, and their rows cannot be freed.
        ("leave", False, FinishReason.LENGTH),
    ],
)
def test_newcomers_that_fail_are_told_once_and_leave_nothing_behind(
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    newcomer: FinishReason,
    *,
    runs_on: bool,
) -> None:
    """Two equal questions come while another one is being answered."""
    engine = Engine(decoding=Decoding(speculation=Speculation.NEVER))
    running = Requester(prompt=PROMPTS[1])
    engine.submit(running.job())
    turn(engine)
    once = Sampling(maximum_tokens=1)
    newcomers = [Requester(sampling=once) for _ in range(2)]
    engine.submit(*(item.job() for item in newcomers))
    (batch,) = engine._batches
    with monkeypatch.context() as patch:
        patch.setattr(batch._models, method, fail)
        turn(engine)
    following = Requester()
    engine.submit(following.job())
    while engine.waiting or engine.running:
        turn(engine)
    reasons = [
        [event for event in item.events if isinstance(event, FinishReason)]
        for item in newcomers
    ]
    assert reasons == [[newcomer]] * 2
    assert running.reason is (FinishReason.LENGTH if runs_on else FinishReason.ERROR)
    if runs_on:
        ids = byte_tokenizer().text(PROMPTS[1])
        assert running.tokens == greedy_tokens(LAWS[1], ids, 12)
    assert following.reason is FinishReason.LENGTH


def test_a_step_that_fails_ends_every_answer_of_its_batch_and_of_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine = Engine(decoding=Decoding(speculation=Speculation.NEVER))
    one, two, other = Requester(), Requester(prompt=PROMPTS[1]), Requester(law=LAWS[2])
    engine.submit(one.job(), two.job(), other.job())
    turn(engine)
    turn(engine)
    concerned, _ = engine._batches
    with monkeypatch.context() as patch:
        patch.setattr(concerned._models, "advance", fail)
        turn(engine)
    while engine.running:
        turn(engine)
    assert [one.reason, two.reason] == [FinishReason.ERROR] * 2
    assert other.tokens == greedy_tokens(LAWS[2], byte_tokenizer().text("Hello"), 12)


def test_an_engine_that_ends_takes_nothing_that_nobody_would_answer() -> None:
    engine = Engine()
    engine.start()
    engine.stop()
    with pytest.raises(OverloadedError):
        engine.submit(Requester().job())


def test_a_requester_that_fails_once_ends_its_job_and_never_the_thread(
    engine: Engine,
) -> None:
    def leave() -> None:
        raise ConnectionError

    gone, present = Requester(on_token=leave), Requester()
    engine.submit(gone.job())
    assert gone.ended.wait(WAIT_SECONDS)
    assert gone.reason is FinishReason.ERROR
    engine.submit(present.job())
    assert present.ended.wait(WAIT_SECONDS)
    assert present.reason is FinishReason.LENGTH


def test_a_requester_that_is_gone_for_good_does_not_end_the_thread(
    engine: Engine,
) -> None:
    tries = threading.Semaphore(0)

    def refuse(_event: Event) -> None:
        tries.release()
        raise ConnectionError

    gone = Requester().job()
    gone.emit = refuse
    engine.submit(gone)
    for _ in ("first token", "error"):
        assert tries.acquire(timeout=WAIT_SECONDS)
    present = Requester()
    engine.submit(present.job())
    assert present.ended.wait(WAIT_SECONDS)
    assert present.reason is FinishReason.LENGTH


def test_stopping_answers_all_waiting_jobs_of_every_version() -> None:
    requesters = [Requester(law=LAWS[number]) for number in (1, 2, 1, 2)]
    engine = Engine()
    for requester in requesters:
        engine.submit(requester.job())
    engine.start()
    engine.stop()
    assert [item.reason for item in requesters] == [FinishReason.LENGTH] * 4
    assert requesters[0].tokens != requesters[1].tokens


def test_more_jobs_than_fit_into_one_batch_are_all_answered() -> None:
    short = Sampling(maximum_tokens=1)
    answer_together(*(Requester(sampling=short) for _ in range(40)))


def test_an_idle_engine_does_not_hold_the_law_of_its_last_answer(
    engine: Engine,
) -> None:
    requester = Requester(law=offset_law(3), sampling=Sampling(maximum_tokens=1))
    law = weakref.ref(requester.law)
    engine.submit(requester.job())
    assert requester.ended.wait(WAIT_SECONDS)
    del requester
    deadline = time.monotonic() + WAIT_SECONDS
    while law() is not None and time.monotonic() < deadline:
        gc.collect()
        time.sleep(0.01)
    assert law() is None


def test_what_does_not_fit_into_the_queue_is_refused_at_once() -> None:
    engine = Engine(maximum_waiting=2)
    engine.submit(Requester().job())
    with pytest.raises(OverloadedError, match="waiting=1"):
        engine.submit(Requester().job(), Requester().job())
    engine.submit(Requester().job())
    with pytest.raises(OverloadedError, match="retry_seconds=1"):
        engine.submit(Requester().job())


def test_a_full_queue_takes_jobs_again_when_some_were_answered() -> None:
    engine = Engine(maximum_waiting=1)
    first, second = Requester(), Requester()
    engine.submit(first.job())
    engine.start()
    assert first.ended.wait(WAIT_SECONDS)
    engine.submit(second.job())
    engine.stop()
    assert second.reason is FinishReason.LENGTH


def test_who_leaves_while_waiting_costs_no_computation() -> None:
    gone, present = Requester(), Requester()
    job = gone.job()
    job.is_cancelled.set()
    engine = Engine()
    engine.submit(job, present.job())
    engine.start()
    engine.stop()
    assert gone.events == [FinishReason.CANCELLED]
    assert present.reason is FinishReason.LENGTH


def test_likeliest_tokens_come_in_order_and_a_bias_does_not_change_them() -> None:
    law_V = LAWS[1](
        torch.tensor([[5, 6]]), attention_mask_BS=torch.ones(1, 2, dtype=torch.long)
    )[0, -1]
    third = int(law_V.topk(3).indices[2])
    events: list[Event] = []
    job = replace(
        Requester(sampling=Sampling(maximum_tokens=1)).job(),
        prompt=[5, 6],
        likeliest=3,
        bias={third: 50.0},
        emit=events.append,
    )
    engine = Engine()
    engine.submit(job)
    engine.start()
    engine.stop()
    token = events[0]
    assert isinstance(token, Token)
    assert token.token_id == third
    assert token.log_prob == pytest.approx(float(law_V[third]), abs=1e-4)
    assert [item[0] for item in token.likeliest] == law_V.topk(3).indices.tolist()


def test_an_answer_of_a_recalled_version_ends_before_its_next_token(
    engine: Engine,
) -> None:
    requester = Requester(sampling=Sampling(maximum_tokens=100))
    job = requester.job()
    requester.on_token = job.recalled.set
    engine.submit(job)
    assert requester.ended.wait(WAIT_SECONDS)
    assert (len(requester.tokens), requester.reason) == (1, FinishReason.RECALLED)
