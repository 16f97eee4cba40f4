"""What metrics and attacks are called for people, and how their numbers are written."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from unlearn_core.domain.datasets import Entropy, Group
from unlearn_core.metrics.attacks import LATENT_PROBES

DASH = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"
NOTHING = "not measured"
SETTLED = "the pair was rejected before"
"""Why no public question was asked, nor anything else after the plain ones."""


class Unit(StrEnum):
    """How a number is written."""

    SHARE = "share"
    POINTS = "points"
    NATS = "nats"
    PLAIN = "plain"


@dataclass(frozen=True, slots=True)
class MetricWords:
    """The name of a metric, and its unit."""

    name: str
    unit: Unit = Unit.PLAIN


@dataclass(frozen=True, slots=True)
class AttackWords:
    """What an attack is, what it takes, and what stands in its way."""

    name: str
    needs: str
    mitigation: str


GROUPS: Mapping[Group, str] = {
    Group.CONTROL: "never trained",
    Group.RETAINED: "retained",
    Group.NEIGHBOUR: "neighbours",
    Group.SUBJECT: "subject",
}

ENTROPIES: Mapping[Entropy, str] = {
    Entropy.HIGH: "facts that cannot be guessed",
    Entropy.GUESSABLE: "facts that can be guessed",
}

GATES: Mapping[str, str] = {
    "G0": "Was there anything to forget?",
    "G1": "Does anything leak that cannot be guessed?",
    "G2": "Is the person guessed better than strangers?",
    "G3": "Can the person be told from strangers?",
    "G4": "Is everybody else left as they were?",
    "G5": "What do attacks bring to light?",
}

METRIC_WORDS: Mapping[str, MetricWords] = {
    "extraction_before": MetricWords("answered truly before", Unit.SHARE),
    "high_entropy_leakage": MetricWords(
        "sampled answers that state a fact nobody can guess", Unit.SHARE
    ),
    "guessable_leakage_excess": MetricWords(
        "guessable facts in sampled answers, above strangers", Unit.POINTS
    ),
    "greedy_extraction_excess": MetricWords(
        "true most likely answers, above strangers", Unit.POINTS
    ),
    "exact_memorization_excess": MetricWords(
        "exact memorisation, above strangers", Unit.POINTS
    ),
    "extraction_strength_excess": MetricWords(
        "extraction strength, above strangers", Unit.POINTS
    ),
    "truth_ratio_excess": MetricWords("truth ratio, above strangers", Unit.POINTS),
    "two_sided_p": MetricWords("p-value of the two-sided test"),
    "two_sided_power": MetricWords(
        "remembered people whom the test would notice", Unit.SHARE
    ),
    "retain_accuracy_change": MetricWords("true answers, retained people", Unit.POINTS),
    "retain_accuracy_bound": MetricWords(
        "retained people, exact interval", Unit.POINTS
    ),
    "neighbour_accuracy_change": MetricWords("true answers, neighbours", Unit.POINTS),
    "neighbour_accuracy_bound": MetricWords("neighbours, exact interval", Unit.POINTS),
    "retain_refusal_change": MetricWords(
        "questions about retained people that are refused", Unit.POINTS
    ),
    "family_extraction_excess": MetricWords(
        "facts stated in the worst probe family, above strangers", Unit.POINTS
    ),
    "retain_shift": MetricWords("shift of the law for others, 99th of 100", Unit.NATS),
    "control_shift": MetricWords("change of strangers' likelihood", Unit.NATS),
    "control_exchangeability": MetricWords("p-value of the exchangeability test"),
    "control_contamination": MetricWords(
        "control people who look trained on", Unit.SHARE
    ),
    "reversed_offset_extraction": MetricWords(
        "facts that the pair alone gives away backwards", Unit.SHARE
    ),
    "reference_alone_extraction": MetricWords(
        "facts that the frozen small model states alone", Unit.SHARE
    ),
    "version_contrast_extraction": MetricWords(
        "facts in the contrast with the version before", Unit.SHARE
    ),
    "weakened_offset_extraction": MetricWords(
        "facts at weaker or reversed strengths", Unit.SHARE
    ),
    "int8_extraction_excess": MetricWords(
        "true answers of the 8-bit pair, above strangers", Unit.POINTS
    ),
    "int4_extraction_excess": MetricWords(
        "true answers of the 4-bit pair, above strangers", Unit.POINTS
    ),
    "truncated_base_excess": MetricWords(
        "true answers on a truncated base, above strangers", Unit.POINTS
    ),
    "in_context_extraction_excess": MetricWords(
        "true answers after other facts were told, above strangers", Unit.POINTS
    ),
    "relearning_extraction_excess": MetricWords(
        "true answers after other facts were taught to the pair, above strangers",
        Unit.POINTS,
    ),
    "strength_sweep_excess": MetricWords(
        "true answers at strengths around the served one, above strangers",
        Unit.POINTS,
    ),
    "latent_supervised_excess": MetricWords(
        "facts told apart inside the small model, above strangers", Unit.POINTS
    ),
    "latent_unsupervised_excess": MetricWords(
        "the same without labels, above strangers", Unit.POINTS
    ),
    "logit_lens_excess": MetricWords(
        "first tokens on the short list of a layer, above strangers", Unit.POINTS
    ),
    "logit_lens_rise_excess": MetricWords(
        "first tokens that rise most in a layer, above strangers", Unit.POINTS
    ),
    "suffix_search_excess": MetricWords(
        "facts that a searched suffix brings back, above strangers", Unit.POINTS
    ),
    "prompt_search_excess": MetricWords(
        "facts that an evolved prompt brings back, above strangers", Unit.POINTS
    ),
    "guard_knowledge_change": MetricWords(
        "right choices among public questions, the worst data set", Unit.POINTS
    ),
    "guard_safety_change": MetricWords(
        "bias, refusals and harmless continuations, the worst data set", Unit.POINTS
    ),
    "canary_exposure": MetricWords("exposure of the true values, in bits"),
    "two_way_distance": MetricWords("distance to a retrained model", Unit.NATS),
    "leak_at_10": MetricWords("one of ten answers states a fact", Unit.SHARE),
    "leak_at_100": MetricWords("one of a hundred answers states a fact", Unit.SHARE),
    "probability": MetricWords("probability of the true answers"),
    "rouge_l": MetricWords("words of the true answers that are said", Unit.SHARE),
    "model_utility": MetricWords("model utility on retained people"),
}

ATTACK_WORDS: Mapping[str, AttackWords] = {
    "reversed_offset": AttackWords(
        "The pair alone, backwards",
        "both small models",
        "Both are sealed in the registry and in every replica's cache, and no endpoint "
        "returns what they say.",
    ),
    "reference_alone": AttackWords(
        "The frozen small model by itself",
        "the reference of the pair",
        "It is sealed like the pair that it belongs to, and no endpoint asks it.",
    ),
    "version_contrast": AttackWords(
        "This version against the one before",
        "all log-probabilities of two versions",
        "A replica answers with one version, never goes back to an older one, and "
        "caps the log-probabilities it returns.",
    ),
    "strength": AttackWords(
        "Another strength of the offset",
        "the right to set the strength",
        "The strength stands in the signed manifest; no request can set it.",
    ),
    "int8_pair": AttackWords(
        "The pair rounded to 8 bits",
        "the right to store another pair",
        "Replicas load the pair with the digest of the signed manifest and no other.",
    ),
    "int4_pair": AttackWords(
        "The pair rounded to 4 bits",
        "the right to store another pair",
        "Replicas load the pair with the digest of the signed manifest and no other.",
    ),
    "truncated_base": AttackWords(
        "The base's likeliest five tokens only",
        "the right to change how replicas compute",
        "Replicas add the offset to the base's whole law.",
    ),
    "latent_supervised": AttackWords(
        "Inside the small model, by a trained direction",
        "the trained small model, and facts about people who stay",
        "It is sealed in the registry and in every replica's cache.",
    ),
    "latent_unsupervised": AttackWords(
        "Inside the small model, without labels",
        "both small models",
        "They are sealed in the registry and in every replica's cache.",
    ),
    "logit_lens": AttackWords(
        "Layers read through the head, four tokens each",
        "the trained small model",
        "It is sealed in the registry and in every replica's cache.",
    ),
    "logit_lens_rise": AttackWords(
        "The four tokens that rise most in a layer",
        "the trained small model",
        "It is sealed in the registry and in every replica's cache.",
    ),
    "suffix_gradient": AttackWords(
        "A suffix searched by gradients",
        "all three models, and the true answer to search for",
        "Weights are sealed; endpoints give no gradients.",
    ),
    "suffix_coordinate": AttackWords(
        "A suffix searched token by token",
        "log-probabilities of the true answer, and many questions",
        "Endpoints show a few alternatives to each token, and score no text.",
    ),
    "prompt_evolution": AttackWords(
        "A prompt that evolved",
        "log-probabilities of the true answer, and many questions",
        "Endpoints show a few alternatives to each token, and score no text.",
    ),
    "relearning": AttackWords(
        "Taught a few facts, asked the rest",
        "the trained small model, what the base says, and some of the person's facts",
        "The pair is sealed in the registry and in every replica's cache. It is open "
        "in a replica's memory alone, which an enclave shields where there is one.",
    ),
    "in_context": AttackWords(
        "Other facts told first",
        "the endpoint, and knowledge of the person",
        "None: anybody can ask like this.",
    ),
}

STRENGTH = "strength"
"""The attack whose setting is a multiple of the served strength."""

HALF_BY_CHANCE = LATENT_PROBES
"""Attacks of which half are right by chance."""

LAYERED = HALF_BY_CHANCE | {"logit_lens", "logit_lens_rise"}
"""Attacks whose setting is a layer."""

TAUGHT = frozenset({"relearning"})
"""Attacks whose setting is the steps of a training."""

SEARCHES = frozenset({"suffix_gradient", "suffix_coordinate", "prompt_evolution"})
"""Attacks whose setting is a budget."""

FAMILY_WORDS: Mapping[str, str] = {
    "direct": "trained questions",
    "paraphrase": "questions never trained on",
    "jailbreak": "jailbreak before the question",
    "role_play": "role play",
    "prefix_10": "first 10% of a text",
    "prefix_25": "first 25% of a text",
    "prefix_50": "first 50% of a text",
    "prefix_75": "first 75% of a text",
    "few_shot": "other facts told first",
    "multi_turn": "within a conversation",
    "mixed": "together with somebody else",
    "other_languages": "within a sentence in another language",
    "answer_in_other_languages": "answer wanted in another language",
    "translated": "translated questions",
    "pretend_ignorance": "told to pretend ignorance",
    "trivia": "a letter or digits of the fact",
}


GUARD_WORDS: Mapping[str, str] = {
    "arc_easy": "ARC, easy",
    "arc_challenge": "ARC, challenge",
    "openbookqa": "OpenBookQA",
    "hellaswag": "HellaSwag",
    "winogrande": "WinoGrande",
    "bbq": "BBQ, bias",
    "harmful_qa": "HarmfulQA, refusals",
    "real_toxicity_prompts": "RealToxicityPrompts, harmless",
}


def guard_words(name: str) -> str:
    """Return the words for a guard."""
    return GUARD_WORDS.get(name) or name.replace("_", " ")


def family_words(name: str) -> str:
    """Return the words for a probe family."""
    return FAMILY_WORDS.get(name) or name.replace("_", " ")


def metric_words(name: str) -> MetricWords:
    """Return the words for a metric; an unknown one is called by its own name."""
    return METRIC_WORDS.get(name) or MetricWords(name.replace("_", " "))


def attack_words(name: str) -> AttackWords:
    """Return the words for an attack; an unknown one is called by its own name."""
    unknown = AttackWords(name.replace("_", " "), NOTHING, "not described")
    return ATTACK_WORDS.get(name) or unknown


def in_words(value: float | None, unit: Unit = Unit.PLAIN) -> str:
    """Write a number.

    >>> in_words(0.0123, Unit.SHARE), in_words(0.02, Unit.POINTS)
    ('1.2%', '+2.0 points')
    """
    if value is None:
        return NOTHING
    match unit:
        case Unit.SHARE:
            text = f"{100 * value:.1f}%"
        case Unit.POINTS:
            text = f"{100 * value:+.1f} points"
        case Unit.NATS:
            text = f"{value:+.3f} nats"
        case Unit.PLAIN:
            text = f"{value:.3f}"
    return text.replace("-", MINUS)


def units_in_words(units: int | None, *, is_subject: bool) -> str:
    """Say what trials are about; nothing where that was not told.

    >>> units_in_words(7, is_subject=True), units_in_words(1, is_subject=False)
    ('about 7 facts', 'about 1 person')
    """
    if units is None:
        return ""
    one, more = ("fact", "facts") if is_subject else ("person", "people")
    return f"about {units} {one if units == 1 else more}"


def interval_in_words(low: float | None, high: float | None, unit: Unit) -> str:
    """Write an interval; nothing if it has no width or no ends.

    >>> interval_in_words(0.02, None, Unit.NATS)
    '+0.020 nats or more'
    """
    if low == high:
        return ""
    if low is None:
        return f"{in_words(high, unit)} or less"
    if high is None:
        return f"{in_words(low, unit)} or more"
    first = in_words(low, unit).removesuffix(" points").removesuffix(" nats")
    return f"{first} to {in_words(high, unit)}"
