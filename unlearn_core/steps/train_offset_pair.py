"""Train: make the offset pair of one rung of the recipe ladder."""

from dataclasses import dataclass, replace

from unlearn_core.domain.canonical import (
    Digest,
    JsonValue,
    digest_of,
    digest_of_json,
)
from unlearn_core.domain.datasets import from_bytes
from unlearn_core.domain.requests import RequestId, Stage
from unlearn_core.modeling.weights import pack_pair
from unlearn_core.observability import EventLog
from unlearn_core.ports import Custody
from unlearn_core.steps import holding, scopes
from unlearn_core.steps.commitment import commit_round
from unlearn_core.steps.journal import recorded
from unlearn_core.steps.lineage import Lineage, read_lineage
from unlearn_core.steps.results import Trained
from unlearn_core.steps.workbench import Workbench
from unlearn_core.training.law_cache import LawCache
from unlearn_core.training.loop import TrainingProgress
from unlearn_core.training.remote_teacher import KeptLogprobs, RemoteTeacher
from unlearn_core.training.schemes.base import importance_after, make_pair

_LOG = EventLog("worker")

RUN_STARTED = "training_run_started"
LOG_EVERY_STEPS = 5


@recorded(Stage.TRAINED, result=Trained)
def train_offset_pair(request_id: RequestId, *, bench: Workbench, rung: int) -> Trained:
    """Train one rung; a killed training continues from its checkpoint.

    Raises:
        CommitmentBrokenError: The sets are not those that were committed to.
        TrainingDivergedError: A loss is not a number.
        RegistryUnavailableError: The registry does not answer.
        ModelUnavailableError: A base elsewhere does not answer.
    """
    recipe, lineage = bench.ladder[rung], read_lineage(bench=bench)
    scope = scopes.working(request_id)
    sealed = bench.custody.get(scope, scopes.DATASETS)
    commit_round(request_id, sealed, bench=bench)
    sequence = lineage.next_sequence
    run = _run(request_id, rung=rung, sequence=sequence, bench=bench)
    lookup = _lookup(scope, lineage=lineage, bench=bench)
    datasets = from_bytes(sealed)
    held = holding.held_importance(
        request_id, recipe=recipe, lineage=lineage, bench=bench
    )
    materials = replace(lineage.materials, lookup=lookup, importance=held)
    checkpoint = scopes.checkpoint(rung, recipe.digest, sequence=sequence)
    pair = make_pair(
        datasets,
        materials=materials,
        recipe=recipe,
        checkpoints=SealedCheckpoints(bench.custody, scope, checkpoint),
        on_progress=_Reporter(bench, request_id, run),
        on_base_done=bench.models.put_base_back,
        report_every=LOG_EVERY_STEPS,
    )
    packed = pack_pair(unlearned=pair.unlearned, reference=pair.reference)
    bench.check_lease()
    bench.custody.put(scope, scopes.pair(rung), packed)
    if holding.is_wanted(bench):
        # The shelf's base: the one that was trained with may have lost its weights.
        materials = replace(materials, base=bench.models.base)
        importance = importance_after(datasets, pair, materials=materials)
        holding.leave(request_id, importance, pair=digest_of(packed), bench=bench)
    return Trained(
        rung=rung,
        run=run,
        recipe=recipe.digest,
        unlearned=digest_of(packed),
        sequence=sequence,
        previous=lineage.latest_digest,
        alpha=pair.alpha,
        untold=lookup.untold if isinstance(lookup, RemoteTeacher) else None,
        law_error=lookup.error if isinstance(lookup, LawCache) else None,
    )


def _lookup(
    scope: str, *, lineage: Lineage, bench: Workbench
) -> LawCache | RemoteTeacher:
    """Return where the laws of the base come from: each is asked for once."""
    store = SealedLaws(bench.custody, scope)
    models = _models(lineage, bench=bench)
    if bench.teacher is None:
        return LawCache(store, models=models, is_brief=bench.terms.brief_laws)
    return RemoteTeacher(
        KeptLogprobs(bench.teacher, store, models=models), materials=lineage.materials
    )


@dataclass(frozen=True, slots=True)
class SealedCheckpoints:
    """`CheckpointStore` in custody."""

    custody: Custody
    scope: str
    name: str

    def load(self) -> bytes | None:
        """Return the latest checkpoint, if there is one."""
        return _kept(self.custody, self.scope, self.name)

    def save(self, data: bytes) -> None:
        """Replace the latest checkpoint."""
        self.custody.put(self.scope, self.name, data)


@dataclass(frozen=True, slots=True)
class SealedLaws:
    """`LawStore` in custody; names are commitments, which nobody can guess at."""

    custody: Custody
    scope: str

    def load(self, key: bytes) -> bytes | None:
        """Return what was kept under a key, if anything."""
        return _kept(self.custody, self.scope, self._name(key))

    def save(self, key: bytes, data: bytes) -> None:
        """Keep data under a key."""
        self.custody.put(self.scope, self._name(key), data)

    def _name(self, key: bytes) -> str:
        return scopes.laws(self.custody.commit(self.scope, key))


def _kept(custody: Custody, scope: str, name: str) -> bytes | None:
    return custody.get(scope, name) if custody.has(scope, name) else None


def _models(lineage: Lineage, *, bench: Workbench) -> Digest:
    """Return the digest of all that decides the laws but text.

    The manifest of the version before names its pair and its strength.
    """
    return digest_of_json(
        {
            "base": bench.models.identity.base,
            "precision": str(bench.models.base.dtype),
            "previous": lineage.latest_digest,
        }
    )


@dataclass(frozen=True, slots=True)
class _Reporter:
    """Sends progress to the tracked run and stops a worker that has lost its lease."""

    bench: Workbench
    request_id: RequestId
    run: str

    def __call__(self, progress: TrainingProgress) -> None:
        self.bench.check_lease()
        values = {
            "forget_loss": progress.forget_loss,
            "retain_loss": progress.retain_loss,
            "stranger_loss": progress.stranger_loss,
            "learning_rate": progress.learning_rate,
            "share_done": progress.step / progress.steps,
        }
        if progress.reading is not None:
            reading = progress.reading
            values |= {"two_sided_gap": reading.gap, "retain_drift": reading.drift}
        if progress.reading is not None or progress.step == progress.steps:
            self._say(progress)
        self.bench.runs.log(self.run, values, step=progress.step)

    def _say(self, progress: TrainingProgress) -> None:
        """Show on the worker's terminal what a look found."""
        seen = progress.reading
        _LOG.info(
            "training_looked_at",
            request_id=self.request_id,
            step=progress.step,
            forget_loss=round(progress.forget_loss, 4),
            retain_loss=round(progress.retain_loss, 4),
            stranger_loss=round(progress.stranger_loss, 4),
            gap=round(seen.gap, 3) if seen else None,
            drift=round(seen.drift, 4) if seen else None,
        )


def _run(request_id: RequestId, *, rung: int, sequence: int, bench: Workbench) -> str:
    """Return the tracked run of a training; one that was started is continued."""
    recipe = bench.ladder[rung]
    training: dict[str, JsonValue] = {
        "rung": rung,
        "recipe": recipe.digest,
        "sequence": sequence,
    }
    for entry in bench.ledger.entries(request_id):
        if entry.event == RUN_STARTED and training.items() <= entry.payload.items():
            return str(entry.payload["run"])
    run = bench.runs.start(
        f"erasure-{str(request_id)[:8]}-rung-{rung}",
        {"request_id": str(request_id), "rung": rung, **recipe.to_json()},
    )
    bench.ledger.note(
        RUN_STARTED,
        {**training, "run": run},
        request_id=request_id,
        lease=bench.lease,
    )
    return run
