import ast
import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from uuid import UUID

import pytest

from flows import erasure
from flows.erasure import fulfil_erasure_request

REQUEST = UUID(int=7)
BEGINNING = [
    "begin",
    "was_called_off",
    "was_given_up",
    "acknowledge_request",
    "waits_for_proof",
    "verify_identity",
    "locate_personal_data",
    "waits_for_review",
    "refer_to_controller",
    "cools_off",
    "erase_source_records",
    "tell_recipients",
    "spare_base_model",
    "build_datasets",
    "take base",
    "catch_up",
    "unlearn_until_verified",
]
END = ["purge_working_data", "issue_certificate", "notify_data_subject", "end"]


class Told:
    """Writes down the story as the flow tells it.

    Args:
        may_proceed: Whether the requester is who they say.
        has_records: Whether anything is found.
        is_verified: Whether some rung is verified.
        said: What tasks answer that answer with yes or no.
    """

    def __init__(
        self,
        *,
        may_proceed: bool = True,
        has_records: bool = True,
        is_verified: bool = True,
        **said: bool,
    ) -> None:
        self.events: list[str] = []
        self._answers = SimpleNamespace(
            may_proceed=may_proceed, has_records=has_records
        )
        self._is_verified = is_verified
        self._said = {
            "was_called_off": False,
            "was_given_up": False,
            "waits_for_proof": False,
            "waits_for_review": False,
            "refer_to_controller": True,
            "cools_off": False,
            "spare_base_model": False,
        } | said

    def __getattr__(self, name: str) -> object:
        def task(request_id: UUID) -> object:
            assert request_id == REQUEST
            self.events.append(name)
            return self._said.get(name, self._answers)

        return task

    def climb(self, request_id: UUID) -> bool:
        """Stand in for the ladder."""
        assert request_id == REQUEST
        self.events.append("unlearn_until_verified")
        return self._is_verified

    @contextmanager
    def working_on(self, _request_id: UUID) -> Iterator[None]:
        """Stand in for the lease of the request."""
        self.events.append("begin")
        yield
        self.events.append("end")

    @contextmanager
    def alone_on_base(self, _request_id: UUID) -> Iterator[None]:
        """Stand in for the lease of the base model."""
        self.events.append("take base")
        yield
        self.events.append("give base")


def _tell(monkeypatch: pytest.MonkeyPatch, told: Told) -> list[str]:
    for name, part in (
        ("tasks", told),
        ("unlearn_until_verified", told.climb),
        ("working_on", told.working_on),
        ("alone_on_base", told.alone_on_base),
    ):
        monkeypatch.setattr(erasure, name, part)
    fulfil_erasure_request.fn(REQUEST)
    return told.events


def test_a_request_that_goes_well(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _tell(monkeypatch, Told()) == [
        *BEGINNING,
        "register_version",
        "promote_version",
        "confirm_serving",
        "give base",
        "keep_for_reverification",
        *END,
    ]


def test_a_refused_requester_is_answered_without_a_certificate(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert _tell(monkeypatch, Told(may_proceed=False)) == [
        *BEGINNING[:6],
        "purge_working_data",
        "notify_data_subject",
        "end",
    ]


def test_a_request_that_was_called_off_is_answered_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert _tell(monkeypatch, Told(was_called_off=True)) == [
        *BEGINNING[:2],
        "purge_working_data",
        "notify_data_subject",
        "end",
    ]


def test_a_request_that_was_given_up_is_certified_and_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert _tell(monkeypatch, Told(was_given_up=True)) == [*BEGINNING[:3], *END]


def test_a_request_that_needs_approval_waits_with_everything_in_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert _tell(monkeypatch, Told(refer_to_controller=False)) == [
        *BEGINNING[:9],
        "end",
    ]


def test_a_base_that_knows_none_of_it_is_not_touched(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told = _tell(monkeypatch, Told(spare_base_model=True))
    assert told == [*BEGINNING[:13], *END]


def test_a_request_that_cools_off_waits_before_anything_is_erased(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert _tell(monkeypatch, Told(cools_off=True)) == [*BEGINNING[:10], "end"]


def test_a_request_with_uncertain_records_waits_before_anything_is_erased(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert _tell(monkeypatch, Told(waits_for_proof=True)) == [*BEGINNING[:5], "end"]
    assert _tell(monkeypatch, Told(waits_for_review=True)) == [*BEGINNING[:8], "end"]


def test_nothing_is_trained_when_nothing_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert _tell(monkeypatch, Told(has_records=False)) == [*BEGINNING[:7], *END]


def test_a_request_without_a_verified_pair_registers_nothing_and_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert _tell(monkeypatch, Told(is_verified=False)) == [
        *BEGINNING,
        "escalate_to_controller",
        "give base",
        "end",
    ]


def test_the_flow_reads_as_a_story() -> None:
    """No loop, no try, no format string, no computation; one screen."""
    tree = ast.parse(inspect.getsource(erasure))
    forbidden = (
        ast.For,
        ast.While,
        ast.Try,
        ast.JoinedStr,
        ast.ListComp,
        ast.Lambda,
        ast.BinOp,
        ast.Assign,
    )

    assert [node for node in ast.walk(tree) if isinstance(node, forbidden)] == []
    assert len(inspect.getsource(fulfil_erasure_request.fn).splitlines()) <= 34


def test_prefect_keeps_nothing_of_the_flow() -> None:
    assert fulfil_erasure_request.persist_result is False
    assert fulfil_erasure_request.log_prints is False
    assert fulfil_erasure_request.name == "fulfil-erasure-request"


def test_the_request_id_is_the_only_parameter_of_the_flow() -> None:
    parameters = inspect.signature(fulfil_erasure_request.fn).parameters

    assert {name: item.annotation for name, item in parameters.items()} == {
        "request_id": UUID
    }
