from dataclasses import replace
from pathlib import Path

import pytest
from support.domain import ledger, request
from support.steps import Controller, open_controller
from support.tools import tools_of
from support.verdicts import certificate

from unlearn_core.demo.proof import (
    every_changed_byte_is_refused,
    ledger_is_valid,
    payload_of,
)
from unlearn_core.demo.wiring import DemoTools
from unlearn_core.domain.certificates import PAYLOAD_TYPE
from unlearn_core.domain.ledger import LedgerEntry
from unlearn_core.domain.requests import Stage


@pytest.fixture
def controller(tmp_path: Path) -> Controller:
    return open_controller(tmp_path)


class _Careless:
    """An auditor who does not look at signatures."""

    def __init__(self, payload: bytes) -> None:
        self._payload = payload

    def open(self, envelope: bytes, *, payload_type: str) -> bytes:
        """Accept everything."""
        del envelope, payload_type
        return self._payload


class _Ledger:
    """A ledger with these entries."""

    def __init__(self, entries: list[LedgerEntry]) -> None:
        self._entries = entries

    def entries(self, request_id: object = None) -> list[LedgerEntry]:
        """Return them all."""
        del request_id
        return self._entries


def _file(controller: Controller, folder: Path) -> Path:
    path = folder / "certificate.json"
    payload = certificate().payload()
    path.write_bytes(controller.notary.sign(payload, payload_type=PAYLOAD_TYPE))
    return path


def test_a_genuine_certificate_is_accepted_and_every_change_noticed(
    controller: Controller, tmp_path: Path
) -> None:
    path = _file(controller, tmp_path)

    assert every_changed_byte_is_refused(path, tools_of(controller))


def test_a_certificate_that_was_changed_already_proves_nothing(
    controller: Controller, tmp_path: Path
) -> None:
    path = _file(controller, tmp_path)
    path.write_bytes(path.read_bytes().replace(b"7", b"8", 1))

    assert not every_changed_byte_is_refused(path, tools_of(controller))


def test_it_is_noticed_when_changes_are_not_noticed(
    controller: Controller, tmp_path: Path
) -> None:
    path = _file(controller, tmp_path)
    careless = _Careless(certificate().payload())

    assert not every_changed_byte_is_refused(
        path, replace(tools_of(controller), opener=careless)
    )


def _with_ledger(tools: DemoTools, entries: list[LedgerEntry]) -> DemoTools:
    return replace(tools, ledger=_Ledger(entries))  # type: ignore[arg-type]  # as much of a ledger as is read


def test_a_sound_ledger_is_valid_and_a_changed_or_empty_one_is_not(
    controller: Controller,
) -> None:
    tools = tools_of(controller)
    entries = ledger("received", "acknowledged", "refused")
    changed = [*entries[:1], replace(entries[1], event="located"), *entries[2:]]

    assert ledger_is_valid(_with_ledger(tools, entries))
    assert not ledger_is_valid(_with_ledger(tools, changed))
    assert not ledger_is_valid(_with_ledger(tools, entries[1:]))
    assert not ledger_is_valid(_with_ledger(tools, []))


def test_the_latest_payload_of_a_stage_counts(controller: Controller) -> None:
    request_id = request().request_id
    tools = tools_of(controller)
    for rung in (0, 1):
        controller.store.note(Stage.TRAINED, {"rung": rung}, request_id=request_id)

    assert payload_of(tools, request_id, Stage.TRAINED) == {"rung": 1}
    assert payload_of(tools, request_id, Stage.REGISTERED) == {}
