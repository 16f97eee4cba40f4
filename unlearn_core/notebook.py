"""The offset as a logits processor, for ``generate`` of transformers in a notebook.

Legend: B rows, T tokens of the text so far, V vocabulary.

A processor is told the text so far and the base's scores, and nothing else. So it
remembers the texts and reads from where they differ: the next call of ``generate``,
beams that change places, tokens that were proposed and taken back. What it returns
depends on the texts alone.
"""

import torch
from torch import Tensor
from transformers import LogitsProcessor

from unlearn_core.errors import ManifestInvalidError, ModelUnavailableError
from unlearn_core.modeling.followed import Continued, FollowedRows
from unlearn_core.modeling.offset import OffsetModel

__all__ = ["OffsetModel", "OffsetProcessor"]


class OffsetProcessor(LogitsProcessor):
    """Adds the offset to the base's scores.

    The inference service knows nothing of it: it decodes by itself.

    Args:
        law: The served law; its base is the model that generates.
        pad_id: Id that fills up short prompts on the left; None if there is none. The
            pair does not see it there, so no text may begin with it.
    """

    # Continuous batching drops processors that do not support it, with no more than
    # a warning, and would answer with the base alone. It calls this one, which refuses.
    supports_continuous_batching = True

    def __init__(self, law: OffsetModel, *, pad_id: int | None = None) -> None:
        new_rows, self._compose = law.pair_rows()
        self._pad_id = pad_id
        self._texts: list[list[int]] = []
        self._rows = FollowedRows(new_rows, device=law.device)

    @torch.inference_mode()
    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """Return the served log-probabilities, ``[B, V]``.

        Args:
            input_ids: The texts so far, ``[B, T]``.
            scores: The base's logits of the next token, ``[B, V]``.

        Raises:
            ManifestInvalidError: The pair gives no law; the base's is not returned.
            ModelUnavailableError: The caller does not tell the texts, as continuous
                batching does not.
        """
        if input_ids.dim() != scores.dim():
            raise ModelUnavailableError(problem="rows without their texts")
        texts = [self._without_padding(row) for row in input_ids.tolist()]
        for row in range(len(texts), len(self._texts)):
            self._rows.forget(row)
        known = self._texts + [[] for _ in texts]
        self._texts = texts
        difference_BV = self._rows.differences(
            [_continued(row, known[row], text) for row, text in enumerate(texts)]
        )
        law_BV = self._compose(scores.float(), difference_BV)
        if torch.isnan(law_BV).any():
            raise ManifestInvalidError(problem="the law is not finite")
        return law_BV

    def _without_padding(self, ids: list[int]) -> list[int]:
        """Return a text without what fills it up; its last token always stays."""
        begin = 0
        while begin < len(ids) - 1 and ids[begin] == self._pad_id:
            begin += 1
        return ids[begin:]


def _continued(row: int, known: list[int], text: list[int]) -> Continued:
    """Return how a text goes on from where it differs from the one before."""
    start, longest = 0, min(len(known), len(text) - 1)
    while start < longest and known[start] == text[start]:
        start += 1
    return Continued(key=row, start=start, ids=text[start:])
