import io
import json
import logging
import sys
from typing import TextIO
from uuid import UUID

import pytest

from unlearn_core.observability import (
    ALLOWED_FIELDS,
    EventLog,
    ForbiddenFieldError,
    JsonFormatter,
    configure_logging,
)
from unlearn_core.privacy import Personal


@pytest.fixture
def written(restored_logging: None) -> io.StringIO:  # noqa: ARG001 - afterwards
    """Configure logging and write into a buffer."""
    configure_logging()
    buffer = io.StringIO()
    only_handler().setStream(buffer)
    return buffer


def only_handler() -> logging.StreamHandler[TextIO]:
    (handler,) = logging.getLogger("unlearn").handlers
    assert isinstance(handler, logging.StreamHandler)
    return handler


def test_an_event_is_one_line_of_json_with_its_facts(written: io.StringIO) -> None:
    EventLog("worker").info(
        "step_finished",
        request_id=UUID(int=7),
        step="trained",
        seconds=1.5,
        attempt=2,
        version=None,
    )
    line = json.loads(written.getvalue())
    assert written.getvalue().count("\n") == 1
    assert line.pop("at").endswith("+00:00")
    assert line == {
        "level": "info",
        "component": "unlearn.worker",
        "event": "step_finished",
        "request_id": "00000000-0000-0000-0000-000000000007",
        "step": "trained",
        "seconds": 1.5,
        "attempt": 2,
        "version": None,
    }


def test_levels_are_kept(written: io.StringIO) -> None:
    log = EventLog("worker")
    log.info("one_happened")
    log.warning("two_happened")
    log.error("three_happened")
    levels = [json.loads(line)["level"] for line in written.getvalue().splitlines()]
    assert levels == ["info", "warning", "error"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "x"),
        ("email", "x"),
        ("stage", "x" * 81),
        ("stage", Personal("Ada Example")),
        ("stage", ["Ada Example"]),
        ("stage", {"name": "Ada Example"}),
        ("stage", ValueError("Ada Example")),
        ("stage", b"Ada Example"),
    ],
)
def test_other_fields_and_other_values_are_refused_where_they_are_written(
    written: io.StringIO, field: str, value: object
) -> None:
    facts: dict[str, object] = {field: value}
    with pytest.raises(ForbiddenFieldError) as caught:
        EventLog("worker").info("step_finished", **facts)  # type: ignore[arg-type]  # on purpose
    assert "Ada" not in str(caught.value)
    assert written.getvalue() == ""


def test_the_longest_text_passes(written: io.StringIO) -> None:
    EventLog("worker").info("step_finished", stage="x" * 80)
    assert json.loads(written.getvalue())["stage"] == "x" * 80


def test_no_field_is_named_after_personal_data() -> None:
    personal = {"name", "email", "phone", "subject", "identifier", "message", "text"}
    assert ALLOWED_FIELDS.isdisjoint(personal)


def test_the_text_of_an_exception_is_left_out_but_its_type_is_kept() -> None:
    try:
        int("Ada Example")
    except ValueError:
        record = logging.LogRecord(
            "unlearn.worker", logging.ERROR, "", 0, "failed", (), sys.exc_info()
        )
    line = json.loads(JsonFormatter().format(record))
    assert line["exception"] == "ValueError"
    assert "Ada" not in json.dumps(line)


@pytest.mark.usefixtures("written")
def test_configuring_again_leaves_one_handler_that_writes_to_standard_error() -> None:
    configure_logging()
    assert only_handler().stream is sys.stderr


def test_events_do_not_reach_handlers_of_other_libraries(
    written: io.StringIO,
) -> None:
    elsewhere = io.StringIO()
    foreign = logging.StreamHandler(elsewhere)
    logging.getLogger().addHandler(foreign)
    try:
        EventLog("worker").info("step_finished")
    finally:
        logging.getLogger().removeHandler(foreign)
    assert written.getvalue() != ""
    assert elsewhere.getvalue() == ""
