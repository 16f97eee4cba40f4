"""Tries a version in the replica's own process, before any question reaches it.

Legend: B batch rows, T tokens, S cached and new tokens, V vocabulary.

The checks of a bundle say that it is the one that was signed. The probes say that it
works here, on this device, with this library:

1. the law is a law: finite, and its probabilities add up to one;
2. decoding as the engine does it, rows of unlike lengths, the pair fused, tokens
   proposed and taken back, gives the law of the separate models without any cache;
3. the law is not the base's own, computed either way: the offset is really in it.

The probes are neutral texts. What the version shall have forgotten is known to nobody
here.
"""

import torch
from torch import Tensor

from unlearn_core.errors import ManifestInvalidError
from unlearn_core.modeling.laws import NextTokenLaw
from unlearn_core.modeling.rows import Rows, ServableLaw
from unlearn_core.modeling.tokens import ChatTokenizer

PROBES = (
    "Hello",
    "What is the capital of the country?",
    "Tell me where the person lives and works, and how to write to them.",
)
DECODED_TOKENS = 3
TOLERANCE = 1e-2
ROUNDING = 2e-5


def probe(
    law: ServableLaw,
    *,
    plain: NextTokenLaw,
    base: NextTokenLaw,
    tokenizer: ChatTokenizer,
) -> None:
    """Try a law.

    Args:
        law: What shall be served.
        plain: The same law, computed by the separate models.
        base: The law of the base alone.
        tokenizer: Makes the probes.

    Raises:
        ManifestInvalidError: A check fails; its fact says which.
    """
    room = law.maximum_tokens - DECODED_TOKENS
    texts = [list(tokenizer.question(text)[-room:]) for text in PROBES]
    rows = law.rows()
    differs = _check(rows.join(texts), texts, plain=plain, base=base)
    differs |= _check(_advanced(rows, texts), texts, plain=plain, base=base)
    if rows.can_draft:
        # One proposal, which is taken back.
        tokens = [int(_alone(plain, ids).argmax()) for ids in texts]
        laws_BTV, _ = rows.speculate(tokens, count=1, choose=_likeliest)
        rows.extend([1] * len(texts))
        for ids, token in zip(texts, tokens, strict=True):
            ids.append(token)
        differs |= _check(laws_BTV[:, 0], texts, plain=plain, base=base)
    differs |= _check(_advanced(rows, texts), texts, plain=plain, base=base)
    if not differs:
        raise ManifestInvalidError(problem="the offset changes nothing")


def _advanced(rows: Rows, texts: list[list[int]]) -> Tensor:
    """Append a token to every text and return the law after it."""
    for place, ids in enumerate(texts):
        ids.append(ids[place % len(ids)])
    return rows.advance([ids[-1] for ids in texts])


def _likeliest(scores_BV: Tensor, _ahead: int) -> list[int]:
    return [int(token) for token in scores_BV.argmax(dim=-1)]


def _check(
    decoded_BV: Tensor,
    texts: list[list[int]],
    *,
    plain: NextTokenLaw,
    base: NextTokenLaw,
) -> bool:
    """Compare decoded laws with those of whole texts; tell whether the base differs."""
    differs = False
    for decoded_V, ids in zip(decoded_BV, texts, strict=True):
        law_V = _alone(plain, ids)
        _check_law(law_V)
        if not torch.allclose(decoded_V.exp(), law_V.exp(), atol=TOLERANCE):
            raise ManifestInvalidError(problem="decoding gives another law")
        alone_V = _alone(base, ids)
        differs |= not any(
            torch.allclose(either_V, alone_V, rtol=0, atol=ROUNDING)
            for either_V in (law_V, decoded_V)
        )
    return differs


def _alone(law: NextTokenLaw, ids: list[int]) -> Tensor:
    """Return the law of the next token, without caches or padding."""
    ids_BT = torch.tensor([ids], device=law.device)
    with torch.inference_mode():
        return law(ids_BT, attention_mask_BS=torch.ones_like(ids_BT), first=-1)[0, -1]


def _check_law(law_V: Tensor) -> None:
    if torch.isnan(law_V).any() or law_V.max() == float("-inf"):
        raise ManifestInvalidError(problem="the law is not finite")
    if abs(float(law_V.double().logsumexp(dim=-1))) > TOLERANCE:
        raise ManifestInvalidError(problem="the probabilities do not add up to one")
