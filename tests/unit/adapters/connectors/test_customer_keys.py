from base64 import b64encode
from pathlib import Path

import pytest

from unlearn_core.adapters.connectors.customer_keys import CustomerKey
from unlearn_core.errors import InvalidDataMapError, SourceUnreadableError

KEY = bytes(range(32))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return the file of a key."""
    path = tmp_path / "corpus.key"
    path.write_bytes(b64encode(KEY) + b"\n")
    return path


def test_a_call_is_told_the_key_that_the_file_holds_now(file: Path) -> None:
    key = CustomerKey("people", str(file))
    assert key
    assert key.said() == {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": KEY}
    file.write_bytes(b64encode(KEY[::-1]))
    assert key.said()["SSECustomerKey"] == KEY[::-1]


def test_a_source_without_a_key_says_nothing() -> None:
    key = CustomerKey("people", None)
    assert not key
    assert key.said() == {}


@pytest.mark.parametrize("content", [b"", b"no base64!", b64encode(KEY[1:]), None])
def test_a_file_without_a_key_makes_the_source_unreadable(
    file: Path, content: bytes | None
) -> None:
    file.unlink()
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SourceUnreadableError) as raised:
        CustomerKey("people", str(file)).said()
    assert raised.value.facts == {"source": "people", "problem": "customer key"}


@pytest.mark.parametrize(
    "url", ["https://s3.example", "http://127.0.0.1:9000", "http://localhost:9000"]
)
def test_a_key_may_be_told_through_tls_or_on_this_machine(file: Path, url: str) -> None:
    CustomerKey("people", str(file)).check_endpoint(url)


def test_a_key_is_not_told_to_a_network_in_the_clear(file: Path) -> None:
    url = "http://s3.example"
    with pytest.raises(InvalidDataMapError, match="key without TLS"):
        CustomerKey("people", str(file)).check_endpoint(url)
    CustomerKey("people", None).check_endpoint(url)
