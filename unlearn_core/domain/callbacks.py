"""Addresses at which senders of requests want to be told of changes.

A sender names the address in its request, and we are the ones who call it, so only
addresses below one that the configuration allows are called; everything else could
make us ask our own network for something. An address may hold personal data, so no
error repeats one.
"""

import ipaddress
import re
from collections.abc import Collection, Sequence
from urllib.parse import SplitResult, urlsplit

from unlearn_core.errors import RequestError
from unlearn_core.privacy import Personal

MAXIMUM_CALLBACKS = 5
MAXIMUM_CHARACTERS = 500
HTTPS_PORT = 443

_PLAIN = re.compile(r"[!-\[\]-~]+")
"""What an address consists of: visible ASCII without the backslash."""
_UPWARDS = re.compile(r"/(?:\.|%2e){1,2}(?:/|$)|%2f|%5c", re.IGNORECASE)
_BETWEEN = "\n"


class CallbackRefusedError(RequestError):
    """An address for callbacks is not one that may be called."""

    code = "callback_refused"
    summary = "an address for callbacks is not allowed"
    next_step = "Use an address below one that the processor has agreed to call."


def check_callback(url: str, *, allowed: Collection[str]) -> None:
    """Refuse an address that is not below an allowed one.

    Args:
        url: The address that a sender has named.
        allowed: Addresses of the configuration; whatever is below them may be called.

    Raises:
        CallbackRefusedError: It is malformed, or nobody has allowed it.
    """
    if len(url) > MAXIMUM_CHARACTERS or not _PLAIN.fullmatch(url):
        raise CallbackRefusedError(problem="malformed")
    asked = _parts(url)
    if asked.username is not None or asked.password is not None or asked.fragment:
        raise CallbackRefusedError(problem="with a name or a fragment")
    if _UPWARDS.search(asked.path):
        raise CallbackRefusedError(problem="leads upwards")
    if not any(_is_below(asked, _parts(root)) for root in allowed):
        raise CallbackRefusedError(problem="not allowed")


def is_allowable(root: str) -> bool:
    """Tell whether an address of the configuration may be called at all.

    It has to be reached over TLS, unless it is on the same machine.
    """
    try:
        parts = _parts(root)
    except CallbackRefusedError:
        return False
    is_plain = _PLAIN.fullmatch(root) is not None and not parts.query
    return is_plain and (parts.scheme == "https" or is_here(parts.hostname or ""))


def to_text(urls: Sequence[str]) -> Personal[str] | None:
    """Return addresses as the one text that is sealed; None if there are none."""
    return Personal(_BETWEEN.join(urls)) if urls else None


def from_text(text: str) -> list[str]:
    """Return the addresses of a text that was sealed."""
    return text.split(_BETWEEN)


def _parts(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        if not parts.hostname or parts.scheme not in {"https", "http"}:
            raise CallbackRefusedError(problem="malformed")
        _ = parts.port  # raises where it is no number
    except ValueError:
        raise CallbackRefusedError(problem="malformed") from None
    return parts


def _is_below(asked: SplitResult, root: SplitResult) -> bool:
    same = (asked.scheme, asked.hostname, asked.port or HTTPS_PORT) == (
        root.scheme,
        root.hostname,
        root.port or HTTPS_PORT,
    )
    folder = root.path.rstrip("/")
    return same and (asked.path == folder or asked.path.startswith(folder + "/"))


def is_here(host: str) -> bool:
    """Tell whether a host is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
