"""A real HTTP server receives the callbacks."""

from dataclasses import replace

import pytest
from support.domain import NOW
from support.domain import request as erasure_request
from support.receivers import receiver

from unlearn_core.adapters.callbacks import TO_AGENTS, CallbackCarrier
from unlearn_core.domain.callbacks import to_text
from unlearn_core.domain.dispatches import (
    CarrierUnavailableError,
    MessageRefusedError,
)
from unlearn_core.domain.requests import Channel
from unlearn_core.ports import Message

MESSAGE = Message(
    request=replace(erasure_request(), channel=Channel.DRP),
    template="in_progress",
    at=NOW,
    reference="ab" * 16,
)


def write(message: Message, url: str) -> tuple[bytes, dict[str, str]]:
    return f"{message.template} {url}".encode(), {"x-signed": "yes"}


def carrier(*allowed: str) -> CallbackCarrier:
    return CallbackCarrier(route=TO_AGENTS, allowed=allowed, write=write)


def test_every_address_is_told_with_its_own_body() -> None:
    with receiver(200) as (url, came):
        urls = [f"{url}/1", f"{url}/2"]
        carrier(url).carry(MESSAGE, to=to_text(urls))
    assert [body for _, body in came] == [f"in_progress {one}".encode() for one in urls]
    headers = {name.lower(): value for name, value in came[0][0].items()}
    assert (headers["x-signed"], headers["content-type"]) == ("yes", "application/json")


def test_an_address_that_is_allowed_no_more_is_not_called() -> None:
    with receiver(200) as (url, came), pytest.raises(MessageRefusedError) as caught:
        carrier("https://agent.example/").carry(MESSAGE, to=to_text([url]))
    assert (came, caught.value.facts) == ([], {"reason": "not_allowed"})


def test_a_redirect_is_not_followed() -> None:
    with (
        receiver(200) as (elsewhere, reached),
        receiver(307, location=elsewhere) as (url, came),
        pytest.raises(CarrierUnavailableError) as caught,
    ):
        carrier(url).carry(MESSAGE, to=to_text([url]))
    assert (len(came), reached) == (1, [])
    assert caught.value.facts == {"reason": "http_307"}


def test_what_is_answered_is_not_read() -> None:
    with receiver(200, length=2**40) as (url, came):
        carrier(url).carry(MESSAGE, to=to_text([url]))
    assert len(came) == 1


@pytest.mark.parametrize(
    ("status", "error"), [(410, MessageRefusedError), (500, CarrierUnavailableError)]
)
def test_one_address_that_fails_does_not_keep_the_others_from_being_told(
    status: int, error: type[Exception]
) -> None:
    with receiver(status) as (bad, _), receiver(200) as (good, came):
        with pytest.raises(error):
            carrier(bad, good).carry(MESSAGE, to=to_text([bad, good]))
        assert len(came) == 1


def test_an_address_that_is_given_up_does_not_end_the_attempts_at_another() -> None:
    with receiver(410) as (gone, _), receiver(503) as (busy, _):
        with pytest.raises(CarrierUnavailableError) as caught:
            carrier(gone, busy).carry(MESSAGE, to=to_text([gone, busy]))
        assert caught.value.facts == {"reason": "http_503"}


def test_who_does_not_answer_is_tried_again_later() -> None:
    with receiver(200) as (url, _):
        pass
    with pytest.raises(CarrierUnavailableError) as caught:
        carrier(url).carry(MESSAGE, to=to_text([url]))
    assert caught.value.facts == {"reason": "ConnectError"}


def test_agents_are_told_of_their_own_requests_and_brought_no_code() -> None:
    theirs = MESSAGE.request
    assert TO_AGENTS.serves(theirs, "in_progress")
    assert not TO_AGENTS.serves(theirs, "identity_code_1")
    assert not TO_AGENTS.serves(replace(theirs, channel=Channel.HTTP), "in_progress")
