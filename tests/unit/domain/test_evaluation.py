import json

from support.domain import data_map, datasets

from unlearn_core.domain.datasets import Group
from unlearn_core.domain.evaluation import EvaluationSet, cut_evaluation_set

FAMILIES = {"direct": 0.5, "few_shot": 0.5, "mixed": 0.5}


def cut(*, seed: int = 0) -> EvaluationSet:
    return cut_evaluation_set(datasets(), FAMILIES, data_map=data_map(), seed=seed)


def test_the_subject_and_never_trained_people_are_kept() -> None:
    wanted = {Group.SUBJECT, Group.CONTROL}
    everybody = [probe for probe in datasets().probes if probe.group in wanted]
    kept = cut()
    assert [item.example for item in kept.probes] == [
        item.example for item in everybody
    ]
    assert {item.group for item in kept.probes} == wanted
    assert {item.family for item in kept.families} == set(FAMILIES)


def test_nothing_about_people_who_stay_is_kept() -> None:
    """Neither names nor values, but for those that a stranger has as well."""
    sets = datasets()
    people = (*sets.holdout.controls, sets.forget.subject)
    allowed = {fact.value.reveal() for item in people for fact in item.facts}
    kept = cut().to_bytes().decode()
    for person in sets.retain.people:
        assert person.name.reveal() not in kept
        values = {fact.value.reveal() for fact in person.facts} - allowed
        assert not [value for value in values if value in kept]
    assert sets.forget.subject.name.reveal() in kept


def test_wrong_answers_are_drawn_anew_from_strangers() -> None:
    sets = datasets()
    values = {fact.value for item in sets.holdout.controls for fact in item.facts}
    (first, *_) = [probe for probe in cut().probes if probe.group is Group.SUBJECT]
    assert first.alternatives
    assert set(first.alternatives) <= values - {first.example.answer}


def test_the_same_sets_give_the_same_bytes() -> None:
    assert cut().to_bytes() == cut().to_bytes()
    assert cut().to_bytes() != cut(seed=1).to_bytes()


def test_what_was_kept_is_read_back() -> None:
    kept = cut()
    data = kept.to_bytes()
    assert EvaluationSet.from_bytes(data) == kept
    assert sorted(json.loads(data)) == ["families", "probes"]
