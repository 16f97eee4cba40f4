"""The documents are complete, their links work and their examples run."""

import doctest
import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import distribution, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from pydantic import BaseModel, SecretStr
from support.plugins import REGISTRIES

from unlearn_core.adapters import rotation
from unlearn_core.adapters.connectors import CONNECTORS
from unlearn_core.adapters.connectors.data_map import open_data_map
from unlearn_core.domain import archive, audit_bundle, checkpoints
from unlearn_core.domain.families import FAMILIES
from unlearn_core.domain.requests import Outcome, Stage
from unlearn_core.errors import UnlearnError
from unlearn_core.local import environment, postgres, processes
from unlearn_core.metrics import METRICS
from unlearn_core.objectives import FORGET_OBJECTIVES, RETAIN_TERMS
from unlearn_core.registry import Registry
from unlearn_core.settings import PACKAGE_ROOT, Settings
from unlearn_core.steps import build_datasets, screen_corpus
from unlearn_core.training import checks
from unlearn_core.training.combinations import COMBINATIONS
from unlearn_core.training.masks import MASKS
from unlearn_core.training.optimizers import OPTIMIZERS
from unlearn_core.training.recipe import load_ladder
from unlearn_core.training.schemes import SCHEMES
from unlearn_core.verification.policy import load_policy

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(
    [
        *DOCS.rglob("*.md"),
        *(ROOT / name for name in ("CHANGELOG.md", "CONTRIBUTING.md")),
    ]
    + [path for path in (ROOT / "README.md",) if path.is_file()]
)
TRAINED_WITH: tuple[Registry[Any], ...] = (
    SCHEMES,
    FORGET_OBJECTIVES,
    RETAIN_TERMS,
    OPTIMIZERS,
    MASKS,
    COMBINATIONS,
)
REGISTERED = [*(name for group in TRAINED_WITH for name in group), *METRICS]
WITHOUT_A_PLACE = ("bar", "code_unlearn", "lunar", "moextend")
"""Published ideas that do not transfer to an offset; a page says why."""

_FENCE = re.compile(r"^```(.*?)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_TEST = re.compile(r"`(test_[a-z0-9_]+)`")
_SHOWN = re.compile(r"`(test_[a-z0-9_]+|make [a-z-]+)`[^|]*\|$")
_PATH = re.compile(r"`((?:unlearn_core|flows|tests)/[\w./-]+)`")


def blocks(page: Path) -> Iterator[tuple[str, str]]:
    """Yield the info string and the text of every fenced block."""
    yield from _FENCE.findall(page.read_text(encoding="utf-8"))


def block(page: Path, info: str) -> str:
    """Return the one block with this info string."""
    (found,) = [text for head, text in blocks(page) if head == info]
    return found


def prose(page: Path) -> str:
    """Return a page without its fenced blocks."""
    return _FENCE.sub("", page.read_text(encoding="utf-8"))


def anchors(page: Path) -> set[str]:
    """Return the anchors that headings of a page get."""
    headings = re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE)
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        for heading in headings
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    for link in _LINK.findall(prose(page)):
        if re.match(r"[a-z]+:", link):
            continue
        target, _, anchor = link.partition("#")
        path = (page.parent / target).resolve() if target else page
        assert path.exists(), link
        assert not anchor or anchor in anchors(path), link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_path_that_is_named_exists(page: Path) -> None:
    missing = [
        name for name in _PATH.findall(prose(page)) if not (ROOT / name).exists()
    ]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_test_that_is_named_exists(page: Path) -> None:
    named = set(_TEST.findall(prose(page)))
    assert named <= _tests()


@pytest.mark.parametrize(("page", "least"), [("abuse.md", 25), ("evidence.md", 15)])
def test_a_table_of_what_is_caught_names_a_test_in_every_row(
    page: str, least: int
) -> None:
    tables = re.split(r"\n\n", prose(DOCS / page))
    rows = [
        row
        for table in tables
        if table.startswith("|") and table.splitlines()[0].endswith("| Shown by |")
        for row in table.splitlines()[2:]
    ]
    assert len(rows) >= least
    assert [row for row in rows if not _SHOWN.search(row)] == []


@cache
def _tests() -> frozenset[str]:
    """Return the names of all tests."""
    return frozenset(
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"def (test_\w+)", path.read_text(encoding="utf-8"))
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_examples_of_a_page_print_what_it_says(page: Path) -> None:
    text = "".join(text for info, text in blocks(page) if info == "pycon")
    test = doctest.DocTestParser().get_doctest(text, {}, page.name, str(page), 0)
    assert doctest.DocTestRunner().run(test).failed == 0


@pytest.mark.parametrize("name", REGISTERED)
def test_every_registered_name_has_a_page_that_the_index_links(name: str) -> None:
    text = (DOCS / "catalogue" / f"{name}.md").read_text(encoding="utf-8")
    assert text.startswith(f"# {name}\n")
    for heading in ("## Formula", "## Source", "## Known weaknesses"):
        assert heading in text
    index = (DOCS / "catalogue" / "README.md").read_text(encoding="utf-8")
    assert f"({name}.md)" in index


def test_every_page_of_the_catalogue_belongs_to_a_registered_name() -> None:
    pages = {path.stem for path in (DOCS / "catalogue").glob("*.md")}
    assert pages - {"README"} == {*REGISTERED, *WITHOUT_A_PLACE}


@pytest.mark.parametrize("name", WITHOUT_A_PLACE)
def test_an_idea_without_a_place_has_a_page_that_says_why(name: str) -> None:
    assert name not in REGISTERED
    text = (DOCS / "catalogue" / f"{name}.md").read_text(encoding="utf-8")
    assert text.startswith(f"# {name}\n\nNot registered: ")
    headings = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert headings == ["The idea", "Why it does not transfer", "What lives where"]
    assert "https://arxiv.org/abs/" in text
    index = (DOCS / "catalogue" / "README.md").read_text(encoding="utf-8")
    assert f"({name}.md)" in index


@pytest.mark.parametrize("name", [name for group in TRAINED_WITH for name in group])
def test_the_page_of_what_one_trains_with_has_all_its_parts_in_order(name: str) -> None:
    text = (DOCS / "catalogue" / f"{name}.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## (.*)$", text, re.MULTILINE)
    optional = {"Difference from published code", "Measured"}
    assert [item for item in headings if item not in optional] == [
        "Formula",
        "Source",
        "Hyperparameters",
        "When to use",
        "Known weaknesses",
    ]


@pytest.mark.parametrize(
    ("group", "name"), [(group, name) for group in TRAINED_WITH for name in group]
)
def test_a_page_names_every_hyperparameter_with_its_default(
    group: Registry[Any], name: str
) -> None:
    text = (DOCS / "catalogue" / f"{name}.md").read_text(encoding="utf-8")
    kind: object = group.get(name)
    assert is_dataclass(kind)
    for field in fields(kind):
        assert f"| `{field.name}` | {field.default} |" in text


@pytest.mark.parametrize("metric", list(METRICS))
def test_index_and_page_of_a_metric_name_the_gates_of_the_default_policy(
    metric: str,
) -> None:
    policy = load_policy(PACKAGE_ROOT / "policies" / "acceptance-3.yaml")
    gates = [gate for gate in policy.gates if gate.metric == metric]
    index = (DOCS / "catalogue" / "README.md").read_text(encoding="utf-8")
    (row,) = re.findall(rf"^\| \[`{metric}`\].*\| ([^|]*) \|$", index, re.MULTILINE)
    groups = {gate.name[:2] for gate in gates}
    assert set(re.findall(r"G\d(?! in)", row)) == groups
    page = (DOCS / "catalogue" / f"{metric}.md").read_text(encoding="utf-8")
    (said, *_) = [*re.findall(r"^.*acceptance-3\.yaml.*$", page, re.MULTILINE), ""]
    assert all(gate.name[:2] in said for gate in gates)
    assert all(f"{gate.limit:g}" in said for gate in gates)


def test_decisions_are_numbered_without_gaps_and_fit_on_a_page() -> None:
    records = sorted((DOCS / "adr").glob("[0-9]*.md"))
    assert [path.name[:4] for path in records] == [
        f"{number:04}" for number in range(1, len(records) + 1)
    ]
    index = (DOCS / "adr" / "README.md").read_text(encoding="utf-8")
    for path in records:
        text = path.read_text(encoding="utf-8")
        assert text.startswith(f"# {path.name[:4]} ")
        assert len(text.splitlines()) <= 60
        for heading in ("Context", "Decision", "Consequences", "Alternatives"):
            assert f"\n## {heading}\n" in text
        assert f"({path.name})" in index


def settings(
    model: type[BaseModel] = Settings, prefix: str = "UNLEARN_"
) -> Iterator[tuple[str, str, str]]:
    """Yield every variable, its default as the documents write it, its meaning."""
    for name, field in model.model_fields.items():
        variable = prefix + name.upper()
        kind, default = field.annotation, field.default
        meaning = field.description or ""
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from settings(kind, variable + "__")
        elif isinstance(default, Path) and default.is_relative_to(PACKAGE_ROOT):
            yield variable, str(default.relative_to(PACKAGE_ROOT.parent)), meaning
        elif isinstance(default, SecretStr):
            yield variable, default.get_secret_value(), meaning
        elif isinstance(default, bool | tuple):
            yield variable, json.dumps(default), meaning
        else:
            yield variable, "" if default is None else str(default), meaning


@pytest.mark.parametrize(("variable", "default", "meaning"), list(settings()))
def test_every_setting_is_documented_with_default_and_meaning(
    variable: str, default: str, meaning: str
) -> None:
    operations = (DOCS / "operations.md").read_text(encoding="utf-8")
    shown = f"`{default}`" if default else "none"
    assert f"| `{variable}` | {shown} | {meaning} |" in operations
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    value = f"'{default}'" if default.startswith("[") else default
    comment, _, _ = example.partition(f"\n#{variable}={value}\n")
    assert comment != example
    assert comment.splitlines()[-1].startswith(f"# {meaning}")


def test_no_document_names_a_setting_that_does_not_exist() -> None:
    known = {variable for variable, _, _ in settings()}
    texts = [page.read_text(encoding="utf-8") for page in PAGES]
    texts.append((ROOT / ".env.example").read_text(encoding="utf-8"))
    named = {
        name for text in texts for name in re.findall(r"UNLEARN_[A-Z_]*[A-Z]", text)
    }
    assert named <= known


def errors(kind: type[UnlearnError] = UnlearnError) -> Iterator[type[UnlearnError]]:
    """Yield every class of the tree."""
    yield kind
    for below in kind.__subclasses__():
        yield from errors(below)


def test_every_error_code_is_documented_with_what_to_do() -> None:
    assert processes.ProcessNotHealthyError in errors()
    assert environment.PortTakenError in errors()
    assert postgres.PostgresMissingError in errors()
    assert checks.OutOfMemoryError in errors()
    assert build_datasets.TooFewComparableControlsError in errors()
    assert screen_corpus.ErasedPersonFoundError in errors()
    assert checkpoints.LogForkedError in errors()
    assert audit_bundle.BundleInvalidError in errors()
    assert archive.ArchiveUnreadableError in errors()
    assert rotation.RotationRefusedError in errors()
    text = (DOCS / "errors.md").read_text(encoding="utf-8")
    for error in errors():
        if error.__module__.startswith("unlearn_core.") and not error.__subclasses__():
            row = f"| `{error.code}` | {error.summary} | {error.next_step} |"
            assert row in text
        elif error.__module__.startswith("unlearn_core."):
            assert f"`{error.code}`" in text or error is UnlearnError


def test_the_glossary_explains_every_outcome() -> None:
    text = (DOCS / "glossary.md").read_text(encoding="utf-8")
    assert [word for word in Outcome if f"`{word}`" not in text] == []


def test_the_guide_for_contributors_names_every_kind_of_plugin() -> None:
    guide = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = re.findall(r"^\| [\w ]+ \| `(unlearn_core\.\w+)` \|", guide, re.MULTILINE)
    assert sorted(named) == sorted(registry.group for registry in REGISTRIES)


def test_every_family_of_probes_is_described() -> None:
    page = (DOCS / "probes.md").read_text(encoding="utf-8")
    table = "".join(re.findall(r"^\| (`.*?`) \|", page, re.MULTILINE))
    assert [name for name in FAMILIES if f"`{name}`" not in table] == []


def test_the_flow_names_no_stage_that_the_documents_invent() -> None:
    stages = set(Stage)
    text = (DOCS / "operations.md").read_text(encoding="utf-8")
    named = set(re.findall(r"ledger entry `(\w+)`", text))
    assert named
    assert named <= stages


def test_the_example_files_of_the_formats_page_are_accepted(tmp_path: Path) -> None:
    page = DOCS / "formats.md"
    path = tmp_path / "example.yaml"
    path.write_text(block(page, "yaml data-map"))
    assert set(open_data_map(path).sources) == {"corpus", "customers"}
    path.write_text(block(page, "yaml acceptance-policy"))
    assert load_policy(path).minimum_controls == 39
    path.write_text(block(page, "yaml extending-policy"))
    assert load_policy(path).samples_per_probe == 200
    path.write_text(block(page, "yaml recipe-ladder"))
    assert [recipe.steps for recipe in load_ladder(path)] == [200, 400, 200]


@pytest.fixture
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Write the package of CONTRIBUTING to a folder and return its tests."""
    for info, text in blocks(ROOT / "CONTRIBUTING.md"):
        _, _, name = info.partition(" ")
        if name:
            path = tmp_path / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
    project = tomllib.loads((tmp_path / "pyproject.toml").read_text())["project"]
    metadata = tmp_path / "unlearn_example-0.1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: 0.1.0\n"
    )
    (metadata / "entry_points.txt").write_text(
        "".join(
            f"[{group}]\n"
            + "".join(f"{key} = {value}\n" for key, value in rows.items())
            for group, rows in project["entry-points"].items()
        )
    )
    monkeypatch.syspath_prepend(tmp_path)
    return import_module("test_unlearn_example")


def test_the_example_of_contributing_is_found_by_its_entry_points(
    example: ModuleType,
) -> None:
    assert example
    points = distribution("unlearn-example").entry_points
    assert {point.group for point in points} < {
        "unlearn_core.forget_objectives",
        "unlearn_core.retain_terms",
        "unlearn_core.metrics",
        "unlearn_core.connectors",
    }
    for group, name, builtins in (
        ("unlearn_core.forget_objectives", "capped_ascent", FORGET_OBJECTIVES),
        ("unlearn_core.metrics", "subject_likelihood", METRICS),
        ("unlearn_core.connectors", "people_csv", CONNECTORS),
    ):
        assert name in {point.name for point in entry_points(group=group)}
        assert name not in builtins
        found: Registry[object] = Registry(kind="plug-in", builtins={}, group=group)
        assert callable(found.get(name))


def test_the_example_of_contributing_passes_its_own_tests(
    example: ModuleType, tmp_path: Path
) -> None:
    example.test_capped_ascent_counts_what_is_above_the_floor()
    example.test_subject_likelihood_weighs_facts_the_same()
    example.test_erased_rows_are_absent_and_others_stay(tmp_path)
