"""House rules that no linter knows.

Each rule is a function from a file to its findings, tried on a planted violation too.
"""

import ast
import re
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from unlearn_core import errors
from unlearn_core.metrics import METRICS
from unlearn_core.objectives import FORGET_OBJECTIVES, RETAIN_TERMS
from unlearn_core.training.combinations import COMBINATIONS
from unlearn_core.training.masks import MASKS
from unlearn_core.training.optimizers import OPTIMIZERS

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted(
    path
    for package in ("unlearn_core", "flows", "benchmarks")
    for path in (ROOT / package).rglob("*.py")
)
CORE = [path for path in SOURCES if path.is_relative_to(ROOT / "unlearn_core")]

MAXIMUM_MODULE_LINES = 400
MAXIMUM_FUNCTION_LINES = 50

MAY_REVEAL = {
    "benchmarks/gateway.py": "asks a replica about invented people",
    "benchmarks/self_attack.py": "asks a replica about invented people",
    "unlearn_core/adapters/callbacks.py": "calls the addresses that a sender gave",
    "unlearn_core/adapters/connectors/near_copies.py": "compares texts with found ones",
    "unlearn_core/adapters/connectors/quoting.py": "compares texts with found records",
    "unlearn_core/adapters/identity_policies.py": "checks evidence of identity",
    "unlearn_core/adapters/mail.py": "writes the address on the envelope",
    "unlearn_core/cli/playground.py": "submits the playing subject's token",
    "unlearn_core/cli/reviews.py": "shows uncertain records to whoever decides",
    "unlearn_core/demo/visitor.py": "submits the invented subject's token",
    "unlearn_core/domain/codes.py": "compares the entered code with the sent one",
    "unlearn_core/domain/comparable.py": "counts the tokens of values",
    "unlearn_core/domain/curation.py": "rewrites examples for twins and strangers",
    "unlearn_core/domain/datasets.py": "serialises sets to seal, names their sources",
    "unlearn_core/domain/drop.py": "digests identifiers as DROP does",
    "unlearn_core/domain/families.py": "puts questions about the subject differently",
    "unlearn_core/domain/framing.py": "asks for a letter or the last digits of a value",
    "unlearn_core/domain/needles.py": "compares identifiers with records",
    "unlearn_core/domain/people.py": "puts people together by name and asks about them",
    "unlearn_core/domain/probing.py": "sorts wrong answers, for the draw's sake",
    "unlearn_core/domain/rewording.py": "checks other wordings of questions",
    "unlearn_core/domain/sources.py": "serialises records that are sealed at once",
    "unlearn_core/domain/subjects.py": "normalises identifiers and seals them",
    "unlearn_core/intake/console/review_page.py": "shows uncertain records to officers",
    "unlearn_core/modeling/tokens.py": "turns texts into token ids",
    "unlearn_core/privacy.py": "commits to values under a key",
    "unlearn_core/steps/answer_senders.py": "tells senders their own references",
    "unlearn_core/steps/match_drop.py": "makes a request of what matched",
    "unlearn_core/steps/paraphrasing.py": "asks the base for other wordings",
    "unlearn_core/steps/receive_request.py": "seals identifiers and evidence",
    "unlearn_core/steps/review_records.py": "seals why an exemption applies",
    "unlearn_core/verification/search.py": "asks the found words of other people",
    "unlearn_core/verification/latent.py": "pairs true answers with false ones",
    "unlearn_core/verification/judge.py": "looks for a fact in an answer",
}

UNSAFE_MODULES = {"pickle", "cPickle", "cloudpickle", "dill", "joblib", "marshal"}
UNSAFE_CALLS = {"torch.load", "torch.save", "yaml.load", "os.system", "eval", "exec"}

ERRORS = {name for name in vars(errors) if name.endswith("Error")}
FOREIGN_TEXT = re.compile(
    r"(str|repr)\(\w*error\)|^\w*error$|error\.(args|msg|doc|orig|filename)|reveal"
)

Rule = Callable[[ast.Module], Iterator[str]]


def reveals(tree: ast.Module) -> Iterator[str]:
    """Find uses of `Personal.reveal`, calls or not, and ways around it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr == "reveal":
            yield f"line {node.lineno}: reveal"
        if isinstance(node, ast.Constant) and node.value == "reveal":
            yield f"line {node.lineno}: reveal by name"


def long_functions(tree: ast.Module) -> Iterator[str]:
    """Find functions that do not fit on a screen."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > MAXIMUM_FUNCTION_LINES:
                yield f"line {node.lineno}: {node.name} has {lines} lines"


def unsafe_parts(tree: ast.Module) -> Iterator[str]:
    """Find what can run code that came as data."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported = {item.name.partition(".")[0] for item in node.names}
            yield from sorted(imported & UNSAFE_MODULES)
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from {node.module.partition(".")[0]} & UNSAFE_MODULES
            names = {f"{node.module}.{item.name}" for item in node.names}
            yield from sorted(names & UNSAFE_CALLS)
        if isinstance(node, ast.Call):
            yield from {ast.unparse(node.func)} & UNSAFE_CALLS
            yield from (
                f"{word.arg}=True"
                for word in node.keywords
                if word.arg in {"shell", "allow_pickle", "trust_remote_code"}
                and not (isinstance(word.value, ast.Constant) and not word.value.value)
            )


def careless_facts(tree: ast.Module) -> Iterator[str]:
    """Find errors of ours whose facts may repeat a foreign text or a personal value."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ERRORS:
            for fact in node.keywords:
                text = ast.unparse(fact.value)
                if isinstance(fact.value, ast.JoinedStr) or FOREIGN_TEXT.search(text):
                    yield f"line {node.lineno}: {fact.arg}={text}"


@cache
def parsed(path: Path) -> ast.Module:
    """Return the syntax tree of a file."""
    return ast.parse(path.read_text())


def findings(rule: Rule, paths: list[Path]) -> dict[str, list[str]]:
    """Apply a rule to files; keep those with findings."""
    found = {str(path.relative_to(ROOT)): list(rule(parsed(path))) for path in paths}
    return {name: what for name, what in found.items() if what}


@pytest.mark.parametrize(
    ("rule", "source"),
    [
        (reveals, "name.reveal()"),
        (reveals, "map(Personal.reveal, names)"),
        (reveals, "getattr(name, 'reveal')()"),
        (long_functions, "def tall():\n" + " pass\n" * 50),
        (long_functions, "class A:\n async def tall():\n" + "  pass\n" * 50),
        (unsafe_parts, "import pickle"),
        (unsafe_parts, "import os, joblib.memory"),
        (unsafe_parts, "from pickle import loads"),
        (unsafe_parts, "torch.load(path)"),
        (unsafe_parts, "from torch import load"),
        (unsafe_parts, "subprocess.run(line, shell=True)"),
        (unsafe_parts, "subprocess.run(line, shell=flag)"),
        (unsafe_parts, "np.load(path, allow_pickle=True)"),
        (unsafe_parts, "eval(text)"),
        (unsafe_parts, "yaml.load(text)"),
        (careless_facts, "StorageError(problem=str(error))"),
        (careless_facts, "StorageError(problem=error)"),
        (careless_facts, "StorageError(problem=error.args[0])"),
        (careless_facts, "StorageError(problem=f'no {name}')"),
        (careless_facts, "raise InvalidIdentifierError(value=name.reveal())"),
    ],
)
def test_a_planted_violation_is_found(rule: Rule, source: str) -> None:
    assert len(list(rule(ast.parse(source)))) == 1


@pytest.mark.parametrize(
    ("rule", "source"),
    [
        (reveals, "revealed = 1"),
        (long_functions, "def tall():\n" + " pass\n" * 49),
        (unsafe_parts, "safetensors.torch.load(data)\nsubprocess.run(a, shell=False)"),
        (unsafe_parts, "model.eval()\nyaml.safe_load(text)"),
        (careless_facts, "StorageError(errno=error.errno, kind=type(error).__name__)"),
        (careless_facts, "Foreign(problem=str(error))"),
    ],
)
def test_what_is_allowed_is_not_found(rule: Rule, source: str) -> None:
    assert list(rule(ast.parse(source))) == []


def test_personal_values_are_revealed_only_where_they_must_be() -> None:
    assert sorted(findings(reveals, SOURCES)) == sorted(MAY_REVEAL)


def test_no_function_is_longer_than_a_screen() -> None:
    assert findings(long_functions, SOURCES) == {}


def test_no_module_is_longer_than_its_limit() -> None:
    lines = {
        str(path.relative_to(ROOT)): len(path.read_text().splitlines())
        for path in SOURCES
    }
    assert {
        name: count for name, count in lines.items() if count > MAXIMUM_MODULE_LINES
    } == {}


def test_nothing_can_run_code_that_came_as_data() -> None:
    assert findings(unsafe_parts, SOURCES) == {}


def test_no_error_repeats_a_foreign_text_or_a_personal_value() -> None:
    assert findings(careless_facts, SOURCES) == {}


def has_test(module: Path) -> bool:
    """Tell whether a module has a test file: mirrored, or of another kind by name."""
    name = f"test_{module.stem}.py"
    unit = ROOT / "tests" / "unit"
    mirrored = unit / module.relative_to(ROOT / "unlearn_core").with_name(name)
    others = [
        path
        for path in (ROOT / "tests").rglob(name)
        if not path.is_relative_to(unit) or STEMS[module.stem] == 1
    ]
    return mirrored.is_file() or bool(others)


TESTABLE = [
    path
    for path in CORE
    # A package's docstring and a process's entry are run by others' tests.
    if path.stem not in {"__init__", "__main__"}
]
STEMS = Counter(path.stem for path in TESTABLE)


def test_every_module_has_a_test_file() -> None:
    missing = [str(path.relative_to(ROOT)) for path in TESTABLE if not has_test(path)]
    assert missing == []


def test_every_unit_test_file_belongs_to_a_module() -> None:
    known = {path.stem for path in CORE} | {"house"}
    strays = [
        path.name
        for path in (ROOT / "tests" / "unit").rglob("test_*.py")
        if path.stem.removeprefix("test_") not in known
    ]
    assert strays == []


@pytest.mark.parametrize(
    "name",
    [*FORGET_OBJECTIVES, *RETAIN_TERMS, *OPTIMIZERS, *MASKS, *COMBINATIONS, *METRICS],
)
def test_every_registered_name_has_a_page(name: str) -> None:
    page = ROOT / "docs" / "catalogue" / f"{name}.md"
    assert page.is_file()
    assert len(page.read_text().split()) > 50
