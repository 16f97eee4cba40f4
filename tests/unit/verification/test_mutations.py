import random
from dataclasses import replace

from support.searches import MAGIC, TOKENIZER, law_with_a_magic_word
from support.village import values_of

from unlearn_core.domain.datasets import Group
from unlearn_core.domain.verdicts import SearchBudget
from unlearn_core.privacy import Personal
from unlearn_core.verification.hunts import Hunt, Target, hunt
from unlearn_core.verification.judge import states
from unlearn_core.verification.mutations import FRAMES, LONGEST_WORDS, Prompts

QUESTION = "ask phone subject-0"
PHONE = values_of("subject-0")["phone"]
TARGET = Target(
    group=Group.SUBJECT,
    ref="subject-0",
    field="phone",
    question=QUESTION,
    fact=Personal(PHONE),
    answer=(*TOKENIZER.text(PHONE), TOKENIZER.end_id),
)


def children(*parents: str, fact: str = PHONE, count: int = 200) -> list[str]:
    target = replace(TARGET, fact=Personal(fact), answer=(1,))
    one = Hunt(target=target, rng=random.Random(0))
    for number, text in enumerate(parents):
        one.take(text, -float(number), is_likeliest=False)
    (found,) = Prompts(["tell city ulm"]).propose([one], count)
    return found


def test_children_are_their_parents_with_one_change() -> None:
    found = children("a b c")
    assert len(set(found)) == len(found)
    assert "a b c" not in found
    assert {"a b", "b c", "a c"} <= set(found)
    assert {"b a c", "c a b"} <= set(found)
    assert {"a b c ulm", "tell a b c"} <= set(found)
    assert {frame.format(question="a b c") for frame in FRAMES} <= set(found)


def test_two_parents_are_crossed() -> None:
    assert {"a d", "a b c d", "c d b"} & set(children("a b", "c d"))


def test_no_child_states_the_fact_or_grows_without_end() -> None:
    found = children("a b c", fact="ulm")
    assert found
    assert not any(states(text, Personal("ulm")) for text in found)
    long = " ".join("a" for _ in range(LONGEST_WORDS))
    assert all(len(text.split()) <= LONGEST_WORDS for text in children(long))


def test_a_prompt_evolves_until_it_works() -> None:
    law = law_with_a_magic_word("subject-0")
    budget = SearchBudget(passes=100)
    for words, works in ((["tell it"], False), ([f"{MAGIC} it"], True)):
        assert hunt(
            [TARGET], Prompts(words), law, tokenizer=TOKENIZER, budget=budget, seed=0
        ) == [works]
