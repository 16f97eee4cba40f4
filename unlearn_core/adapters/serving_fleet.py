"""Asks inference services for their state over HTTP."""

from collections.abc import Sequence

import httpx

from unlearn_core.ports import ReplicaState

TIMEOUT_SECONDS = 5.0

_NOBODY = (httpx.ConnectError, httpx.ConnectTimeout)
"""Errors after which nobody has taken the connection."""


class HttpServingFleet:
    """`ServingFleet` over the services' ``/state`` page.

    Args:
        addresses: Address of every replica that may answer users.
    """

    def __init__(self, addresses: Sequence[str]) -> None:
        self._addresses = tuple(addresses)

    def states(self) -> tuple[ReplicaState, ...]:
        """Ask every replica; one that does not answer properly is not ready."""
        with httpx.Client(timeout=TIMEOUT_SECONDS) as client:
            return tuple(self._state(client, address) for address in self._addresses)

    @staticmethod
    def _state(client: httpx.Client, address: str) -> ReplicaState:
        try:
            answer = client.get(f"{address}/state").raise_for_status().json()
            oldest = answer["oldest_in_flight"]
            return ReplicaState(
                name=str(answer["replica"]),
                is_ready=bool(answer["is_ready"]),
                sequence=int(answer["sequence"]),
                version=str(answer["version"]),
                oldest_in_flight=None if oldest is None else int(oldest),
                last_error=str(answer["last_error"]),
                # Those inside other engines have the whole law and do not say so.
                is_best_effort=bool(answer.get("is_best_effort", False)),
                address=address,
                is_cut_off=bool(answer.get("is_cut_off", False)),
                restrictions=int(answer.get("restrictions", 0)),
            )
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
            return ReplicaState(
                name=address,
                is_ready=False,
                sequence=0,
                version="",
                oldest_in_flight=None,
                last_error="unreachable",
                address=address,
                is_reachable=False,
                is_silent=isinstance(error, _NOBODY),
            )
