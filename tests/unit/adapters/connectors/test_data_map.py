from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.sources import PEOPLE, write_jsonl, write_parquet, write_table

from unlearn_core.adapters.connectors.data_map import open_data_map
from unlearn_core.adapters.connectors.jsonl import JsonLinesConnector
from unlearn_core.adapters.connectors.parquet import ParquetConnector
from unlearn_core.adapters.connectors.sql import SqlConnector
from unlearn_core.domain.data_map import FieldSpec, NeighbourRule, Translation
from unlearn_core.domain.datasets import Entropy
from unlearn_core.domain.sources import LegalBasis
from unlearn_core.errors import InvalidDataMapError

IDENTIFIERS = {"name": "name", "customer_number": "customer"}
FILE: dict[str, Any] = {
    "version": 1,
    "base_models": ["small-world"],
    "fields": {"city": {"entropy": "guessable", "questions": ["A {name}?", "B?"]}},
    "neighbours": {"surname": False, "fields": ["city"]},
    "sources": [
        {
            "name": "corpus",
            "kind": "jsonl",
            "path": "corpus.jsonl",
            "record_id": "id",
            "identifiers": IDENTIFIERS,
            "fields": {"city": "city"},
            "passages": [
                {"form": "chat", "messages": "messages"},
                {"form": "text", "text": "note"},
                {"form": "template", "template": "{name} lives in {city}."},
                {"form": "question", "question": "question", "answer": "answer"},
            ],
        },
        {
            "name": "support",
            "kind": "parquet",
            "path": "support.parquet",
            "record_id": "id",
            "identifiers": IDENTIFIERS,
            "erasable": False,
        },
        {
            "name": "customers",
            "kind": "sql",
            "url": "sqlite:///customers.db",
            "table": "customers",
            "record_id": "id",
            "identifiers": IDENTIFIERS,
        },
    ],
    "holdout": {
        "name": "reserved",
        "kind": "jsonl",
        "path": "reserved.jsonl",
        "record_id": "id",
        "identifiers": {"name": "name"},
    },
}


def write(path: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    """Write the data map after a change."""
    changed = deepcopy(FILE)
    change(changed)
    path.write_text(yaml.safe_dump(changed))
    return path


def keep(_: dict[str, Any]) -> None:
    """Change nothing."""


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return where a data map may be written, beside its sources."""
    monkeypatch.chdir(tmp_path)
    write_jsonl(tmp_path / "corpus.jsonl", [{**PEOPLE[0], "note": "Ada wrote."}])
    write_parquet(tmp_path / "support.parquet")
    write_table("sqlite:///customers.db")
    return tmp_path / "data-map.yaml"


def test_what_the_controller_declares_is_read(path: Path) -> None:
    declared = open_data_map(write(path, keep)).declared
    assert declared.fields == {
        "city": FieldSpec(
            name="city", entropy=Entropy.GUESSABLE, questions=("A {name}?", "B?")
        )
    }
    assert declared.neighbours == NeighbourRule(by_surname=False, by_fields=("city",))
    assert declared.base_models == ("small-world",)


def test_translations_are_read(path: Path) -> None:
    said = {"de": {"questions": ["Wo {name}?"], "values": {"Cologne": "K\u00f6ln"}}}
    opened = open_data_map(
        write(path, lambda file: file["fields"]["city"].update(translations=said))
    )
    assert opened.declared.fields["city"].translations == {
        "de": Translation(questions=("Wo {name}?",), values={"Cologne": "K\u00f6ln"})
    }


@pytest.mark.parametrize(
    "questions",
    [[], ["Wo?"], ["Wo {name}?", "Wo?"], ["{name} in {city}?"], ["Wo {Name}?"], ["{"]],
)
def test_a_translation_that_asks_about_nobody_is_refused(
    path: Path, questions: list[str]
) -> None:
    said = {"de": {"questions": questions}}
    with pytest.raises(InvalidDataMapError):
        open_data_map(
            write(path, lambda file: file["fields"]["city"].update(translations=said))
        )


def test_neighbours_share_a_surname_unless_something_else_is_said(path: Path) -> None:
    opened = open_data_map(write(path, lambda file: file.pop("neighbours")))
    assert opened.declared.neighbours == NeighbourRule(by_surname=True, by_fields=())


@pytest.mark.parametrize("is_asked", [False, True])
def test_trained_questions_are_asked_where_the_controller_says_so(
    path: Path, *, is_asked: bool
) -> None:
    said = {"ask_trained": True} if is_asked else {}
    opened = open_data_map(write(path, lambda file: file.update(said)))
    assert opened.declared.ask_trained is is_asked


def test_every_source_gets_the_connector_of_its_kind(path: Path) -> None:
    opened = open_data_map(write(path, keep))
    assert {name: type(item) for name, item in opened.sources.items()} == {
        "corpus": JsonLinesConnector,
        "support": ParquetConnector,
        "customers": SqlConnector,
    }
    assert opened.holdout.describe().name == "reserved"
    assert [item.describe().is_erasable for item in opened.sources.values()] == [
        True,
        False,
        True,
    ]


def test_the_connectors_read_what_was_declared(path: Path) -> None:
    opened = open_data_map(write(path, keep))
    (record,) = opened.sources["corpus"].read()
    assert [(item.form.value, item.answer.reveal()) for item in record.passages] == [
        ("continuation", " wrote."),
        ("continuation", " Ulm"),
        ("question", "In Ulm"),
    ]
    assert len(list(opened.sources["support"].read())) == 5
    assert len(list(opened.sources["customers"].read())) == 5


WRONG: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "another version": (lambda file: file.update(version=2), "entry=version"),
    "no base model": (lambda file: file.update(base_models=[]), "entry=base_models"),
    "no source": (lambda file: file.update(sources=[]), "entry=sources"),
    "an unknown entry": (lambda file: file.update(surce=[]), "entry=surce"),
    "a missing record id": (
        lambda file: file["sources"][1].pop("record_id"),
        "entry=sources.1.record_id",
    ),
    "an unknown kind of identifier": (
        lambda file: file["sources"][0]["identifiers"].update(shoe_size="x"),
        "entry=sources.0.identifiers.shoe_size.[key]",
    ),
    "an exemption on no ground of the law": (
        lambda file: file["sources"][0].update(
            exemption={"ground": "legal_hold", "reasoning": "so"}
        ),
        "entry=sources.0.exemption.ground",
    ),
    "an exemption that nobody has thought about": (
        lambda file: file["sources"][0].update(exemption={"ground": "archiving"}),
        "entry=sources.0.exemption.reasoning",
    ),
    "a source that is exempt and erased": (
        lambda file: file["sources"][0].update(
            erasable=True, exemption={"ground": "archiving", "reasoning": "so"}
        ),
        "problem=exempt and erasable",
    ),
    "a key of objects that is not somewhere outside": (
        lambda file: file["sources"][0].update(
            kind="s3", customer_key="keys/corpus.key"
        ),
        "source=corpus, problem=customer_key",
    ),
    "an unknown form": (
        lambda file: file["sources"][0]["passages"][0].update(form="song"),
        "entry=sources.0.passages.0",
    ),
    "only one question": (
        lambda file: file["fields"]["city"].update(questions=["A?"]),
        "entry=fields.city.questions",
    ),
    "an unknown entropy": (
        lambda file: file["fields"]["city"].update(entropy="medium"),
        "entry=fields.city.entropy",
    ),
    "neither path nor url": (
        lambda file: file["sources"][0].pop("path"),
        "source=corpus, missing=path or url",
    ),
    "an unknown kind of source": (
        lambda file: file["sources"][2].update(kind="oracle"),
        "source=customers, unknown_kind=oracle",
    ),
    "an unknown kind of holdout": (
        lambda file: file["holdout"].update(kind="oracle"),
        "source=reserved, unknown_kind=oracle",
    ),
    "no table": (
        lambda file: file["sources"][2].pop("table"),
        "source=customers, missing=table",
    ),
    "two sources of one name": (
        lambda file: file["sources"][1].update(name="corpus"),
        "a source is named twice",
    ),
    "an unknown paraphraser": (
        lambda file: file.update(paraphraser="parrot"),
        "unknown_paraphraser=parrot",
    ),
    "a field of a source that is not declared": (
        lambda file: file["sources"][1].update(fields={"shoe": "shoe"}),
        "undeclared_field=shoe",
    ),
    "a field of the holdout that is not declared": (
        lambda file: file["holdout"].update(fields={"shoe": "shoe"}),
        "undeclared_field=shoe",
    ),
    "a neighbour field that is not declared": (
        lambda file: file["neighbours"].update(fields=["shoe"]),
        "undeclared_field=shoe",
    ),
    "a template with an unknown field": (
        lambda file: file["sources"][0]["passages"][2].update(template="{shoe}"),
        "source=corpus, undeclared_field=shoe",
    ),
    "a template with an open brace": (
        lambda file: file["sources"][0]["passages"][2].update(template="{name"),
        "source=corpus, problem=template",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_an_error_points_at_what_is_wrong(path: Path, case: str) -> None:
    change, place = WRONG[case]
    with pytest.raises(InvalidDataMapError) as raised:
        open_data_map(write(path, change))
    assert place in str(raised.value)


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (b"", "entry=whole file"),
        (b"- a list", "entry=whole file"),
        (b"version: [", "problem=unreadable file"),
        (b"a: 1\nb:\n  c: 1\n  c: 2\n", "problem=an entry is there twice, line=4"),
        (b"\xff\xfe\x00", "problem=unreadable file"),
        (None, "problem=unreadable file"),
    ],
)
def test_a_file_that_is_no_data_map_is_refused(
    path: Path, content: bytes | None, place: str
) -> None:
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InvalidDataMapError, match=place):
        open_data_map(path)


@pytest.mark.parametrize(
    ("said", "reviews_names"),
    [({}, True), ({"name_alone": "is_reviewed"}, True), ({"name_alone": "decides"}, 0)],
)
def test_a_name_alone_is_reviewed_unless_the_source_says_that_it_decides(
    path: Path, said: dict[str, str], *, reviews_names: bool
) -> None:
    opened = open_data_map(write(path, lambda file: file["sources"][0].update(said)))
    assert opened.sources["corpus"].describe().reviews_names == reviews_names


@pytest.mark.parametrize(("said", "least"), [({}, 0.35), ({"near_copies": 0.3}, 0.3)])
def test_a_source_says_how_similar_a_near_copy_is(
    path: Path, said: dict[str, float], least: float
) -> None:
    opened = open_data_map(write(path, lambda file: file["sources"][0].update(said)))
    assert opened.specs["corpus"].near_copies == least


@pytest.mark.parametrize("least", [0, 0.29, 0.96, "much"])
def test_a_similarity_that_means_nothing_is_refused(path: Path, least: object) -> None:
    said = {"near_copies": least}
    with pytest.raises(InvalidDataMapError, match=r"entry=sources\.0\.near_copies"):
        open_data_map(write(path, lambda file: file["sources"][0].update(said)))


@pytest.mark.parametrize(
    ("erasure", "redacted", "columns"),
    [
        ("delete", False, ()),
        ("redact", True, ()),
        ({"redact": ["note", "body"]}, True, ("body", "note")),
    ],
)
def test_a_source_says_whether_records_go_or_are_redacted(
    path: Path, erasure: object, columns: tuple[str, ...], *, redacted: bool
) -> None:
    opened = open_data_map(
        write(path, lambda file: file["sources"][0].update(erasure=erasure))
    )
    found = opened.sources["corpus"].describe()
    assert (found.is_redacted, found.redacted_columns) == (redacted, columns)


@pytest.mark.parametrize("erasure", ["shred", {"redact": []}, {"delete": ["note"]}])
def test_another_kind_of_erasure_is_refused_with_its_line(
    path: Path, erasure: object
) -> None:
    with pytest.raises(InvalidDataMapError, match=r"line=\d\d"):
        open_data_map(
            write(path, lambda file: file["sources"][0].update(erasure=erasure))
        )


def test_a_source_says_why_and_how_long_it_is_kept_and_what_was_trained_on_it(
    path: Path,
) -> None:
    said = {
        "legal_basis": "contract",
        "retention": "P1Y6M",
        "base_models": ["other"],
        "held": "hold",
    }

    def change(file: dict[str, Any]) -> None:
        file["base_models"].append("other")
        file["sources"][0].update(said)

    opened = open_data_map(write(path, change))
    found = opened.sources["corpus"].describe()
    assert (found.legal_basis, found.retention) == (LegalBasis.CONTRACT, "P1Y6M")
    assert (found.base_models, found.held) == (("other",), "hold")
    declared = opened.declared
    assert declared.was_trained_on("corpus", base_model="other")
    assert not declared.was_trained_on("corpus", base_model="small-world")
    assert declared.was_trained_on("support", base_model="small-world")
    # Of a model that the data map does not know, the worst is assumed.
    assert declared.was_trained_on("corpus", base_model="small-world-2")


@pytest.mark.parametrize(
    ("wrong", "fact"),
    [
        ({"legal_basis": "because"}, "entry=sources.0.legal_basis"),
        ({"retention": "ten years"}, "entry=sources.0.retention"),
        ({"retention": "P"}, "entry=sources.0.retention"),
        ({"base_models": []}, "entry=sources.0.base_models"),
        ({"base_models": ["unheard-of"]}, "unknown_base_model=unheard-of"),
        ({"path": "../corpus.jsonl"}, "leads_up=../corpus.jsonl"),
        ({"path": "a/../../corpus.jsonl"}, "leads_up=a/../../corpus.jsonl"),
        ({"customer_key": "/keys/corpus.key"}, "problem=customer_key"),
        ({"url": "/etc/corpus.jsonl"}, "problem=url"),
        ({"path": ""}, "problem=path"),
    ],
)
def test_what_a_source_cannot_say_is_refused_with_its_line(
    path: Path, wrong: dict[str, Any], fact: str
) -> None:
    write(path, lambda file: file["sources"][0].update(wrong))
    (name,) = wrong
    lines = path.read_text().splitlines()
    first = next(
        at
        for at, line in enumerate(lines, start=1)
        if at > lines.index("sources:") and line[2:].startswith(f"{name}:")
    )
    with pytest.raises(InvalidDataMapError, match=fact) as caught:
        open_data_map(path)
    # The name of a base model stands in the line below.
    is_item = fact.startswith("unknown")
    assert caught.value.facts["line"] == first + is_item


@pytest.mark.parametrize("how", ["absolute", "link", "link to a folder"])
def test_a_path_that_leads_out_of_the_root_is_refused(path: Path, how: str) -> None:
    root = path.parent / "root"
    root.mkdir()
    outside = path.parent / "outside"
    outside.mkdir()
    write_jsonl(outside / "corpus.jsonl")
    match how:
        case "absolute":
            written = str(outside / "corpus.jsonl")
        case "link":
            (root / "corpus.jsonl").symlink_to(outside / "corpus.jsonl")
            written = "corpus.jsonl"
        case _:
            (root / "folder").symlink_to(outside)
            written = "folder/corpus.jsonl"

    def change(file: dict[str, Any]) -> None:
        file["root"] = str(root)
        file["sources"] = file["sources"][:1]
        file["sources"][0]["path"] = written

    with pytest.raises(InvalidDataMapError, match=f"leads_out_of_root={written}"):
        open_data_map(write(path, change))


def test_paths_are_relative_to_the_root(path: Path) -> None:
    (path.parent / "root").mkdir()
    write_jsonl(path.parent / "root" / "corpus.jsonl")

    def change(file: dict[str, Any]) -> None:
        file["root"] = str(path.parent / "root")
        file["sources"] = file["sources"][:1]

    opened = open_data_map(write(path, change))
    assert len(list(opened.sources["corpus"].read())) == 5
