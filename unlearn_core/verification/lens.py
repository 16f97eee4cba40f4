"""Reads the trained small model layer by layer through its own head.

Every layer's state at the end of a question, put through the model's last
normalisation and its head, is a law of the next token that is never served. If the
first token of the true answer is among its likeliest ones, or among those that became
likelier most since the layer before, somebody with the weights has it on a short list.

Source: Patil et al. 2023, arXiv:2309.17410 (head projection and probability
delta), both with a budget of k tokens a layer; the lens is that of
nostalgebraist 2020. Never-trained people are read likewise, because common first
tokens are on any list. Of a pair only the unlearned model is read: the reference and
the base are known to hold the facts.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from unlearn_core.domain.datasets import Probe
from unlearn_core.metrics.base import AttackScore
from unlearn_core.modeling.tokens import (
    ChatTokenizer,
    TokenizedExample,
    encode_example,
    in_chunks,
)
from unlearn_core.modeling.weights import output_head
from unlearn_core.verification.attacks import attacked

SHORT_LIST = 4
LAST_NORMS = ("norm", "ln_f", "final_layer_norm", "final_layernorm")


def read_layers(
    probes: Sequence[Probe], *, tokenizer: ChatTokenizer, model: PreTrainedModel
) -> tuple[AttackScore, ...]:
    """Read every layer but the last, which is what the model says.

    Args:
        probes: Questions about the subject and never-trained people.
        tokenizer: Turns them into ids.
        model: The trained small model.

    Returns:
        Scores with the layer as setting, 0 being the embeddings; none of a model whose
        last normalisation is not where it usually is.
    """
    norm = last_norm(model)
    if norm is None:
        return ()
    chosen = attacked(probes)
    rows = [encode_example(tokenizer, probe.example) for probe in chosen]
    layers = layer_laws(model, rows, norm=norm)
    first_N1 = torch.tensor([[row.answer[0]] for row in rows])
    scores: list[AttackScore] = []
    for layer, law_NV in enumerate(layers):
        found = {"logit_lens": law_NV}
        if layer:
            found["logit_lens_rise"] = law_NV.exp() - layers[layer - 1].exp()
        for attack, rating_NV in found.items():
            listed_NK = rating_NV.topk(min(SHORT_LIST, rating_NV.shape[-1])).indices
            hits_N = (listed_NK == first_N1).any(dim=-1)
            scores += [
                AttackScore(
                    attack=attack,
                    setting=float(layer),
                    group=probe.group,
                    ref=probe.example.ref,
                    field=probe.example.field,
                    is_extracted=is_hit,
                )
                for probe, is_hit in zip(chosen, hits_N.tolist(), strict=True)
            ]
    return tuple(scores)


def last_norm(model: PreTrainedModel) -> nn.Module | None:
    """Return what normalises states before the head, if it can be told."""
    body = model.base_model
    found = [getattr(body, name, None) for name in LAST_NORMS]
    return next((item for item in found if isinstance(item, nn.Module)), None)


def layer_laws(
    model: PreTrainedModel, rows: Sequence[TokenizedExample], *, norm: nn.Module
) -> tuple[Tensor, ...]:
    """Return each layer's law of the first answer token, ``[N, V]``, not the last's."""
    head = output_head(model)
    longest = int(model.config.max_position_embeddings)
    found: list[list[Tensor]] = []
    for chunk in in_chunks(rows):
        prompts = [row.prompt[-longest:] for row in chunk]
        width = max(map(len, prompts))
        ids_BT = torch.tensor([[*row, *[0] * (width - len(row))] for row in prompts])
        mask_BT = torch.tensor(
            [[1] * len(row) + [0] * (width - len(row)) for row in prompts]
        )
        with torch.inference_mode():
            states = model(
                input_ids=ids_BT.to(model.device),
                attention_mask=mask_BT.to(model.device),
                output_hidden_states=True,
                use_cache=False,
            ).hidden_states
            last_B = mask_BT.sum(dim=1) - 1
            rows_B = torch.arange(len(chunk))
            found.append(
                [
                    torch.log_softmax(
                        head(norm(state_BTD[rows_B, last_B])).float(), dim=-1
                    ).cpu()
                    for state_BTD in states[:-1]
                ]
            )
    return tuple(torch.cat(layer) for layer in zip(*found, strict=True))
