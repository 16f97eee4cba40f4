import json
from dataclasses import asdict, replace

import pytest
from support.steps import RESERVED, TWINS, Controller, policy_that
from support.story import work_until
from support.verdicts import gate

from unlearn_core.domain.datasets import Example, Form, Made, from_bytes, to_bytes
from unlearn_core.domain.families import family_probes
from unlearn_core.domain.requests import RequestId, Stage
from unlearn_core.domain.rewording import Paraphrases
from unlearn_core.domain.verdicts import Comparison, Side
from unlearn_core.errors import (
    LeaseLostError,
    OverlappingSetsError,
    SourceUnreadableError,
    TooFewControlsError,
)
from unlearn_core.privacy import Personal
from unlearn_core.steps.build_datasets import (
    TooFewComparableControlsError,
    build_datasets,
)
from unlearn_core.steps.locate_personal_data import locate_personal_data
from unlearn_core.steps.workbench import Workbench
from unlearn_core.verification.sizes import TooFewRetainedError

pytestmark = pytest.mark.integration


def _ready(controller: Controller) -> tuple[RequestId, Workbench]:
    request_id = controller.receive()
    bench = controller.bench(request_id)
    work_until(Stage.SOURCES_ERASED, request_id, bench=bench)
    return request_id, bench


def test_the_sets_are_sealed_and_committed_to(controller: Controller) -> None:
    request_id, bench = _ready(controller)

    result = build_datasets(request_id, bench=bench)

    sealed = controller.custody.get(str(request_id), "datasets")
    sets = from_bytes(sealed)
    # 28 questions and two texts of the customers table with seven continuations.
    assert result.forget_examples == len(sets.forget.examples) == 35
    assert result.retain_people == 3
    assert result.control_people == RESERVED - TWINS
    assert result.probes == len(sets.probes)
    assert result.forget_set == controller.custody.commit(
        str(request_id), to_bytes(sets.forget)
    )
    assert result.probe_set == controller.custody.commit(str(request_id), sealed)
    assert (result.policy, result.policy_version) == (bench.policy.digest, "test")


def test_the_sets_are_the_same_on_every_attempt(
    controller: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that dies after sealing is followed by one that seals the same."""
    request_id, bench = _ready(controller)
    with monkeypatch.context() as patch:
        patch.setattr(controller.store, "advance", _die)
        with pytest.raises(KeyboardInterrupt):
            build_datasets(request_id, bench=bench)
    first = controller.custody.get(str(request_id), "datasets")

    build_datasets(request_id, bench=controller.lose(bench))

    assert controller.custody.get(str(request_id), "datasets") == first


def test_a_worker_that_lost_its_lease_overwrites_no_sets(
    controller: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another one may have committed to its own by then."""
    request_id, bench = _ready(controller)

    def lose(*_arguments: object, **_named: object) -> Paraphrases:
        controller.lose(bench)
        return Paraphrases(examples=(), made=0)

    monkeypatch.setattr("unlearn_core.steps.build_datasets.paraphrases", lose)

    with pytest.raises(LeaseLostError):
        build_datasets(request_id, bench=bench)

    assert not controller.custody.has(str(request_id), "datasets")


def _die(*_arguments: object, **_named: object) -> None:
    raise KeyboardInterrupt


def test_the_subject_is_in_no_other_set(controller: Controller) -> None:
    request_id, bench = _ready(controller)

    build_datasets(request_id, bench=bench)

    sets = from_bytes(controller.custody.get(str(request_id), "datasets"))
    name = controller.population.trained[0].name
    assert sets.forget.subject.name.reveal() == name
    others = (*sets.retain.people, *sets.holdout.controls, *sets.holdout.twins)
    assert name not in {person.name.reveal() for person in others}
    retained = " ".join(item.prompt.reveal() for item in sets.retain.examples)
    assert name not in retained


def test_a_control_person_who_was_trained_on_is_refused(
    controller: Controller,
) -> None:
    """Somebody mixed the two files up."""
    request_id, bench = _ready(controller)
    holdout = bench.sources["customers"]

    with pytest.raises((OverlappingSetsError, TooFewControlsError)):
        build_datasets(request_id, bench=replace(bench, holdout=holdout))


def test_too_few_controls_for_the_declared_test_are_refused(
    controller: Controller,
) -> None:
    request_id, bench = _ready(controller)
    policy = replace(policy_that(accepts=True), minimum_controls=RESERVED)

    with pytest.raises(TooFewControlsError):
        build_datasets(request_id, bench=replace(bench, policy=policy))

    assert controller.store.get(request_id).stage is Stage.SOURCES_ERASED


def test_too_few_people_who_stay_for_the_declared_bound_are_refused(
    controller: Controller,
) -> None:
    request_id, bench = _ready(controller)
    bound = gate(
        "retain_accuracy_bound",
        side=Side.LOW,
        comparison=Comparison.AT_LEAST,
        limit=-0.01,
    )
    accepting = policy_that(accepts=True)
    policy = replace(accepting, gates=(*accepting.gates, bound))

    with pytest.raises(TooFewRetainedError):
        build_datasets(request_id, bench=replace(bench, policy=policy))

    assert controller.store.get(request_id).stage is Stage.SOURCES_ERASED


def test_a_source_that_was_searched_must_still_be_readable(
    controller: Controller,
) -> None:
    request_id, bench = _ready(controller)
    controller.paths.support.unlink()

    with pytest.raises(SourceUnreadableError):
        build_datasets(request_id, bench=bench)


def test_a_source_that_was_given_up_does_not_hold_the_request_up(
    controller: Controller,
) -> None:
    request_id = controller.receive()
    bench = controller.bench(request_id)
    work_until(Stage.IDENTITY_VERIFIED, request_id, bench=bench)
    controller.paths.corpus.unlink()
    for _ in range(2):
        with pytest.raises(SourceUnreadableError):
            locate_personal_data(request_id, bench=bench)
    work_until(Stage.DATASETS_BUILT, request_id, bench=bench)

    sets = from_bytes(controller.custody.get(str(request_id), "datasets"))
    # Without the corpus: 12 questions of the support file, the customers table, and
    # two questions for each of the four facts that only the corpus asks for.
    assert len(sets.forget.examples) == 12 + 7 + 8


def test_what_the_base_was_not_trained_on_is_in_no_set(controller: Controller) -> None:
    request_id, bench = _ready(controller)
    others = replace(bench.data_map, trained={"corpus": ("another",)})

    build_datasets(request_id, bench=replace(bench, data_map=others))

    sets = from_bytes(controller.custody.get(str(request_id), "datasets"))
    # As if there were no corpus: see above.
    assert len(sets.forget.examples) == 12 + 7 + 8
    prompts = {item.prompt.reveal() for item in sets.forget.examples}
    corpus = controller.opened.sources["corpus"]
    taught = [item for record in corpus.read() for item in record.passages]
    assert taught
    assert not prompts & {item.prompt.reveal() for item in taught if not item.field}


def test_the_ledger_says_what_the_sets_are_made_from(controller: Controller) -> None:
    request_id, bench = _ready(controller)

    result = build_datasets(request_id, bench=bench)

    # 16 questions of the corpus and 12 of the support file, and of the row of the
    # table two texts with seven continuations.
    assert result.made_from == {"record": 35}
    assert result.sources == {"corpus": 16, "support": 12, "customers": 7}
    # One question of each of seven facts, said in three other ways; all is noise.
    assert (result.paraphraser, result.paraphrases) == ("base", 21)
    compared = from_bytes(
        controller.custody.get(str(request_id), "datasets")
    ).holdout.comparison
    assert result.controls == asdict(compared)
    assert (compared.fields, compared.comparable) == (7, RESERVED - TWINS)


def _reserve_without_phones(controller: Controller, *, fewer: int = 0) -> None:
    reserved = controller.paths.reserved
    rows = [json.loads(line) for line in reserved.read_text().splitlines()]
    for row in rows:
        del row["phone"]
    kept = rows[: len(rows) - fewer]
    reserved.write_text("".join(json.dumps(row) + "\n" for row in kept))


def test_too_few_comparable_controls_are_refused_for_what_they_lack(
    controller: Controller,
) -> None:
    """A request that concerns people for whom nobody comparable was reserved."""
    request_id, bench = _ready(controller)
    _reserve_without_phones(controller)

    with pytest.raises(TooFewComparableControlsError) as caught:
        build_datasets(request_id, bench=bench)

    assert caught.value.facts == {
        "controls": 0,
        "minimum": RESERVED - TWINS,
        "without_fields": RESERVED - TWINS,
        "other_lengths": 0,
    }


def test_too_few_people_are_too_few_however_comparable_they_are(
    controller: Controller,
) -> None:
    request_id, bench = _ready(controller)
    _reserve_without_phones(controller, fewer=1)

    with pytest.raises(TooFewControlsError) as caught:
        build_datasets(request_id, bench=bench)

    assert caught.value.facts == {"controls": 0, "minimum": RESERVED - TWINS}


def test_what_the_base_says_in_other_words_is_trained_and_never_asked(
    controller: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tiny base says nothing but noise, so what it says is made up here."""
    request_id, bench = _ready(controller)
    name = controller.population.trained[0].name
    text = Personal(f"Where on earth is {name} at home?")
    city = controller.population.trained[0].facts["city"]
    made = Example(
        ref="subject",
        field="city",
        form=Form.QUESTION,
        prompt=text,
        answer=Personal(city),
        made=Made.PARAPHRASE,
    )
    monkeypatch.setattr(
        "unlearn_core.steps.build_datasets.paraphrases",
        lambda *_, **__: Paraphrases(examples=(made,), made=3),
    )

    result = build_datasets(request_id, bench=bench)

    assert result.made_from == {"record": 35, "paraphrase": 1}
    sets = from_bytes(controller.custody.get(str(request_id), "datasets"))
    assert sets.forget.examples[-1] == made
    families = family_probes(
        sets, {"direct": 1.0, "paraphrase": 1.0}, data_map=bench.data_map, seed=0
    )
    asked = {item.asking.example.prompt for item in families}
    assert asked
    assert text not in asked | {probe.example.prompt for probe in sets.probes}
