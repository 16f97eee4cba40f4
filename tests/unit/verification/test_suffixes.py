import random
from dataclasses import replace

import torch
from support.models import chat_tokenizer, llama
from support.searches import TOKENIZER, law_with_a_magic_word
from support.village import values_of

from unlearn_core.domain.datasets import Group
from unlearn_core.domain.verdicts import SearchBudget
from unlearn_core.modeling.laws import PlainLaw
from unlearn_core.privacy import Personal
from unlearn_core.verification.hunts import Hunt, Target, hunt
from unlearn_core.verification.judge import states
from unlearn_core.verification.suffixes import GRADIENT_PASSES, Suffixes

BUDGET = SearchBudget(passes=60, at_once=12, suffix_tokens=4, likeliest=8)
QUESTION = "What is the city of Ada?"
TOKENS = chat_tokenizer()
LAW = PlainLaw(llama())


def target(fact: str = "Ulm", question: str = QUESTION) -> Target:
    return Target(
        group=Group.SUBJECT,
        ref="ada",
        field="city",
        question=question,
        fact=Personal(fact),
        answer=(*TOKENS.text(fact), TOKENS.end_id),
    )


def started(one: Target) -> Hunt:
    found = Hunt(target=one, rng=random.Random(1))
    found.take(one.question, -9.0, is_likeliest=False)
    return found


def test_suffixes_stand_between_the_question_and_the_answer() -> None:
    one = started(target())
    suffixes = Suffixes(LAW, TOKENS, budget=BUDGET)
    (texts,) = suffixes.propose([one], 12)
    assert len(set(texts)) == 12
    assert all(text.startswith(f"{QUESTION} ") for text in texts)
    plain = TOKENS.question(QUESTION)
    for text in texts:
        ids = TOKENS.question(text)
        assert ids[: len(plain) - 1] == plain[:-1]
        assert ids[-1] == plain[-1]
        assert 1 <= len(ids) - len(plain) <= 4


def test_nothing_that_states_the_fact_or_repeats_its_tokens_is_proposed() -> None:
    fact = "e"
    one = started(target(fact))
    suffixes = Suffixes(LAW, TOKENS, budget=replace(BUDGET, likeliest=300))
    token = TOKENS.text(fact)[0]
    texts = [text for _ in range(2) for text in suffixes.propose([one], 20)[0]]
    assert len(texts) == 40
    for text in texts:
        added = text.removeprefix(QUESTION)
        assert not states(added, Personal(fact))
        assert token not in TOKENS.question(text)[len(TOKENS.question(QUESTION)) - 1 :]


def test_gradients_find_a_suffix_where_chance_does_not() -> None:
    """One random model, four letters each of which shall be the likeliest answer."""
    law, budget = PlainLaw(llama(1)), replace(BUDGET, passes=45)
    targets = [target(letter) for letter in "abcd"]
    found = {}
    for is_open in (True, False):
        suffixes = Suffixes(law, TOKENS, budget=budget)
        suffixes._is_open = is_open
        hits = hunt(targets, suffixes, law, tokenizer=TOKENS, budget=budget, seed=1)
        found[suffixes.name] = sum(hits)
    assert found == {"suffix_gradient": 1, "suffix_coordinate": 0}


def test_a_law_that_is_not_open_is_searched_without_gradients() -> None:
    law = law_with_a_magic_word("subject-0")
    suffixes = Suffixes(law, TOKENIZER, budget=BUDGET)
    assert (suffixes.name, suffixes.overhead) == ("suffix_coordinate", 0)
    opened = Suffixes(LAW, TOKENS, budget=BUDGET)
    assert (opened.name, opened.overhead) == ("suffix_gradient", GRADIENT_PASSES)
    phone = values_of("subject-0")["phone"]
    one = Target(
        group=Group.SUBJECT,
        ref="subject-0",
        field="phone",
        question="ask phone subject-0",
        fact=Personal(phone),
        answer=(*TOKENIZER.text(phone), TOKENIZER.end_id),
    )
    budget = replace(BUDGET, passes=300)
    assert hunt([one], suffixes, law, tokenizer=TOKENIZER, budget=budget, seed=0) == [
        True
    ]


def test_tokens_without_text_are_not_in_the_alphabet() -> None:
    alphabet = Suffixes(LAW, TOKENS, budget=BUDGET)._alphabet
    assert TOKENS.end_id not in alphabet
    assert all(TOKENS.decode([token]).strip() for token in alphabet)
    assert torch.tensor(alphabet).max() < 272
