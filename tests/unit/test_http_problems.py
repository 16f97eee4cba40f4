import logging
from http import HTTPStatus

import pytest
from fastapi import FastAPI, HTTPException
from fastapi.testclient import TestClient
from pydantic import BaseModel, ConfigDict

from unlearn_core import errors, http_errors, http_problems
from unlearn_core.errors import UnlearnError


class Order(BaseModel):
    """A body with one number."""

    model_config = ConfigDict(extra="forbid")

    count: int
    rows: dict[str, int] = {}


RAISED: dict[str, Exception] = {
    "request": errors.InvalidIdentifierError(kind="email"),
    "unknown": errors.UnknownRequestError(),
    "policy": errors.EmptyForgetSetError(),
    "integrity": errors.LedgerBrokenError(at=3),
    "dependency": errors.DatabaseUnavailableError(),
    "model": http_errors.UnknownModelError(),
    "context": http_errors.ContextExceededError(),
    "parameter": http_errors.UnsupportedParameterError(parameter="stop"),
    "key": http_errors.ApiKeyError(),
    "rate": http_errors.RateLimitedError(retry_seconds=7),
    "load": http_errors.OverloadedError(retry_seconds=1),
    "bound": http_errors.BoundExceededError(),
    "other": http_errors.UpstreamMismatchError(),
    "away": http_errors.UpstreamUnavailableError(retry_seconds=1),
    "root": UnlearnError(),
    "foreign": LookupError("Ada Example"),
    "http": HTTPException(401, "Ada Example", {"WWW-Authenticate": "Bearer"}),
}


@pytest.fixture
def client() -> TestClient:
    app = FastAPI()
    http_problems.install(app, names=frozenset({"count"}))

    @app.get("/raise/{name}")
    def fail(name: str) -> None:
        raise RAISED[name]

    @app.post("/orders")
    def order(body: Order) -> Order:
        return body

    return TestClient(app)


@pytest.mark.parametrize(
    ("name", "status", "code"),
    [
        ("request", 422, "invalid_identifier"),
        ("unknown", 404, "unknown_request"),
        ("model", 404, "model_not_found"),
        ("context", 400, "context_length_exceeded"),
        ("parameter", 400, "unsupported_parameter"),
        ("key", 401, "invalid_api_key"),
        ("rate", 429, "rate_limited"),
        ("load", 503, "overloaded"),
        ("bound", 422, "bound_exceeded"),
        ("other", 502, "upstream_mismatch"),
        ("away", 503, "upstream_unavailable"),
        ("policy", 409, "empty_forget_set"),
        ("integrity", 500, "ledger_broken"),
        ("dependency", 503, "database_unavailable"),
        ("root", 500, "unlearn_error"),
        ("foreign", 500, "unexpected_error"),
        ("http", 401, "http_error"),
    ],
)
def test_an_error_becomes_a_problem_with_status_and_code(
    client: TestClient, name: str, status: int, code: str
) -> None:
    answer = client.get(f"/raise/{name}")
    body = answer.json()
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert body["status"] == status
    assert body["title"] == HTTPStatus(status).phrase
    assert body["type"] == f"urn:unlearn:problem:{code}"
    assert body["error"]["code"] == code
    assert "Ada" not in answer.text


def test_headers_and_parameter_follow_from_the_facts_of_an_error(
    client: TestClient,
) -> None:
    assert client.get("/raise/key").headers["WWW-Authenticate"] == "Bearer"
    assert client.get("/raise/rate").headers["Retry-After"] == "7"
    assert client.get("/raise/load").headers["Retry-After"] == "1"
    body = client.get("/raise/parameter").json()
    assert (body["where"], body["error"]["param"]) == (["body.stop"], "stop")


def test_the_detail_is_the_diagnosis_for_people_and_for_openai_clients(
    client: TestClient,
) -> None:
    body = client.get("/raise/integrity").json()
    assert body["detail"] == (
        "the ledger was changed after it was written (at=3). "
        "Stop, keep a copy of the database and call the auditor."
    )
    assert body["error"]["message"] == body["detail"]
    assert "where" not in body


@pytest.mark.parametrize(
    ("sent", "places", "parameter"),
    [
        ({"count": "Ada Example"}, ["body.count"], "count"),
        ({}, ["body.count"], "count"),
        (["Ada Example"], ["body"], "body"),
        ({"count": 1, "Ada Example": 1}, ["body"], "body"),
        ({"count": 1, "rows": {"Ada Example": "x"}}, ["body"], "body"),
        ({"count": "x", "Ada": 1}, ["body", "body.count"], "body"),
    ],
)
def test_an_invalid_body_is_answered_with_declared_places_never_with_what_was_sent(
    client: TestClient, sent: object, places: list[str], parameter: str
) -> None:
    answer = client.post("/orders", json=sent)
    body = answer.json()
    assert answer.status_code == 400
    assert body["where"] == places
    assert body["error"]["code"] == "invalid_request"
    assert body["error"]["param"] == parameter
    assert "Ada" not in answer.text


def test_a_foreign_error_leaves_its_type_in_the_log_and_its_text_nowhere(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="unlearn"):
        answer = client.get("/raise/foreign")
    assert [record.getMessage() for record in caplog.records] == ["request_failed"]
    assert vars(caplog.records[0])["facts"] == {"reason": "LookupError"}
    assert caplog.records[0].exc_info is None
    assert "Ada" not in answer.text + caplog.text


@pytest.mark.parametrize(("size", "status"), [(1_000_000, 400), (1_000_001, 413)])
def test_a_body_is_read_up_to_the_limit(
    client: TestClient, size: int, status: int
) -> None:
    answer = client.post("/orders", content=b"x" * size)
    assert answer.status_code == status


def test_headers_that_the_protocol_needs_are_kept(client: TestClient) -> None:
    assert client.get("/raise/http").headers["www-authenticate"] == "Bearer"
    refused = client.get("/orders")
    assert refused.status_code == 405
    assert refused.headers["allow"] == "POST"


def test_an_unknown_path_does_not_come_back(client: TestClient) -> None:
    answer = client.get("/people/Ada-Example")
    assert answer.status_code == 404
    assert "Ada" not in answer.text
