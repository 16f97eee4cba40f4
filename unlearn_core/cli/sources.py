"""``unlearn sources``: look at the training sources before a request does."""

from pathlib import Path
from typing import Annotated

import typer

from unlearn_core.cli.output import AsJson, show_rows
from unlearn_core.cli.submitted import STANDARD_INPUT, read_submitted
from unlearn_core.cli.wiring import data_map_sources
from unlearn_core.domain.canonical import JsonValue
from unlearn_core.domain.sources import SourceDescription
from unlearn_core.domain.subjects import DataSubject
from unlearn_core.errors import SourceUnreadableError, UnlearnError
from unlearn_core.ports import SourceConnector
from unlearn_core.steps.erase_source_records import plan_for

app = typer.Typer(help="Training sources.", no_args_is_help=True)

ERASES = "search; erase what is found and read back"
REDACTS = "search; redact what is found and read back"
SEARCHES = "search only; the outcome can only be partial"
BY_NAME = "a name alone is enough, a namesake's too"
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


@app.command()
def plan(
    file: Annotated[
        Path, typer.Option(help="File with identifiers; - is standard input.")
    ] = STANDARD_INPUT,
    data_map: Annotated[
        Path | None, typer.Option(help="The data map; that of the settings if none.")
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Say what an erasure would delete and redact; nothing is changed.

    The document is JSON, as for a request: {"identifiers": {"name": ..., "email": ...}}

    Records are named by their identifiers in the source.
    """
    subject, _ = read_submitted(file)
    found, _ = data_map_sources(data_map)
    show_rows([_planned(source, subject) for source in found], as_json=as_json)


def _planned(source: SourceConnector, subject: DataSubject) -> dict[str, JsonValue]:
    result = source.locate(subject)
    tried = plan_for(source, result.records, subject)
    is_erasable = source.describe().is_erasable
    return {
        "source": tried.name,
        "found": len(result.records),
        "delete": sorted(tried.deleted) if is_erasable else [],
        "redact": sorted(tried.redacted) if is_erasable else [],
        "records_changed": (
            tried.delete(dry_run=True) + tried.redact(dry_run=True)
            if is_erasable
            else 0
        ),
        "uncertain": result.uncertain,
        "unreadable": result.unreadable,
    }


def _row(source: SourceConnector, *, is_trained: bool) -> dict[str, JsonValue]:
    described = source.describe()
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
        "would": _would(described) if is_trained else READS,
        "trained": " ".join(described.base_models) or ("all" if is_trained else "none"),
        "legal_basis": described.legal_basis,
        "retention": described.retention,
        "held": described.held,
        "exemption": described.exemption,
        "reasoning": described.reasoning,
    }


def _would(described: SourceDescription) -> str:
    would = _after_search(described)
    decides = described.is_erasable and not described.reviews_names
    return f"{would}; {BY_NAME}" if decides else would


def _after_search(described: SourceDescription) -> str:
    if not described.is_erasable:
        return SEARCHES
    if not described.is_redacted:
        return ERASES
    if not described.redacted_columns:
        return REDACTS
    columns = ", ".join(described.redacted_columns)
    return f"{ERASES}; redact what is in no other column than {columns}"
