import re
from pathlib import Path

import pytest
import torch
from support.models import llama
from torch import Tensor
from transformers import (
    GenerationConfig,
    LlamaForCausalLM,
    LogitsProcessorList,
)

from unlearn_core.errors import ManifestInvalidError, ModelUnavailableError
from unlearn_core.modeling.generation import Sampling, generate
from unlearn_core.notebook import OffsetModel, OffsetProcessor

PAD = 0
PROMPTS = ([7, 19, 4], [200], [31, 31, 8, 150, 99, 2, 60])


def offset_model() -> OffsetModel:
    return OffsetModel(llama(0), unlearned=llama(2), reference=llama(1), alpha=1.3)


def answers(
    processor: OffsetProcessor, *prompts: list[int], **options: int
) -> list[list[int]]:
    """Let transformers generate with the processor."""
    base = llama(0)
    assert isinstance(base, LlamaForCausalLM)
    longest = max(map(len, prompts))
    ids = [[PAD] * (longest - len(row)) + row for row in prompts]
    mask = [[0] * (longest - len(row)) + [1] * len(row) for row in prompts]
    settings = GenerationConfig(  # type: ignore[no-untyped-call]  # untyped upstream
        max_new_tokens=8, do_sample=False, pad_token_id=PAD, **options
    )
    made = base.generate(  # type: ignore[misc]  # a mixin typed by a protocol upstream
        torch.tensor(ids),
        attention_mask=torch.tensor(mask),
        generation_config=settings,
        logits_processor=LogitsProcessorList([processor]),
    )
    return [row[longest:].tolist() for row in made]


def expected(*prompts: list[int]) -> list[list[int]]:
    return generate(
        offset_model(),
        prompts,
        Sampling(maximum_tokens=8),
        end_id=-1,
        pad_id=PAD,
        seed=0,
    )


def test_generate_gives_what_the_served_law_gives_padded_or_not() -> None:
    """And the same processor serves one question after another."""
    processor = OffsetProcessor(offset_model(), pad_id=PAD)
    assert answers(processor, *PROMPTS) == expected(*PROMPTS)
    assert answers(processor, PROMPTS[1]) == expected(PROMPTS[1])
    assert answers(processor, PROMPTS[1]) == expected(PROMPTS[1])


def test_tokens_that_are_proposed_and_taken_back_change_nothing() -> None:
    processor = OffsetProcessor(offset_model())
    prompt = [31, 8, 31, 8, 31, 8, 31]
    found = answers(processor, prompt, prompt_lookup_num_tokens=3)
    assert found == expected(prompt)


def test_beams_that_change_places_are_read_anew() -> None:
    """A processor that remembers nothing finds the same beams."""
    prompt = PROMPTS[2]

    class Forgetful(OffsetProcessor):
        def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
            self._texts = []
            return super().__call__(input_ids, scores)

    model = offset_model()
    remembering = OffsetProcessor(model)
    forgetful = Forgetful(model)
    found = answers(remembering, prompt, num_beams=3)
    assert found == answers(forgetful, prompt, num_beams=3)


def test_what_was_forbidden_stays_forbidden_and_scores_are_not_changed() -> None:
    processor = OffsetProcessor(offset_model())
    scores = torch.randn(1, 272)
    scores[0, 5] = float("-inf")
    before = scores.clone()
    law_BV = processor(torch.tensor([[7, 8]]), scores)
    assert law_BV[0, 5] == float("-inf")
    assert float(law_BV.exp().sum()) == pytest.approx(1.0, abs=1e-5)
    assert torch.equal(scores, before)


def test_a_pair_that_is_not_a_number_never_gives_the_base() -> None:
    spoiled = llama(2)
    spoiled.get_parameter("model.norm.weight").data.fill_(float("nan"))
    model = OffsetModel(llama(0), unlearned=spoiled, reference=llama(1), alpha=1.0)
    with pytest.raises(ManifestInvalidError, match="not finite"):
        answers(OffsetProcessor(model), PROMPTS[0])


def test_a_caller_that_does_not_tell_the_texts_is_refused() -> None:
    """Continuous batching tells the last tokens only.

    It would drop a processor that says that it does not support it, and go on.
    """
    assert OffsetProcessor.supports_continuous_batching
    with pytest.raises(ModelUnavailableError, match="without their texts"):
        OffsetProcessor(offset_model())(torch.tensor([4, 5]), torch.randn(2, 272))


def test_the_lines_of_the_readme_work() -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    (block,) = re.findall(
        r"In a notebook.*?```python\n(.*?)```", readme, flags=re.DOTALL
    )
    lines = [line for line in block.splitlines() if line]
    assert len(lines) == 3
    names: dict[str, object] = {
        "base": llama(0),
        "unlearned": llama(2),
        "reference": llama(1),
        "inputs": {
            "input_ids": torch.tensor([PROMPTS[0]]),
            "attention_mask": torch.ones(1, 3, dtype=torch.long),
            "max_new_tokens": 4,
            "do_sample": False,
            "pad_token_id": PAD,
        },
    }
    *before, last = lines
    exec("\n".join(before), names)  # noqa: S102 - our own lines
    made = eval(last, names)  # noqa: S307 - as above
    law = OffsetModel(llama(0), unlearned=llama(2), reference=llama(1), alpha=1.0)
    sampling = Sampling(maximum_tokens=4)
    (told,) = generate(law, [PROMPTS[0]], sampling, end_id=-1, pad_id=PAD, seed=0)
    assert made[0, 3:].tolist() == told
