import pytest
from support.browser import SignIn
from support.intake import IntakeWorld
from support.log import OPENERS
from support.populated import give_certificate, give_report

from unlearn_core.adapters.memory.retention import MemoryHoldings
from unlearn_core.domain.access import Role
from unlearn_core.domain.archive import unpack
from unlearn_core.domain.audit_bundle import check_bundle
from unlearn_core.domain.certificates import certificate_name
from unlearn_core.domain.requests import RequestId, Stage
from unlearn_core.domain.retention import Kind


@pytest.fixture
def key(world: IntakeWorld) -> RequestId:
    """Return a request with a report and a certificate."""
    key = world.receive()
    verified = give_report(world)
    world.store.note(Stage.UNLEARNING_VERIFIED, verified, request_id=key)
    give_certificate(world, key)
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


def test_an_auditor_takes_a_bundle_along_that_verifies_offline(
    world: IntakeWorld, sign_in: SignIn
) -> None:
    key, auditor = world.receive(), sign_in(Role.AUDITOR)
    path = f"/console/requests/{key}/bundle"
    assert f'action="{path}"' in auditor.get(f"/console/requests/{key}")
    answer = auditor.send(path)
    assert answer.headers["Content-Disposition"] == (
        f'attachment; filename="audit-{key}.zip"'
    )
    bundle, _ = check_bundle(unpack(answer.content), openers=OPENERS)
    assert [item.entry.event for item in bundle.entries] == [
        "received",
        "personal_data_accessed",
    ]
    (*_, seen) = world.store.entries(key, event="personal_data_accessed")
    assert seen.payload["what"] == "bundle"
    operator = sign_in(Role.OPERATOR)
    assert operator.send(path).status_code == 403
    assert path not in operator.get(f"/console/requests/{key}")


@pytest.mark.parametrize("name", ["report", "certificate", "letter"])
def test_what_is_not_there_yet_is_not_found(
    world: IntakeWorld, sign_in: SignIn, name: str
) -> None:
    path = f"/console/requests/{world.receive()}/{name}"
    assert sign_in(Role.AUDITOR).answer(path).status_code == 404


def test_a_report_whose_time_is_over_is_not_found(
    world: IntakeWorld, key: RequestId, sign_in: SignIn
) -> None:
    MemoryHoldings(world.store).delete(Kind.LEDGER_CONTENT, key)
    path = f"/console/requests/{key}/report"
    assert sign_in(Role.AUDITOR).answer(path).status_code == 404
