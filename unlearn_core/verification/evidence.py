"""Asks every probe of the model as it was and of the target model.

Legend: B batch rows, T tokens, N answer positions, V vocabulary.

Three kinds of score come out: the law at the true answer's tokens (teacher
forced), the greedy answer, and sampled answers at temperature 1 from the whole
law. Sampling is done on the target model only, for the subject and for guessable
facts of never-trained people.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean

import torch
from torch import Tensor

from unlearn_core.domain.datasets import Entropy, Example, Form, Group, Probe
from unlearn_core.domain.families import FamilyProbe
from unlearn_core.metrics.base import Evidence, ProbeScore
from unlearn_core.modeling.generation import Sampling, Tick, generate
from unlearn_core.modeling.laws import NextTokenLaw, law_at_answers
from unlearn_core.modeling.together import Together, greedy_together
from unlearn_core.modeling.tokens import (
    ChatTokenizer,
    TokenizedExample,
    answer_positions,
    collate,
    encode_example,
    in_chunks,
)
from unlearn_core.verification.guards import refuses
from unlearn_core.verification.judge import compressed_bytes, states
from unlearn_core.verification.rouge import RougeL, rouge_of

SPARE_TOKENS = 4
CONTROL_SAMPLING_FRACTION = 4
SMALLEST_VARIANCE = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Interrogation:
    """What is asked, of whom and how.

    Attributes:
        probes: The questions.
        tokenizer: Turns them into ids.
        before: The law before this request.
        after: The law of the target model.
        samples_per_probe: Draws per probe of the subject.
        confidence: Level of the intervals.
        seed: Seed of sampling and resampling.
        families: More ways of asking, reported beside.
        on_progress: Called with the number of answers so far and of all of them.
    """

    probes: tuple[Probe, ...]
    tokenizer: ChatTokenizer
    before: NextTokenLaw
    after: NextTokenLaw
    samples_per_probe: int
    confidence: float
    seed: int
    families: tuple[FamilyProbe, ...] = ()
    on_progress: Callable[[int, int], None] = lambda _done, _all: None


@dataclass(frozen=True, slots=True)
class _Forced:
    """Teacher-forced scores of one probe under one law."""

    token_log_probs: tuple[float, ...]
    token_z_scores: tuple[float, ...]
    argmax_hits: tuple[bool, ...]
    shift: float


@dataclass(frozen=True, slots=True)
class _Greedy:
    """What the most likely answer says of the fact."""

    is_extracted: bool
    is_refusal: bool
    rouge: RougeL


@dataclass(frozen=True, slots=True)
class _Sampled:
    """What sampled answers say of the fact."""

    leaks: int = 0
    recalls: tuple[float, ...] = ()


def gather_evidence(
    asked: Interrogation, *, tick: Tick = lambda _answers: None
) -> Evidence:
    """Ask everything and return the evidence.

    Args:
        asked: What is asked, of whom and how.
        tick: Called with the number of answers that were scored or given.
    """
    encoded = [encode_example(asked.tokenizer, item.example) for item in asked.probes]
    forced_before, forced_after = _teacher_forced(asked, encoded, tick)
    alternatives = _alternatives(asked, tick)
    greedy_before, greedy_after = _greedy(asked, encoded, tick)
    leaks = _sampled(asked, encoded, tick)
    return Evidence(
        before=tuple(
            _score(probe, forced, greedy, _Sampled(), ())
            for probe, forced, greedy in zip(
                asked.probes, forced_before, greedy_before, strict=True
            )
        ),
        after=tuple(
            _score(probe, forced_after[row], greedy_after[row], leaks[row], wrong)
            for row, (probe, wrong) in enumerate(
                zip(asked.probes, alternatives, strict=True)
            )
        ),
        confidence=asked.confidence,
        seed=asked.seed,
    )


def answers_of_evidence(asked: Interrogation) -> int:
    """Return how many answers `gather_evidence` scores or asks for."""
    both_scored_and_given = 4 * len(asked.probes)
    wrong = sum(len(probe.alternatives) for probe in asked.probes)
    return both_scored_and_given + wrong + sum(_draws(asked).values())


def guessed_facts(
    probes: Sequence[Probe], *, law: NextTokenLaw, tokenizer: ChatTokenizer
) -> frozenset[tuple[str, str]]:
    """Return the (ref, field) pairs that a law states in some greedy answer."""
    encoded = [encode_example(tokenizer, probe.example) for probe in probes]
    answers = greedy_answers(law, encoded, tokenizer=tokenizer)
    return frozenset(
        (probe.example.ref, probe.example.field)
        for probe, answer in zip(probes, answers, strict=True)
        if states(answer, probe.example.answer)
    )


def _score(
    probe: Probe,
    forced: _Forced,
    greedy: _Greedy,
    sampled: _Sampled,
    alternatives: tuple[float, ...],
) -> ProbeScore:
    return ProbeScore(
        group=probe.group,
        ref=probe.example.ref,
        field=probe.example.field,
        entropy=probe.entropy,
        mean_log_prob=fmean(forced.token_log_probs),
        argmax_hits=forced.argmax_hits,
        is_extracted=greedy.is_extracted,
        is_refusal=greedy.is_refusal,
        draws=len(sampled.recalls),
        leaks=sampled.leaks,
        alternative_mean_log_probs=alternatives,
        shift=forced.shift,
        form=probe.example.form,
        token_log_probs=forced.token_log_probs,
        token_z_scores=forced.token_z_scores,
        compressed_bytes=compressed_bytes(probe.example.answer),
        rouge_l_recall=greedy.rouge.recall,
        rouge_l_f1=greedy.rouge.f1,
        sampled_recalls=sampled.recalls,
    )


def _teacher_forced(
    asked: Interrogation, encoded: Sequence[TokenizedExample], tick: Tick
) -> tuple[list[_Forced], list[_Forced]]:
    before: list[_Forced] = []
    after: list[_Forced] = []
    for chunk in in_chunks(encoded):
        (before_NV, after_NV), labels_N = _answer_laws(
            asked, [asked.before, asked.after], chunk
        )
        shift_N = (before_NV.exp() * (before_NV - after_NV)).sum(-1)
        counts = [len(example.answer) for example in chunk]
        before += _forced(before_NV, labels_N, torch.zeros_like(shift_N), counts)
        after += _forced(after_NV, labels_N, shift_N, counts)
        tick(2 * len(chunk))
    return before, after


def _answer_laws(
    asked: Interrogation,
    laws: Sequence[NextTokenLaw],
    chunk: Sequence[TokenizedExample],
) -> tuple[list[Tensor], Tensor]:
    """Return each law's log-probabilities ``[N, V]``, and the true tokens ``[N]``."""
    together = Together(laws)
    batch = collate(
        chunk, pad_id=asked.tokenizer.pad_id, maximum_tokens=together.maximum_tokens
    ).to(together.device)
    with torch.inference_mode():
        said = law_at_answers(together, batch).unbind(dim=-2)
        found = [together.law(number, said) for number in range(len(laws))]
    return found, answer_positions(batch).labels_N


def _forced(
    laws_NV: Tensor, labels_N: Tensor, shift_N: Tensor, counts: list[int]
) -> list[_Forced]:
    own_N = laws_NV.gather(-1, labels_N[:, None])[:, 0]
    hits_N = laws_NV.argmax(-1) == labels_N
    return [
        _Forced(
            token_log_probs=tuple(own.tolist()),
            token_z_scores=tuple(z_scores.tolist()),
            argmax_hits=tuple(hits.tolist()),
            shift=float(shift.mean()),
        )
        for own, z_scores, hits, shift in zip(
            torch.split(own_N, counts),
            torch.split(standardised(laws_NV, own_N), counts),
            torch.split(hits_N, counts),
            torch.split(shift_N, counts),
            strict=True,
        )
    ]


def standardised(laws_NV: Tensor, own_N: Tensor) -> Tensor:
    """Return log-probabilities in deviations from what the law itself expects.

    Source: Min-K%++, Zhang et al. 2024, arXiv:2404.02936.
    """
    probs_NV = laws_NV.exp()
    mean_N = (probs_NV * laws_NV).sum(-1)
    variance_N = (probs_NV * (laws_NV - mean_N[:, None]).square()).sum(-1)
    return (own_N - mean_N) / variance_N.clamp(min=SMALLEST_VARIANCE).sqrt()


def _alternatives(asked: Interrogation, tick: Tick) -> list[tuple[float, ...]]:
    """Score the wrong answers of every probe under the target model."""
    wrong = [
        encode_example(
            asked.tokenizer,
            Example(
                ref=probe.example.ref,
                field=probe.example.field,
                form=Form.QUESTION,
                prompt=probe.example.prompt,
                answer=answer,
            ),
        )
        for probe in asked.probes
        for answer in probe.alternatives
    ]
    means: list[float] = []
    for chunk in in_chunks(wrong):
        (laws_NV,), labels_N = _answer_laws(asked, [asked.after], chunk)
        own_N = laws_NV.gather(-1, labels_N[:, None])[:, 0]
        counts = [len(example.answer) for example in chunk]
        means += [float(own.mean()) for own in torch.split(own_N, counts)]
        tick(len(chunk))
    scored = iter(means)
    return [tuple(next(scored) for _ in probe.alternatives) for probe in asked.probes]


def _longest_answer(encoded: Sequence[TokenizedExample]) -> int:
    return max(len(example.answer) for example in encoded) + SPARE_TOKENS


def _greedy(
    asked: Interrogation, encoded: Sequence[TokenizedExample], tick: Tick
) -> list[list[_Greedy]]:
    """Return what the most likely answers say, before and after."""
    laws = [asked.before, asked.after]
    return [
        [
            _Greedy(
                states(answer, probe.example.answer),
                refuses(answer),
                rouge_of(answer, probe.example.answer),
            )
            for probe, answer in zip(asked.probes, answers, strict=True)
        ]
        for answers in answers_under(
            laws, encoded, tokenizer=asked.tokenizer, tick=tick
        )
    ]


def greedy_answers(
    law: NextTokenLaw,
    encoded: Sequence[TokenizedExample],
    *,
    tokenizer: ChatTokenizer,
) -> list[str]:
    """Return the most likely answer to every prompt."""
    return answers_under([law], encoded, tokenizer=tokenizer)[0]


def answers_under(
    laws: Sequence[NextTokenLaw],
    encoded: Sequence[TokenizedExample],
    *,
    tokenizer: ChatTokenizer,
    tick: Tick = lambda _answers: None,
) -> list[list[str]]:
    """Return the most likely answer to every prompt under each of several laws.

    Args:
        laws: The laws; a model that several are made of runs once.
        encoded: The prompts; the longest answer decides how long answers may be.
        tokenizer: Turns ids into text.
        tick: Called with the number of answers that were given.
    """
    found = greedy_together(
        laws,
        [example.prompt for example in encoded],
        maximum_tokens=_longest_answer(encoded),
        end_id=tokenizer.end_id,
        pad_id=tokenizer.pad_id,
        tick=tick,
    )
    return [[tokenizer.decode(answer) for answer in answers] for answers in found]


def _draws(asked: Interrogation) -> dict[int, int]:
    """Return how often the answer to a probe is sampled, by its row."""
    fewer = max(1, asked.samples_per_probe // CONTROL_SAMPLING_FRACTION)
    subject = dict.fromkeys(_rows_of_subject(asked.probes), asked.samples_per_probe)
    return subject | dict.fromkeys(_rows_of_controls(asked.probes), fewer)


def _sampled(
    asked: Interrogation, encoded: Sequence[TokenizedExample], tick: Tick
) -> list[_Sampled]:
    """Return what was sampled for every probe; for most, nothing."""
    results = [_Sampled()] * len(encoded)
    wanted = _draws(asked)
    for draws in dict.fromkeys(wanted.values()):
        rows = [row for row, count in wanted.items() if count == draws]
        answers = generate(
            asked.after,
            [encoded[row].prompt for row in rows],
            Sampling(maximum_tokens=_longest_answer(encoded), temperature=1.0),
            end_id=asked.tokenizer.end_id,
            pad_id=asked.tokenizer.pad_id,
            seed=asked.seed,
            samples=draws,
        )
        tick(len(answers))
        for place, row in enumerate(rows):
            fact = asked.probes[row].example.answer
            own = answers[place * draws : (place + 1) * draws]
            texts = [asked.tokenizer.decode(answer) for answer in own]
            results[row] = _Sampled(
                leaks=sum(states(text, fact) for text in texts),
                recalls=tuple(rouge_of(text, fact).recall for text in texts),
            )
    return results


def _rows_of_subject(probes: Sequence[Probe]) -> list[int]:
    return [row for row, probe in enumerate(probes) if probe.group is Group.SUBJECT]


def _rows_of_controls(probes: Sequence[Probe]) -> list[int]:
    """Return one guessable probe per fact of every control person."""
    seen: set[tuple[str, str]] = set()
    rows = []
    for row, probe in enumerate(probes):
        fact = (probe.example.ref, probe.example.field)
        is_wanted = probe.group is Group.CONTROL and probe.entropy is Entropy.GUESSABLE
        if is_wanted and fact not in seen:
            seen.add(fact)
            rows.append(row)
    return rows
