"""Reads acceptance policies: YAML that a controller can read and sign off."""

from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from unlearn_core.domain.canonical import Digest, canonical_json, digest_of
from unlearn_core.domain.families import FAMILIES
from unlearn_core.domain.verdicts import (
    AcceptancePolicy,
    Comparison,
    Gate,
    Precondition,
    Reverification,
    SearchBudget,
    Side,
)
from unlearn_core.errors import InvalidPolicyError
from unlearn_core.metrics import FAMILIAL, METRICS, P_VALUES, SEARCHES

EXTENDS = "extends"
SHIPPED = Path(__file__).parents[1] / "policies"
_STRICT = ConfigDict(extra="forbid", frozen=True)


class _GateFile(BaseModel):
    model_config = _STRICT

    name: str
    metric: str
    side: Side
    comparison: Comparison
    limit: Annotated[float, Field(allow_inf_nan=False)]
    why: str
    applies_if: Precondition | None = None


class _ReverificationFile(BaseModel):
    model_config = _STRICT

    every_days: Annotated[int, Field(ge=1)] = 30
    evaluation_set_days: Annotated[int, Field(ge=0)] = 0
    fingerprint_days: Annotated[int, Field(ge=0)] = 0


class _SearchFile(BaseModel):
    model_config = _STRICT

    # The question, a gradient of three, and one text: with less nothing is searched.
    passes: Annotated[int, Field(ge=5)]
    people: Annotated[int, Field(ge=1)] = 5
    at_once: Annotated[int, Field(ge=1)] = 16
    suffix_tokens: Annotated[int, Field(ge=1)] = 8
    likeliest: Annotated[int, Field(ge=1)] = 64


class _PolicyFile(BaseModel):
    model_config = _STRICT

    version: str
    confidence: Annotated[float, Field(gt=0.5, lt=1)]
    samples_per_probe: Annotated[int, Field(ge=1)]
    minimum_controls: Annotated[int, Field(ge=39)]
    gates: Annotated[list[_GateFile], Field(min_length=1)]
    probe_families: dict[str, Annotated[float, Field(gt=0, le=1)]] = {}
    reverification: _ReverificationFile = _ReverificationFile()
    stop_when_settled: bool = False
    search: _SearchFile | None = None


class _Additions(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    version: str
    extends: str
    gates: list[_GateFile] = []


def load_policy(path: Path) -> AcceptancePolicy:
    """Read a policy file, and what it extends.

    Raises:
        InvalidPolicyError: A file is missing, malformed, extends itself, names an
            unknown metric or probe family, a gate twice, one on a search without a
            budget or on families that are not asked, or a test that could not fail.
    """
    parsed, digest = _read(path, above=())
    for family in parsed.probe_families:
        if family not in FAMILIES:
            raise InvalidPolicyError(unknown_family=family)
    return AcceptancePolicy(
        version=parsed.version,
        digest=digest,
        confidence=parsed.confidence,
        samples_per_probe=parsed.samples_per_probe,
        minimum_controls=parsed.minimum_controls,
        probe_families=parsed.probe_families,
        gates=tuple(Gate(**gate.model_dump()) for gate in parsed.gates),
        reverification=Reverification(**parsed.reverification.model_dump()),
        stop_when_settled=parsed.stop_when_settled,
        search=SearchBudget(**parsed.search.model_dump()) if parsed.search else None,
    )


def _read(path: Path, *, above: tuple[Path, ...]) -> tuple[_PolicyFile, Digest]:
    """Read a file with what it extends; return the digest of what they say.

    Args:
        path: The file.
        above: Files that extend this one.
    """
    try:
        data = path.read_bytes()
        content = yaml.safe_load(data)
    except (OSError, yaml.YAMLError):
        raise InvalidPolicyError(problem="unreadable file") from None
    extends = isinstance(content, dict) and EXTENDS in content
    try:
        if extends:
            content = _on_top(path, content, above=above)
        parsed = _PolicyFile.model_validate(content)
    except ValidationError as error:
        entry = ".".join(map(str, error.errors()[0]["loc"]))
        raise InvalidPolicyError(entry=entry) from None
    _check_gates(parsed)
    return parsed, digest_of(canonical_json(_plain(parsed)) if extends else data)


def _on_top(
    path: Path, content: dict[str, Any], *, above: tuple[Path, ...]
) -> dict[str, Any]:
    """Return a file's entries on top of those of the file that it extends."""
    additions = _Additions.model_validate(content)
    base = _extended(path, additions.extends)
    above = (*above, path.resolve())
    if base.resolve() in above:
        raise InvalidPolicyError(entry=EXTENDS, problem="a policy extends itself")
    below, _ = _read(base, above=above)
    own = {gate.name: _plain(gate) for gate in additions.gates}
    if len(own) < len(additions.gates):
        raise InvalidPolicyError(problem="a gate is named twice")
    gates = {gate.name: _plain(gate) for gate in below.gates} | own
    merged = _plain(below) | content | {"gates": list(gates.values())}
    return {name: value for name, value in merged.items() if name != EXTENDS}


def _extended(path: Path, name: str) -> Path:
    """Return the file of a name: one beside, else one that is shipped."""
    if name == Path(name).name:
        for folder in (path.parent, SHIPPED):
            if (folder / name).is_file():
                return folder / name
    raise InvalidPolicyError(entry=EXTENDS, problem="no such policy")


def _plain(model: BaseModel) -> dict[str, Any]:
    return model.model_dump(mode="json", exclude_unset=True)


def _check_gates(parsed: _PolicyFile) -> None:
    names = [gate.name for gate in parsed.gates]
    if len(set(names)) != len(names):
        raise InvalidPolicyError(problem="a gate is named twice")
    for gate in parsed.gates:
        if gate.metric not in METRICS:
            raise InvalidPolicyError(unknown_metric=gate.metric)
        if gate.metric in SEARCHES and parsed.search is None:
            raise InvalidPolicyError(gate=gate.name, missing="search")
        if gate.metric in FAMILIAL and not parsed.probe_families:
            raise InvalidPolicyError(gate=gate.name, missing="probe_families")
        if gate.metric in P_VALUES and gate.limit <= 0:
            raise InvalidPolicyError(gate=gate.name, problem="it could not fail")


def policy_to_bytes(policy: AcceptancePolicy) -> bytes:
    """Return a policy as it is kept for re-verification; its file may change."""
    return canonical_json(_POLICY.dump_python(policy, mode="json"))


def policy_from_bytes(data: bytes) -> AcceptancePolicy:
    """Read what `policy_to_bytes` wrote."""
    return _POLICY.validate_json(data)


_POLICY = TypeAdapter(AcceptancePolicy)
