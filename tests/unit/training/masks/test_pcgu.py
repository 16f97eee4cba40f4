import torch
from support.masks import evidence_of

from unlearn_core.training.masks.pcgu import ContrastiveGradients


def test_slices_with_the_least_similar_gradients_are_chosen() -> None:
    """Cosines: rows of ``m`` 1, -1 and 0; the vector 0.6; a silent row never first."""
    forget = {
        "m": torch.tensor([[1.0, 0.0], [0.0, 2.0], [1.0, 0.0], [0.0, 0.0]]),
        "v": torch.tensor([3.0, 4.0]),
    }
    retain = {
        "m": torch.tensor([[5.0, 0.0], [0.0, -1.0], [0.0, 1.0], [1.0, 0.0]]),
        "v": torch.tensor([1.0, 0.0]),
    }
    evidence = evidence_of(
        {"m": torch.zeros(4, 2), "v": torch.zeros(2)}, forget=forget, retain=retain
    )
    one = ContrastiveGradients(share=0.2)(evidence)
    assert one["m"].tolist() == [[False] * 2, [True] * 2, [False] * 2, [False] * 2]
    assert one["v"].tolist() == [False, False]
    three = ContrastiveGradients(share=0.6)(evidence)
    assert three["m"][:, 0].tolist() == [False, True, True, False]
    assert three["v"].tolist() == [True, True]
    four = ContrastiveGradients(share=0.8)(evidence)
    assert four["m"][:, 0].tolist() == [True, True, True, False]
