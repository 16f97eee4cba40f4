"""A real HTTP server receives the news."""

import json

import pytest
from pydantic import SecretStr
from support.domain import NOW
from support.domain import request as erasure_request
from support.receivers import receiver

from unlearn_core.adapters.webhooks import (
    WebhookCarrier,
    is_strong,
    route_to,
    signature,
)
from unlearn_core.domain.dispatches import (
    CarrierUnavailableError,
    MessageRefusedError,
)
from unlearn_core.ports import Message

# The example of the Standard Webhooks libraries, so that both sides agree.
SECRET = SecretStr("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
EXAMPLE = ("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", b'{"test": 2432232314}')
EXAMPLE_SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="

MESSAGE = Message(
    request=erasure_request(), template="refused", at=NOW, reference="ab" * 16
)


def carrier(url: str) -> WebhookCarrier:
    return WebhookCarrier(url=url, secret=SECRET, now=lambda: NOW)


def test_signatures_are_those_of_the_published_example() -> None:
    assert signature(SECRET, *EXAMPLE) == EXAMPLE_SIGNATURE


def test_news_arrive_signed_and_say_nothing_about_a_person() -> None:
    with receiver(204) as (url, came):
        carrier(url).carry(MESSAGE, to=None)
    ((headers, body),) = came
    assert json.loads(body) == {
        "type": "erasure_request.refused",
        "timestamp": "2026-03-02T09:30:00+00:00",
        "data": {
            "request_id": "00000000-0000-0000-0000-000000000001",
            "due_on": erasure_request().deadline.due_on.isoformat(),
        },
    }
    assert headers["webhook-id"] == "ab" * 16
    assert headers["webhook-timestamp"] == "1772443800"
    assert headers["webhook-signature"] == signature(
        SECRET, "ab" * 16, "1772443800", body
    )


def test_what_is_answered_is_not_read() -> None:
    with receiver(200, length=2**40) as (url, came):
        carrier(url).carry(MESSAGE, to=None)
    assert len(came) == 1


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (410, MessageRefusedError),
        (500, CarrierUnavailableError),
        (404, CarrierUnavailableError),
        (302, CarrierUnavailableError),
    ],
)
def test_only_gone_is_for_good(status: int, error: type[Exception]) -> None:
    with receiver(status) as (url, _came), pytest.raises(error, match=f"http_{status}"):
        carrier(url).carry(MESSAGE, to=None)


def test_a_receiver_that_is_away_is_told_later() -> None:
    with pytest.raises(CarrierUnavailableError, match="ConnectError"):
        carrier("http://127.0.0.1:9/secret-path").carry(MESSAGE, to=None)


@pytest.mark.parametrize(
    ("secret", "is_good"),
    [
        (SECRET.get_secret_value(), True),
        ("whsec_" + "A" * 32, True),
        ("whsec_" + "A" * 28, False),
        ("not base64!", False),
        ("", False),
    ],
)
def test_a_secret_has_at_least_24_bytes(secret: str, is_good: bool) -> None:  # noqa: FBT001 - a table
    assert is_strong(SecretStr(secret)) is is_good


def test_the_name_of_a_channel_does_not_tell_the_address() -> None:
    route = route_to("https://hooks.example/secret-path")
    assert route == carrier("https://hooks.example/secret-path").route
    assert not route.needs_address
    assert "secret" not in route.channel
    assert route.channel != route_to("https://hooks.example/other").channel
