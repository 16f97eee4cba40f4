"""From settings to what the commands about DROP use."""

import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from unlearn_core.adapters.drop_files import Download, write_answers
from unlearn_core.cli.wiring import data_map_sources, office
from unlearn_core.domain.drop import FieldNames
from unlearn_core.errors import InvalidDataMapError
from unlearn_core.ports import TellsIdentities
from unlearn_core.settings import load_settings
from unlearn_core.steps.decide_request import DecisionDesk
from unlearn_core.steps.receive_request import FrontDesk


@dataclass(frozen=True, slots=True, kw_only=True)
class DropAccess:
    """What the commands about DROP need.

    Attributes:
        download: The lists.
        sources: Sources that they are compared with.
        names: Fields of the data map that have what no kind of identifier has.
        desk: Receives requests.
        decisions: Withdraws them.
        write: Writes the answers to a list.
    """

    download: Download
    sources: tuple[TellsIdentities, ...]
    names: FieldNames
    desk: FrontDesk
    decisions: DecisionDesk
    write: Callable[..., Path] = write_answers


def drop_access(lists: Path) -> DropAccess:
    """Open a download of DROP and everything that it is compared with.

    Raises:
        DropRefusedError: It is no such download.
        InvalidDataMapError: A source cannot be compared with digests.
    """
    sources, _ = data_map_sources(None)
    able = tuple(it for it in sources if isinstance(it, TellsIdentities))
    if len(able) < len(sources):
        unable = next(it for it in sources if not isinstance(it, TellsIdentities))
        raise InvalidDataMapError(
            source=unable.describe().name, problem="cannot be compared with digests"
        )
    return DropAccess(
        download=Download(lists),
        sources=able,
        names=FieldNames(**load_settings().drop.model_dump()),
        desk=office().desk(),
        decisions=office().decisions(holder=f"{socket.gethostname()}-{os.getpid()}"),
    )
