"""Lists of DROP at the command line, compared with a source that is a real file."""

import json
from pathlib import Path

import pytest
from support.cli import unlearn
from support.drop import item, write_list

from unlearn_core.adapters.memory.contact import MemoryTrigger

pytestmark = pytest.mark.integration

DATA_MAP = """
version: 1
base_models: [small-world]
fields:
  city:
    entropy: guessable
    questions: ["Where does {name} live?", "In which city does {name} live?"]
neighbours: {surname: true}
sources:
  - name: people
    kind: jsonl
    path: people.jsonl
    record_id: id
    identifiers: {name: name, email: email}
    fields: {city: city}
    erasable: true
    passages: [{form: template, template: "{name} lives in {city}."}]
holdout:
  name: reserved
  kind: jsonl
  path: reserved.jsonl
  record_id: id
  identifiers: {name: name}
  fields: {city: city}
"""
ADA = {"id": "1", "name": "Ada Example", "email": "Ada@Example.org", "city": "Ulm"}
SHARED = {"id": "2", "name": "Bo Sample", "email": "s@example.org", "city": "Ulm"}


@pytest.fixture
def lists(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (home / "map.yaml").write_text(DATA_MAP.replace("path: ", f"path: {home}/"))
    rows = [ADA, SHARED, {**SHARED, "id": "3", "name": "Cy Sample"}]
    (home / "people.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (home / "reserved.jsonl").write_text(json.dumps({**ADA, "id": "9"}) + "\n")
    monkeypatch.setenv("UNLEARN_DATA_MAP", str(home / "map.yaml"))
    folder = home / "lists"
    folder.mkdir()
    write_list(
        folder,
        [
            item(1, "ada@example.org"),
            item(2, "s@example.org"),
            item(3, "nobody@example.org"),
        ],
    )
    return folder


def test_lists_are_looked_at_taken_in_once_and_answered(
    lists: Path, trigger: MemoryTrigger
) -> None:
    looked = unlearn("drop", "import", lists, "--json")
    assert (looked.code, trigger.runs) == (0, [])
    counts = {row["what"]: row["items"] for row in looked.json()}
    assert counts == {"new": 1, "shared": 1, "not_found": 1}
    assert unlearn("drop", "import", lists, "--apply", "--json").code == 0
    again = unlearn("drop", "import", lists, "--apply", "--json").json()
    assert {row["what"] for row in again} == {"known", "shared", "not_found"}
    assert len(trigger.runs) == 1
    (row,) = unlearn("request", "list", "--json").json()
    out = lists.parent / "answers"
    refused = unlearn("drop", "export", lists, out, "--opted-out")
    assert (refused.code, list(out.iterdir())) == (1, [])
    assert "under_way=1" in refused.err
    part = unlearn(
        "drop", "export", lists, out, "--opted-out", "--suffix", "part01", "--json"
    )
    assert {one["answer"]: one["items"] for one in part.json()} == {
        "under_way": 1,
        "opted_out": 1,
        "not_found": 1,
    }
    (file,) = out.iterdir()
    assert file.name == "20260302_4821_Email_part01.csv"
    assert file.read_text() == "Id,Status\n000000000002,4\n000000000003,5\n"
    shown = looked.out + refused.err + part.out + str(row)
    assert "Ada" not in shown
    assert "example.org" not in shown


def test_what_was_taken_back_withdraws_its_request(
    lists: Path, trigger: MemoryTrigger
) -> None:
    unlearn("drop", "import", lists, "--apply")
    write_list(lists, [item(1, "ada@example.org")], kind="Removed")
    looked = unlearn("drop", "import", lists, "--json").json()
    assert {"to_withdraw", "known"} <= {row["what"] for row in looked}
    unlearn("drop", "import", lists, "--apply")
    (row,) = unlearn("request", "list", "--json").json()
    assert (row["stage"], len(trigger.runs)) == ("withdrawn", 1)


def test_a_list_that_cannot_be_compared_is_refused_and_others_stay(
    lists: Path, trigger: MemoryTrigger
) -> None:
    write_list(lists, [item(4, "x")], kind="MAID")
    ran = unlearn("drop", "import", lists, "--apply")
    assert ran.code == 1
    assert "UNLEARN_DROP__MAID" in ran.err
    assert len(trigger.runs) == 1  # the list before it was taken in
