"""What the steps record: plain facts, no personal data, one type per step."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from unlearn_core.domain.requests import Outcome, Stage
from unlearn_core.domain.standing import Material


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledged:
    """The subject was told that the request arrived, and until when it is answered.

    Attributes:
        due_on: Last day for the answer, ISO 8601.
        cancel_until: Until when it can be cancelled at least, if requests cool off.
    """

    due_on: str
    cancel_until: datetime | None = None
    stage: Stage = Stage.ACKNOWLEDGED


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityChecked:
    """Who the requester is was decided."""

    stage: Stage
    method: str
    reason: str
    outcome: Outcome | None = None

    @property
    def may_proceed(self) -> bool:
        """Tell whether the work goes on."""
        return self.stage is Stage.IDENTITY_VERIFIED


@dataclass(frozen=True, slots=True, kw_only=True)
class Located:
    """The sources were searched.

    Attributes:
        stage: `Stage.LOCATED`, `Stage.NOT_FOUND`, or `Stage.UNDER_REVIEW` as long as
            somebody has to decide about uncertain records.
        found: Number of records per source.
        unsearched: Sources that could not be searched completely.
        commitment: Keyed commitment to the located records, if any.
        outcome: Set if there is nothing to do.
        uncertain: Number of records on the review list, per source.
        review_list: Keyed commitment to the review list, if there is one.
        too_much: Sources of which half or more was found; officers have to approve.
    """

    stage: Stage
    found: dict[str, int]
    unsearched: list[str]
    commitment: str | None
    outcome: Outcome | None = None
    uncertain: dict[str, int] = field(default_factory=dict)
    review_list: str | None = None
    too_much: list[str] = field(default_factory=list)

    @property
    def has_records(self) -> bool:
        """Tell whether anything was found that is, or may be, about the subject."""
        return self.stage is not Stage.NOT_FOUND


@dataclass(frozen=True, slots=True, kw_only=True)
class Referred:
    """Officers have to approve before anything is erased.

    Attributes:
        records: Number of records that erasure would touch.
        too_much: Sources of which half or more would be touched.
    """

    records: int
    too_much: list[str] = field(default_factory=list)
    stage: Stage = Stage.REFERRED


@dataclass(frozen=True, slots=True, kw_only=True)
class CoolingOff:
    """The request can be cancelled until a moment, and nothing is erased before it."""

    until: datetime
    stage: Stage = Stage.COOLING_OFF


@dataclass(frozen=True, slots=True, kw_only=True)
class SourcesErased:
    """The records were erased where that is allowed, and read back.

    Attributes:
        erased: Number of records per source that are gone.
        kept: Sources that may not be erased; their records stay.
        held: Number of records per source that stay by a legal hold or an exemption,
            or because another record has the same identifier.
        redacted: Number of records per source that are there without what identified
            the subject.
        staying: Number of records that stay, by source and by the code of why.
    """

    erased: dict[str, int]
    kept: list[str]
    held: dict[str, int] = field(default_factory=dict)
    redacted: dict[str, int] = field(default_factory=dict)
    staying: dict[str, dict[str, int]] = field(default_factory=dict)
    stage: Stage = Stage.SOURCES_ERASED


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipientsConcerned:
    """Whoever has received what was erased has a notice coming; this is no stage.

    Attributes:
        tellings: How far the telling of each has come, by code name.
    """

    tellings: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseSpared:
    """The base model was trained on none of what was found, so it need not forget.

    Attributes:
        base_model: Name of the base model.
        outcome: What the request has come to.
    """

    base_model: str
    outcome: Outcome
    stage: Stage = Stage.BASE_SPARED


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetsBuilt:
    """Forget, retain and holdout sets and the probes are sealed and committed to.

    Attributes:
        forget_set: Keyed commitment to the forget set.
        probe_set: Keyed commitment to all sets, the probes among them.
        policy: Digest of the acceptance policy, thresholds included.
        probe_families: Digest of the definition of the probe families.
        judge: Digest of the source of the judge.
        attacks: Digest of the source of attacks and searches; empty in old entries.
        public_questions: Digest of what guards ask; likewise.
        verification_seed: Seed of every random choice in verification.
        made_from: Number of forget examples by what they were made from.
        sources: Number of forget examples that records of each source state.
        paraphraser: Generator of other wordings; empty in old entries.
        paraphrases: How many wordings it made.
        controls: How control people were compared with the subject, in numbers.
    """

    forget_examples: int
    retain_examples: int
    retain_people: int
    control_people: int
    probes: int
    forget_set: str
    probe_set: str
    policy: str
    policy_version: str
    probe_families: str
    judge: str
    attacks: str = ""
    public_questions: str = ""
    verification_seed: int
    made_from: dict[str, int] = field(default_factory=dict)
    sources: dict[str, int] = field(default_factory=dict)
    paraphraser: str = ""
    paraphrases: int = 0
    controls: dict[str, int] = field(default_factory=dict)
    stage: Stage = Stage.DATASETS_BUILT


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """An unlearned model was trained.

    Attributes:
        rung: Rung of the recipe ladder.
        run: Id of the tracked run.
        recipe: Digest of the recipe.
        unlearned: Digest of the packed pair.
        sequence: Sequence that the version will have.
        previous: Digest of the manifest that it builds on.
        alpha: Offset strength that the version will have.
        untold: What the manifest of the version will say under this name.
        law_error: Likewise.
    """

    rung: int
    run: str
    recipe: str
    unlearned: str
    sequence: int
    previous: str | None
    alpha: float
    untold: float | None = None
    law_error: float | None = None
    stage: Stage = Stage.TRAINED


@dataclass(frozen=True, slots=True, kw_only=True)
class UnlearningVerified:
    """The suite has decided about a rung.

    Attributes:
        repeatable: Gates that can be asked again when only the subject's and
            never-trained people's probes are kept.
    """

    stage: Stage
    rung: int
    passed: bool
    failed_gates: list[str]
    verdict: dict[str, Any]
    results: list[dict[str, Any]]
    report: str
    repeatable: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Escalated:
    """Every rung was rejected; a person must decide."""

    rungs: int
    stage: Stage = Stage.ESCALATED


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """A version of the offset pair is in the registry."""

    registered_model: str
    version: str
    sequence: int
    manifest: str
    stage: Stage = Stage.REGISTERED


@dataclass(frozen=True, slots=True, kw_only=True)
class Promoted:
    """The version is the one to be served.

    Attributes:
        version: Registered version.
        sequence: Its sequence.
        held: Whether it is kept, sealed, how much weights matter for the erasures in
            this version.
    """

    version: str
    sequence: int
    held: bool = False
    stage: Stage = Stage.PROMOTED


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingConfirmed:
    """Every replica serves the version or a later one, with nothing older running.

    Those that were cut off are not among them.

    Attributes:
        replicas: Their names.
        sequence: Sequence of the version.
        effective_at: Moment of the last confirmation.
        best_effort: Names of those that know the base's law in part only.
        cut_off: Names of those that were taken out of service.
        unheard: Those of them that did not say so themselves: an officer did.
        seconds: Time from the version's registration until then.
    """

    replicas: list[str]
    sequence: int
    effective_at: datetime
    best_effort: list[str] = field(default_factory=list)
    cut_off: list[str] = field(default_factory=list)
    unheard: list[str] = field(default_factory=list)
    seconds: float | None = None
    stage: Stage = Stage.SERVING_CONFIRMED


@dataclass(frozen=True, slots=True, kw_only=True)
class Purged:
    """The key of the working data was destroyed."""

    key: str
    objects: int
    destroyed_at: datetime
    stage: Stage = Stage.PURGED


@dataclass(frozen=True, slots=True, kw_only=True)
class Certified:
    """A certificate was issued."""

    certificate: str
    digest: str
    expires_at: datetime
    stage: Stage = Stage.CERTIFIED


@dataclass(frozen=True, slots=True, kw_only=True)
class Notified:
    """The subject was told the outcome; the request is closed."""

    template: str
    outcome: Outcome
    stage: Stage = Stage.NOTIFIED


@dataclass(frozen=True, slots=True, kw_only=True)
class Arranged:
    """What was kept for re-verification before the working data was destroyed.

    Attributes:
        every_days: Days between re-verifications.
        evaluation_set_until: When the evaluation set is destroyed; None if not kept.
        fingerprints_until: When the fingerprints are destroyed; None if not kept.
        commitment: Keyed commitment to policy and evaluation set.
        policy: Digest of the policy that was committed to.
        confidence: Its level of confidence.
        gates: Its gates that are asked again.
        probes: Size of the evaluation set.
        values: Number of fingerprints.
        obstacle: Part of the commitment that had changed, so nothing was kept.
    """

    every_days: int
    evaluation_set_until: datetime | None = None
    fingerprints_until: datetime | None = None
    commitment: str | None = None
    policy: str = ""
    confidence: float = 0.0
    gates: list[str] = field(default_factory=list)
    probes: int = 0
    values: int = 0
    obstacle: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reverified:
    """What is served was asked again.

    Attributes:
        number: Which re-verification of this certificate it was, from 1.
        material: What it was made with.
        manifest: Digest of the manifest that was served.
        sequence: Its sequence.
        valid_until: Until when the certificate is valid now; None if it was not
            renewed.
    """

    number: int
    material: Material
    manifest: str
    sequence: int
    passed: bool
    failed_gates: list[str]
    valid_until: datetime | None
    verdict: dict[str, Any]
    results: list[dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptDataDestroyed:
    """What had outlived its day is gone; the ledger has the proof."""

    materials: list[str]
