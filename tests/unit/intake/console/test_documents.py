from dataclasses import replace
from datetime import timedelta

import pytest
from support.browser import SignIn
from support.evidence import complete_evidence
from support.intake import IntakeWorld
from support.renewals import note_certificate
from support.reports import report_of
from support.verdicts import certificate

from unlearn_core.domain.access import Role
from unlearn_core.domain.canonical import JsonValue, digest_of
from unlearn_core.domain.certificates import PAYLOAD_TYPE, certificate_name
from unlearn_core.domain.requests import RequestId, Stage
from unlearn_core.verification.report import report_name


@pytest.fixture
def key(world: IntakeWorld) -> RequestId:
    """Return a request with a report and a certificate."""
    key = world.receive()
    report = report_of(complete_evidence()).to_bytes()
    digest = digest_of(report)
    world.evidence.put(report_name(digest), report)
    verified: dict[str, JsonValue] = {"report": digest, "rung": 0}
    world.store.note(Stage.UNLEARNING_VERIFIED, verified, request_id=key)
    statement = replace(certificate(), request_id=str(key)).payload()
    signed = world.notary.sign(statement, payload_type=PAYLOAD_TYPE)
    world.evidence.put(certificate_name(key), signed)
    until = world.clock.now() + timedelta(days=90)
    note_certificate(world.store, key, expires_at=until)
    return key


def test_the_page_shows_report_certificate_and_letter(
    key: RequestId, sign_in: SignIn
) -> None:
    answer = sign_in(Role.AUDITOR).answer(f"/console/requests/{key}")
    assert f'<iframe class="report" sandbox src="/console/requests/{key}/report"' in (
        answer.text
    )
    assert "frame-src 'self'" in answer.headers["Content-Security-Policy"]
    assert 'valid until <time datetime="2026-05-31">31 May 2026' in answer.text


def test_a_report_is_framed_without_any_right(key: RequestId, sign_in: SignIn) -> None:
    answer = sign_in(Role.AUDITOR).answer(f"/console/requests/{key}/report")
    assert "<h1" in answer.text
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("sandbox; default-src 'none';")
    assert "script" not in policy
    assert "allow-" not in policy


def test_a_certificate_is_given_away_byte_for_byte(
    world: IntakeWorld, key: RequestId, sign_in: SignIn
) -> None:
    answer = sign_in(Role.APPROVER).answer(f"/console/requests/{key}/certificate")
    assert answer.content == world.evidence.get(certificate_name(key))
    assert answer.headers["Content-Disposition"] == (
        f'attachment; filename="certificate-{key}.json"'
    )


def test_a_letter_is_written_about_a_genuine_certificate_only(
    world: IntakeWorld, key: RequestId, sign_in: SignIn
) -> None:
    operator = sign_in(Role.OPERATOR)
    letter = operator.answer(f"/console/requests/{key}/letter")
    assert letter.content.startswith(b"%PDF-")
    german = operator.answer(f"/console/requests/{key}/letter", Accept_Language="de")
    assert german.content != letter.content
    world.evidence.put(certificate_name(key), b'{"forged": true}')
    forged = operator.answer(f"/console/requests/{key}/letter")
    assert forged.status_code == 500


@pytest.mark.parametrize("name", ["report", "certificate", "letter"])
def test_what_is_not_there_yet_is_not_found(
    world: IntakeWorld, sign_in: SignIn, name: str
) -> None:
    path = f"/console/requests/{world.receive()}/{name}"
    assert sign_in(Role.AUDITOR).answer(path).status_code == 404
