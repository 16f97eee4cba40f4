"""``unlearn review``: decide about records that may concern somebody else.

A list is personal data and stays sealed; that it was read is in the ledger.
"""

import os
import socket
from typing import Annotated

import typer

from unlearn_core.cli.decisions import By, RequestArgument
from unlearn_core.cli.output import AsJson, show, show_rows
from unlearn_core.cli.wiring import office
from unlearn_core.domain.canonical import JsonValue
from unlearn_core.domain.requests import RequestId
from unlearn_core.domain.reviews import RecordDecision, ReviewReason, Ruling
from unlearn_core.domain.sources import SourceRecord
from unlearn_core.privacy import Personal
from unlearn_core.steps.review_records import (
    ReviewDesk,
    open_review,
    read_reasoning,
    review_records,
)

app = typer.Typer(help="Records that may concern the subject.", no_args_is_help=True)

Numbers = Annotated[list[int], typer.Argument(help="Numbers of the list.")]


@app.callback()
def review() -> None:
    """Records that may concern the subject."""


@app.command(name="list")
def list_(
    request_id: RequestArgument,
    *,
    with_texts: Annotated[
        bool,
        typer.Option("--texts", help="Show what the records say: personal data."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List the uncertain records of a request, each with why it matched."""
    listed = open_review(RequestId(request_id), desk=_desk())
    show_rows(
        [
            {
                "number": number,
                "source": record.source,
                "record": record.record_id,
                "why": "; ".join(record.why),
                "decided": listed.rulings.get(number),
                **({"texts": _texts(record)} if with_texts else {}),
            }
            for number, record in enumerate(listed.records, start=1)
        ],
        as_json=as_json,
    )


@app.command()
def decide(
    request_id: RequestArgument,
    numbers: Numbers,
    *,
    ruling: Annotated[Ruling, typer.Option(help="What becomes of the records.")],
    reason: Annotated[ReviewReason, typer.Option(help="Why.")],
    by: By,
    reasoning: Annotated[
        typer.FileText | None,
        typer.Option(
            help="Why an exemption applies, in your words; - reads standard input."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Decide about records of the list; the last decision lets the request go on.

    Until then, deciding about a record again takes the place of what was said before.
    A ground of Art. 17(3) GDPR needs a reasoning, which is sealed.
    """
    said = reasoning.read().strip() if reasoning else ""
    decision = RecordDecision(
        numbers=tuple(numbers),
        ruling=ruling,
        reason=reason,
        officer=by,
        reasoning=Personal(said) if said else None,
    )
    desk = _desk()
    listed = review_records(RequestId(request_id), decision, desk=desk)
    show(
        {
            "request_id": str(request_id),
            "records": len(listed.records),
            "undecided": len(listed.undecided),
            "stage": desk.requests.get(RequestId(request_id)).stage.value,
        },
        as_json=as_json,
    )


@app.command(name="reasoning")
def reasoning_(request_id: RequestArgument, *, as_json: AsJson = False) -> None:
    """Show why records were found exempt; that it was read is in the ledger."""
    found = read_reasoning(RequestId(request_id), desk=_desk())
    show_rows(
        [
            {"number": number, "reasoning": text.reveal()}
            for number, text in sorted(found.items())
        ],
        as_json=as_json,
    )


def _desk() -> ReviewDesk:
    return office().review(holder=f"{socket.gethostname()}-{os.getpid()}")


def _texts(record: SourceRecord) -> dict[str, JsonValue]:
    return {name: text.reveal() for name, text in record.texts.items()}
