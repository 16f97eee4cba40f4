import json

import pytest
from pydantic import ValidationError
from support.domain import request

from unlearn_core.domain.requests import Outcome, Stage
from unlearn_core.intake.schemas import (
    FIELD_NAMES,
    ErasureRequestIn,
    ErasureRequestOut,
)

NAME = "Ottilie Quastenflosser"
DOCUMENT = {"identifiers": {"name": NAME, "email": ["a@b.example", "c@d.example"]}}


def test_one_value_and_several_are_returned_as_they_were_submitted() -> None:
    read = ErasureRequestIn.model_validate(DOCUMENT)
    assert read.plain_identifiers() == DOCUMENT["identifiers"]
    assert (read.identity_token, read.contact) == (None, None)


def test_a_request_shows_nothing_personal_however_it_is_shown() -> None:
    read = ErasureRequestIn.model_validate(
        DOCUMENT | {"identity_token": NAME, "contact": NAME}
    )
    shown = f"{read} {read!r} {read.model_dump_json()} {read.model_dump()}"
    assert NAME not in shown
    assert "@" not in shown


@pytest.mark.parametrize(
    "document",
    [
        {"identifiers": {"name": [NAME] * 21}},
        {"identifiers": {str(number): NAME for number in range(11)}},
        {"identifiers": {"name": {"first": NAME}}},
        DOCUMENT | {"stage": "certified"},
        DOCUMENT | {"channel": "cli"},
        DOCUMENT | {"request_id": "00000000-0000-0000-0000-000000000001"},
    ],
)
def test_what_a_request_may_not_say_is_refused(document: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        ErasureRequestIn.model_validate(document)


@pytest.mark.parametrize(
    ("stage", "outcome", "status"),
    [
        (Stage.RECEIVED, None, "open"),
        (Stage.TRAINED, None, "in_progress"),
        (Stage.NOTIFIED, Outcome.SUPPRESSED_AT_OUTPUT, "fulfilled"),
        (Stage.NOTIFIED, Outcome.REFUSED, "denied"),
    ],
)
def test_the_answer_says_where_a_request_stands(
    stage: Stage, outcome: Outcome | None, status: str
) -> None:
    answer = ErasureRequestOut.of(
        request(3, stage=stage, outcome=outcome), messages=("acknowledged",)
    )
    assert json.loads(answer.model_dump_json()) == {
        "request_id": "00000000-0000-0000-0000-000000000003",
        "status": status,
        "stage": stage.value,
        "outcome": outcome.value if outcome else None,
        "received_at": "2026-03-02T09:30:00Z",
        "due_on": "2026-04-02",
        "extended_due_on": "2026-06-02",
        "messages": ["acknowledged"],
    }


def test_only_names_that_the_api_itself_gives_may_be_repeated() -> None:
    assert {"identifiers", "contact", "name", "email"} <= FIELD_NAMES
    assert NAME not in FIELD_NAMES
