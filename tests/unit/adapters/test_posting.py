"""A real HTTP server is posted to."""

import pytest
from support.receivers import receiver

from unlearn_core.adapters.posting import post
from unlearn_core.domain.dispatches import (
    CarrierUnavailableError,
    MessageRefusedError,
)

BODY = b'{"type": "news"}'


@pytest.mark.parametrize("status", [200, 202, 204, 299])
def test_what_is_taken_came_once_as_json_with_its_headers(status: int) -> None:
    with receiver(status) as (url, came):
        post(url, BODY, {"x-signed": "yes"})
    ((headers, body),) = came
    told = {name.lower(): value for name, value in headers.items()}
    assert body == BODY
    assert (told["content-type"], told["x-signed"]) == ("application/json", "yes")


def test_an_answer_without_end_is_not_read() -> None:
    """Nothing of it ever comes, so whoever read it would wait in vain."""
    with receiver(200, length=2**40) as (url, came):
        post(url, BODY, {})
    assert len(came) == 1


def test_only_gone_is_given_up_for_good() -> None:
    with receiver(410) as (url, _), pytest.raises(MessageRefusedError) as caught:
        post(url, BODY, {})
    assert caught.value.facts == {"reason": "http_410"}


@pytest.mark.parametrize("status", [300, 400, 404, 429, 500, 503])
def test_every_other_status_may_be_another_one_later(status: int) -> None:
    with receiver(status) as (url, _), pytest.raises(CarrierUnavailableError) as caught:
        post(url, BODY, {})
    assert caught.value.facts == {"reason": f"http_{status}"}


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_nobody_is_led_elsewhere(status: int) -> None:
    with (
        receiver(200) as (elsewhere, reached),
        receiver(status, location=elsewhere) as (url, came),
        pytest.raises(CarrierUnavailableError) as caught,
    ):
        post(url, BODY, {})
    assert caught.value.facts == {"reason": f"http_{status}"}
    assert (len(came), reached) == (1, [])


@pytest.mark.parametrize(
    "host", ["ada.example:port", "ada..example", f"{'a' * 64}.example", "xn--a"]
)
def test_an_address_that_is_none_is_given_up_and_not_repeated(host: str) -> None:
    with pytest.raises(MessageRefusedError) as caught:
        post(f"https://{host}/hook", BODY, {})
    assert caught.value.facts == {"reason": "invalid_url"}
    assert caught.value.__suppress_context__


def test_who_is_away_is_named_by_a_code_and_not_by_the_address() -> None:
    with receiver(200) as (url, _):
        pass
    with pytest.raises(CarrierUnavailableError) as caught:
        post(f"{url}/secret-path", BODY, {})
    assert caught.value.facts == {"reason": "ConnectError"}
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
