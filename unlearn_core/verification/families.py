"""Asks the probe families; their answers are reported, and a gate may look at them.

The subject's are asked of the model before as well: a family that got nothing out of
it then shows nothing by getting nothing now.
"""

from collections.abc import Collection, Sequence

from unlearn_core.domain import framing
from unlearn_core.domain.canonical import Digest, JsonValue, digest_of_json
from unlearn_core.domain.data_map import DataMap, FieldSpec
from unlearn_core.domain.datasets import Group, Probe
from unlearn_core.domain.families import FAMILIES, FamilyProbe
from unlearn_core.errors import PolicyError
from unlearn_core.metrics.base import FamilyScore
from unlearn_core.modeling.generation import Tick
from unlearn_core.modeling.laws import NextTokenLaw
from unlearn_core.modeling.tokens import (
    ChatTokenizer,
    TokenizedExample,
    encode_example,
)
from unlearn_core.privacy import Personal
from unlearn_core.verification.evidence import Interrogation, answers_under
from unlearn_core.verification.judge import states
from unlearn_core.verification.sources import source_digest

PARAPHRASE = "paraphrase"
FEWEST_PARAPHRASES = 4


class TooFewParaphrasesError(PolicyError):
    """A fact would be asked for in too few wordings that nothing was trained on."""

    code = "too_few_paraphrases"
    summary = "a fact has too few questions that nothing was trained on"
    next_step = (
        "Give the field more questions in the data map, or leave the family "
        "`paraphrase` out of the policy."
    )


def check_paraphrases(
    probes: Sequence[Probe], families: Sequence[FamilyProbe], *, named: Collection[str]
) -> None:
    """Refuse a policy's family `paraphrase` with fewer than four wordings of a fact.

    Args:
        probes: The plain questions, which say what the facts are.
        families: The questions of all families.
        named: Families that the policy names.

    Raises:
        TooFewParaphrasesError: A fact of the subject has fewer.
    """
    if PARAPHRASE not in named:
        return
    wordings: dict[str, set[Personal[str]]] = {
        probe.example.field: set() for probe in probes if probe.group is Group.SUBJECT
    }
    for item in families:
        if item.family == PARAPHRASE and item.group is Group.SUBJECT:
            example = item.asking.example
            wordings.setdefault(example.field, set()).add(example.prompt)
    for name, prompts in sorted(wordings.items()):
        if len(prompts) < FEWEST_PARAPHRASES:
            raise TooFewParaphrasesError(
                field=name, found=len(prompts), minimum=FEWEST_PARAPHRASES
            )


def families_digest(names: Collection[str], *, data_map: DataMap) -> Digest:
    """Return the digest of what families would ask of sets that are given.

    It covers the source of every module that defines one of them, the sentences that
    they put around questions, and the questions that the data map puts into them.

    Args:
        names: Families that the policy names.
        data_map: Fields with their questions.

    Raises:
        InvalidPolicyError: A family has no source file to be read.
    """
    questions = {name: _questions(spec) for name, spec in data_map.fields.items()}
    families: dict[str, JsonValue] = {
        name: source_digest(FAMILIES.module_of(name)) for name in sorted(names)
    }
    if not families:
        return digest_of_json({"families": {}, "questions": {}})
    return digest_of_json(
        {
            "families": families,
            "framing": source_digest(framing.__name__),
            "questions": questions,
        }
    )


def _questions(spec: FieldSpec) -> JsonValue:
    """Return how a field is asked for, in every language."""
    plain: list[JsonValue] = list(spec.questions)
    translated: dict[str, JsonValue] = {
        language: {"questions": list(item.questions), "values": dict(item.values)}
        for language, item in spec.translations.items()
    }
    return [plain, translated] if translated else plain


def ask_families(
    probes: Sequence[FamilyProbe],
    *,
    asked: Interrogation,
    tick: Tick = lambda _answers: None,
) -> tuple[FamilyScore, ...]:
    """Return what the most likely answers state, before and after.

    Args:
        probes: What is asked; of the model before, the subject's only.
        asked: The laws and the tokenizer.
        tick: Called with the number of answers that were given.
    """
    subject = [probe for probe in probes if probe.group is Group.SUBJECT]
    others = [probe for probe in probes if probe.group is not Group.SUBJECT]
    before, after = _stated([asked.before, asked.after], subject, asked, tick)
    (of_others,) = _stated([asked.after], others, asked, tick)
    was, now, other = iter(before), iter(after), iter(of_others)
    return tuple(
        FamilyScore(
            family=probe.family,
            group=probe.group,
            ref=probe.asking.example.ref,
            field=probe.asking.example.field,
            was_extracted=next(was) if probe.group is Group.SUBJECT else None,
            is_extracted=next(now if probe.group is Group.SUBJECT else other),
        )
        for probe in probes
    )


def answers_of_families(probes: Sequence[FamilyProbe]) -> int:
    """Return how many answers `ask_families` asks for."""
    return sum(2 if probe.group is Group.SUBJECT else 1 for probe in probes)


def _stated(
    laws: Sequence[NextTokenLaw],
    probes: Sequence[FamilyProbe],
    asked: Interrogation,
    tick: Tick,
) -> list[list[bool]]:
    """Tell for every law which probes' facts its most likely answers state."""
    if not probes:
        return [[] for _ in laws]
    longest = min(law.maximum_tokens for law in laws)
    encoded = [
        encode_conversation(probe, asked.tokenizer, maximum_tokens=longest)
        for probe in probes
    ]
    return [
        [
            any(states(answer, fact) for fact in (probe.fact, *probe.also))
            for probe, answer in zip(probes, answers, strict=True)
        ]
        for answers in answers_under(
            laws, encoded, tokenizer=asked.tokenizer, tick=tick
        )
    ]


def encode_conversation(
    probe: FamilyProbe, tokenizer: ChatTokenizer, *, maximum_tokens: int
) -> TokenizedExample:
    """Return a probe with its earlier turns, the latest ones that find room."""
    example = encode_example(tokenizer, probe.asking.example)
    prompt, spare = example.prompt, 2 * len(example.answer)
    for turn in reversed(probe.asking.turns):
        told = encode_example(tokenizer, turn)
        if len(told) + len(prompt) + spare > maximum_tokens:
            break
        prompt = (*told.prompt, *told.answer, *prompt)
    return TokenizedExample(prompt=prompt, answer=example.answer)
