"""Real servers take notices to recipients."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from support.domain import NOW, deadline
from support.domain import request as erasure_request
from support.mailbox import Mailbox, open_mailbox
from support.receivers import receiver
from support.recipients import DOWNLOADS, SEARCH, SECRET, TENANT, open_desk

from unlearn_core.adapters.mail import MailServer
from unlearn_core.adapters.notices import MailedNotice, carriers_to
from unlearn_core.adapters.recipients import FileRegister
from unlearn_core.adapters.webhooks import signature
from unlearn_core.domain.deadlines import Rule
from unlearn_core.domain.dispatches import MessageRefusedError
from unlearn_core.domain.recipients import NOTICE, Notice
from unlearn_core.errors import SettingsError
from unlearn_core.ports import Carrier, Message

LAWS = {
    ("de", Rule.GDPR): "Artikel 19 der Datenschutz-Grundverordnung",
    ("en", Rule.GDPR): "Article 19 of the General Data Protection Regulation",
    ("de", Rule.UK): "Artikel 19 der UK GDPR",
    ("en", Rule.UK): "Article 19 of the UK GDPR",
    ("de", Rule.CCPA): "Abschnitt 7022 der California Consumer Privacy Act",
    ("en", Rule.CCPA): "section 7022 of the California Consumer Privacy Act",
}


@pytest.fixture
def post() -> Iterator[tuple[Mailbox, MailServer]]:
    with open_mailbox() as (mailbox, port):
        yield mailbox, MailServer(host="127.0.0.1", port=port, encrypts=False)


def message(*, sealed: str = "", rule: Rule = Rule.GDPR, weights: str = "") -> Message:
    return Message(
        request=replace(erasure_request(), deadline=replace(deadline(), rule=rule)),
        template=NOTICE,
        at=NOW,
        reference="ab" * 16,
        notice=Notice(
            sources={} if weights else {"customers": 3},
            base_model=weights,
            erased_on=date(2026, 3, 2),
            sealed=sealed,
        ),
    )


def mailed(server: MailServer, language: str = "de") -> MailedNotice:
    return MailedNotice(
        channel="recipient-acme",
        server=server,
        sender="privacy@us.example",
        to="privacy@acme.example",
        language=language,
    )


def carriers(register: FileRegister, server: MailServer | None) -> tuple[Carrier, ...]:
    return carriers_to(
        register, server=server, sender="privacy@us.example", now=lambda: NOW
    )


def test_who_cannot_be_reached_has_no_carrier(tmp_path: Path) -> None:
    register = open_desk(tmp_path).register(SEARCH, TENANT, DOWNLOADS)
    routes = [
        item.route for item in carriers(register, MailServer(host="mail", port=25))
    ]
    assert [route.channel for route in routes] == [
        "recipient-acme-search",
        "recipient-bolt",
    ]
    assert not any(route.needs_address for route in routes)


def test_mail_to_recipients_needs_a_server(tmp_path: Path) -> None:
    with pytest.raises(SettingsError):
        carriers(open_desk(tmp_path).register(SEARCH), None)


@pytest.mark.parametrize(("language", "rule"), LAWS)
def test_a_notice_names_the_law_and_how_much_of_what(
    post: tuple[Mailbox, MailServer], language: str, rule: Rule
) -> None:
    mailbox, server = post
    mailed(server, language).carry(message(rule=rule), to=None)
    ((address, mail),) = mailbox.taken
    assert address == "privacy@acme.example"
    assert mail["Content-Language"] == language
    assert LAWS[language, rule] in mail.get_content()
    assert "customers: 3" in mail.get_content()
    assert str(message().request.request_id) in mail.get_content()
    assert not list(mail.iter_attachments())


@pytest.mark.parametrize("language", ["de", "en"])
def test_who_has_the_weights_is_told_about_the_model(
    post: tuple[Mailbox, MailServer], language: str
) -> None:
    mailbox, server = post
    mailed(server, language).carry(message(weights="small-world"), to=None)
    ((_, mail),) = mailbox.taken
    assert "small-world" in mail.get_content()
    assert "customers" not in mail.get_content()


def test_what_is_sealed_is_enclosed(post: tuple[Mailbox, MailServer]) -> None:
    mailbox, server = post
    mailed(server).carry(message(sealed="e30.x.y.z.t"), to=None)
    ((_, mail),) = mailbox.taken
    (enclosed,) = mail.iter_attachments()
    assert enclosed.get_filename() == "notice.jwe"
    assert enclosed.get_content_type() == "application/jose"
    assert enclosed.get_content() == b"e30.x.y.z.t"


def test_a_webhook_is_signed_with_the_recipients_own_secret(tmp_path: Path) -> None:
    with receiver(200) as (url, came):
        hook = {"url": url, "secret_file": "bolt.secret"}
        register = open_desk(tmp_path).register(TENANT | {"webhook": hook})
        (carrier,) = carriers(register, None)
        carrier.carry(message(sealed="e30.x.y.z.t"), to=None)
    ((headers, body),) = came
    secret = register.ways["bolt"].secret
    assert secret is not None
    assert secret.get_secret_value() == SECRET
    signed = signature(
        secret, headers["webhook-id"], headers["webhook-timestamp"], body
    )
    assert headers["webhook-signature"] == signed
    assert json.loads(body) == {
        "type": "recipient.erasure",
        "timestamp": NOW.isoformat(),
        "data": {
            "request_id": str(message().request.request_id),
            "rule": "gdpr-12-3",
            "sources": {"customers": 3},
            "base_model": "",
            "erased_on": "2026-03-02",
            "sealed": "e30.x.y.z.t",
        },
    }


def test_a_message_without_a_notice_is_refused() -> None:
    carrier = mailed(MailServer(host="mail", port=25))
    with pytest.raises(MessageRefusedError):
        carrier.carry(replace(message(), notice=None), to=None)
