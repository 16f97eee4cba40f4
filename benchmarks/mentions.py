"""Invented people, and texts that mention them in every way that counts.

A mention is of a kind. `KINDS` says of each how it is written and what a search should
make of it where names are reviewed: find it for certain, lay it before a person, or
neither.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from unicodedata import normalize

from unlearn_core.domain.subjects import DataSubject, parse_subject
from unlearn_core.smallworld.vocabulary import CITIES, FIRST_NAMES, HOBBIES, JOBS

STEMS = (
    *("M\u00fcll", "Kr\u00f6g", "Sch\u00e4f", "Gr\u00fcn", "Bj\u00f8rk", "Str\u00f6m"),
    *("Jan\u00e1\u010d", "Dvor\u00e1", "Garc", "Falk", "Quist", "Hart", "Berg", "Thor"),
    *("Lind", "Ost", "Rav", "Vand", "Wex", "Zell", "Marr", "Eib"),
)
ENDS = (
    *("er", "mann", "sen", "berg", "hof", "stein", "ov", "ak", "ingham", "ley"),
    *("wald", "feld", "gren", "quist"),
)
FORENAMES = (
    *FIRST_NAMES,
    "Zo\u00eb",
    "Ren\u00e9e",
    "Jos\u00e9",
    "S\u00f8ren",
    "J\u00fcrgen",
    "Bj\u00f6rn",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Individual:
    """Somebody invented.

    Attributes:
        subject: The identifiers as a request has them.
    """

    first: str
    last: str
    email: str
    phone: str
    number: str
    handle: str

    @property
    def name(self) -> str:
        """Return the full name."""
        return f"{self.first} {self.last}"

    @property
    def subject(self) -> DataSubject:
        """Return the identifiers as a request has them."""
        return parse_subject(
            {
                "name": self.name,
                "email": self.email,
                "phone": self.phone,
                "customer_number": self.number,
                "handle": self.handle,
            }
        )


class Expected(StrEnum):
    """What a search should make of a mention."""

    CERTAIN = "certain"
    REVIEW = "review"
    MISSED = "missed"


Write = Callable[[Individual, random.Random], str]


@dataclass(frozen=True, slots=True)
class Kind:
    """One way to mention somebody."""

    expected: Expected
    write: Write


def invent(count: int, *, seed: int) -> list[Individual]:
    """Invent people; every identifier is one person's alone, names included."""
    draw = random.Random(seed)
    names: dict[tuple[str, str], None] = {}
    while len(names) < count:
        last = draw.choice(STEMS) + draw.choice(ENDS)
        if draw.random() < 0.3:  # noqa: PLR2004 - a share of double surnames
            last += draw.choice(ENDS)
        names[draw.choice(FORENAMES), last] = None
    return [
        Individual(
            first=first,
            last=last,
            email=f"{_ascii(first)}.{_ascii(last)}{at}@post.example",
            phone=f"+49 {draw.randint(201, 989)} {1_000_000 + 7919 * at + seed:07}",
            number=f"K-{410_000 + 37 * at}",
            handle=f"@{_ascii(first)}_{at}",
        )
        for at, (first, last) in enumerate(names)
    ]


def _ascii(text: str) -> str:
    apart = normalize("NFKD", text.lower()).replace("\u00f8", "o")
    return "".join(letter for letter in apart if letter.isascii())


def _written_out(text: str) -> str:
    pairs = {"\u00e4": "ae", "\u00f6": "oe", "\u00fc": "ue", "\u00f8": "oe"}
    return "".join(pairs.get(letter, letter) for letter in normalize("NFC", text))


def _wide(text: str) -> str:
    return "".join(
        chr(ord(sign) + 0xFEE0) if "!" <= sign <= "~" else sign for sign in text
    )


def _national(phone: str) -> str:
    _, area, rest = phone.split()
    return f"0{area}/{rest[:3]} {rest[3:5]} {rest[5:]}"


def _with_typo(text: str, draw: random.Random) -> str:
    at = draw.randrange(1, len(text) - 1)
    return (
        text[:at]
        + draw.choice([sign for sign in "qxyz" if sign != text[at]])
        + text[at + 1 :]
    )


KINDS: Mapping[str, Kind] = {
    name: Kind(expected, write)
    for expected, kinds in {
        Expected.CERTAIN: {
            "name and number": lambda who, _: (
                f"{who.name}, customer {who.number}, has asked for a copy."
            ),
            "e-mail": lambda who, _: f"Write to {who.email}.",
            "e-mail, case and tag": lambda who, _: (
                who.email.upper().replace("@", "+NEWS@") + " bounced"
            ),
            "telephone": lambda who, _: f"Ring {who.phone} after six.",
            "telephone, dialled at home": lambda who, _: f"Tel. {_national(who.phone)}",
            "telephone, digits": lambda who, _: "00" + who.phone[1:].replace(" ", ""),
            "number, spacing and case": lambda who, _: (
                f"account {who.number.lower().replace('-', ' ')} is closed"
            ),
            "handle": lambda who, _: f"posted by {who.handle} last night",
        },
        Expected.REVIEW: {
            "name alone": lambda who, _: f"We met {who.name} at the fair.",
            "name in capitals": lambda who, _: f"{who.name.upper()} was there.",
            "name on two lines": lambda who, _: f"For {who.first}\n  {who.last}.",
            "name turned": lambda who, _: f"{who.last}, {who.first}: present.",
            "name without accents": lambda who, _: (
                f"by {_ascii(who.first).title()} {_ascii(who.last).title()}"
            ),
            "name decomposed": lambda who, _: f"by {normalize('NFD', who.name)} and me",
            "name written out": lambda who, _: f"to {_written_out(who.name)} (late)",
            "name in wide letters": lambda who, _: f"({_wide(who.name)})",
            "initial": lambda who, _: f"signed {who.first[0]}. {who.last}",
            "namesake": lambda who, draw: (
                f"{who.name}, customer K-9{draw.randint(10_000, 99_999)}, has moved."
            ),
        },
        Expected.MISSED: {
            "name with a typo": lambda who, draw: (
                f"{who.first} {_with_typo(who.last, draw)} was late."
            ),
            "e-mail with a typo": lambda who, draw: f"to {_with_typo(who.email, draw)}",
            "first name alone": lambda who, _: f"{who.first} was late.",
        },
    }.items()
    for name, write in kinds.items()
}


def chatter(draw: random.Random, *, sentences: int = 400) -> list[str]:
    """Return sentences about nobody who is searched for, with names and numbers."""
    return [
        draw.choice(
            (
                "The {job} of {city} likes {hobby} more than anything else.",
                "{first} from {city} wrote to {first}@{city}.example on day {day}.",
                "Invoice {number} over {day} euros went to the {job} in {city}.",
                "In {city} the office opens at {day}, call 0{day}/{number}.",
                "{first} {city} sold {day} tickets for {hobby} to a {job}.",
            )
        ).format(
            job=draw.choice(JOBS),
            city=draw.choice(CITIES),
            hobby=draw.choice(HOBBIES),
            first=draw.choice(FIRST_NAMES),
            day=draw.randint(1, 31),
            number=draw.randint(100_000, 999_999),
        )
        for _ in range(sentences)
    ]


def plant(
    people: Sequence[Individual], *, each: int, seed: int
) -> list[tuple[str, int, str]]:
    """Return mentions as kind, place of the person and text, in random order."""
    draw = random.Random(seed)
    planted = [
        (kind, who, KINDS[kind].write(people[who], draw))
        for kind in KINDS
        for who in draw.choices(range(len(people)), k=each)
    ]
    draw.shuffle(planted)
    return planted
