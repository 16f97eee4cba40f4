"""Downloads of DROP, and sources that they are compared with."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from unlearn_core.domain.drop import ListType, Stated, WorkItem, digest_of
from unlearn_core.domain.sources import SourceDescription
from unlearn_core.domain.subjects import IdentifierKind
from unlearn_core.privacy import Personal

DAY = "20260302"


def item(number: int, value: str, list_type: ListType = ListType.EMAIL) -> WorkItem:
    """Return a work item about a value in its standard form."""
    return WorkItem(
        item_id=f"{number:012}", digest=digest_of(value), list_type=list_type
    )


def write_list(
    folder: Path, items: Sequence[WorkItem], *, kind: str = "Email", day: str = DAY
) -> Path:
    """Write a list, or what was taken back; return the file."""
    is_removed = kind == "Removed"
    lines = ["ID,Hash,ListType" if is_removed else "ID,Hash"]
    for one in items:
        more = f",{one.list_type}" if is_removed else ""
        lines.append(f"{one.item_id},{one.digest}{more}")
    path = folder / f"{day}_4821_{kind}.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


class People:
    """A source that states names and addresses.

    Args:
        rows: Kind of identifier to value; None for a record that is unreadable.
    """

    def __init__(self, *rows: Mapping[str, str] | None) -> None:
        self._rows = rows
        self.passes = 0

    def describe(self) -> SourceDescription:
        """Say what the source is."""
        return SourceDescription(name="people", kind="list", is_erasable=True)

    def identities(self) -> Iterator[Stated | None]:
        """Yield what each record states."""
        self.passes += 1
        for row in self._rows:
            if row is None:
                yield None
                continue
            yield Stated(
                identifiers={
                    IdentifierKind(kind): Personal(value) for kind, value in row.items()
                },
                fields={},
            )
