from collections.abc import Sequence

import pytest
import torch
from support.serving import offset_law
from support.upstream import elsewhere, fingerprint, remote_law
from torch import Tensor

from unlearn_core.adapters.memory.upstream import MemoryUpstream
from unlearn_core.errors import OffsetRequiredError
from unlearn_core.modeling import rows as rows_module
from unlearn_core.modeling.remote_rows import NoLaw
from unlearn_core.modeling.rows import Rows

LONG, SHORT = [5, 6, 7, 8, 9], [40, 41]


def both() -> tuple[MemoryUpstream, Rows, Rows]:
    """Return the same rows with the base elsewhere, which tells all, and here."""
    source = elsewhere()
    return source, remote_law(source).rows(), offset_law(1).fused().rows()


def assert_same(found: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-4)


def test_rows_that_join_fork_leave_and_go_on_have_the_law_of_a_base_that_is_here() -> (
    None
):
    _, remote, local = both()
    assert_same(remote.join([LONG, SHORT]), local.join([LONG, SHORT]))
    for rows in (remote, local):
        rows.fork(0)
        rows.leave(0)
    assert_same(remote.advance([3, 4]), local.advance([3, 4]))
    assert_same(
        remote.join([[*SHORT, 3, 90]], known=[(1, 2)]),
        local.join([[*SHORT, 3, 90]], known=[(1, 2)]),
    )
    assert_same(remote.advance([7, 8, 9]), local.advance([7, 8, 9]))


def test_proposals_that_are_taken_back_leave_no_trace() -> None:
    def choose(scores_BV: Tensor, _ahead: int) -> list[int]:
        return [int(token) for token in scores_BV.argmax(dim=-1)]

    source, remote, local = both()
    laws: list[Tensor] = []
    for rows in (remote, local):
        rows.join([LONG, SHORT])
        before = len(source.asked)
        looked, _ = rows.speculate([3, 4], count=2, choose=choose)
        if rows is remote:
            # Three places of two rows in one question.
            assert len(source.asked) - before == 6
        rows.extend([1, 3])
        laws += [looked, rows.advance([11, 12])]
    assert_same(laws[0], laws[2])
    assert_same(laws[1], laws[3])


def test_the_base_is_asked_about_whole_texts() -> None:
    source = elsewhere()
    rows = remote_law(source).rows()
    rows.join([LONG, SHORT])
    begin = len(source.asked)
    rows.advance([3, 4])
    expected: Sequence[tuple[int, ...]] = [(*LONG, 3), (*SHORT, 4)]
    assert source.asked[begin:] == expected


def test_a_prompt_that_is_read_in_pieces_is_asked_about_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rows_module, "SHORTEST_PASS", 2)
    monkeypatch.setattr(rows_module, "PASS_SCORES", 1)
    source, remote, local = both()
    assert_same(remote.join([LONG, SHORT]), local.join([LONG, SHORT]))
    assert source.asked[-2:] == [tuple(LONG), tuple(SHORT)]
    assert len(source.asked) == len(fingerprint().probes) + 2


def test_without_an_offset_there_is_no_law() -> None:
    law = NoLaw(maximum_tokens=7, device=torch.device("cpu"))
    with pytest.raises(OffsetRequiredError):
        law.rows()
