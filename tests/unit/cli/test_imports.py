from pathlib import Path

import pytest
from support.cli import unlearn

from unlearn_core.adapters.memory.contact import MemoryTrigger

pytestmark = pytest.mark.integration

TABLE = """reference,name,email
T-1,Ottilie Quastenflosser,ottilie@fins.example
T-2,Xaver Beispiel,xaver@beispiel.example
"""


def test_a_table_is_looked_at_first_then_taken_in_and_never_twice(
    home: Path, trigger: MemoryTrigger
) -> None:
    file = home / "requests.csv"
    file.write_text(TABLE)
    looked = unlearn("request", "import", file, "--json")
    assert (looked.code, len(looked.json()), trigger.runs) == (0, 2, [])
    assert "--apply" in looked.err
    taken = unlearn("request", "import", file, "--apply", "--json")
    assert [row["is_new"] for row in taken.json()] == [True, True]
    again = unlearn("request", "import", file, "--apply", "--json")
    assert [row["is_new"] for row in again.json()] == [False, False]
    assert len(trigger.runs) == 2
    assert "Ottilie" not in looked.out + taken.out + again.out


@pytest.mark.parametrize("name", ["wrong.csv", "absent.csv"])
def test_a_table_that_cannot_be_imported_says_why_and_ends_with_1(
    home: Path, trigger: MemoryTrigger, name: str
) -> None:
    (home / "wrong.csv").write_text(TABLE + "T-3,Ottilie,o@fins.example\n")
    ran = unlearn("request", "import", home / name, "--apply")
    assert (ran.code, trigger.runs) == (1, [])
    assert "import_refused" in ran.err or "cannot be imported" in ran.err
    assert "Ottilie" not in ran.err
