from pathlib import Path

import pytest

from unlearn_core.domain.canonical import digest_of
from unlearn_core.verification import sources
from unlearn_core.verification.sources import ATTACKING, attacks_digest, source_digest

PACKAGE = Path(sources.__file__).parent


def test_the_digest_of_a_module_is_that_of_its_file() -> None:
    expected = digest_of((PACKAGE / "hunts.py").read_bytes())
    assert source_digest("unlearn_core.verification.hunts") == expected


@pytest.mark.parametrize("name", ATTACKING)
def test_another_way_of_attacking_is_another_digest(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = attacks_digest()
    changed = f"unlearn_core.verification.{name}"

    def kinder(module: str) -> str:
        return "sha256:kinder" if module == changed else source_digest(module)

    monkeypatch.setattr(sources, "source_digest", kinder)
    assert attacks_digest() != before


def test_every_module_that_makes_attack_scores_is_covered() -> None:
    making = {
        path.stem
        for path in PACKAGE.glob("*.py")
        if "AttackScore(" in path.read_text(encoding="utf-8")
    }
    assert making <= set(ATTACKING)
    assert {"search", "suffixes", "mutations"} <= set(ATTACKING)
