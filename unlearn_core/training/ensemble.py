"""The losses of the ``delta`` scheme: those of the ensemble, on cached laws.

Legend: N answer positions, V vocabulary.

A batch is a function of seed and step. What base and reference contribute to the
served law is the same in every epoch, so it is computed once for a run.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from transformers import PreTrainedModel

from unlearn_core.modeling.offset import add_unlearned, fixed_part
from unlearn_core.modeling.tokens import TokenizedExample
from unlearn_core.objectives.base import (
    AnswerLaws,
    ForgetObjective,
    RetainTerm,
    is_mean_over_positions,
)
from unlearn_core.training.calibration import Reading, Watched, read
from unlearn_core.training.chunks import mean_in_chunks
from unlearn_core.training.duals import retain_weight_of
from unlearn_core.training.focus import LOOK_EVERY_STEPS, refocused
from unlearn_core.training.passes import small_logits
from unlearn_core.training.processes import averaged, share_of, world_size
from unlearn_core.training.recipe import TrainingRecipe
from unlearn_core.training.targets import AnswerTable

EVIDENCE_EXAMPLES = 512
"""How many examples of a set a parameter mask looks at."""
EXAMPLES_AT_ONCE = 64
"""How many retain examples are looked at together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingTables:
    """The cached laws that one run trains on.

    Attributes:
        forget: The forget set.
        retain: The retain set.
        strangers: Questions about invented people.
        watched: What tells how far training has come; None without twins.
    """

    forget: AnswerTable
    retain: AnswerTable
    strangers: AnswerTable
    watched: Watched | None = None


class EnsembleStepper:
    """Draws the batch of a step and computes its three losses.

    Args:
        model: The model that is trained.
        tables: The cached laws.
        recipe: Batches, objective, retain term, strength, precision and seed.
        pad_id: Id that fills up short rows.

    Attributes:
        retain_weight: Weight of the retain term.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        *,
        tables: TrainingTables,
        recipe: TrainingRecipe,
        pad_id: int,
    ) -> None:
        self._model = model
        self._recipe = recipe
        self._pad_id = pad_id
        self.retain_weight = retain_weight_of(recipe)
        self._watched = tables.watched
        self._lost_E: list[float] = []
        self._looked_at = -1
        forget, retain = recipe.forget_objective(), recipe.retain_objective()
        self._parts = [
            (_Part.of(table, term, alpha=recipe.alpha), size)
            for table, term, size in (
                (tables.forget, forget, recipe.forget_batch),
                (tables.retain, retain, recipe.retain_batch),
                (tables.strangers, retain, recipe.stranger_batch),
            )
        ]

    def losses(self, step: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return forget, retain and stranger loss of a step.

        Where several processes train, they are such that their mean over processes is
        the loss of the whole batch.
        """
        drawn = self._drawn(step)
        own = [(part, part.own_share(rows)) for part, rows in drawn]
        forget, retain, strangers = (
            part.loss(rows, logits_NV) * part.weight_of(rows, all_rows)
            for (part, rows), (_, all_rows), logits_NV in zip(
                own, drawn, self._logits(own), strict=True
            )
        )
        return forget, retain, strangers

    def drawn_loss(self, step: int) -> tuple[Tensor, int]:
        """Return the loss of tokens that the served law itself draws in a step."""
        drawn = [(part, rows) for part, rows in self._drawn(step) if rows]
        served_NV = torch.cat(
            [
                part.laws(rows, logits_NV).served_NV
                for (part, rows), logits_NV in zip(
                    drawn, self._logits(drawn), strict=True
                )
            ]
        )
        generator = torch.Generator(served_NV.device)
        generator.manual_seed(
            random.Random(f"{self._recipe.seed}-{step}").getrandbits(32)
        )
        drawn_N1 = served_NV.detach().exp().multinomial(1, generator=generator)
        return -served_NV.gather(-1, drawn_N1).mean(), len(served_NV)

    def answer_losses(self, *, retained: bool) -> Iterator[Tensor]:
        """Yield parts of the mean negative log-probability of true answers."""
        found, size = self._parts[int(retained)]
        part = replace(found, second=None)
        rows = range(0, len(part.table), 1 + len(part.table) // (EVIDENCE_EXAMPLES + 1))
        positions = part.positions(rows)
        for begin in range(0, len(rows), max(1, size)):
            some = rows[begin : begin + max(1, size)]
            (logits_NV,) = self._logits([(part, some)])
            laws = part.laws(some, logits_NV)
            yield -laws.label_log_probs(laws.served_NV).sum() / positions

    def _drawn(self, step: int) -> list[tuple["_Part", Sequence[int]]]:
        """Draw the batch of a step: some examples of each part."""
        rng = random.Random(f"{self._recipe.seed}-{step}")
        forget, (retain, rows), strangers = (
            (part, rng.sample(range(len(part.table)), min(size, len(part.table))))
            for part, size in self._parts
        )
        if share := self._recipe.retain_focus:
            rows = refocused(rows, self._lost(step), share=share, rng=rng)
        return [forget, (retain, rows), strangers]

    def _lost(self, step: int) -> Sequence[float]:
        """Return how far every retain example is from its target, as last looked."""
        if step // LOOK_EVERY_STEPS != self._looked_at:
            self._looked_at = step // LOOK_EVERY_STEPS
            self._lost_E = self._look_at_retained()
        return self._lost_E

    @torch.no_grad()
    def _look_at_retained(self) -> list[float]:
        """Ask about all of them; every process gets the same answer."""
        found, _ = self._parts[1]
        part, count = replace(found, second=None), len(found.table)
        pieces = [found.table.reference_NV.new_zeros(0)]
        for begin in range(0, count, EXAMPLES_AT_ONCE):
            rows = range(begin, min(begin + EXAMPLES_AT_ONCE, count))
            (logits_NV,) = self._logits([(part, rows)])
            pieces.append(part.divergences(rows, logits_NV))
        (lost_E,) = averaged([torch.cat(pieces)])
        lost: list[float] = lost_E.tolist()
        return lost

    def _logits(
        self, drawn: Sequence[tuple["_Part", Sequence[int]]]
    ) -> Sequence[Tensor]:
        """Run the model on all examples together; return the logits of each part."""
        logits_NV = small_logits(
            self._model,
            [item for part, rows in drawn for item in part.examples(rows)],
            pad_id=self._pad_id,
            precision=self._recipe.precision,
        )
        counts = [part.positions(rows) for part, rows in drawn]
        return torch.split(logits_NV, counts)

    def look(self) -> Reading | None:
        """Look at the subject beside its twins, and at what shall stay."""
        if self._watched is None:
            return None
        return read(
            self._model,
            self._watched,
            alpha=self._recipe.alpha,
            pad_id=self._pad_id,
            precision=self._recipe.precision,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """A table with the part of the served law that training does not change.

    Attributes:
        table: The table.
        term: What is minimised on it.
        fixed_NV: The `fixed_part` of base and reference.
        alpha: Offset strength.
        second: The same of the second answers, if there are any.
    """

    table: AnswerTable
    term: ForgetObjective | RetainTerm
    fixed_NV: Tensor
    alpha: float
    second: "_Part | None"

    @classmethod
    def of(
        cls, table: AnswerTable, term: ForgetObjective | RetainTerm, *, alpha: float
    ) -> "_Part":
        return cls(
            table=table,
            term=term,
            fixed_NV=fixed_part(table.base_NV, table.reference_NV, alpha=alpha),
            alpha=alpha,
            second=cls.of(table.second, term, alpha=alpha) if table.second else None,
        )

    @property
    def is_mean_over_positions(self) -> bool:
        """Tell whether positions may be looked at a few at a time."""
        return self.second is None and is_mean_over_positions(self.term)

    def own_share(self, rows: Sequence[int]) -> Sequence[int]:
        """Return the examples that this process looks at."""
        return share_of(rows) if self.is_mean_over_positions else rows

    def weight_of(self, own: Sequence[int], rows: Sequence[int]) -> float:
        """Return what makes the processes' mean that over all positions."""
        if len(own) == len(rows):
            return 1.0
        return world_size() * self.positions(own) / self.positions(rows)

    def examples(self, rows: Sequence[int]) -> list[TokenizedExample]:
        """Return some examples, then the same with their second answers."""
        chosen = [self.table.examples[row] for row in rows]
        return chosen + (self.second.examples(rows) if self.second else [])

    def positions(self, rows: Sequence[int]) -> int:
        """Return how many answer positions `examples` has."""
        return sum(len(item.answer) for item in self.examples(rows))

    def loss(self, rows: Sequence[int], logits_NV: Tensor) -> Tensor:
        """Return the loss of some examples, given the small model's logits."""
        if not rows:
            return logits_NV.new_zeros(())
        if not self.is_mean_over_positions:
            return self.term(self.laws(rows, logits_NV))
        places = self._places(rows, logits_NV.device)
        return mean_in_chunks(
            lambda part_NV, where: self.term(self._laws(places[where], part_NV, rows)),
            logits_NV,
        )

    def _places(self, rows: Sequence[int], device: torch.device) -> "_Places":
        """Find the positions of some examples in the table."""
        counts = torch.tensor([len(self.table.examples[row].answer) for row in rows])
        example_N = torch.arange(len(rows)).repeat_interleave(counts)
        return _Places(
            table_N=self.table.positions_of(rows).to(device, non_blocking=True),
            example_N=example_N.to(device, non_blocking=True),
        )

    def _laws(
        self, places: "_Places", logits_NV: Tensor, rows: Sequence[int]
    ) -> AnswerLaws:
        table, table_N = self.table, places.table_N
        own_NV, second_NV = logits_NV.tensor_split([len(table_N)])
        base_NV = table.base_NV[table_N]
        return AnswerLaws(
            served_NV=add_unlearned(self.fixed_NV[table_N], own_NV, alpha=self.alpha),
            base_NV=base_NV,
            target_NV=base_NV
            if table.target_NV is table.base_NV
            else table.target_NV[table_N],
            labels_N=table.labels_N[table_N],
            example_N=places.example_N,
            examples=len(rows),
            second=self.second.laws(rows, second_NV) if self.second else None,
        )

    def divergences(self, rows: Sequence[int], logits_NV: Tensor) -> Tensor:
        """Return KL(target || served) of some examples ``[E]``, summed over tokens."""
        laws = self.laws(rows, logits_NV)
        shift_N = (laws.target_NV.exp() * (laws.target_NV - laws.served_NV)).sum(-1)
        sums_E = shift_N.new_zeros(len(rows))
        return sums_E.index_add_(0, laws.example_N, shift_N)

    def laws(self, rows: Sequence[int], logits_NV: Tensor) -> AnswerLaws:
        """Return the laws of some examples, given the small model's logits."""
        return self._laws(self._places(rows, logits_NV.device), logits_NV, rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Places:
    """Where positions stand: in a table, and in which of the drawn examples."""

    table_N: Tensor
    example_N: Tensor

    def __getitem__(self, where: slice) -> "_Places":
        return _Places(table_N=self.table_N[where], example_N=self.example_N[where])
