import inspect
import re
from collections.abc import Iterator
from uuid import UUID

import pytest

from unlearn_core import errors
from unlearn_core.errors import (
    DependencyError,
    IntegrityError,
    LedgerBrokenError,
    PolicyError,
    RequestError,
    SettingsError,
    UnlearnError,
)

GROUPS = (RequestError, PolicyError, IntegrityError, DependencyError)


def every_class() -> Iterator[type[UnlearnError]]:
    """Yield every class of the tree, the root first."""
    waiting: list[type[UnlearnError]] = [UnlearnError]
    while waiting:
        kind = waiting.pop()
        yield kind
        waiting += kind.__subclasses__()


CLASSES = sorted(
    {kind for kind in every_class() if kind.__module__ == errors.__name__},
    key=lambda kind: kind.__name__,
)
LEAVES = [kind for kind in CLASSES if kind not in {UnlearnError, *GROUPS}]


def test_codes_are_unique_and_machine_readable() -> None:
    codes = [kind.code for kind in CLASSES]
    assert len(set(codes)) == len(codes)
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", code) for code in codes)


@pytest.mark.parametrize("kind", LEAVES)
def test_every_error_says_what_happened_and_what_to_do(
    kind: type[UnlearnError],
) -> None:
    assert {"code", "summary", "next_step"} <= vars(kind).keys()
    assert kind.summary[0].islower() or kind.summary.startswith("MLflow")
    assert not kind.summary.endswith(".")
    assert re.match(r"[A-Z`].*\.$", kind.next_step)
    assert kind().diagnostics() == f"{kind.summary}. {kind.next_step}"


@pytest.mark.parametrize("kind", LEAVES)
def test_every_error_belongs_to_exactly_one_of_those_who_act(
    kind: type[UnlearnError],
) -> None:
    assert sum(issubclass(kind, group) for group in GROUPS) == 1


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    drawn = re.findall(r"\w+Error\b", (inspect.getdoc(errors) or "").split("Rules:")[0])
    assert sorted(drawn) == [kind.__name__ for kind in CLASSES]
    groups = [UnlearnError, *GROUPS]
    parents = [name for name in drawn if name in {kind.__name__ for kind in groups}]
    assert parents == [kind.__name__ for kind in groups]
    for kind in LEAVES:
        above = [
            name for name in drawn[: drawn.index(kind.__name__)] if name in parents
        ]
        assert above[-1] in {base.__name__ for base in kind.__mro__}


def test_facts_follow_the_summary_in_the_order_given() -> None:
    error = LedgerBrokenError(problem="gap", at=3)
    assert str(error) == (
        "the ledger was changed after it was written (problem=gap, at=3)"
    )
    assert error.facts == {"problem": "gap", "at": 3}
    assert error.diagnostics() == (
        "the ledger was changed after it was written (problem=gap, at=3). "
        "Stop, keep a copy of the database and call the auditor."
    )


def test_an_error_takes_no_free_text() -> None:
    with pytest.raises(TypeError):
        SettingsError("the mail of Ada Example")  # type: ignore[call-arg]  # on purpose


@pytest.mark.parametrize("fact", ["a name", 3, 0.5, UUID(int=1), None])
def test_a_fact_may_be_a_name_a_number_an_identifier_or_nothing(
    fact: errors.SafeFact,
) -> None:
    assert str(fact) in str(SettingsError(fact=fact))
