"""The report of one verification: all that a reader needs, and nothing personal.

The document holds the verdict, the conditions, every metric that could be computed
and the numbers behind the pictures. People appear as sorted statistics of their group,
without refs, so nobody can be told from anybody else; texts do not appear at all.

- The same evidence gives the same bytes: there is no time and no place in it.
- Its digest is what the ledger and the manifest name, so a kept report can be proved
  to be the one that the decision was taken from.
"""

from dataclasses import dataclass
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from unlearn_core.domain.canonical import Digest, JsonValue, canonical_json, digest_of
from unlearn_core.domain.datasets import Entropy, Group
from unlearn_core.errors import DigestMismatchError
from unlearn_core.metrics.base import GuardResult
from unlearn_core.verification.sizes import SampleSize


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What was verified, and under which terms.

    Attributes:
        request_id: The request.
        base_model: Name of the base model.
        sequence: Sequence that the version would have.
        rung: Rung of the recipe ladder.
        alpha: Offset strength.
        pair: Digest of the packed pair.
        recipe: Digest of the recipe.
        policy: Digest of the acceptance policy.
        policy_version: Its version.
        probe_set: Keyed commitment to all sets.
        judge: Digest of the rule that recognises a fact.
        seed: Seed of every random choice.
    """

    request_id: str
    base_model: str
    sequence: int
    rung: int
    alpha: float
    pair: str
    recipe: str
    policy: str
    policy_version: str
    probe_set: str
    judge: str
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One gate, what it found and why it is there."""

    gate: str
    metric: str
    side: str
    comparison: str
    limit: float
    why: str
    value: float | None
    passed: bool
    applies: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One metric; an end of its interval that is open is None."""

    name: str
    value: float | None
    low: float | None
    high: float | None
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """Hits among trials, with an interval of the share.

    Attributes:
        hits: Trials that brought a fact to light.
        trials: All of them.
        low: Lower end of the interval.
        high: Upper end.
        units: How many facts of the subject, or other people, they are about; None in
            reports from before units were told, whose intervals are over trials.
        mean: Mean of the shares of the units, likewise.
    """

    hits: int
    trials: int
    low: float
    high: float
    units: int | None = None
    mean: float | None = None

    @property
    def value(self) -> float:
        """Return the share itself."""
        return self.hits / self.trials if self.mean is None else self.mean


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowd:
    """The statistics of one group, in nats per token, from low to high."""

    group: Group
    before: tuple[float, ...]
    after: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LeakPoint:
    """Chance that one of ``tries`` answers states the fact, mean over probes."""

    tries: int
    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LeakCurve:
    """Leaks over tries for one group and entropy class."""

    group: Group
    entropy: Entropy
    points: tuple[LeakPoint, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AttackRow:
    """What one attack at one setting got out, and out of never-trained people."""

    attack: str
    setting: float
    subject: Share
    control: Share | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyRow:
    """What one probe family got out, before, now, and of never-trained people."""

    family: str
    before: Share
    subject: Share
    control: Share | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The document; see `docs/formats.md`."""

    format: Literal["unlearn/verification-report/v1"]
    about: About
    passed: bool
    confidence: float
    conditions: tuple[Condition, ...]
    metrics: tuple[Measurement, ...]
    sizes: tuple[SampleSize, ...]
    controls: int
    controls_needed: int
    smallest_p: float
    crowds: tuple[Crowd, ...]
    leaks: tuple[LeakCurve, ...]
    attacks: tuple[AttackRow, ...]
    families: tuple[FamilyRow, ...] = ()
    guards: tuple[GuardResult, ...] = ()

    def metric(self, name: str) -> Measurement | None:
        """Return a metric, if it could be computed."""
        return next((item for item in self.metrics if item.name == name), None)

    def to_bytes(self) -> bytes:
        """Return the canonical bytes, which the digest is of."""
        document: JsonValue = _ADAPTER.dump_python(self, mode="json")
        return canonical_json(document)


_ADAPTER: TypeAdapter[Report] = TypeAdapter(Report)


def report_name(digest: str) -> str:
    """Return the name of a report in the evidence store."""
    return f"reports/{digest.rpartition(':')[2]}.json"


def read_report(data: bytes, *, expected: Digest) -> Report:
    """Read a kept report.

    Raises:
        DigestMismatchError: It is not the one that the ledger names, or no report.
    """
    found = digest_of(data)
    if found != expected:
        raise DigestMismatchError(expected=expected, found=found)
    try:
        return _ADAPTER.validate_json(data)
    except ValidationError:
        raise DigestMismatchError(problem="not a verification report") from None
