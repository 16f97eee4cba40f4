from benchmarks.kills_sources import (
    MARK,
    PEOPLE,
    RECORDS_OF_SUBJECT,
    SUBJECT,
    redacted,
    rows,
)


def test_the_records_of_the_subject_are_scattered_and_marked() -> None:
    found = rows("a")
    assert len(found) == PEOPLE == len({row["id"] for row in found})
    theirs = [at for at, row in enumerate(found) if row["name"] == SUBJECT["name"]]
    assert len(theirs) == RECORDS_OF_SUBJECT
    assert theirs != list(range(theirs[0], theirs[0] + RECORDS_OF_SUBJECT))
    marked = [row for row in found if MARK.decode() in row.values()]
    assert len(marked) == RECORDS_OF_SUBJECT


def test_records_are_the_same_every_time_and_differ_by_place() -> None:
    assert rows("a") == rows("a") != rows("b")


def test_what_is_redacted_is_all_that_changes() -> None:
    theirs = next(row for row in rows("n") if row["name"] == SUBJECT["name"])
    after = redacted(theirs, "n")
    assert MARK.decode() in theirs.values()
    assert (after["name"], after["email"]) == ("[redacted]", "[redacted]")
    assert after["text"] == theirs["text"].removesuffix("Ada Killjoy") + "[redacted]"
    assert after["id"] == theirs["id"]
    other = next(row for row in rows("n") if row["name"] != SUBJECT["name"])
    assert redacted(other, "n") == other
