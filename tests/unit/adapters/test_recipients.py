import json
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import OKPKey
from support.recipients import (
    DOWNLOADS,
    OFFICERS,
    SEARCH,
    SECRET,
    TENANT,
    Desk,
    open_desk,
)

from unlearn_core.adapters.recipients import FileRegister, check_sources, open_register
from unlearn_core.domain.recipients import (
    Decided,
    Enclosure,
    InvalidRecipientsError,
    Settlement,
)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return open_desk(tmp_path)


def test_without_a_file_nobody_has_received_anything() -> None:
    assert open_register(None, officers=OFFICERS) == FileRegister()


def test_the_register_says_who_has_what_and_where_they_hear(desk: Desk) -> None:
    register = desk.register(SEARCH, TENANT, DOWNLOADS)
    search, tenant, downloads = register.recipients
    assert search.sources == {"customers"}
    assert (search.way, search.encloses) == ("email", Enclosure.RECORDS)
    assert (tenant.way, tenant.channel) == ("webhook", "recipient-bolt")
    assert downloads.base_models == {"small-world"}
    assert downloads.decided == Decided(
        settlement=Settlement.IMPOSSIBLE, officer=OFFICERS[0]
    )
    assert register.ways.keys() == {"acme-search", "bolt"}
    secret = register.ways["bolt"].secret
    assert secret is not None
    assert secret.get_secret_value() == SECRET
    assert SECRET not in repr(register)


def test_what_is_sealed_only_the_recipient_can_open(desk: Desk) -> None:
    register = desk.register(SEARCH)
    sealed = register.seal("acme-search", b"record 7")
    assert desk.open(sealed) == b"record 7"
    assert sealed != register.seal("acme-search", b"record 7")
    with pytest.raises(LookupError):
        register.seal("bolt", b"record 7")


def without(entry: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in entry.items() if key != name}


@pytest.mark.parametrize(
    ("entries", "facts"),
    [
        ([SEARCH | {"nmae": "x"}], {"entry": "recipients.0.nmae"}),
        ([without(SEARCH, "email")], {"entry": "recipients.0"}),
        ([SEARCH | {"email": "acme"}], {"entry": "recipients.0.email"}),
        ([SEARCH | {"webhook": TENANT["webhook"]}], {"entry": "recipients.0"}),
        ([without(SEARCH, "key_file")], {"entry": "recipients.0"}),
        ([without(SEARCH, "sources")], {"entry": "recipients.0"}),
        ([SEARCH | {"name": "Ada Lovelace"}], {"entry": "recipients.0.name"}),
        ([SEARCH, SEARCH], {"recipient": "acme-search", "problem": "named twice"}),
        (
            [DOWNLOADS | {"no_notice": {"reason": "impossible", "officer": "Nobody"}}],
            {"recipient": "downloads", "problem": "not an officer"},
        ),
        (
            [TENANT | {"webhook": {"url": "http://bolt.example", "secret_file": "b"}}],
            {"entry": "recipients.0.webhook"},
        ),
        (
            [TENANT | {"webhook": TENANT["webhook"] | {"secret_file": "none"}}],
            {"recipient": "bolt", "problem": "unreadable secret"},
        ),
        (
            [SEARCH | {"key_file": "none.json"}],
            {
                "recipient": "acme-search",
                "problem": "not a public key on X25519 or P-256 to seal with",
            },
        ),
    ],
)
def test_what_is_wrong_is_named(
    desk: Desk, entries: list[dict[str, Any]], facts: dict[str, str]
) -> None:
    with pytest.raises(InvalidRecipientsError) as caught:
        desk.register(*entries)
    assert facts.items() <= caught.value.facts.items()


def test_the_line_of_a_malformed_entry_is_named(desk: Desk) -> None:
    with pytest.raises(InvalidRecipientsError) as caught:
        desk.register(SEARCH, TENANT | {"since": "soon"})
    line = int(str(caught.value.facts["line"]))
    assert "since: soon" in desk.file.read_text().splitlines()[line - 1]


@pytest.mark.parametrize("text", ["[", "recipients: []", "version: 2\nrecipients: []"])
def test_what_is_no_register_is_refused(desk: Desk, text: str) -> None:
    desk.file.write_text(text)
    with pytest.raises(InvalidRecipientsError):
        open_register(desk.file, officers=())


def test_a_weak_secret_is_refused(desk: Desk) -> None:
    (desk.folder / "bolt.secret").write_text("whsec_c2hvcnQ=")
    with pytest.raises(InvalidRecipientsError) as caught:
        desk.register(TENANT)
    assert caught.value.facts["problem"] == "weak secret"


@pytest.mark.parametrize(
    "what", ["private", "signing", "symmetric", "for_signatures", "no_point"]
)
def test_what_is_no_key_for_sealing_is_refused(desk: Desk, what: str) -> None:
    keys: dict[str, Any] = {
        "private": desk.key.as_dict(private=True),
        "signing": OKPKey.generate_key("Ed25519").as_dict(private=False),
        "symmetric": {"kty": "oct", "k": "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"},
        "for_signatures": desk.key.as_dict(private=False) | {"use": "sig"},
        "no_point": {"kty": "EC", "crv": "P-256", "x": "AAAA", "y": "AAAA"},
    }
    (desk.folder / "acme.pub.json").write_text(json.dumps(keys[what]))
    with pytest.raises(InvalidRecipientsError):
        desk.register(SEARCH)


def test_a_source_that_the_data_map_does_not_have_is_named(desk: Desk) -> None:
    register = desk.register(SEARCH, TENANT)
    check_sources(register, {"customers", "support", "more"})
    with pytest.raises(InvalidRecipientsError) as caught:
        check_sources(register, {"customers"})
    assert caught.value.facts == {"recipient": "bolt", "unknown_source": "support"}
