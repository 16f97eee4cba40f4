"""Proof for the process that takes requests that the offset is in the sampler.

vLLM takes requests in one process and samples in another, and leaves processors out
under some options without a word. So a processor holds a lock for as long as it lives,
which the operating system takes away from a process that dies; and it says from time to
time whether it may answer. Without both, every request is refused where it comes in.

Both are in a folder of the engine's own, whose name the engine's processes inherit: a
processor of another engine proves nothing.
"""

import fcntl
import json
import os
import time
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import gettempdir
from uuid import uuid4

from unlearn_core.domain.canonical import JsonValue
from unlearn_core.errors import OffsetRequiredError

VARIABLE = "UNLEARN_VLLM_ENGINE"
LOCK, STATE = "processor.lock", "state.json"
STALE_SECONDS = 10.0


def announce(environment: MutableMapping[str, str] = os.environ) -> Path:
    """Name this engine, if no process before did, and return its folder."""
    name = environment.setdefault(VARIABLE, uuid4().hex)
    folder = Path(gettempdir()) / f"unlearn-vllm-{os.getuid()}-{name}"
    folder.mkdir(exist_ok=True, mode=0o700)
    return folder


@contextmanager
def present(folder: Path) -> Iterator[None]:
    """Hold the lock; several processors of one engine may."""
    with (folder / LOCK).open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        yield


def tell(folder: Path, state: Mapping[str, JsonValue]) -> None:
    """Say how the processor is."""
    beside = folder / f"{STATE}.new"
    beside.write_text(json.dumps(state))
    beside.replace(folder / STATE)


def check_present(folder: Path) -> None:
    """Make sure that a living processor may answer.

    Raises:
        OffsetRequiredError: There is none, or it may not, or it has not said so lately.
    """
    try:
        with (folder / LOCK).open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        raise OffsetRequiredError(problem="no processor in the sampler") from None
    except BlockingIOError:
        pass
    else:
        raise OffsetRequiredError(problem="no processor in the sampler")
    try:
        path = folder / STATE
        age = time.time() - path.stat().st_mtime
        state = json.loads(path.read_text())
    except (OSError, ValueError):
        raise OffsetRequiredError(problem="the processor does not answer") from None
    if age > STALE_SECONDS:
        raise OffsetRequiredError(problem="the processor does not answer")
    if not state["is_ready"]:
        raise OffsetRequiredError(problem="nothing may be answered now")
