"""Replicas that were cut off: who did it, and on whose word they count as gone.

A replica that does not keep up holds every erasure up, because nothing is effective
before it serves the version. An officer may cut it off. From then on the signed pointer
names it, and it stops answering as soon as it reads that; it counts as out when it says
so itself. One that cannot be heard is out only if the officer said that it is gone,
such as stopped and taken from the router, and only as long as it stays silent.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from unlearn_core.domain.ledger import LedgerEntry

REPLICA_CUT_OFF = "replica_cut_off"
REPLICA_READMITTED = "replica_readmitted"


@dataclass(frozen=True, slots=True, kw_only=True)
class CutOff:
    """One replica that was cut off and not readmitted.

    Attributes:
        replica: Its name, or its address if it was never heard.
        address: Its address in the configuration.
        officer: Who cut it off.
        is_gone: Whether they said that it runs no more.
    """

    replica: str
    address: str
    officer: str
    is_gone: bool


def read_cut_offs(entries: Iterable[LedgerEntry]) -> tuple[CutOff, ...]:
    """Return who is cut off now.

    Args:
        entries: All entries of the two events, in any order.
    """
    cut: dict[str, CutOff] = {}
    for entry in sorted(entries, key=lambda entry: entry.sequence):
        address = str(entry.payload["address"])
        if entry.event == REPLICA_READMITTED:
            cut.pop(address, None)
            continue
        cut[address] = CutOff(
            replica=str(entry.payload["replica"]),
            address=address,
            officer=str(entry.payload["officer"]),
            is_gone=entry.payload["is_gone"] is True,
        )
    return tuple(cut.values())
