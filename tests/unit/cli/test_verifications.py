import json
import socket
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest
from support.cli import close_office, unlearn
from support.reports import report_of, rich_evidence

from unlearn_core.cli.wiring import office
from unlearn_core.domain.canonical import JsonValue, digest_of
from unlearn_core.domain.requests import RequestId, Stage
from unlearn_core.verification.report import Report, report_name

pytestmark = pytest.mark.integration

DOCUMENT = {"identifiers": {"name": "Ada Example", "email": "ada@post.example"}}
REJECTED = report_of(rich_evidence(is_forgotten=False))
VERIFIED = report_of(rich_evidence(), rung=1)


def keep(request_id: RequestId, report: Report, *, is_stored: bool = True) -> None:
    """Write a report as verification does, into store and ledger."""
    data = report.to_bytes()
    if is_stored:
        office().evidence.put(report_name(digest_of(data)), data)
    stage = Stage.UNLEARNING_VERIFIED if report.passed else Stage.UNLEARNING_REJECTED
    payload: dict[str, JsonValue] = {
        "rung": report.about.rung,
        "report": digest_of(data),
    }
    office().store.note(stage, payload, request_id=request_id)
    close_office()


@pytest.fixture
def request_id(home: Path) -> RequestId:
    """Return a request that failed on the first rung and passed on the second."""
    del home
    ran = unlearn("request", "submit", "--json", stdin=json.dumps(DOCUMENT).encode())
    submitted = RequestId(UUID(ran.json()["request_id"]))
    keep(submitted, REJECTED)
    keep(submitted, VERIFIED)
    return submitted


def test_the_latest_verification_is_shown(request_id: RequestId) -> None:
    ran = unlearn("verification", "show", str(request_id))
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("PASSED. All 3 conditions of the policy are met.")
    assert "gate-two_sided_p" in ran.out


def test_an_earlier_rung_can_be_asked_for(request_id: RequestId) -> None:
    ran = unlearn("verification", "show", f"{request_id}/0")
    assert ran.out.startswith("REJECTED. ")
    assert "NOT MET" in ran.out


def test_the_document_is_printed_as_it_is_kept(request_id: RequestId) -> None:
    ran = unlearn("verification", "show", str(request_id), "--json")
    assert ran.out.encode().strip() == VERIFIED.to_bytes()


def test_the_page_is_drawn_again_without_a_network(
    request_id: RequestId, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_socket(*_: object, **__: object) -> None:
        message = "showing is offline"
        raise AssertionError(message)

    monkeypatch.setattr(socket, "socket", no_socket)
    file = tmp_path / "report.html"
    ran = unlearn("verification", "show", str(request_id), "--html", file)
    assert (ran.code, ran.out) == (0, "")
    assert file.read_text().startswith("<!doctype html>")
    assert str(VERIFIED.about.request_id) in file.read_text()


def test_two_verifications_are_compared_metric_by_metric(request_id: RequestId) -> None:
    both = (f"{request_id}/0", f"{request_id}/1")
    ran = unlearn("verification", "compare", *both)
    assert ran.out.startswith(
        "first: rejected (version 1, rung 0)   second: passed (version 1, rung 1)"
    )
    found = unlearn("verification", "compare", *both, "--json").json()
    assert found["passed"] == [False, True]
    first, second = (report.metric("two_sided_p") for report in (REJECTED, VERIFIED))
    assert first is not None
    assert second is not None
    values = [item["value"] for item in found["metrics"]["two_sided_p"]]
    assert values == [first.value, second.value]


def test_a_metric_that_only_one_of_them_has_is_none_in_the_other(
    request_id: RequestId,
) -> None:
    keep(request_id, replace(VERIFIED, metrics=VERIFIED.metrics[:1]))
    found = unlearn(
        "verification", "compare", f"{request_id}/0", str(request_id), "--json"
    ).json()
    assert found["metrics"]["two_sided_p"][1] is None
    ran = unlearn("verification", "compare", f"{request_id}/0", str(request_id))
    assert "not measured" in ran.out


def test_a_report_that_was_changed_is_not_shown(
    request_id: RequestId, home: Path
) -> None:
    (file,) = (home / "objects").rglob(report_name(digest_of(VERIFIED.to_bytes())))
    file.write_bytes(file.read_bytes().replace(b'"passed":true', b'"passed":false'))
    ran = unlearn("verification", "show", str(request_id))
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("digest_mismatch")


@pytest.mark.parametrize("rung", ["/7", "/2"])
def test_a_report_that_is_not_there_is_said_to_be_missing(
    request_id: RequestId, rung: str
) -> None:
    keep(request_id, report_of(rich_evidence(), rung=2), is_stored=False)
    ran = unlearn("verification", "show", f"{request_id}{rung}")
    assert (ran.code, ran.err.split(":")[0]) == (1, "unknown_request")
    assert "missing=report" in ran.err


@pytest.mark.parametrize("text", ["nobody", "/0", "00000000/x"])
def test_what_names_no_request_is_wrong_usage(home: Path, text: str) -> None:
    del home
    ran = unlearn("verification", "show", text)
    assert (ran.code, ran.out) == (2, "")
