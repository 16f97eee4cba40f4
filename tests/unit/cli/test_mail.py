from pathlib import Path

import pytest
from support.cli import unlearn
from support.domain import request as erasure_request

from unlearn_core.cli.wiring import office
from unlearn_core.privacy import Personal

pytestmark = pytest.mark.integration


def test_messages_are_listed_without_address_and_text(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del home
    monkeypatch.setenv("UNLEARN_MAIL__HOST", "127.0.0.1")
    opened = office()
    for number in (1, 2):
        opened.store.receive(erasure_request(number), {})
        opened.notifier.notify(
            erasure_request(number),
            template="acknowledged",
            contact=Personal("canary@post.example"),
        )
    first, second = opened.notifier.dispatches()
    opened.notifier.settle(second.bounced("smtp_550"))

    rows = unlearn("mail", "list", "--json").json()

    assert [(row["message"], row["state"], row["reason"]) for row in rows] == [
        ("acknowledged", "waiting", ""),
        ("acknowledged", "bounced", "smtp_550"),
    ]
    assert [row["next_try"] is None for row in rows] == [False, True]
    assert "canary" not in str(rows)
    bounced = unlearn("mail", "list", "--json", "--state", "bounced").json()
    assert [row["request_id"] for row in bounced] == [str(second.request_id)]
    one = unlearn("mail", "list", "--json", "--request", str(first.request_id)).json()
    assert [row["state"] for row in one] == ["waiting"]
