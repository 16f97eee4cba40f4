"""What every place for checkpoints promises."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.buckets import endpoint, locked_bucket
from support.folders import put_in_the_way
from support.log import LEAVES, checkpoint, note, prove
from support.witness import Witness, running_witness

from unlearn_core import ports
from unlearn_core.adapters.keepers import BucketKeeper, FolderKeeper, WitnessKeeper
from unlearn_core.adapters.memory.transparency import MemoryKeeper
from unlearn_core.domain.checkpoints import LogForkedError, read_note
from unlearn_core.domain.merkle import Tree, leaf_hash
from unlearn_core.errors import StorageError

SERVED = [
    pytest.param(name, marks=pytest.mark.integration) for name in ("bucket", "witness")
]


@dataclass(frozen=True)
class Place:
    """A keeper and what makes it unreachable."""

    keeper: ports.CheckpointKeeper
    break_down: Callable[[], None]
    shows: bool = True


@pytest.fixture(params=["memory", "folder", *SERVED])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """Return an empty place of each kind."""
    match request.param:
        case "memory":
            memory = MemoryKeeper()
            yield Place(memory, lambda: setattr(memory, "is_reachable", False))
        case "folder":
            folder = tmp_path / "outside"
            yield Place(FolderKeeper(folder), lambda: put_in_the_way(folder))
        case "bucket":
            bucket = BucketKeeper(
                locked_bucket(), "log", endpoint_url=endpoint(), days=30
            )
            yield Place(bucket, lambda: setattr(bucket, "_bucket", "no-such-bucket"))
        case _:
            with running_witness(Witness()) as url:
                asked = WitnessKeeper(url)
                yield Place(
                    asked,
                    lambda: setattr(asked, "_url", "http://127.0.0.1:9"),
                    shows=False,
                )


def test_checkpoints_are_kept_as_they_are_smallest_first(place: Place) -> None:
    for size in (0, 3, 8, 21):
        published = place.keeper.publish(note(size), prove=prove(size))
        assert published.startswith(note(size))
        assert read_note(published)[0] == checkpoint(size)
    expected = [note(size) for size in (0, 3, 8, 21)] if place.shows else []
    assert list(place.keeper.kept()) == expected


def test_publishing_again_changes_nothing(place: Place) -> None:
    for _ in range(2):
        place.keeper.publish(note(5), prove=prove(5))
    assert list(place.keeper.kept()) == ([note(5)] if place.shows else [])


def test_a_shorter_log_is_refused(place: Place) -> None:
    place.keeper.publish(note(8), prove=prove(8))
    with pytest.raises(LogForkedError, match="problem=shorter"):
        place.keeper.publish(note(7), prove=prove(7))


@pytest.mark.parametrize("size", [8, 9, 16])
def test_a_rewritten_log_is_refused(place: Place, size: int) -> None:
    place.keeper.publish(note(8), prove=prove(8))
    forged = Tree([leaf_hash(b"forged"), *LEAVES[1:]])
    with pytest.raises(LogForkedError, match="problem=rewritten"):
        place.keeper.publish(note(size, tree=forged), prove=prove(size, tree=forged))
    assert list(place.keeper.kept()) == ([note(8)] if place.shows else [])


def test_a_place_that_does_not_answer_is_reported(place: Place) -> None:
    place.break_down()
    with pytest.raises(StorageError):
        place.keeper.publish(note(8), prove=prove(8))


def test_a_place_has_a_name_for_the_ledger(place: Place) -> None:
    assert place.keeper.name.isidentifier()
