import math
from collections.abc import Sequence
from dataclasses import dataclass

import pytest
import torch
from support.domain import datasets
from support.models import (
    TableLaw,
    chat_tokenizer,
    constant_law,
    llama,
    token_rows,
)
from support.runs import KeptLaws

from unlearn_core.domain.canonical import digest_of
from unlearn_core.modeling.laws import NextTokenLaw
from unlearn_core.modeling.tokens import TokenizedExample
from unlearn_core.modeling.weights import own_tensors_digest
from unlearn_core.training import law_cache
from unlearn_core.training.checkpoints import NoCheckpoints
from unlearn_core.training.law_cache import (
    LawCache,
    law_error,
    pack_in_brief,
    pack_law,
    unpack_law,
)
from unlearn_core.training.pair import PairMaterials, make_unlearned
from unlearn_core.training.recipe import TrainingRecipe
from unlearn_core.training.targets import LawQuery, Lookup, answer_laws, computed

ROWS = token_rows(((5, 6), (1, 0, 1)), ((4,), (0,)))
LAW = torch.tensor([[0.5, 0.25, 0.25], [0.9, 0.1, 1e-9]]).log()


def silent() -> TableLaw:
    """Return a law that must not be asked."""

    def asked(_context: tuple[int, ...]) -> list[float]:
        raise AssertionError

    return TableLaw(asked)


def cache(store: KeptLaws, models: str = "models") -> LawCache:
    return LawCache(store, models=digest_of(models.encode()))


@dataclass(frozen=True)
class Ending:
    """Forget losses of a training, and the digest of what it made."""

    losses: list[float]
    weights: str


def trained(lookup: Lookup) -> Ending:
    losses: list[float] = []
    made = make_unlearned(
        datasets(),
        materials=PairMaterials(
            base=llama(0),
            tokenizer=chat_tokenizer(),
            reference=llama(1),
            previous=llama(3),
            lookup=lookup,
        ),
        recipe=TrainingRecipe(steps=4, retain_batch=2, stranger_batch=1),
        checkpoints=NoCheckpoints(),
        on_progress=lambda progress: losses.append(progress.forget_loss),
    )
    return Ending(losses, own_tensors_digest(made))


def about(
    role: str, law: NextTokenLaw, rows: Sequence[TokenizedExample] = ROWS
) -> LawQuery:
    return LawQuery(role=role, law=law, examples=rows, pad_id=0)


def test_a_law_is_computed_once_and_then_read_back() -> None:
    store, law = KeptLaws(), constant_law(0.5, 0.25, 0.25)
    first = cache(store)(about("base", law))
    again = cache(store)(about("base", silent()))
    assert torch.equal(first, again)
    assert again.dtype == torch.float32
    torch.testing.assert_close(
        first, answer_laws(law, ROWS, pad_id=0), rtol=0, atol=1e-3
    )


def test_other_models_roles_and_texts_are_other_laws() -> None:
    store, law = KeptLaws(), constant_law(0.5, 0.25, 0.25)
    cache(store)(about("base", law))
    cache(store)(about("before", law))
    cache(store, "others")(about("base", law))
    cache(store)(about("base", law, ROWS[:1]))
    # Where the prompt ends is part of the text.
    shifted = token_rows(((5,), (6, 1, 0, 1)), ((4,), (0,)))
    cache(store)(about("base", law, shifted))
    assert len(store.laws) == 5


def test_nothing_is_not_kept() -> None:
    store = KeptLaws()
    assert cache(store)(about("base", constant_law(0.5, 0.5), [])).shape == (0, 0)
    assert store.laws == {}


def test_the_error_is_that_of_the_worst_position() -> None:
    """By hand: 1/2 |ln 2 - ln 1| + 1/4 |ln 2 - ln 4| = 3/4 ln 2 at the second one."""
    law = torch.tensor([[0.5, 0.5], [0.5, 0.25]]).log()
    kept = torch.tensor([[0.5, 0.5], [1.0, 0.5]]).log()
    assert law_error(law, kept) == pytest.approx(0.75 * 0.6931472)


def test_what_is_impossible_is_no_error() -> None:
    law = torch.tensor([[1.0, 0.0]]).log()
    assert law_error(law, law.half().float()) == 0


def test_half_precision_is_kept_where_it_is_near_and_only_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    near = unpack_law(pack_law(LAW))
    assert 0 < law_error(LAW, near) <= law_cache.TOLERANCE
    monkeypatch.setattr(law_cache, "TOLERANCE", 1e-7)
    assert torch.equal(unpack_law(pack_law(LAW)), LAW)


def sure(_context: tuple[int, ...]) -> list[float]:
    """Return a law that is sure of one token among 100."""
    return [math.log(0.95), *[math.log(0.05 / 99)] * 99]


def test_a_law_is_kept_in_brief_where_that_takes_less_room() -> None:
    many = token_rows(((5,), tuple(range(60))))
    store, brief = KeptLaws(), KeptLaws()
    cache(store)(about("base", TableLaw(sure), many))
    lookup = LawCache(brief, models=digest_of(b"models"), is_brief=True)
    kept = lookup(about("base", TableLaw(sure), many))
    (full,), (short,) = store.laws.values(), brief.laws.values()
    assert len(short) < len(full)
    assert lookup.error is not None
    assert 0 < lookup.error <= law_cache.TOLERANCE
    again = LawCache(brief, models=digest_of(b"models"), is_brief=True)
    assert torch.equal(again(about("base", silent(), many)), kept)
    assert again.error == lookup.error
    # The setting was changed in between: what was learned from is told all the same.
    changed = cache(brief)
    assert torch.equal(changed(about("base", silent(), many)), kept)
    assert changed.error == lookup.error
    new = token_rows(((6,), tuple(range(60))))
    assert torch.equal(
        changed(about("base", TableLaw(sure), new)),
        cache(KeptLaws())(about("base", TableLaw(sure), new)),
    )
    assert law_error(answer_laws(TableLaw(sure), many, pad_id=0), kept) < 5e-3


def test_a_law_that_is_shorter_in_full_is_kept_in_full() -> None:
    store = KeptLaws()
    lookup = LawCache(store, models=digest_of(b"models"), is_brief=True)
    lookup(about("base", constant_law(0.5, 0.25, 0.25)))
    assert list(store.laws.values()) == [
        pack_law(answer_laws(constant_law(0.5, 0.25, 0.25), ROWS, pad_id=0))
    ]
    assert lookup.error == 0


def test_without_leave_nothing_is_kept_in_brief() -> None:
    assert cache(KeptLaws()).error is None


def test_positions_too_uneven_for_half_precision_are_kept_in_full(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(law_cache, "TOLERANCE", 1e-7)
    packed = pack_in_brief(LAW, torch.tensor([0, 1]))
    assert torch.equal(unpack_law(packed), LAW)


@pytest.mark.parametrize(("tolerance", "drift"), [(0.0, 0.0), (4e-3, 1e-3)])
def test_training_on_kept_laws_ends_where_training_without_them_ends(
    tolerance: float, drift: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To the bit where laws are kept in full; half precision hardly moves a loss."""
    monkeypatch.setattr(law_cache, "TOLERANCE", tolerance)
    store = KeptLaws()
    # Asked, kept, and read back.
    fresh, first, second = (
        trained(lookup) for lookup in (computed, cache(store), cache(store))
    )
    assert second == first
    assert first.losses == pytest.approx(fresh.losses, rel=drift, abs=0)
    assert (first == fresh) is (tolerance == 0)
