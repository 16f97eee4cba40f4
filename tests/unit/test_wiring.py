from datetime import date
from pathlib import Path
from typing import Literal

import pytest
from pydantic import SecretStr
from support.databases import open_sqlite

from unlearn_core.adapters.database.engine import Database
from unlearn_core.adapters.keys import KeyDirectory
from unlearn_core.adapters.memory.contact import MemoryTrigger
from unlearn_core.adapters.webhooks import route_to
from unlearn_core.errors import (
    DatabaseUnavailableError,
    KeyMissingError,
    SchemaOutdatedError,
    SettingsError,
)
from unlearn_core.intake_settings import IdentitySettings
from unlearn_core.legal_settings import LegalSettings
from unlearn_core.settings import (
    KeySettings,
    MailSettings,
    ModelSettings,
    ObjectSettings,
    Settings,
    WebhookSettings,
    WorkSettings,
)
from unlearn_core.wiring import open_office


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Return the settings of an installation with keys and an empty database."""
    monkeypatch.setattr("unlearn_core.wiring.PrefectTrigger", MemoryTrigger)
    open_sqlite(tmp_path).close()
    KeyDirectory(tmp_path / "keys").create()
    return Settings(
        database_url=SecretStr(f"sqlite:///{tmp_path / 'unlearn.db'}"),
        keys=KeySettings(directory=tmp_path / "keys"),
        objects=ObjectSettings(location=str(tmp_path / "objects")),
        model=ModelSettings(name="tiny"),
        work=WorkSettings(maximum_attempts=7),
        legal=LegalSettings(country="FR", timezone="Europe/Paris"),
    )


def test_what_is_sealed_can_be_read_again_by_another_process(
    settings: Settings, tmp_path: Path
) -> None:
    first = open_office(settings)
    first.custody.open_scope("scope")
    first.custody.put("scope", "name", b"Ada Example")
    first.database.close()
    second = open_office(settings)
    assert second.custody.get("scope", "name") == b"Ada Example"
    assert [entry.event for entry in second.store.entries()] == [
        "sealed_data_written",
        "sealed_data_read",
    ]
    second.database.close()
    objects = [path for path in (tmp_path / "objects").rglob("*") if path.is_file()]
    assert objects
    assert not [path for path in objects if b"Ada" in path.read_bytes()]


def test_the_desk_knows_the_law_of_the_controller(settings: Settings) -> None:
    office = open_office(settings)
    desk = office.desk()
    assert (desk.base_model, str(desk.timezone)) == ("tiny", "Europe/Paris")
    # 14 July is a holiday in France; 3 October only in Germany.
    assert desk.is_holiday(date(2026, 7, 14))
    assert not desk.is_holiday(date(2026, 10, 3))
    office.database.close()


def test_the_watch_post_looks_at_what_the_desk_receives(settings: Settings) -> None:
    office = open_office(settings)
    post, desk = office.watch_post(), office.desk()
    assert post.requests is desk.requests
    assert post.ledger is desk.ledger
    assert post.maximum_attempts == 7
    office.database.close()


@pytest.mark.parametrize("revision", ["none", "base"])
def test_a_database_without_the_present_schema_is_refused(
    settings: Settings, tmp_path: Path, revision: str
) -> None:
    if revision == "none":
        (tmp_path / "unlearn.db").unlink()
    else:
        database = Database(settings.database_url.get_secret_value())
        database.downgrade("base")
        database.close()
    with pytest.raises(SchemaOutdatedError) as refused:
        open_office(settings)
    assert "unlearn database upgrade" in refused.value.diagnostics()


def test_a_database_that_does_not_answer_is_said(
    settings: Settings, tmp_path: Path
) -> None:
    (tmp_path / "folder").mkdir()
    broken = settings.model_copy(
        update={"database_url": SecretStr(f"sqlite:///{tmp_path / 'folder'}")}
    )
    with pytest.raises(DatabaseUnavailableError):
        open_office(broken)


def test_without_the_key_that_wraps_keys_there_is_no_office(
    settings: Settings, tmp_path: Path
) -> None:
    (tmp_path / "keys" / "kek.key").unlink()
    with pytest.raises(KeyMissingError, match=r"kek\.key"):
        open_office(settings)


HOOK = "https://hooks.example/unlearn"


def test_messages_go_by_mail_and_webhook_where_these_are_set(
    settings: Settings,
) -> None:
    secret = SecretStr("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    office = open_office(
        settings.model_copy(
            update={
                "mail": MailSettings(host="127.0.0.1"),
                "webhooks": WebhookSettings(urls=(HOOK,), secret=secret),
            }
        )
    )
    room = office.post_room(holder="h", link=lambda _request_id: None)
    assert [carrier.route.channel for carrier in room.carriers] == [
        "email",
        route_to(HOOK).channel,
    ]
    office.database.close()


@pytest.mark.parametrize("secret", [None, SecretStr("c2hvcnQ="), SecretStr("?")])
def test_webhooks_without_a_good_secret_are_refused(
    settings: Settings, secret: SecretStr | None
) -> None:
    hooks = WebhookSettings(urls=(HOOK,), secret=secret)
    office = open_office(settings.model_copy(update={"webhooks": hooks}))
    with pytest.raises(SettingsError, match="UNLEARN_WEBHOOKS__SECRET"):
        office.post_room(holder="h", link=lambda _request_id: None)
    office.database.close()


@pytest.mark.parametrize(
    ("policy", "approval", "officers", "starts"),
    [
        ("signed_token", False, (), True),
        ("authenticated_channel", False, (), True),
        ("signed_token", True, ("anna",), False),
        ("signed_token", True, ("anna", "bela"), True),
        ("email_code", False, ("anna", "anna"), False),
        ("email_code", False, ("anna", "bela"), True),
        ("manual", False, ("anna",), False),
        ("manual", False, ("anna", "bela"), True),
    ],
)
def test_where_requests_wait_for_officers_there_have_to_be_two(
    settings: Settings,
    policy: Literal["signed_token", "authenticated_channel", "email_code", "manual"],
    officers: tuple[str, ...],
    *,
    approval: bool,
    starts: bool,
) -> None:
    changed = settings.model_copy(
        update={
            "identity": IdentitySettings(policy=policy),
            "legal": LegalSettings(approval=approval, officers=officers),
        }
    )
    if starts:
        open_office(changed).database.close()
    else:
        with pytest.raises(SettingsError, match="UNLEARN_LEGAL__OFFICERS"):
            open_office(changed)
