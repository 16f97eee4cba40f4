"""Tries a version in the replica's own process, before any question reaches it.

Legend: B batch rows, T tokens, S cached and new tokens, V vocabulary.

The checks of a bundle say that it is the one that was signed. The probes say that it
works here, on this device, with this library:

1. the law is a law: finite, and its probabilities add up to one;
2. decoding with caches and padding, as the engine does it, gives the same law;
3. the law is not the base's own, so the offset is really in it.

The probes are neutral texts. What the version shall have forgotten is known to nobody
here.
"""

import torch

from unlearn_core.errors import ManifestInvalidError
from unlearn_core.modeling.generation import Decoder
from unlearn_core.modeling.laws import NextTokenLaw
from unlearn_core.modeling.tokens import ChatTokenizer

PROBES = (
    "Hello",
    "What is the capital of the country?",
    "Tell me where the person lives and works, and how to write to them.",
)
DECODED_TOKENS = 2
TOLERANCE = 1e-2
ROUNDING = 2e-5


def probe(law: NextTokenLaw, *, base: NextTokenLaw, tokenizer: ChatTokenizer) -> None:
    """Try a law.

    Raises:
        ManifestInvalidError: A check fails; its fact says which.
    """
    room = law.maximum_tokens - DECODED_TOKENS
    prompts = [tokenizer.question(text)[-room:] for text in PROBES]
    differs = False
    decoder = Decoder(law, prompts, pad_id=tokenizer.pad_id)
    rows = [list(prompt) for prompt in prompts]
    for _ in range(DECODED_TOKENS):
        decoded_BV = decoder.log_probs_BV
        for row, ids in enumerate(rows):
            law_V = _alone(law, ids)
            _check_law(law_V)
            if not torch.allclose(decoded_BV[row].exp(), law_V.exp(), atol=TOLERANCE):
                raise ManifestInvalidError(problem="decoding gives another law")
            differs = differs or not torch.allclose(
                law_V, _alone(base, ids), rtol=0, atol=ROUNDING
            )
        tokens_B = decoded_BV.argmax(dim=-1)
        for ids, token in zip(rows, tokens_B.tolist(), strict=True):
            ids.append(token)
        decoder.advance(tokens_B)
    if not differs:
        raise ManifestInvalidError(problem="the offset changes nothing")


def _alone(law: NextTokenLaw, ids: list[int]) -> torch.Tensor:
    """Return the law of the next token, without caches or padding."""
    ids_BT = torch.tensor([ids], device=law.device)
    with torch.inference_mode():
        return law(ids_BT, attention_mask_BS=torch.ones_like(ids_BT), first=-1)[0, -1]


def _check_law(law_V: torch.Tensor) -> None:
    if torch.isnan(law_V).any() or law_V.max() == float("-inf"):
        raise ManifestInvalidError(problem="the law is not finite")
    if abs(float(law_V.double().logsumexp(dim=-1))) > TOLERANCE:
        raise ManifestInvalidError(problem="the probabilities do not add up to one")
