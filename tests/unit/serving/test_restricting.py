"""Lists of restrictions at a replica: what is followed, refused and said."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from support.domain import BASE_MODEL, NOW
from support.serving import NEVER_SECONDS, ServingWorld, byte_tokenizer, served

from unlearn_core.adapters.memory.signing import MemoryListSealer, MemoryNotary
from unlearn_core.domain.canonical import canonical_json
from unlearn_core.domain.restrictions import (
    LIST_TYPE,
    RestrictionList,
    named,
    write_people,
)
from unlearn_core.domain.subjects import parse_subject
from unlearn_core.errors import OffsetRequiredError
from unlearn_core.serving.app import InferenceService, create_app
from unlearn_core.serving.guard import HELD_BACK, REFUSAL
from unlearn_core.serving.restricting import SEEN_LIST
from unlearn_core.serving.slot import Slot

pytestmark = pytest.mark.integration

ZOE = parse_subject({"name": "Zoë Muster", "email": "zoe@muster.example"})
VALIDITY = timedelta(hours=24)


@pytest.fixture
def world(tmp_path_factory: pytest.TempPathFactory) -> ServingWorld:
    return ServingWorld(tmp_path_factory.mktemp("world"))


def a_list(
    world: ServingWorld, version: int, *, people: Sequence[Any] = (ZOE,)
) -> RestrictionList:
    now = world.clock.now()
    return RestrictionList(
        base_model=BASE_MODEL,
        version=version,
        issued_at=now,
        expires_at=now + VALIDITY,
        people=world.lists.close(write_people(people), base_model=BASE_MODEL),
    )


def publish(
    world: ServingWorld, listed: RestrictionList, *, by: MemoryNotary | None = None
) -> None:
    envelope = (by or world.notary).sign(
        canonical_json(listed.to_json()), payload_type=LIST_TYPE
    )
    world.registry.publish_restrictions(BASE_MODEL, envelope)


def started(world: ServingWorld) -> InferenceService:
    replica = world.replica()
    replica.watcher.restore()
    replica.watcher.look()
    return replica


def look(replica: InferenceService) -> str:
    replica.watcher.look()
    return replica.watcher.last_error


def is_guarded(replica: InferenceService) -> bool | None:
    """Tell whether new answers are watched; None if nothing is answered."""
    try:
        with replica.slot.lease() as version:
            return version.guard is not None
    except OffsetRequiredError:
        return None


# Following the list.


def test_without_a_list_there_is_no_guard(world: ServingWorld) -> None:
    replica = started(world)
    assert is_guarded(replica) is False
    assert replica.state().restrictions == 0


def test_a_list_is_followed_before_any_version_and_kept_by_later_ones(
    world: ServingWorld,
) -> None:
    publish(world, a_list(world, 7))
    replica = started(world)
    assert is_guarded(replica) is True
    world.promote(1)
    assert look(replica) == ""
    assert (is_guarded(replica), replica.state().restrictions) == (True, 7)
    assert replica.state().sequence == 1


def test_an_empty_list_ends_the_guard(world: ServingWorld) -> None:
    publish(world, a_list(world, 7))
    replica = started(world)
    publish(world, a_list(world, 9, people=()))
    assert look(replica) == ""
    assert (is_guarded(replica), replica.state().restrictions) == (False, 9)


def test_a_forged_list_an_older_one_and_none_leave_the_last_one(
    world: ServingWorld,
) -> None:
    publish(world, a_list(world, 7))
    replica = started(world)
    publish(world, a_list(world, 9, people=()), by=MemoryNotary())
    assert (look(replica), is_guarded(replica)) == ("signature_invalid", True)
    publish(world, a_list(world, 6, people=()))
    assert (look(replica), is_guarded(replica)) == ("downgrade_refused", True)
    earlier = replace(a_list(world, 7, people=()), issued_at=NOW - timedelta(hours=1))
    publish(world, earlier)
    assert (look(replica), is_guarded(replica)) == ("downgrade_refused", True)
    world.registry._models[BASE_MODEL].restrictions = None
    assert (look(replica), is_guarded(replica)) == ("downgrade_refused", True)
    publish(world, replace(a_list(world, 9), base_model="another"))
    assert (look(replica), is_guarded(replica)) == ("manifest_invalid", True)


def test_a_list_on_disk_that_may_not_be_read_is_no_missing_one(
    world: ServingWorld,
) -> None:
    publish(world, a_list(world, 7))
    started(world)
    path = world.cache / SEEN_LIST
    path.unlink()
    path.mkdir()
    world.registry._models[BASE_MODEL].restrictions = None
    assert is_guarded(started(world)) is None


def test_a_replica_that_cannot_unseal_a_new_list_answers_nothing(
    world: ServingWorld,
) -> None:
    replica = started(world)
    sealed = MemoryListSealer().close(write_people([ZOE]), base_model=BASE_MODEL)
    publish(world, replace(a_list(world, 7), people=sealed))
    assert (look(replica), is_guarded(replica)) == ("seal_broken", None)
    publish(world, a_list(world, 8))
    assert (look(replica), is_guarded(replica)) == ("", True)


def test_an_expired_list_ends_all_answers_until_it_is_renewed(
    world: ServingWorld,
) -> None:
    publish(world, a_list(world, 7))
    replica = started(world)
    world.clock.move(VALIDITY + timedelta(seconds=1))
    assert is_guarded(replica) is None
    publish(world, a_list(world, 7))
    assert (look(replica), is_guarded(replica)) == ("", True)


def test_a_pointer_that_requires_a_list_forbids_answers_without_it(
    world: ServingWorld,
) -> None:
    replica = started(world)
    world.publish(replace(world.register(), restrictions=7))
    assert (look(replica), is_guarded(replica)) == ("", None)
    publish(world, a_list(world, 7))
    assert (look(replica), is_guarded(replica)) == ("", True)


def test_a_restart_without_the_registry_keeps_the_list_and_no_name_on_disk(
    world: ServingWorld,
) -> None:
    publish(world, a_list(world, 7))
    world.promote(1)
    started(world)
    world.registry.is_reachable = False
    assert is_guarded(started(world)) is True
    kept = (world.cache / SEEN_LIST).read_bytes()
    assert b"muster" not in kept.lower()
    (world.cache / SEEN_LIST).write_bytes(kept[:-9])
    assert is_guarded(started(world)) is None


def test_a_list_that_would_not_survive_a_restart_is_not_said_to_be_followed(
    world: ServingWorld,
) -> None:
    replica = started(world)
    (world.cache / f"{SEEN_LIST}.new").mkdir()  # nothing can be written there
    publish(world, a_list(world, 7))
    assert look(replica) == "unexpected_error"
    assert replica.state().restrictions == 0
    (world.cache / f"{SEEN_LIST}.new").rmdir()
    assert (look(replica), replica.state().restrictions) == ("", 7)


def test_the_state_tells_of_answers_that_still_run_under_an_older_list(
    world: ServingWorld,
) -> None:
    replica = started(world)
    with replica.slot.lease():
        publish(world, a_list(world, 7))
        look(replica)
        assert replica.state().restrictions == 0
    assert replica.state().restrictions == 7


def test_an_engine_that_hands_out_text_itself_answers_nothing(
    world: ServingWorld,
) -> None:
    slot: Slot = Slot(
        served(1).law, requires_offset=False, clock=world.clock, can_guard=False
    )
    slot.permit_base()
    with slot.lease() as version:
        publish(world, a_list(world, 7))
        guard = started(world).slot.current.guard
        slot.restrict(7, guard=guard, expires_at=NOW + VALIDITY)
        assert version.recalled.is_set()
    with pytest.raises(OffsetRequiredError):
        slot.check()
    slot.restrict(9, guard=None, expires_at=NOW + VALIDITY)
    slot.check()


# Answers over HTTP.

Ask = Callable[..., dict[str, Any]]

MODEL = "small-world"
NAMED, OTHER = "Where does Zoe Muster live?", "Where does Ben Muster live?"


@pytest.fixture
def replica(world: ServingWorld) -> InferenceService:
    return world.replica(poll_seconds=NEVER_SECONDS)


@pytest.fixture
def client(replica: InferenceService) -> Iterator[TestClient]:
    with TestClient(create_app(replica)) as client:
        yield client


def chat(question: str, **options: object) -> dict[str, Any]:
    return {
        "model": MODEL,
        "messages": [{"role": "user", "content": question}],
        "max_tokens": 8,
        "temperature": 0,
    } | options


def text(prompt: object, **options: object) -> dict[str, Any]:
    return {"model": MODEL, "prompt": prompt, "max_tokens": 8, "temperature": 0} | (
        options
    )


def said(client: TestClient, body: dict[str, Any]) -> list[str]:
    is_chat = "messages" in body
    path = "/v1/chat/completions" if is_chat else "/v1/completions"
    answer = client.post(path, json=body)
    answer.raise_for_status()
    return [
        item["message"]["content"] if is_chat else item["text"]
        for item in answer.json()["choices"]
    ]


def pieces(client: TestClient, body: dict[str, Any]) -> list[str]:
    answer = client.post("/v1/completions", json=body | {"stream": True})
    lines = [line.removeprefix("data: ") for line in answer.text.split("\n\n")]
    frames = [json.loads(line) for line in lines if line.startswith("{")]
    return [item["text"] for frame in frames for item in frame["choices"]]


@pytest.mark.parametrize("ask", [chat, text])
def test_a_name_is_withheld_from_the_restriction_to_the_lift_and_nobody_else_s(
    world: ServingWorld, client: TestClient, replica: InferenceService, ask: Ask
) -> None:
    before, others = said(client, ask(NAMED)), said(client, ask(OTHER))
    assert REFUSAL not in before
    publish(world, a_list(world, 7))
    look(replica)
    assert said(client, ask(NAMED)) == [REFUSAL]
    assert said(client, ask(NAMED, n=3)) == [REFUSAL] * 3
    assert said(client, ask(OTHER)) == others
    publish(world, a_list(world, 9, people=()))
    look(replica)
    assert said(client, ask(NAMED)) == before


def test_the_same_is_said_of_somebody_never_met(
    world: ServingWorld, client: TestClient, replica: InferenceService
) -> None:
    publish(world, a_list(world, 7, people=(ZOE, named("Ida Unbekannt"))))
    look(replica)
    answers = [
        client.post("/v1/chat/completions", json=chat(question, logprobs=True)).json()
        for question in (NAMED, "Where does Ida Unbekannt live, and with whom?")
    ]
    choices = [answer["choices"] for answer in answers]
    assert choices[0] == choices[1]
    assert choices[0] == [
        {
            "index": 0,
            "finish_reason": "content_filter",
            "logprobs": None,
            "message": {"role": "assistant", "content": REFUSAL},
        }
    ]
    assert [answer["usage"]["completion_tokens"] for answer in answers] == [0, 0]


def test_of_several_prompts_only_the_one_that_names_somebody_is_withheld(
    world: ServingWorld, client: TestClient, replica: InferenceService
) -> None:
    alone = said(client, text(OTHER))
    publish(world, a_list(world, 7))
    look(replica)
    assert said(client, text([OTHER, NAMED], n=2)) == [*alone * 2, REFUSAL, REFUSAL]
    ids = byte_tokenizer().text(NAMED)
    assert said(client, text(ids)) == [REFUSAL]
    assert pieces(client, text(NAMED)) == [REFUSAL, ""]


def test_an_earlier_message_that_names_somebody_counts_as_well(
    world: ServingWorld, client: TestClient, replica: InferenceService
) -> None:
    publish(world, a_list(world, 7))
    look(replica)
    messages = [
        {"role": "user", "content": "Think of Zoe Muster"},
        {"role": "assistant", "content": "Yes"},
        {"role": "user", "content": "Where does she live?"},
    ]
    assert said(client, chat("", messages=messages)) == [REFUSAL]


def test_unwatched_streams_are_as_whole_answers_and_come_late(
    world: ServingWorld, client: TestClient, replica: InferenceService
) -> None:
    whole = said(client, text(OTHER, max_tokens=40))
    assert (
        len([piece for piece in pieces(client, text(OTHER, max_tokens=40)) if piece])
        > 1
    )
    publish(world, a_list(world, 7))
    look(replica)
    assert max(map(len, whole)) < HELD_BACK
    # Everything is held back to the end, and nothing is lost.
    assert [
        piece for piece in pieces(client, text(OTHER, max_tokens=40)) if piece
    ] == whole
