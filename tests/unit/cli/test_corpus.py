from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from support import domain
from support.cli import close_office, unlearn
from support.sources import source_spec, subject, write_jsonl

from unlearn_core.adapters.connectors.jsonl import JsonLinesConnector
from unlearn_core.cli import wiring
from unlearn_core.domain.requests import Stage

TO_ERASURE = (
    Stage.ACKNOWLEDGED,
    Stage.IDENTITY_VERIFIED,
    Stage.LOCATED,
    Stage.SOURCES_ERASED,
)


@pytest.fixture
def corpus(home: Path) -> Path:
    """Return a corpus from which Ada was erased, her request among the others."""
    path = write_jsonl(home / "corpus.jsonl")
    source = {
        "name": "customers",
        "kind": "jsonl",
        "path": str(path),
        "record_id": "id",
        "identifiers": {"name": "name", "customer_number": "customer"},
    }
    document = {
        "version": 1,
        "base_models": ["small"],
        "fields": {},
        "sources": [source],
        "holdout": {**source, "name": "reserved"},
    }
    (home / "map.yaml").write_text(yaml.safe_dump(document))
    office = wiring.office()
    commitments = subject().commitments(office.keys.pseudonymiser())
    request = domain.request(commitments=commitments)
    office.store.receive(request, {})
    lease = office.leases.acquire(
        str(request.request_id), holder="test", ttl=timedelta(minutes=1)
    )
    for stage in TO_ERASURE:
        office.store.advance(request.request_id, stage, {}, lease=lease)
    close_office()
    erase(path)
    return path


def erase(path: Path) -> None:
    """Erase what a search for Ada finds."""
    connector = JsonLinesConnector(source_spec("jsonl", path))
    found = connector.locate(subject()).records
    connector.erase([record.record_id for record in found], dry_run=False)


def test_a_clean_corpus_passes(home: Path, corpus: Path) -> None:
    ran = unlearn(
        "corpus", "screen", "customers", "--data-map", home / "map.yaml", "--json"
    )
    assert (ran.code, ran.err) == (0, "")
    assert {**ran.json(), "records": len(ran.json()["records"])} == {
        "erased_people": 1,
        "searched": 3,
        "unreadable": 0,
        "found": 0,
        "named": 0,
        "uncertain": 2,
        "removed": 0,
        "records": 2,
    }
    assert corpus.exists()


def test_a_restored_backup_is_caught_and_cleaned(home: Path, corpus: Path) -> None:
    write_jsonl(corpus)
    command = ("corpus", "screen", "customers", "--data-map", home / "map.yaml")
    ran = unlearn(*command, "--json")
    assert ran.code == 1
    assert "erased_person_found" in ran.err
    assert {row["record"] for row in ran.json()["records"] if row["is_certain"]} == {
        "r-1",
        "r-3",
    }
    assert "Ada" not in ran.out + ran.err
    assert unlearn(*command, "--remove").code == 0
    assert unlearn(*command).code == 0
    assert b"C-1001" not in corpus.read_bytes()
    shown = unlearn("ledger", "show", "--json").json()
    assert shown[-1]["event"] == "corpus_screened"


def test_a_new_corpus_that_quotes_an_erased_person_is_caught(
    home: Path, corpus: Path
) -> None:
    imported = write_jsonl(
        home / "imported.jsonl", [{"id": "n-1", "text": "as Ada Example (c-1001) said"}]
    )
    ran = unlearn(
        *("corpus", "screen", "customers", "--location", imported),
        *("--data-map", home / "map.yaml"),
    )
    assert ran.code == 1
    assert "n-1" in ran.out
    assert corpus.exists()


@pytest.mark.parametrize("name_alone", ["is_reviewed", "decides"])
def test_a_name_alone_is_caught_and_removed_only_where_it_decides(
    home: Path, corpus: Path, name_alone: str
) -> None:
    document = yaml.safe_load((home / "map.yaml").read_text())
    document["sources"][0]["name_alone"] = name_alone
    (home / "map.yaml").write_text(yaml.safe_dump(document))
    write_jsonl(corpus, [{"id": "n-1", "text": "as Ada Example said"}])
    command = ("corpus", "screen", "customers", "--data-map", home / "map.yaml")
    assert unlearn(*command).code == 1
    is_gone = name_alone == "decides"
    assert unlearn(*command, "--remove").code == (0 if is_gone else 1)
    assert corpus.read_text().count("n-1") == (0 if is_gone else 1)
    shown = unlearn(*command, "--json").json()
    assert (shown["found"], shown["named"]) == (0, 0 if is_gone else 1)


def test_a_corpus_that_cannot_be_read_is_not_clean(home: Path, corpus: Path) -> None:
    corpus.write_bytes(b"broken\n")
    command = ("corpus", "screen", "customers", "--data-map", home / "map.yaml")
    assert unlearn(*command, "--remove").code == 1


def test_a_source_must_be_in_the_data_map(home: Path, corpus: Path) -> None:
    ran = unlearn("corpus", "screen", "others", "--data-map", home / "map.yaml")
    assert ran.code == 1
    assert "invalid_data_map" in ran.err
    assert corpus.exists()
