"""Only addresses below an allowed one are called."""

import pytest

from unlearn_core.domain.callbacks import (
    CallbackRefusedError,
    check_callback,
    from_text,
    is_allowable,
    to_text,
)

ALLOWED = ("https://agent.example/callbacks", "https://other.example:8443/")


@pytest.mark.parametrize(
    "url",
    [
        "https://agent.example/callbacks",
        "https://agent.example/callbacks/7?key=a",
        "https://AGENT.example:443/callbacks/7",
        "https://other.example:8443/anything",
    ],
)
def test_what_is_below_an_allowed_address_may_be_called(url: str) -> None:
    check_callback(url, allowed=ALLOWED)


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("https://agent.example/elsewhere", "not allowed"),
        ("https://agent.example/callbacksfor", "not allowed"),
        ("http://agent.example/callbacks", "not allowed"),
        ("https://agent.example:444/callbacks", "not allowed"),
        ("https://agent.example.evil.example/callbacks", "not allowed"),
        ("https://169.254.169.254/latest/meta-data", "not allowed"),
        ("https://[::1]/callbacks", "not allowed"),
        ("https://localhost/callbacks", "not allowed"),
        ("https://agent.example/callbacks/../admin", "leads upwards"),
        ("https://agent.example/callbacks/%2E%2e/admin", "leads upwards"),
        ("https://agent.example/callbacks/..%2fadmin", "leads upwards"),
        ("https://agent.example@evil.example/callbacks", "with a name or a fragment"),
        ("https://a:b@agent.example/callbacks", "with a name or a fragment"),
        ("https://agent.example/callbacks#part", "with a name or a fragment"),
        ("https://agent.example\\@evil.example/callbacks", "malformed"),
        ("https://agent.example/call backs", "malformed"),
        ("https://agent.example/callbacks\n", "malformed"),
        ("https://agent.exämple/callbacks", "malformed"),
        ("https://agent.example:99999/callbacks", "malformed"),
        ("https://[agent.example/callbacks", "malformed"),
        ("file:///etc/passwd", "malformed"),
        ("gopher://agent.example/callbacks", "malformed"),
        ("", "malformed"),
        ("https://agent.example/callbacks/" + "a" * 500, "malformed"),
    ],
)
def test_any_other_address_is_refused_without_being_repeated(
    url: str, problem: str
) -> None:
    with pytest.raises(CallbackRefusedError) as caught:
        check_callback(url, allowed=ALLOWED)
    assert caught.value.facts == {"problem": problem}


def test_without_a_list_nothing_is_called() -> None:
    with pytest.raises(CallbackRefusedError):
        check_callback("https://agent.example/callbacks", allowed=())


@pytest.mark.parametrize(
    ("root", "may"),
    [
        ("https://agent.example/", True),
        ("http://127.0.0.1:9000/hook", True),
        ("http://localhost/", True),
        ("http://agent.example/", False),
        ("https://agent.example/?a=b", False),
        ("agent.example", False),
        ("https://agent example/", False),
    ],
)
def test_an_allowed_address_is_reached_over_tls_or_is_here(
    root: str,
    may: bool,  # noqa: FBT001 - a column of the table
) -> None:
    assert is_allowable(root) is may


def test_addresses_are_sealed_as_one_text() -> None:
    urls = ["https://a.example/1", "https://a.example/2"]
    text = to_text(urls)
    assert text is not None
    assert from_text(text.reveal()) == urls
    assert to_text([]) is None
