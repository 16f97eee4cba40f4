"""Import contracts hold, and a planted violation of each is noticed."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

VIOLATIONS = {
    "Imports point downwards": (
        "unlearn_core/domain/canonical.py",
        "import unlearn_core.modeling.tokens",
    ),
    "Rules, ports and steps know no framework": (
        "unlearn_core/steps/outcome.py",
        "import prefect",
    ),
    "Rules and ports need neither torch nor pydantic": (
        "unlearn_core/domain/deadlines.py",
        "import torch",
    ),
    "The inference service holds no code that can touch subject data": (
        "unlearn_core/serving/engine.py",
        "import unlearn_core.training.loop",
    ),
    "Only wiring modules import adapters": (
        "unlearn_core/cli/requests.py",
        "import unlearn_core.adapters.clock",
    ),
}


def lint(folder: Path) -> str:
    """Run import-linter on a copy of the source and return what it prints."""
    code = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    done = subprocess.run(  # noqa: S603 - fixed command
        [sys.executable, "-c", code, "--no-cache"],
        cwd=folder,
        env={"PYTHONPATH": str(folder), "PATH": "", "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for package in ("unlearn_core", "flows"):
        shutil.copytree(
            ROOT / package,
            tmp_path / package,
            ignore=shutil.ignore_patterns("__pycache__"),
        )
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_all_contracts_are_kept(copy: Path) -> None:
    printed = lint(copy)
    for name in VIOLATIONS:
        assert f"{name} KEPT" in printed, printed


@pytest.mark.parametrize("contract", VIOLATIONS)
def test_a_planted_violation_is_noticed(copy: Path, contract: str) -> None:
    module, statement = VIOLATIONS[contract]
    path = copy / module
    path.write_text(f"{path.read_text()}\n{statement}\n")
    assert f"{contract} BROKEN" in lint(copy)
