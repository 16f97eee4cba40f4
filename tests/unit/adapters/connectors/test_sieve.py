import io
import json
import re
from itertools import chain

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.sources import source_spec, subject

from unlearn_core.adapters.connectors import sieve as module
from unlearn_core.adapters.connectors.digits import Numbers
from unlearn_core.adapters.connectors.matching import PeopleMatcher
from unlearn_core.adapters.connectors.sieve import Sieve, plain_bytes, positions
from unlearn_core.domain.needles import FEW_NUMBERS, Needles
from unlearn_core.domain.spelling import GAP

PEOPLE = (
    subject(
        name="Zo\u00eb M\u00fcller-Gr\u00f8n",
        customer_number="K-47 11",
        email="zoe.m@gmail.com",
        phone="+49 30 1234567",
        handle="@zo_",
    ),
    subject(name="\u0410\u043d\u043d\u0430 \u041b\u0438", customer_number="C-1001"),
)
MATCHER = PeopleMatcher(PEOPLE, source_spec())
SIEVE = Sieve(Needles(PEOPLE))
CROWD = (
    *PEOPLE,
    *(
        subject(name="Ada Example", customer_number=f"X-{number}")
        for number in range(70_000, 70_000 + FEW_NUMBERS)
    ),
)
"""With so many numbers, they are looked for in another way."""

SIEVES = (SIEVE, Sieve(Needles(CROWD)))

SIGNS = st.sampled_from(
    [
        *(" \t\n.,-_/\"'@+()\\"),
        *("\u00a0", "\u2014", "\u200b", "\u0308", "\u00ad", "\u3000", "\ud800"),
        *("zoe", "ZO\u00cb", "Zoe\u0308", "z", "M\u00fcller", "Mueller", "muller"),
        *("Gr\u00f8n", "groen", "\uff27\uff32\uff2f\uff2e", "zo_", "zm", "a", "x"),
        *("gmail.com", "googlemail.com", "zoe.m", "z.o.e.m", "K", "47", "11", "C1001"),
        *("30", "030", "49", "(0)", "123", "45", "67", "12", "34567"),
        *("\u0410\u041d\u041d\u0410", "\u0430\u043d\u043d\u0430", "\u041b\u0438"),
    ]
)
TEXTS = st.lists(SIGNS, max_size=9).map("".join)


def sifted(data: bytes, using: Sieve = SIEVE) -> list[bytes | int | None]:
    """Return what passes."""
    return list(using.sift(io.BytesIO(data)))


@given(
    row=st.fixed_dictionaries(
        {"number": st.sampled_from([7, 301234567, 49301234567.0, [4711]])},
        optional=dict.fromkeys(("first", "last", "note", "name", "customer"), TEXTS),
    ),
    is_ascii=st.booleans(),
)
def test_whatever_matches_passes(*, row: dict[str, object], is_ascii: bool) -> None:
    line = json.dumps(row, ensure_ascii=is_ascii).encode("utf-8", "surrogatepass")
    if MATCHER.match(json.loads(line)):
        for using in SIEVES:
            assert sifted(line + b"\n", using) == [line + b"\n"]


@given(st.lists(st.tuples(TEXTS, st.booleans()), max_size=8), st.integers(8, 90))
def test_whatever_matches_passes_wherever_memory_ends(
    texts: list[tuple[str, bool]], size: int
) -> None:
    lines = [
        json.dumps({"note": text}, ensure_ascii=is_ascii).encode(
            "utf-8", "surrogatepass"
        )
        + b"\n"
        for text, is_ascii in texts
    ]
    wanted = [line for line in lines if MATCHER.match(json.loads(line))]
    for using in SIEVES:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(module, "CHUNK_BYTES", size)
            found = sifted(b"".join(lines), using)
        assert [line for line in found if line in wanted] == wanted
        passed = [item if isinstance(item, int) else 1 for item in found]
        assert sum(passed) == len(lines)


@given(st.lists(st.booleans(), max_size=40))
def test_marks_are_found_eight_at_a_time_as_one_by_one(marks: list[bool]) -> None:
    mask = np.array(marks, dtype=np.bool_)
    assert positions(mask).tolist() == [at for at, is_set in enumerate(marks) if is_set]


@pytest.mark.parametrize(
    "line",
    [
        b'{"note": "Zoe Mueller-Groen"}\n',
        '{"note": "ZO\u00cb  M\u00dcLLER-GR\u00d8N"}\n'.encode(),
        b'{"note": "zo\\u00eb\\nm\\u00fcller gr\\u00f8n"}\n',
        b'{"first": "Zoe", "note": "x", "last": "Muller-Gron"}\n',
        b'{"note": "(030) 123/45 67"}\n',
        b'{"note": "z.o.e.m+x@googlemail.com"}\n',
        b'{"note": "k 4711"}\n',
        b'{"note": "@ZO_"}\n',
        '{"note": "\u0410\u041d\u041d\u0410 \u041b\u0418"}\n'.encode(),
        b'{"note": "\\u0410\\u041d\\u041d\\u0410 \\u041b\\u0418"}\n',
        # What cannot be searched as bytes.
        b"\n",
        b"7\n",
        b'{"torn": "lin\n',
        b'{"bytes": "\xff\xfe"}\n',
        b'{"escape": "\\u12"}\n',
        b'{"escape": "\\',
    ],
)
def test_lines_that_may_concern_somebody_pass(line: bytes) -> None:
    other = '{"note": "M\u00fcller, Zo\u00ebs Nachbar"}\r\n'.encode()
    assert sifted(other * 3 + line) == [3, line]


@pytest.mark.parametrize(
    "address", ["+x@y.example", "...@gmail.com", "\u200b@y.example", "a*(b@y.example"]
)
def test_an_odd_address_stops_no_search(address: str) -> None:
    odd = Sieve(Needles([subject(name="Ada Example", email=address)]))
    line = json.dumps({"email": address}).encode() + b"\n"
    hit, other = b'{"name": "Ada Example"}\n', b'{"name": "Ben Probe"}\n'
    is_mailbox = address != "\u200b@y.example"
    assert sifted(other + line + hit, odd) == [*([1, line] if is_mailbox else [2]), hit]


def test_a_sign_that_is_no_letter_is_found_however_it_is_escaped() -> None:
    fox = Sieve(Needles([subject(name="Ada Example", handle="@zo\U0001f98ax")]))
    for is_ascii in (True, False):
        row = json.dumps({"handle": "zo\U0001f98ax"}, ensure_ascii=is_ascii)
        assert sifted(row.encode() + b"\n", fox) == [row.encode() + b"\n"]


def test_others_are_counted_and_never_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    line = b'{"note": "Zeno Muster, K-4712, 030 1234568", broken}\n'
    assert sifted(line * 1000) == [1000]
    monkeypatch.setattr(module, "CHUNK_BYTES", len(line) * 10)
    assert sifted(line * 19 + line.rstrip()) == [10, 9, 1]
    assert sifted(b"") == []


def test_lines_keep_their_place_where_the_chunk_is_longer_or_shorter_than_its_text(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "CHUNK_BYTES", 64)
    lines = [
        json.dumps(
            {"id": number, "note": "K-4711" if number % 7 == 0 else "\u00fc" * number},
            ensure_ascii=number % 2 == 0,
        ).encode()
        + b"\n"
        for number in range(200)
    ]
    found = sifted(b"".join(lines))
    assert [item for item in found if isinstance(item, bytes)] == lines[::7]
    assert sum(item for item in found if isinstance(item, int)) == 200 - len(lines[::7])


def test_a_line_too_long_to_keep_is_reported_and_the_next_is_searched(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "CHUNK_BYTES", 64)
    monkeypatch.setattr(module, "LONGEST_LINE", 256)
    hit = b'{"note": "K-4711"}\n'
    assert sifted(hit + b"x" * 1000 + b"\n" + hit) == [hit, None, hit]
    assert sifted(hit + b"x" * 1000) == [hit, None]


@given(
    gaps=st.lists(st.text(" -/.()|_:\u00a0", max_size=3), min_size=10, max_size=10),
    is_dense=st.booleans(),
)
def test_a_number_is_found_however_its_digits_are_separated(
    *, gaps: list[str], is_dense: bool
) -> None:
    number = "".join(map("".join, zip("301234567", gaps, strict=False)))
    hit = json.dumps({"note": f"call +49 {number} now"}).encode() + b"\n"
    other = b'{"note": "on 2026-11-22 at 10:30"}\n' if is_dense else b'{"n": "x"}\n'
    for using in SIEVES:
        assert sifted(other * 9 + hit + other, using) == [9, hit, 1]


@given(st.text("0123456789 -/k", max_size=16), st.text(" -/.()|_:k", max_size=12))
def test_few_numbers_are_found_where_many_are(text: str, gap: str) -> None:
    note = text + gap.join("301234567") + gap + text
    line = json.dumps({"note": note}).encode() + b"\n"
    few, many = (sifted(line, using) for using in SIEVES)
    # Among many, a number far apart is none.
    assert few == many or (few == [line] and len(gap) > GAP)


@given(st.text("aAlLiI1.-_/ ", max_size=12))
def test_a_short_word_is_found_on_its_own_alone(text: str) -> None:
    ali = Sieve(Needles([subject(name="Ada Example", handle="@ali")]))
    row = json.dumps({"note": text}).encode() + b"\n"
    is_there = re.search(rb"(?<![a-z0-9])ali(?![a-z0-9])", row.lower())
    assert sifted(row, ali) == [row if is_there else 1]


def test_where_most_lines_have_gaps_all_are_looked_through(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "CHUNK_BYTES", 512)
    monkeypatch.setattr(module, "PAUSE", 2)
    monkeypatch.setattr(module, "ENOUGH", 2)
    asked: list[int] = []
    ask = Numbers.lines_with_gaps

    def counted(self: Numbers, chunk: memoryview) -> list[int]:
        asked.append(len(chunk))
        return ask(self, chunk)

    monkeypatch.setattr(Numbers, "lines_with_gaps", counted)
    dated = b'{"note": "2026-11-22 10:30"}\n'
    hit = b'{"note": "030-123-45 67 on 2026-11-22"}\n'
    lines = (dated * 10 + hit) * 20
    found = sifted(lines, Sieve(Needles(CROWD)))
    assert [item for item in found if isinstance(item, bytes)] == [hit] * 20
    # A third of the chunks.
    assert len(lines) / 512 / 4 < len(asked) < len(lines) / 512 / 2


@pytest.mark.parametrize(
    ("text", "is_word"),
    [
        ("zoe.m@gmail.com", True),
        ("@zo_!", True),
        ("azo_", False),
        ("zo_9", False),
        ("ZO_", True),
    ],
)
def test_a_word_stands_alone(*, text: str, is_word: bool) -> None:
    line = json.dumps({"note": text}).encode() + b"\n"
    assert sifted(line) == [line if is_word else 1]


def test_a_thousand_people_are_one_search() -> None:
    people = [
        subject(name=f"Ada Muster{number}", customer_number=f"C-{number:05}")
        for number in range(1000)
    ]
    lines = [f'{{"id": "C-{number:05}"}}\n'.encode() for number in range(0, 2000, 2)]
    found = sifted(b"".join(lines), Sieve(Needles(people)))
    assert found == [*lines[:500], 500]


def test_plain_bytes_keep_their_line_ends() -> None:
    text = '{"a": "\\n\\u000a\\u2028\u2028\u0085"}\n{"b": "\\"\\\\"}\n'
    assert plain_bytes(text.encode()).count(b"\n") == 2
    assert list(chain(plain_bytes(b'{"a": "Ada"}\n'))) == list(b'{"a": "Ada"}\n')


def test_a_long_run_of_other_signs_is_read_and_not_kept_in_memory() -> None:
    kept = module._known.cache_info().currsize
    for at in range(3):
        text = json.dumps({"note": "\u6771" * 99 + chr(0xFF21 + at)}) + "\n"
        assert plain_bytes(text.encode()).endswith(f'{chr(97 + at)}"}}\n'.encode())
    assert module._known.cache_info().currsize == kept
