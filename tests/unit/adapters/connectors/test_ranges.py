import io

from unlearn_core.adapters.connectors.ranges import Ranges

DATA = b"0123456789"


def test_only_what_is_read_is_fetched() -> None:
    asked: list[tuple[int, int]] = []

    def read(begin: int, end: int) -> bytes:
        asked.append((begin, end))
        return DATA[begin:end]

    file = Ranges(read, len(DATA))
    assert file.seek(-3, io.SEEK_END) == 7
    assert file.read(2) == b"78"
    assert file.seek(-1, io.SEEK_CUR) == 8
    assert file.read(5) == b"89"
    assert file.read(5) == b""
    assert file.seek(1) == file.tell() == 1
    assert asked == [(7, 9), (8, 10)]


def test_an_answer_that_is_too_short_is_read_on_from_where_it_ended() -> None:
    file = io.BufferedReader(Ranges(lambda begin, _: DATA[begin : begin + 3], 10))
    assert file.read() == DATA
