"""Keeps what a process has in memory out of files: core dumps and swap.

Plain text of data subjects is in memory only, so the kernel must not write memory to a
disk. Dumps are forbidden here. Swap is the operator's to encrypt or to switch off; what
is seen of it is told at the start.
"""

import ctypes
import resource
import sys
from pathlib import Path

from unlearn_core.observability import EventLog

SWAPS = Path("/proc/swaps")
BLOCKS = Path("/sys/class/block")

_SET_DUMPABLE = 4
_LOG = EventLog("process")


def shield() -> None:
    """Forbid dumps and warn of swap; for a process that starts."""
    forbid_dumps()
    if count := open_swaps():
        _LOG.warning("swap_not_encrypted", count=count)


def forbid_dumps() -> None:
    """Let neither a crash nor another process of the same user copy the memory.

    The limit holds for processes that are started from here as well.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SET_DUMPABLE, 0, 0, 0, 0)


def open_swaps(swaps: Path = SWAPS, blocks: Path = BLOCKS) -> int:
    """Return how many swap areas are neither encrypted nor in memory themselves.

    A file counts as open: nobody can tell from here what is below it.

    Args:
        swaps: Where the kernel lists them.
        blocks: Where it describes block devices.
    """
    try:
        lines = swaps.read_text().splitlines()[1:]
    except OSError:
        return 0
    return sum(not _is_closed(Path(line.split()[0]), blocks) for line in lines)


def _is_closed(device: Path, blocks: Path) -> bool:
    """Tell whether a swap area is encrypted by the device mapper, or is memory."""
    name = device.resolve().name
    if name.startswith("zram"):
        return True
    try:
        return (blocks / name / "dm" / "uuid").read_text().startswith("CRYPT-")
    except OSError:
        return False
