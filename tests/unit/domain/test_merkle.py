import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unlearn_core.domain.merkle import (
    EMPTY_ROOT,
    Frontier,
    Tree,
    is_consistent,
    is_included,
    leaf_hash,
    node_hash,
    root_of,
)

# The eight leaves and the roots of trees of 0 to 8 of them that implementations of
# Certificate Transparency are tested with.
DATA = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
LEAVES = [leaf_hash(data) for data in DATA]
TREE = Tree(LEAVES)


def naive_root(leaves: list[bytes]) -> bytes:
    """Return the root as RFC 9162, 2.1.1 defines it, word by word."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = max(2**i for i in range(20) if 2**i < len(leaves))
    return node_hash(naive_root(leaves[:k]), naive_root(leaves[k:]))


@pytest.mark.parametrize("size", range(9))
def test_roots_are_those_of_certificate_transparency(size: int) -> None:
    assert root_of(LEAVES[:size]).hex() == ROOTS[size]
    assert TREE.root(size).hex() == ROOTS[size]


@pytest.mark.parametrize(
    ("index", "size", "path"),
    [
        (0, 1, []),
        (
            0,
            8,
            [
                "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
            ],
        ),
        (
            5,
            8,
            [
                "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
                "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            ],
        ),
        (2, 3, ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]),
    ],
)
def test_proofs_of_inclusion_are_those_of_certificate_transparency(
    index: int, size: int, path: list[str]
) -> None:
    assert [item.hex() for item in TREE.inclusion(index, size)] == path


@pytest.mark.parametrize(
    ("earlier", "later", "path"),
    [
        (1, 1, []),
        (0, 5, []),
        (
            1,
            8,
            [
                "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
            ],
        ),
        (
            6,
            8,
            [
                "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
                "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            ],
        ),
    ],
)
def test_proofs_of_consistency_are_those_of_certificate_transparency(
    earlier: int, later: int, path: list[str]
) -> None:
    assert [item.hex() for item in TREE.consistency(earlier, later)] == path


def some_leaves(count: int) -> list[bytes]:
    """Return the hashes of so many leaves."""
    return [leaf_hash(str(number).encode()) for number in range(count)]


@given(st.integers(0, 70))
def test_a_growing_tree_has_the_root_that_the_definition_gives(size: int) -> None:
    leaves = some_leaves(size)
    assert root_of(leaves) == naive_root(leaves) == Tree(leaves).root()


def test_a_frontier_has_a_root_at_every_size() -> None:
    frontier, leaves = Frontier(), some_leaves(40)
    for size, leaf in enumerate(leaves):
        assert frontier.size == size
        assert frontier.root() == naive_root(leaves[:size])
        frontier.append(leaf)


@given(st.data())
def test_a_leaf_is_proved_to_be_where_it_is_and_nowhere_else(
    data: st.DataObject,
) -> None:
    size = data.draw(st.integers(1, 70))
    index = data.draw(st.integers(0, size - 1))
    other = data.draw(st.integers(-1, size + 1))
    leaves = some_leaves(size)
    tree = Tree(leaves)
    path, root = tree.inclusion(index, size), tree.root()
    assert is_included(leaves[index], index, size, path, root)
    assert is_included(leaves[index], other, size, path, root) == (other == index)
    assert not is_included(leaf_hash(b"another"), index, size, path, root)
    assert not is_included(leaves[index], index, size, (*path, root), root)
    assert not is_included(leaves[index], index, size, path, leaf_hash(b"root"))
    if path:
        assert not is_included(leaves[index], index, size, path[:-1], root)


@given(st.data())
def test_a_tree_is_proved_to_begin_another(data: st.DataObject) -> None:
    later = data.draw(st.integers(1, 70))
    earlier = data.draw(st.integers(0, later))
    tree = Tree(some_leaves(later))
    path = tree.consistency(earlier, later)
    before, after = tree.root(earlier), tree.root(later)
    assert is_consistent(earlier, later, path, before=before, after=after)
    wrong = leaf_hash(b"wrong")
    assert not is_consistent(earlier, later, path, before=wrong, after=after)
    if earlier:
        assert not is_consistent(earlier, later, path, before=before, after=wrong)
    assert not is_consistent(earlier, later, (*path, wrong), before=before, after=after)


@given(st.data())
def test_a_history_that_was_written_anew_has_no_proof(data: st.DataObject) -> None:
    """Whatever leaf of the earlier tree was changed, no honest path leads across."""
    later = data.draw(st.integers(2, 40))
    earlier = data.draw(st.integers(1, later))
    changed = data.draw(st.integers(0, earlier - 1))
    leaves = some_leaves(later)
    before = Tree(leaves).root(earlier)
    leaves[changed] = leaf_hash(b"changed")
    forged = Tree(leaves)
    assert not is_consistent(
        earlier,
        later,
        forged.consistency(earlier, later),
        before=before,
        after=forged.root(),
    )


@pytest.mark.parametrize(("earlier", "later"), [(-1, 3), (4, 3), (0, 9)])
def test_sizes_beyond_the_tree_are_refused(earlier: int, later: int) -> None:
    with pytest.raises(IndexError):
        TREE.consistency(earlier, later)


@pytest.mark.parametrize(("index", "size"), [(-1, 3), (3, 3), (0, 9), (0, 0)])
def test_leaves_beyond_the_tree_are_refused(index: int, size: int) -> None:
    with pytest.raises(IndexError):
        TREE.inclusion(index, size)


def test_sizes_out_of_order_are_never_consistent() -> None:
    assert not is_consistent(4, 3, (), before=TREE.root(4), after=TREE.root(3))
    assert not is_consistent(0, 3, (), before=LEAVES[0], after=TREE.root(3))
    assert is_consistent(0, 3, (), before=EMPTY_ROOT, after=TREE.root(3))
    assert not is_consistent(3, 7, (), before=TREE.root(3), after=TREE.root(7))


def test_a_step_of_another_length_is_refused() -> None:
    """One that is cut elsewhere would lead to the same root of the smaller tree."""
    left, leaf, made_up = TREE.root(2), LEAVES[2], bytes(32)
    cut, rest = left + leaf[:16], leaf[16:]
    after = node_hash(cut, node_hash(rest, made_up))
    assert node_hash(cut, rest) == TREE.root(3)
    assert not is_consistent(
        3, 4, (rest, made_up, cut), before=TREE.root(3), after=after
    )
