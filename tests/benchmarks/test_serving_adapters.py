import torch

from benchmarks.serving_adapters import RANKS, time_adapters
from benchmarks.serving_models import Size, adapted, planted

SIZE = Size(width=128, layers=1, inner=128, heads=2)


def test_adapters_change_every_layer_of_the_trunk_by_their_ranks() -> None:
    reference = planted(SIZE, torch.arange(32), seed=1)
    unlearned = adapted(reference, ranks=3)
    others = dict(reference.named_parameters())
    changed = {
        name: torch.linalg.matrix_rank(tensor - others[name], rtol=1e-4)
        for name, tensor in unlearned.named_parameters()
        if not torch.equal(tensor, others[name])
    }
    assert len(changed) == 7
    assert set(map(int, changed.values())) == {3}


def test_thin_matrices_are_compared_with_full_ones() -> None:
    """By hand: seven matrices of 128 x 128 once or twice, and their factors.

    Beside them 32 x 128 embeddings, as many for the head, and three norms of 128.
    """
    with torch.inference_mode():
        told = time_adapters(SIZE, vocabulary=32, rows=(1, 2), steps=2)
    rest = 2 * 32 * 128 + 3 * 128
    thin = rest + 7 * (128 * 128 + RANKS * (128 + 128))
    assert told["parameters"] == round(thin / (rest + 2 * 7 * 128 * 128), 3)
    assert told["equal"]
    assert 0 < told["largest_difference"] < 1e-4
    assert set(told["step"]) == {"1", "2"}
    assert min(told["step"].values()) > 0
