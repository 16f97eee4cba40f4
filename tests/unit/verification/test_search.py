from collections import Counter
from dataclasses import replace

import pytest
from support.models import TableLaw
from support.searches import TOKENIZER, law_with_a_magic_word
from support.village import interrogation, law_that_knows, probe, probes

from unlearn_core.domain.datasets import Group
from unlearn_core.domain.verdicts import SearchBudget
from unlearn_core.settings import PACKAGE_ROOT
from unlearn_core.verification.evidence import Interrogation
from unlearn_core.verification.policy import load_policy
from unlearn_core.verification.search import search, searches_of, targets_of
from unlearn_core.verification.suite import compute, verify

BUDGET = SearchBudget(passes=100, people=2, at_once=10, suffix_tokens=1)
NOBODY = law_that_knows()


def about(law: TableLaw) -> Interrogation:
    asked = tuple(
        probe(group, f"{group}-{number}", field, way)
        for group, number in (
            (Group.SUBJECT, 0),
            (Group.CONTROL, 0),
            (Group.CONTROL, 1),
            (Group.CONTROL, 2),
            (Group.RETAINED, 0),
        )
        for field in ("city", "phone")
        for way in ("ask", "tell")
    )
    found = interrogation(before=NOBODY, after=law, asked=asked)
    return replace(found, tokenizer=TOKENIZER)


def test_what_a_word_brings_back_is_found_about_the_subject_alone() -> None:
    law = law_with_a_magic_word("subject-0")
    found = search(about(law), law, budget=BUDGET)
    hits = Counter((item.attack, item.group) for item in found if item.is_extracted)
    assert hits == {("suffix_coordinate", Group.SUBJECT): 2}
    assert {item.setting for item in found} == {100.0}


def test_a_law_that_says_anything_says_it_of_strangers_too_and_each_time() -> None:
    law = law_with_a_magic_word("subject-0", "control-0", "control-1", "control-2")
    found = search(about(law), law, budget=BUDGET)
    assert found == search(about(law), law, budget=BUDGET)
    of_suffixes = [item for item in found if item.attack == "suffix_coordinate"]
    assert Counter(item.group for item in of_suffixes if item.is_extracted) == {
        Group.SUBJECT: 2,
        Group.CONTROL: 4,
    }


def test_one_question_a_fact_is_searched_for_and_the_seed_chooses_whom() -> None:
    asked = about(NOBODY)
    targets = targets_of(asked, people=2)
    assert Counter(target.group for target in targets) == {
        Group.SUBJECT: 2,
        Group.CONTROL: 4,
    }
    assert searches_of(asked, budget=BUDGET) == 12
    again = targets_of(replace(asked, seed=0), people=2)
    assert [one.question for one in targets] == [one.question for one in again]
    chosen = {
        tuple(one.question for one in targets_of(replace(asked, seed=seed), people=2))
        for seed in range(10)
    }
    assert len(chosen) > 1


def test_a_policy_with_a_budget_puts_searches_among_the_attacks() -> None:
    law = law_with_a_magic_word("subject-0")
    told: list[tuple[int, int]] = []
    asked = replace(
        about(law),
        samples_per_probe=2,
        on_progress=lambda done, total: told.append((done, total)),
    )
    shipped = load_policy(PACKAGE_ROOT / "policies" / "acceptance-1.yaml")
    plain = replace(shipped.with_gates(["G1-high-entropy-leakage"]), minimum_controls=1)
    assert verify(asked, policy=plain).evidence.attacks == ()
    searched = verify(asked, policy=replace(plain, search=BUDGET))
    assert searched.evidence.attacks == search(asked, law, budget=BUDGET)
    assert told[-1][0] == told[-1][1]
    excess = compute("suffix_search_excess", searched.evidence)
    assert excess is not None
    assert excess.value == 1.0


@pytest.mark.parametrize("people", [1, 40])
def test_every_search_is_counted(people: int) -> None:
    asked = replace(about(NOBODY), probes=probes(controls=2)[:16])
    ticks: list[int] = []
    budget = replace(BUDGET, people=people, passes=4)
    search(asked, NOBODY, budget=budget, tick=ticks.append)
    assert sum(ticks) == searches_of(asked, budget=budget)
