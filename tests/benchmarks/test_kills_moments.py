import os
import random
import signal
from collections import Counter

from benchmarks.kills_moments import (
    Doing,
    Moment,
    draw_moments,
    kill_at,
    timed,
)

BEGUN, ERASED = Doing(what="begun"), Doing(what="erased", source="rows")


def test_what_is_told_is_read_as_it_was_meant() -> None:
    assert str(ERASED) == "erased/rows"
    assert Doing.parse("erased/rows\n") == ERASED
    assert Doing.parse(f"{BEGUN}\n") == BEGUN


def test_moments_are_spread_over_what_is_done_and_not_over_time() -> None:
    drawn = draw_moments(random.Random(0), {BEGUN: 0.001, ERASED: 10.0}, count=1000)
    counts = Counter(moment.doing for moment in drawn)
    # What destroys three times as often: 250, within three standard deviations of 14.
    assert abs(counts[BEGUN] - 250) < 42
    waits = [moment.seconds for moment in drawn if moment.doing == ERASED]
    assert min(waits) < 1
    assert 9 < max(waits) < 10


def test_moments_are_in_the_order_in_which_they_come() -> None:
    drawn = draw_moments(random.Random(0), {ERASED: 1.0, BEGUN: 1.0}, count=9)
    assert drawn == sorted(
        drawn, key=lambda moment: (moment.doing == BEGUN, moment.seconds)
    )


def test_each_thing_lasts_until_the_next_one() -> None:
    seconds = timed(iter([f"{BEGUN}\n", f"{ERASED}\n", f"{ERASED}\n"]))
    assert list(seconds) == [BEGUN, ERASED]
    assert all(0 <= length < 1 for length in seconds.values())


def test_a_process_dies_in_what_it_told_last() -> None:
    reader, writer = os.pipe()
    pid = os.fork()
    if not pid:
        os.write(writer, f"{BEGUN}\n{ERASED}\n".encode())
        signal.pause()
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        assert kill_at(Moment(doing=ERASED, seconds=0.0), pid, pipe) == ERASED
    assert os.WTERMSIG(os.waitpid(pid, 0)[1]) == signal.SIGKILL


def test_a_process_that_ends_before_is_not_killed() -> None:
    told = iter([f"{BEGUN}\n"])
    assert kill_at(Moment(doing=ERASED, seconds=0.0), os.getpid(), told) is None
