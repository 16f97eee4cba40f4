import math
from dataclasses import replace
from datetime import timedelta

import pytest
import torch
from support.domain import NOW, digest, manifest
from support.models import llama
from support.vllm import (
    ALPHA,
    END_ID,
    Seconds,
    expected_difference,
    offsets_of,
    pair_offset_of,
    slot_with,
    version,
)
from torch import Tensor
from transformers import PreTrainedModel

from unlearn_core.errors import IncompatibleBaseError, ManifestInvalidError
from unlearn_core.modeling.bundles import OpenedBundle
from unlearn_core.vllm.offsets import IDLE_SECONDS, Asked, pair_offset

TEXT = [7, 19, 4, 90]
INFINITE = float("-inf")


def asked(ids: list[int], *rows: int, key: int = 0) -> Asked:
    return Asked(key=key, rows=rows, length=len(ids), ids=lambda start: ids[start:])


def logits(rows: int = 1, *, size: int = 272) -> Tensor:
    generator = torch.Generator().manual_seed(5)
    return torch.randn(rows, size, generator=generator)


def is_blank(row_V: Tensor) -> bool:
    return bool(torch.isfinite(row_V).nonzero().tolist() == [[END_ID]])


def assert_offset(
    found_V: Tensor, base_V: Tensor, ids: list[int], *, unlearned: int = 2
) -> None:
    expected_V = base_V + ALPHA * expected_difference(ids, unlearned=unlearned)
    torch.testing.assert_close(found_V[:272], expected_V, rtol=0, atol=1e-4)


def test_every_row_gets_the_offset_of_its_own_text() -> None:
    offsets = offsets_of(slot_with(version()))
    base = logits(4)
    found = base.clone()
    offsets.add(
        found,
        [asked([9, 9], 3, key=1), asked([*TEXT, 5, 6], 2, 0, 1, key=0)],
    )
    assert_offset(found[2], base[2], TEXT)
    assert_offset(found[0], base[0], [*TEXT, 5])
    assert_offset(found[1], base[1], [*TEXT, 5, 6])
    assert_offset(found[3], base[3], [9, 9])
    assert offsets.blanked == 0


def test_a_row_that_nobody_names_is_blanked() -> None:
    offsets = offsets_of(slot_with(version()))
    found = logits(2)
    offsets.add(found, [asked(TEXT, 1)])
    assert is_blank(found[0])
    assert not is_blank(found[1])
    assert offsets.blanked == 1


@pytest.mark.parametrize("broken", [math.inf, math.nan])
def test_a_row_of_the_base_that_is_broken_is_blanked(broken: float) -> None:
    offsets = offsets_of(slot_with(version()))
    found = logits(2)
    found[0, 5] = broken
    offsets.add(found, [asked(TEXT, 0, key=0), asked(TEXT, 1, key=1)])
    assert [is_blank(row_V) for row_V in found] == [True, False]
    assert offsets.blanked == 1


def test_nothing_but_the_end_follows_while_an_offset_is_required_and_missing() -> None:
    slot = slot_with(None)
    offsets = offsets_of(slot)
    found = logits()
    offsets.add(found, [asked(TEXT, 0)])
    assert is_blank(found[0])
    # A request that began without one gets none later: it would be half an answer.
    slot.swap(version())
    found = logits()
    offsets.add(found, [asked(TEXT, 0)])
    assert is_blank(found[0])
    found, base = logits(), logits()
    offsets.add(found, [asked(TEXT, 0, key=1)])
    assert_offset(found[0], base[0], TEXT)


def test_nothing_but_the_end_follows_once_the_pointer_has_expired() -> None:
    slot = slot_with(version())
    slot.require(1, expires_at=NOW - timedelta(seconds=1))
    found = logits()
    offsets_of(slot).add(found, [asked(TEXT, 0)])
    assert is_blank(found[0])


def test_a_recalled_version_ends_its_requests_at_once() -> None:
    slot = slot_with(version())
    offsets = offsets_of(slot)
    offsets.begin(0)
    slot.recall()
    found = logits()
    offsets.add(found, [asked(TEXT, 0)])
    assert is_blank(found[0])


def test_a_request_keeps_its_version_and_the_old_one_is_freed_with_its_last() -> None:
    slot = slot_with(version(1))
    offsets = offsets_of(slot)
    offsets.begin(0)
    slot.swap(version(2))
    offsets.begin(1)
    base = logits(2)
    found = base.clone()
    offsets.add(found, [asked(TEXT, 0, key=0), asked(TEXT, 1, key=1)])
    assert_offset(found[0], base[0], TEXT, unlearned=2)
    assert_offset(found[1], base[1], TEXT, unlearned=3)
    assert slot.oldest_in_flight == 1
    offsets.end(0)
    assert list(offsets._rows) == [version(2).manifest]
    assert slot.in_flight == 1


def test_a_key_that_begins_again_forgets_who_had_it_before() -> None:
    offsets = offsets_of(slot_with(version()))
    offsets.add(logits(), [asked(TEXT, 0)])
    offsets.begin(0)
    base = logits()
    found = base.clone()
    offsets.add(found, [asked([50, 60], 0)])
    assert_offset(found[0], base[0], [50, 60])


def test_an_idle_request_gives_its_lease_back_and_is_read_anew_if_it_goes_on() -> None:
    slot, seconds = slot_with(version(1)), Seconds()
    offsets = offsets_of(slot, seconds=seconds)
    offsets.add(logits(), [asked(TEXT, 0)])
    seconds.now = IDLE_SECONDS
    offsets.release_idle()
    assert slot.oldest_in_flight == 1
    seconds.now += 1
    offsets.release_idle()
    assert (slot.in_flight, len(offsets)) == (0, 0)
    slot.swap(version(2))
    base = logits()
    found = base.clone()
    offsets.add(found, [asked([*TEXT, 5], 0)])
    assert_offset(found[0], base[0], [*TEXT, 5], unlearned=3)


@pytest.mark.parametrize("token", [-1, 272])
def test_a_text_that_the_pair_cannot_read_is_blanked_and_its_neighbour_is_not(
    token: int,
) -> None:
    offsets = offsets_of(slot_with(version()))
    base = logits(2)
    found = base.clone()
    offsets.add(found, [asked([7, token], 0, key=0), asked(TEXT, 1, key=1)])
    assert is_blank(found[0])
    assert_offset(found[1], base[1], TEXT)


def test_a_pair_that_is_not_a_number_blanks_its_rows() -> None:
    spoiled = llama(4)
    spoiled.get_parameter("model.norm.weight").data.fill_(float("nan"))
    found = logits()
    offsets_of(slot_with(version(law=pair_offset_of(spoiled)))).add(
        found, [asked(TEXT, 0)]
    )
    assert is_blank(found[0])


def test_what_was_forbidden_stays_forbidden_and_padding_is_no_token() -> None:
    base = logits(size=280)
    base[0, 40] = INFINITE
    found = base.clone()
    offsets_of(slot_with(version())).add(found, [asked(TEXT, 0)])
    assert found[0, 40] == INFINITE
    assert bool((found[0, 272:] == INFINITE).all())
    assert_offset(found[0], base[0, :272], TEXT)


def test_strength_zero_is_the_base_bit_for_bit() -> None:
    base = logits()
    found = base.clone()
    law = pair_offset_of(2, alpha=0.0)
    offsets_of(slot_with(version(law=law))).add(found, [asked(TEXT, 0)])
    assert torch.equal(found, base)


def test_an_engine_with_fewer_tokens_than_the_pair_is_refused() -> None:
    offsets = offsets_of(slot_with(version()))
    with pytest.raises(ManifestInvalidError, match="fewer tokens"):
        offsets.add(logits(size=100), [asked(TEXT, 0)])


def bundle(unlearned: PreTrainedModel) -> OpenedBundle:
    """Return a bundle as if it had passed every check."""
    return OpenedBundle(
        manifest=replace(manifest(), vocabulary_size=272),
        manifest_digest=digest("manifest"),
        unlearned=unlearned,
        reference=llama(1),
    )


def test_a_checked_pair_becomes_an_offset() -> None:
    law = pair_offset(bundle(llama(2)), context=8)
    assert (law.alpha, law.vocabulary_size) == (1.0, 272)
    found, base = logits(), logits()
    offsets_of(slot_with(version(law=law))).add(found, [asked(TEXT, 0)])
    expected_V = base[0] + expected_difference(TEXT)
    torch.testing.assert_close(found[0], expected_V, rtol=0, atol=1e-4)


def test_a_pair_that_reads_shorter_texts_than_the_engine_is_refused() -> None:
    context = int(llama(2).config.max_position_embeddings)
    pair_offset(bundle(llama(2)), context=context)
    with pytest.raises(IncompatibleBaseError, match="part=context"):
        pair_offset(bundle(llama(2)), context=context + 1)


def test_a_pair_that_changes_nothing_or_is_not_a_number_is_refused() -> None:
    with pytest.raises(ManifestInvalidError, match="changes nothing"):
        pair_offset(bundle(llama(1)), context=8)
    spoiled = llama(2)
    spoiled.get_parameter("model.norm.weight").data.fill_(float("nan"))
    with pytest.raises(ManifestInvalidError, match="not finite"):
        pair_offset(bundle(spoiled), context=8)
