"""Tells whoever has sent a request for somebody else how it goes on.

Only addresses that the configuration allows are called, also when an address was
accepted before the configuration changed. Redirects are not followed, and what is
answered is not read.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from unlearn_core.adapters.posting import post
from unlearn_core.domain.callbacks import (
    CallbackRefusedError,
    check_callback,
    from_text,
)
from unlearn_core.domain.dispatches import (
    CarrierUnavailableError,
    MessageRefusedError,
    Route,
)
from unlearn_core.domain.requests import Channel
from unlearn_core.ports import Message
from unlearn_core.privacy import Personal

TO_AGENTS = Route(
    channel="agents", needs_address=True, senders=frozenset({Channel.DRP})
)
"""The way to authorised agents."""

TO_CONTROLLERS = Route(
    channel="controllers", needs_address=True, senders=frozenset({Channel.OPENDSR})
)
"""The way to controllers whose processor we are."""

Write = Callable[[Message, str], tuple[bytes, Mapping[str, str]]]
"""Makes body and headers of a callback from a message and the address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackCarrier:
    """`Carrier` that posts to every address that the sender has named.

    Attributes:
        route: The way; it names the channels whose senders are called.
        allowed: Addresses below which may be called.
        write: Makes body and headers.
    """

    route: Route
    allowed: Collection[str]
    write: Write

    def carry(self, message: Message, *, to: Personal[str] | None) -> None:
        """Post to each address; if one does not take it, all are tried again."""
        told = [self._post(message, url) for url in _addresses(to)]
        failures = [failure for failure in told if failure is not None]
        # What one refuses for good does not end the attempts to tell another.
        failures.sort(key=lambda it: isinstance(it, MessageRefusedError))
        if failures:
            raise failures[0]

    def _post(
        self, message: Message, url: str
    ) -> CarrierUnavailableError | MessageRefusedError | None:
        """Return why an address could not be told; None if it was."""
        try:
            check_callback(url, allowed=self.allowed)
        except CallbackRefusedError:
            return MessageRefusedError(reason="not_allowed")
        try:
            post(url, *self.write(message, url))
        except (CarrierUnavailableError, MessageRefusedError) as failure:
            return failure
        return None


def _addresses(to: Personal[str] | None) -> list[str]:
    return from_text(to.reveal()) if to is not None else []
