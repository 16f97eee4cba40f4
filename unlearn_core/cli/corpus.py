"""``unlearn corpus``: keep erased people out of what is trained on next."""

from pathlib import Path
from typing import Annotated

import typer

from unlearn_core.cli.output import AsJson, show, show_rows
from unlearn_core.cli.wiring import office, screened_source
from unlearn_core.domain.canonical import JsonValue
from unlearn_core.steps import screen_corpus
from unlearn_core.steps.screen_corpus import ErasedPersonFoundError, Screening

app = typer.Typer(help="Corpora before training.", no_args_is_help=True)


@app.callback()
def corpus() -> None:
    """Corpora before training."""


@app.command()
def screen(
    source: Annotated[str, typer.Argument(help="Name of a source of the data map.")],
    location: Annotated[
        str | None,
        typer.Option(help="Another place of the same form: a backup, a new corpus."),
    ] = None,
    data_map: Annotated[
        Path | None, typer.Option(help="The data map; that of the settings if none.")
    ] = None,
    *,
    does_remove: Annotated[
        bool, typer.Option("--remove", help="Remove what is found for certain.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Look for erased people by their keyed fingerprints; fail if any is found.

    Records are named by their id. A name alone is a failure, and removed only if the
    data map lets names decide. One that other identifiers contradict is uncertain: it
    is listed, and neither removed nor a failure.
    """
    store = office().store
    people = screen_corpus.suppressed(store, store)
    connector, results = screened_source(
        source, people, location=location, data_map=data_map
    )
    found = screen_corpus.summarise(
        results, list(people), reviews_names=connector.describe().reviews_names
    )
    removed = screen_corpus.remove(found, connector, ledger=store) if does_remove else 0
    summary: dict[str, JsonValue] = {
        "erased_people": len(people),
        "searched": found.searched,
        "unreadable": found.unreadable,
        "found": len(found.records),
        "named": len(found.named),
        "uncertain": len(found.uncertain),
        "removed": removed,
    }
    if as_json:
        show({**summary, "records": _rows(found)}, as_json=True)
    else:
        show_rows(_rows(found), as_json=False)
        show(summary, as_json=False)
    left = {*found.records, *found.named}.difference(
        found.records if does_remove else ()
    )
    if found.unreadable or left:
        raise ErasedPersonFoundError(found=len(left), unreadable=found.unreadable)


def _rows(found: Screening) -> list[dict[str, JsonValue]]:
    return [
        {
            "record": record,
            "request_id": str(request_id),
            "is_certain": kept is found.records,
            "why": ", ".join(found.why[record]),
        }
        for kept in (found.records, found.named, found.uncertain)
        for record, requests in kept.items()
        for request_id in requests
    ]
