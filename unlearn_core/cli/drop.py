"""``unlearn drop``: take in and answer the lists of California's DROP."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from unlearn_core.cli.drop_wiring import DropAccess, drop_access
from unlearn_core.cli.output import AsJson, show_rows
from unlearn_core.cli.who import EnteredBy, account
from unlearn_core.domain.canonical import JsonValue
from unlearn_core.domain.drop import Code, DropFile, DropRefusedError
from unlearn_core.steps.answer_drop import answer_items
from unlearn_core.steps.import_drop import import_items, withdraw_items
from unlearn_core.steps.match_drop import match_items

app = typer.Typer(
    help="California's Delete Request and Opt-out Platform.", no_args_is_help=True
)

Lists = Annotated[
    Path, typer.Argument(help="The download: the ZIP, or a folder with its files.")
]


@app.callback()
def drop() -> None:
    """California's Delete Request and Opt-out Platform."""


@app.command(name="import")
def import_(
    lists: Lists,
    *,
    apply: Annotated[
        bool, typer.Option("--apply", help="Take them in; without it, only look.")
    ] = False,
    by: EnteredBy = None,
    as_json: AsJson = False,
) -> None:
    """Compare the lists with the sources, and make a request for each match.

    Requests of identifiers that were taken back are withdrawn. Importing the same
    lists again makes no request twice.
    """
    access = drop_access(lists)
    rows: list[dict[str, JsonValue]] = []
    for file in access.download.files:
        items = access.download.items(file)
        if file.list_type is None:
            counts = (
                withdraw_items(items, desk=access.desk, decisions=access.decisions)
                if apply
                else Counter({"to_withdraw": sum(1 for _ in items)})
            )
        else:
            matched = match_items(items, sources=access.sources, names=access.names)
            taken = import_items(
                matched,
                day=file.day,
                apply=apply,
                entered_by=by or account(),
                desk=access.desk,
            )
            counts = Counter(one.found.value for one in taken)
        rows += [
            {"file": file.name, "items": number, "what": what}
            for what, number in sorted(counts.items())
        ]
    show_rows(rows, as_json=as_json)
    if not apply:
        typer.echo("Nothing was taken in; --apply does it.", err=True)


@app.command()
def export(
    lists: Lists,
    folder: Annotated[Path, typer.Argument(help="Where the answers are written.")],
    *,
    opted_out: Annotated[
        bool,
        typer.Option(
            "--opted-out",
            help="Sale and sharing of identifiers that several people have was "
            "stopped; they are answered with 4.",
        ),
    ] = False,
    suffix: Annotated[
        str | None,
        typer.Option(help="Write what can be answered, under names with this suffix."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write the answer to every list: 2 exempted, 3 deleted, 4 opted out, 5 not found.

    An item that cannot be answered yet refuses its list, unless there is a suffix.
    """
    access = drop_access(lists)
    rows: list[dict[str, JsonValue]] = []
    for file in access.download.files:
        if file.list_type is None:  # what was taken back is not answered
            continue
        counts: Counter[str] = Counter()
        answers = _answers(access, file, counts, opted_out=opted_out)
        if suffix is None:
            answers = _all_or_none(answers, file, counts)
        path = access.write(folder, file, answers, suffix=suffix)
        rows += [
            {"file": path.name, "items": number, "answer": answer}
            for answer, number in sorted(counts.items())
        ]
    show_rows(rows, as_json=as_json)


def _answers(
    access: DropAccess, file: DropFile, counts: Counter[str], *, opted_out: bool
) -> Iterator[tuple[str, Code]]:
    """Yield what can be answered of a list; count all of it."""
    items = access.download.items(file)
    matched = match_items(items, sources=access.sources, names=access.names)
    for answer in answer_items(matched, opted_out=opted_out, desk=access.desk):
        counts[answer.code.name.lower() if answer.code else answer.why_not] += 1
        if answer.code is not None:
            yield answer.item_id, answer.code


def _all_or_none(
    answers: Iterator[tuple[str, Code]], file: DropFile, counts: Counter[str]
) -> Iterator[tuple[str, Code]]:
    """Yield the answers to a list.

    Raises:
        DropRefusedError: Items of it cannot be answered yet.
    """
    yield from answers
    known = {code.name.lower() for code in Code}
    if left := {why: number for why, number in counts.items() if why not in known}:
        raise DropRefusedError(file=file.name, **left)
