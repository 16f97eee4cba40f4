"""``unlearn sources``: look at the training sources before a request does."""

from pathlib import Path
from typing import Annotated

import typer

from unlearn_core.cli.output import AsJson, show_rows
from unlearn_core.cli.wiring import data_map_sources
from unlearn_core.domain.canonical import JsonValue
from unlearn_core.errors import SourceUnreadableError, UnlearnError
from unlearn_core.ports import SourceConnector

app = typer.Typer(help="Training sources.", no_args_is_help=True)

ERASES = "search; erase what is found and read back"
SEARCHES = "search only; the outcome can only be partial"
READS = "read people who were never trained on"


@app.callback()
def sources() -> None:
    """Training sources."""


@app.command()
def check(
    data_map: Annotated[
        Path | None, typer.Option(help="The data map; that of the settings if none.")
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Connect to every source of the data map and say what a request would do.

    One record of each is read; nothing is changed.
    """
    found, holdout = data_map_sources(data_map)
    rows = [_row(source, is_trained=True) for source in found]
    rows.append(_row(holdout, is_trained=False))
    show_rows(rows, as_json=as_json)
    if faulty := [str(row["source"]) for row in rows if not row["is_readable"]]:
        raise SourceUnreadableError(sources=" ".join(faulty))


def _row(source: SourceConnector, *, is_trained: bool) -> dict[str, JsonValue]:
    described = source.describe()
    erases = ERASES if described.is_erasable else SEARCHES
    try:
        has_record = next(iter(source.read()), None) is not None
    except UnlearnError as error:
        is_readable, state = False, str(error)
    else:
        is_readable, state = True, "answers" if has_record else "has no readable record"
    return {
        "source": described.name,
        "kind": described.kind,
        "is_readable": is_readable,
        "state": state,
        "would": erases if is_trained else READS,
    }
