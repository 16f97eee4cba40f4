"""Lets the base model put questions into other words, and checks what it knows."""

from collections.abc import Sequence

from unlearn_core.domain.datasets import Example, PersonFacts
from unlearn_core.domain.requests import RequestId
from unlearn_core.domain.rewording import Ask, Knows, Paraphrases, reworded
from unlearn_core.modeling.generation import Sampling, generate
from unlearn_core.modeling.laws import PlainLaw
from unlearn_core.modeling.tokens import ChatTokenizer, encode_example
from unlearn_core.privacy import Personal
from unlearn_core.steps.workbench import Workbench
from unlearn_core.verification.evidence import greedy_answers
from unlearn_core.verification.judge import states

LONGEST_QUESTION = 64
"""Most tokens of a wording."""

TEMPERATURE = 0.7
_SEED_BITS = 32


def paraphrases(
    request_id: RequestId, subject: PersonFacts, *, bench: Workbench
) -> Paraphrases:
    """Return questions about a subject in other words, the same for every attempt."""
    law, tokenizer = PlainLaw(bench.models.base), bench.models.tokenizer
    return reworded(
        subject,
        data_map=bench.data_map,
        ask=asking(law, tokenizer),
        knows=knowing(law, tokenizer),
        seed=request_id.int % 2**_SEED_BITS,
    )


def asking(law: PlainLaw, tokenizer: ChatTokenizer) -> Ask:
    """Return what draws an answer of a model to every prompt that it has room for."""

    def ask(prompts: Sequence[Personal[str]], *, seed: int) -> Sequence[Personal[str]]:
        rows = [tokenizer.question(prompt.reveal()) for prompt in prompts]
        room = law.maximum_tokens - max(map(len, rows), default=0)
        if not rows or room < 1:
            return [Personal("") for _ in prompts]
        answers = generate(
            law,
            rows,
            Sampling(
                maximum_tokens=min(room, LONGEST_QUESTION), temperature=TEMPERATURE
            ),
            end_id=tokenizer.end_id,
            pad_id=tokenizer.pad_id,
            seed=seed,
        )
        return [Personal(tokenizer.decode(answer)) for answer in answers]

    return ask


def knowing(law: PlainLaw, tokenizer: ChatTokenizer) -> Knows:
    """Return what tells whether a model's likeliest answer states what is true."""

    def knows(examples: Sequence[Example]) -> Sequence[bool]:
        encoded = [encode_example(tokenizer, item) for item in examples]
        answers = greedy_answers(law, encoded, tokenizer=tokenizer)
        return [
            states(answer, item.answer)
            for answer, item in zip(answers, examples, strict=True)
        ]

    return knows
