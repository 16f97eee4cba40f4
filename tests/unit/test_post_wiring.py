from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.domain import request_id
from support.recipients import SEARCH, open_desk

from unlearn_core.errors import SettingsError
from unlearn_core.post_wiring import mail_carriers, notice_carriers, webhook_carriers
from unlearn_core.settings import MailSettings, Settings, WebhookSettings


def now() -> datetime:
    return datetime(2026, 3, 2, 9, tzinfo=UTC)


def test_without_a_server_nobody_brings_mail() -> None:
    assert mail_carriers(Settings(), link=lambda _: None) == ()


def test_mail_names_the_status_page_and_comes_from_the_sender() -> None:
    settings = Settings(mail=MailSettings(host="mail.example", sender="p@us.example"))
    (carrier,) = mail_carriers(settings, link=lambda key: f"https://us.example/{key}")
    assert (carrier.server.host, carrier.sender) == ("mail.example", "p@us.example")
    assert carrier.link(request_id()) == f"https://us.example/{request_id()}"


def test_webhooks_without_a_secret_are_refused() -> None:
    settings = Settings(webhooks=WebhookSettings(urls=("https://us.example",)))
    with pytest.raises(SettingsError):
        webhook_carriers(settings, now=now)


def test_recipients_get_notices_through_the_mail_server(tmp_path: Path) -> None:
    register = open_desk(tmp_path).register(SEARCH)
    settings = Settings(mail=MailSettings(host="mail.example"))
    (carrier,) = notice_carriers(settings, register, now=now)
    assert carrier.route.channel == "recipient-acme-search"
    with pytest.raises(SettingsError):
        notice_carriers(Settings(), register, now=now)
