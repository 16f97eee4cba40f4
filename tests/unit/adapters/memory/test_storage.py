"""What the contract tests cannot ask of every connector."""

from support.sources import PEOPLE, source_spec, subject

from unlearn_core.adapters.connectors.specification import ChatPassages
from unlearn_core.adapters.memory.storage import MemoryConnector


def test_rows_that_cannot_be_read_are_reported_and_kept() -> None:
    spec = source_spec(passages=[ChatPassages(messages="chat", field=None)])
    malformed = {**PEOPLE[2], "chat": "a text"}
    connector = MemoryConnector(spec, [None, PEOPLE[0], malformed])
    result = connector.locate(subject())
    assert [record.record_id for record in result.records] == ["r-1"]
    assert (result.searched, result.unreadable) == (1, 2)
    assert [record.record_id for record in connector.read()] == ["r-1"]
    assert connector.erase(["r-1"], dry_run=False) == 1
    assert connector.rows == [None, malformed]
