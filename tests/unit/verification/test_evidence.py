import math
from functools import partial

import pytest
import torch
from support.models import TableLaw
from support.village import (
    CERTAINTY,
    EVERYBODY_TRAINED,
    OTHERS,
    TOKENIZER,
    WORDS,
    interrogation,
    law_that_knows,
    probe,
    probes,
    values_of,
)

from unlearn_core.domain.datasets import Entropy, Group
from unlearn_core.metrics.base import Evidence
from unlearn_core.modeling.tokens import in_chunks
from unlearn_core.verification import evidence as module
from unlearn_core.verification.evidence import (
    answers_of_evidence,
    gather_evidence,
    guessed_facts,
)

BASE = law_that_knows(*EVERYBODY_TRAINED)
GOLD = law_that_knows(*OTHERS)
ASKED = (
    probe(Group.SUBJECT, "subject-0", "city", "ask"),
    probe(Group.SUBJECT, "subject-0", "phone", "tell"),
    probe(Group.RETAINED, "retained-0", "city", "ask"),
    probe(Group.CONTROL, "control-0", "city", "ask"),
    probe(Group.CONTROL, "control-0", "city", "tell"),
    probe(Group.CONTROL, "control-0", "phone", "ask"),
)


@pytest.fixture(scope="module")
def found() -> Evidence:
    """Return what is found when the subject alone is forgotten."""
    return gather_evidence(
        interrogation(before=BASE, after=GOLD, asked=ASKED, samples=8)
    )


def test_every_probe_is_scored_before_and_after(found: Evidence) -> None:
    for scores in (found.before, found.after):
        assert [item.ref for item in scores] == [item.example.ref for item in ASKED]
        assert [item.field for item in scores] == [item.example.field for item in ASKED]
        assert [item.entropy for item in scores] == [item.entropy for item in ASKED]
    assert (found.confidence, found.seed) == (0.95, 0)


def test_what_other_peoples_metrics_need_is_measured_too(found: Evidence) -> None:
    """Likelihood p against the rest spread evenly: z is sqrt((1 - p) / p)."""
    phone = found.before[1]
    assert phone.token_log_probs == pytest.approx([math.log(CERTAINTY)] * 5, abs=1e-5)
    expected = math.sqrt((1 - CERTAINTY) / CERTAINTY)
    assert phone.token_z_scores == pytest.approx([expected] * 5, rel=1e-2)
    assert (phone.rouge_l_recall, phone.rouge_l_f1) == (1.0, 1.0)
    assert phone.compressed_bytes > len("0 0 0 0")
    assert phone.sampled_recalls == ()
    assert len(found.after[1].sampled_recalls) == found.after[1].draws == 8


def test_a_known_answer_is_likely_token_by_token(found: Evidence) -> None:
    """City: one word and the end. Phone: four digits and the end."""
    city, phone = found.before[:2]
    assert city.mean_log_prob == pytest.approx(math.log(CERTAINTY), abs=1e-6)
    assert city.argmax_hits == (True, True)
    assert phone.argmax_hits == (True,) * 5
    assert city.is_extracted
    assert phone.is_extracted


def test_refusals_are_seen_in_the_most_likely_answers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The village has no words to refuse with; here the answer about the city is one.

    Before, the law answers it; afterwards it does not.
    """
    city = values_of("subject-0")["city"]
    monkeypatch.setattr(module, "refuses", lambda answer: city in answer)
    seen = gather_evidence(interrogation(before=BASE, after=GOLD, asked=ASKED))
    assert [item.is_refusal for item in seen.before][:2] == [True, False]
    assert not seen.after[0].is_refusal


def test_an_unknown_answer_is_as_likely_as_noise(found: Evidence) -> None:
    forgotten = found.after[0]
    assert forgotten.mean_log_prob == pytest.approx(-math.log(len(WORDS)), abs=1)
    assert not forgotten.is_extracted
    assert forgotten.shift > 4


def test_the_shift_is_the_divergence_from_the_law_before(found: Evidence) -> None:
    """By hand from both laws: sum of p_before (log p_before - log p_after)."""
    assert [item.shift for item in found.before] == [0.0] * 6
    assert found.after[2].shift == pytest.approx(0, abs=1e-6)
    prompt = TOKENIZER.question("ask city subject-0")
    answer = TOKENIZER.text(values_of("subject-0")["city"])
    by_hand = []
    for ids in (prompt, prompt + answer):
        row = torch.tensor([ids])
        before, after = (
            law(row, attention_mask_BS=torch.ones_like(row), first=-1)[0, 0].double()
            for law in (BASE, GOLD)
        )
        by_hand.append(float((before.exp() * (before - after)).sum()))
    assert found.after[0].shift == pytest.approx(sum(by_hand) / 2, rel=1e-4)


def test_wrong_answers_are_scored_under_the_target_model_only(found: Evidence) -> None:
    assert [len(item.alternative_mean_log_probs) for item in found.after] == [2] * 6
    assert {item.alternative_mean_log_probs for item in found.before} == {()}
    kept = found.after[2]
    # The word is nearly impossible, the end after it is noise: 70 other words.
    assert max(kept.alternative_mean_log_probs) < kept.mean_log_prob - 3


def test_the_subject_and_guessable_control_facts_are_sampled(found: Evidence) -> None:
    """Control facts once each and a quarter as often; nobody else, nothing before."""
    assert [item.draws for item in found.after] == [8, 8, 0, 2, 0, 0]
    assert [item.draws for item in found.before] == [0] * 6
    assert all(0 <= item.leaks <= item.draws for item in found.after)


def test_leaks_are_counted_among_the_draws() -> None:
    """The base knows the subject; a draw fails about once in a thousand tokens."""
    sampled = gather_evidence(
        interrogation(before=BASE, after=BASE, asked=ASKED, samples=40)
    ).after
    assert sampled[0].leaks >= 37
    assert sampled[1].leaks >= 37
    assert sampled[3].leaks <= 5


def test_without_subject_and_controls_nothing_is_sampled() -> None:
    found = gather_evidence(interrogation(before=BASE, after=BASE, asked=ASKED[2:3]))
    assert found.after[0].draws == 0


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = interrogation(before=BASE, after=GOLD, asked=ASKED, samples=4)
    whole = gather_evidence(asked)
    monkeypatch.setattr(module, "in_chunks", partial(in_chunks, tokens=1))
    parts = gather_evidence(asked)
    scores = ((*whole.before, *whole.after), (*parts.before, *parts.after))
    for first, second in zip(*scores, strict=True):
        assert first.mean_log_prob == pytest.approx(second.mean_log_prob)
        assert first.alternative_mean_log_probs == pytest.approx(
            second.alternative_mean_log_probs
        )
        assert (first.leaks, first.argmax_hits) == (second.leaks, second.argmax_hits)


def test_progress_counts_every_answer() -> None:
    """One probe: scored and answered before and after, two wrong answers, one draw."""
    asked = interrogation(before=BASE, after=BASE, asked=ASKED[:1], samples=1)
    ticks: list[int] = []
    gather_evidence(asked, tick=ticks.append)
    assert ticks == [2, 2, 2, 1]
    assert answers_of_evidence(asked) == sum(ticks)


def test_guessed_facts_are_those_of_any_way_of_asking() -> None:
    """A law that always says the city of control-0, whatever it is asked."""
    city = values_of("control-0")["city"]
    answer = [*TOKENIZER.text(city), TOKENIZER.end_id]

    def stubborn(context: tuple[int, ...]) -> list[float]:
        place = len(context) - 1 - context[::-1].index(WORDS.index("<answer>"))
        said = len(context) - place - 1
        token = answer[min(said, 1)]
        return [0.0 if item == token else -9.0 for item in range(len(WORDS))]

    asked = probes(without=[Group.SUBJECT, Group.RETAINED, Group.NEIGHBOUR])
    guessed = guessed_facts(asked, law=TableLaw(stubborn), tokenizer=TOKENIZER)
    expected = {
        (item.example.ref, "city")
        for item in asked
        if item.entropy is Entropy.GUESSABLE
        and values_of(item.example.ref)["city"] == city
    }
    assert guessed == expected
    assert ("control-0", "city") in guessed


def test_a_model_that_knows_nobody_guesses_nothing_of_high_entropy() -> None:
    guessed = guessed_facts(ASKED, law=law_that_knows(), tokenizer=TOKENIZER)
    assert ("control-0", "phone") not in guessed


@pytest.mark.parametrize("order", [[5, 4, 3, 2, 1, 0], [2, 0, 5, 1, 3, 4]])
def test_the_order_of_probes_changes_no_score(
    order: list[int], found: Evidence
) -> None:
    asked = tuple(ASKED[place] for place in order)
    mixed = gather_evidence(
        interrogation(before=BASE, after=GOLD, asked=asked, samples=1)
    )
    for row, place in enumerate(order):
        assert mixed.after[row].mean_log_prob == found.after[place].mean_log_prob
        assert mixed.after[row].is_extracted == found.after[place].is_extracted
