"""``unlearn verification``: read a report that was kept, compare two, ask guards.

Reading works offline: the ledger names the digest of each report, the evidence store
has its bytes, and nothing is shown unless the two agree. Guards need the base model.
"""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, NamedTuple
from uuid import UUID

import typer

from unlearn_core.cli.output import AsJson, show, show_rows
from unlearn_core.cli.wiring import guard_results, office
from unlearn_core.domain.canonical import Digest, JsonValue
from unlearn_core.domain.requests import RequestId, Stage
from unlearn_core.errors import UnknownRequestError
from unlearn_core.metrics.base import GuardResult
from unlearn_core.verification.guards import GUARDS
from unlearn_core.verification.page import draw_page, headline, limit_in_words
from unlearn_core.verification.public_questions import PublicQuestions
from unlearn_core.verification.report import Report, read_report, report_name
from unlearn_core.verification.words import (
    Unit,
    in_words,
    interval_in_words,
    metric_words,
)

app = typer.Typer(help="Verification reports.", no_args_is_help=True)

GUARD_CONFIDENCE = 0.95
DECIDED = frozenset({Stage.UNLEARNING_VERIFIED, Stage.UNLEARNING_REJECTED})


class Which(NamedTuple):
    """One verification: of a request, and of a rung if one is named."""

    request_id: UUID
    rung: int | None

    @classmethod
    def parse(cls, text: str) -> "Which":
        """Read ``REQUEST`` or ``REQUEST/RUNG``.

        Raises:
            typer.BadParameter: It is neither.
        """
        request_id, slash, rung = text.partition("/")
        try:
            return cls(UUID(request_id), int(rung) if slash else None)
        except ValueError:
            message = "expected a request id, or one with a rung, such as ID/0"
            raise typer.BadParameter(message) from None


WhichArgument = Annotated[
    Which,
    typer.Argument(
        parser=Which.parse,
        metavar="REQUEST[/RUNG]",
        help="The request id; its latest verification, or that of a rung.",
    ),
]


@app.command(name="show")
def show_(
    which: WhichArgument,
    *,
    html: Annotated[
        Path | None, typer.Option(help="Write the report as one HTML file.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what a verification found."""
    data, report = _kept(which)
    if html is not None:
        html.write_text(draw_page(report), encoding="utf-8")
        typer.echo(f"written: {html}", err=True)
    if as_json:
        typer.echo(data)
    elif html is None:
        typer.echo(f"{'PASSED' if report.passed else 'REJECTED'}. {headline(report)}\n")
        show_rows(_conditions(report), as_json=False)


@app.command()
def compare(
    first: WhichArgument, second: WhichArgument, *, as_json: AsJson = False
) -> None:
    """Compare every metric of two verifications."""
    one, other = _kept(first)[1], _kept(second)[1]
    names = dict.fromkeys(item.name for item in (*one.metrics, *other.metrics))
    if as_json:
        show(
            {
                "passed": [one.passed, other.passed],
                "metrics": {
                    name: [_plain(one, name), _plain(other, name)] for name in names
                },
            },
            as_json=True,
        )
        return
    typer.echo(f"first: {_verdict(one)}   second: {_verdict(other)}\n")
    show_rows([_pair(name, one, other) for name in sorted(names)], as_json=False)


@app.command()
def guards(
    folder: Annotated[
        Path,
        typer.Argument(
            help="Folder with files such as arc_easy.jsonl.",
            exists=True,
            file_okay=False,
        ),
    ],
    *,
    guard: Annotated[
        list[str] | None, typer.Option(help="Ask this guard only; can be repeated.")
    ] = None,
    items: Annotated[
        int, typer.Option(min=1, help="Most questions of each file.")
    ] = 100,
    bundle: Annotated[
        Path | None,
        typer.Option(
            help="Folder of a version; the one that is to be served if not given.",
            exists=True,
            file_okay=False,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Ask public questions of the base alone and of what is served.

    A data set that is missing or cannot be read is listed with the reason.
    """
    names = tuple(dict.fromkeys(guard or ()))
    if unknown := [name for name in names if name not in GUARDS]:
        message = f"there is no guard {unknown[0]}; there are {', '.join(GUARDS)}"
        raise typer.BadParameter(message)
    public = PublicQuestions(folder=folder, items=items, names=names)
    found = guard_results(public, bundle=bundle, confidence=GUARD_CONFIDENCE)
    if as_json:
        rows: list[JsonValue] = [asdict(item) for item in found.results]
        show({"sequence": found.sequence, "guards": rows}, as_json=True)
        return
    typer.echo(f"version {found.sequence} against the base alone\n")
    show_rows([_guarded(item) for item in found.results], as_json=False)


def _guarded(found: GuardResult) -> dict[str, JsonValue]:
    is_known = found.before is not None and found.after is not None
    return {
        "guard": found.guard,
        "items": found.items or None,
        "before": in_words(found.before, Unit.SHARE) if is_known else None,
        "after": in_words(found.after, Unit.SHARE) if is_known else None,
        "change": interval_in_words(found.low, found.high, Unit.POINTS),
        "": f"NOT ASKED: {found.problem}" if found.problem else found.scorer,
    }


def _kept(which: Which) -> tuple[str, Report]:
    """Return a report, as it is kept and read.

    Raises:
        UnknownRequestError: There is none, or not for this rung.
        DigestMismatchError: What is kept is not what the ledger names.
    """
    digest = None
    for entry in office().store.entries(RequestId(which.request_id)):
        is_wanted = which.rung in {None, entry.payload.get("rung")}
        if entry.event in DECIDED and is_wanted and not entry.is_erased:
            digest = Digest(str(entry.payload["report"]))
    data = office().evidence.get(report_name(digest)) if digest else None
    if digest is None or data is None:
        raise UnknownRequestError(
            request_id=which.request_id, rung=which.rung, missing="report"
        )
    return data.decode(), read_report(data, expected=digest)


def _conditions(report: Report) -> list[dict[str, JsonValue]]:
    rows: list[dict[str, JsonValue]] = []
    for item in report.conditions:
        measured = report.metric(item.metric)
        unit = metric_words(item.metric).unit
        ends = (measured.low, measured.high) if measured else (None, None)
        verdict = "met" if item.passed else "NOT MET"
        rows.append(
            {
                "gate": item.gate,
                "": verdict if item.applies else "not needed",
                "measured": in_words(measured.value if measured else None, unit),
                "interval": interval_in_words(*ends, unit),
                "asked_for": limit_in_words(item),
            }
        )
    return rows


def _pair(name: str, one: Report, other: Report) -> dict[str, JsonValue]:
    unit = metric_words(name).unit
    row: dict[str, JsonValue] = {"metric": name}
    for title, report in (("first", one), ("second", other)):
        found = report.metric(name)
        ends = (found.low, found.high) if found else (None, None)
        row[title] = in_words(found.value if found else None, unit)
        row[f"{title}_interval"] = interval_in_words(*ends, unit)
    return row


def _plain(report: Report, name: str) -> JsonValue:
    found = report.metric(name)
    return asdict(found) if found else None


def _verdict(report: Report) -> str:
    about = report.about
    word = "passed" if report.passed else "rejected"
    return f"{word} (version {about.sequence}, rung {about.rung})"
