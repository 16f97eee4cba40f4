"""The models of the table's rows, made when they are asked for and kept in a cache."""

import copy
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor
from transformers import PreTrainedModel

from benchmarks import smollm2_models as models
from benchmarks.keeping import cached
from benchmarks.smollm2_teaching import (
    MODELS_VERSION,
    Rows,
    Start,
    teach_base,
    teach_pair,
)
from benchmarks.tofu import Author
from benchmarks.tofu_pairs import (
    SCHEMES,
    Sizes,
    SkippedError,
    datasets,
    pair_of,
    recipe_of,
)
from benchmarks.tofu_questions import TableSets
from benchmarks.tofu_tuning import METHODS, Tuning, tune
from unlearn_core.domain.canonical import JsonValue, digest_of_json
from unlearn_core.domain.datasets import Datasets
from unlearn_core.modeling.laws import NextTokenLaw, PlainLaw
from unlearn_core.modeling.offset import OffsetModel
from unlearn_core.modeling.tokens import TokenizedExample, TransformersTokenizer
from unlearn_core.modeling.weights import (
    frozen,
    load_model,
    load_tokenizer,
    output_head,
)
from unlearn_core.training.pair import PairMaterials

SUBSET_AUTHORS = 20
BASE, RETRAINED = "base", "retrained"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is trained.

    Attributes:
        rates: Learning rates that every weight-tuning method is tried with.
        strengths: What the recipe's strength of every pair of ours is multiplied with;
            the pair is the same.
        tuning_steps: Steps of each of these runs.
        pair_steps: Steps of our pairs; None for the ladder's.
        sizes: How much our pairs keep.
    """

    rates: tuple[float, ...]
    strengths: tuple[float, ...]
    tuning_steps: int
    pair_steps: int | None
    sizes: Sizes


def _nothing() -> NextTokenLaw:
    message = "a skipped row has no law"
    raise SkippedError(message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One row of the table.

    Attributes:
        name: The method.
        variant: Which of its settings, empty if it has one.
        key: Name of the row's folder.
        law: Makes or loads what is asked.
        discard: Removes weights that nobody needs once the row is measured.
        skipped: Why there is no such row, if there is none.
    """

    name: str
    variant: str
    key: str
    law: Callable[[], NextTokenLaw] = _nothing
    discard: Callable[[], None] = lambda: None
    skipped: str = ""


class _PreciseHead(torch.nn.Module):
    """An output head in float32: in bf16, logits near 20 have steps of an eighth."""

    def __init__(self, weight_VD: Tensor) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(weight_VD.float(), requires_grad=False)

    def forward(self, hidden_BTD: Tensor) -> Tensor:
        """Return logits ``[B, T, V]``."""
        return torch.nn.functional.linear(hidden_BTD.float(), self.weight)


def quick(model: PreTrainedModel) -> PreTrainedModel:
    """Return a copy that computes in bf16 up to its head."""
    head = output_head(model)
    assert isinstance(head.weight, Tensor)  # noqa: S101 - tells the type checker
    weight_VD = head.weight.detach().clone()
    half: torch.nn.Module = copy.deepcopy(model)
    half.to(torch.bfloat16)
    assert isinstance(half, PreTrainedModel)  # noqa: S101 - likewise
    half.set_output_embeddings(_PreciseHead(weight_VD))  # type: ignore[no-untyped-call]  # untyped upstream
    return half


class Shelf:
    """Every model of one table.

    Args:
        sets: Who is taught and forgotten.
        plan: What is trained.
        cache: Where taught models are, shared with other experiments.
        work: The folder of this table.
        device: Where models are.
        start: Gives the model that is taught.
        show: Told about progress.
    """

    def __init__(
        self,
        sets: TableSets,
        plan: Plan,
        *,
        cache: Path,
        work: Path,
        device: torch.device,
        start: Start,
        show: models.Progress,
    ) -> None:
        self._sets, self._plan = sets, plan
        self._work, self._device = work, device
        self._start, self._show = start, show
        name = f"smollm2-tofu-{MODELS_VERSION}"
        if len(sets.taught) != SUBSET_AUTHORS:
            name += f"-{len(sets.taught)}"
        self._taught = cache / name
        self._without = cache / f"{name}-without-{len(sets.forgotten)}"

    def entries(self) -> Iterator[Entry]:
        """Return all rows, the two that others are compared with first."""
        yield Entry(name=RETRAINED, variant="", key=RETRAINED, law=self._retrained_law)
        yield Entry(name=BASE, variant="", key=BASE, law=lambda: self._base_law)
        for scheme in SCHEMES:
            for strength in self._plan.strengths:
                yield self._pair(scheme, strength)
        for method in METHODS:
            for rate in self._plan.rates:
                yield self._tuned(
                    Tuning(method=method, rate=rate, steps=self._plan.tuning_steps)
                )

    @cached_property
    def tokenizer(self) -> TransformersTokenizer:
        """The tokenizer of all models."""
        return load_tokenizer(self._pair_folder / "base")

    @cached_property
    def judge(self) -> NextTokenLaw:
        """The law of the retrained model."""
        return self._retrained_law()

    @cached_property
    def _pair_folder(self) -> Path:
        rows = _rows(self._sets.taught)
        return cached(
            self._taught,
            lambda part: teach_pair(rows, part, start=self._start, show=self._show),
        )

    @cached_property
    def _materials(self) -> PairMaterials:
        base, reference = (
            load_model(self._pair_folder / name, device=self._device)
            for name in ("base", "reference")
        )
        return PairMaterials(base=base, tokenizer=self.tokenizer, reference=reference)

    def _materials_for(self, scheme: str) -> PairMaterials:
        """Divergence begins with a small model that never saw what is forgotten."""
        if scheme != "divergence":
            return self._materials
        with TemporaryDirectory() as folder:
            untaught = self._start(Path(folder))
        small = models.first_layers(untaught, models.REFERENCE_LAYERS)
        return replace(self._materials, reference=frozen(small))

    @cached_property
    def _quick_base(self) -> PreTrainedModel:
        return quick(self._materials.base)

    @cached_property
    def _base_law(self) -> NextTokenLaw:
        return PlainLaw(self._quick_base)

    def _retrained_law(self) -> NextTokenLaw:
        def make(part: Path) -> None:
            rows = _rows(self._sets.kept)
            teach_base(rows, part, name=RETRAINED, start=self._start, show=self._show)

        folder = cached(self._without, make)
        return PlainLaw(quick(load_model(folder, device=self._device)))

    def _datasets(self) -> Datasets:
        return datasets(
            self._sets,
            self._work / "sources",
            token_count=lambda text: len(self.tokenizer.text(text)),
            sizes=self._plan.sizes,
        )

    def _pair(self, scheme: str, strength: float) -> Entry:
        try:
            recipe = recipe_of(scheme, steps=self._plan.pair_steps)
        except SkippedError as error:
            return Entry(name=scheme, variant="", key="", skipped=str(error))
        identity = {"recipe": recipe.to_json(), "sizes": asdict(self._plan.sizes)}
        key = _key(scheme, identity)
        alpha = strength * recipe.alpha

        def law() -> NextTokenLaw:
            unlearned, reference = pair_of(
                self._work / "models" / key,
                recipe,
                self._datasets,
                materials=self._materials_for(scheme),
                show=partial(self._show, scheme),
            )
            return OffsetModel(
                self._quick_base,
                unlearned=quick(unlearned),
                reference=quick(reference),
                alpha=alpha,
            )

        served = key if strength == 1 else f"{key}-{alpha:g}"
        return Entry(name=scheme, variant=f"{alpha:g}", key=served, law=law)

    def _tuned(self, tuning: Tuning) -> Entry:
        key = _key(tuning.method, asdict(tuning))
        folder = self._work / "models" / key
        name = f"{tuning.method} {tuning.rate:g}"

        def make(part: Path) -> None:
            model = tune(
                self._materials.base,
                forget=self._encoded(self._sets.forgotten),
                kept=self._encoded(self._sets.kept),
                tuning=tuning,
                pad_id=self.tokenizer.pad_id,
                show=partial(self._show, name),
            )
            models.save(model, part)

        return Entry(
            name=tuning.method,
            variant=f"{tuning.rate:g}",
            key=key,
            law=lambda: PlainLaw(
                quick(load_model(cached(folder, make), device=self._device))
            ),
            discard=lambda: shutil.rmtree(folder, ignore_errors=True),
        )

    def _encoded(self, authors: tuple[Author, ...]) -> list[TokenizedExample]:
        return models.encode(self.tokenizer, _rows(authors))


def _rows(authors: tuple[Author, ...]) -> Rows:
    return [
        (row["question"], row["answer"]) for author in authors for row in author.rows
    ]


def _key(name: str, identity: Mapping[str, JsonValue]) -> str:
    digest = digest_of_json(dict(identity)).partition(":")[2]
    return f"{name}-{digest[:12]}"
