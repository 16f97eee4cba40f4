"""Build the forget, retain and holdout sets and the probes; seal and commit to them."""

import random
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass
from typing import TypedDict

from unlearn_core.domain.curation import SUBJECT_REF, Material, curate
from unlearn_core.domain.datasets import (
    Datasets,
    Example,
    PersonFacts,
    check_disjoint,
    to_bytes,
)
from unlearn_core.domain.families import family_probes
from unlearn_core.domain.people import (
    gather_people,
    gather_subject,
    plain_passages,
)
from unlearn_core.domain.probing import control_probes
from unlearn_core.domain.requests import RequestId, Stage
from unlearn_core.domain.sources import Passage, SourceRecord
from unlearn_core.domain.subjects import IdentifierKind
from unlearn_core.errors import PolicyError, SourceUnreadableError, TooFewControlsError
from unlearn_core.modeling.laws import PlainLaw
from unlearn_core.ports import SourceConnector
from unlearn_core.steps import scopes
from unlearn_core.steps.commitment import VERIFICATION_SEED, terms_of_verification
from unlearn_core.steps.journal import read_result, recorded
from unlearn_core.steps.located import read_located
from unlearn_core.steps.paraphrasing import paraphrases
from unlearn_core.steps.results import DatasetsBuilt, Located
from unlearn_core.steps.subject import read_subject
from unlearn_core.steps.workbench import Workbench
from unlearn_core.training.twins import likelihoods_under, ordinary_twins_first
from unlearn_core.verification.evidence import guessed_facts
from unlearn_core.verification.families import check_paraphrases
from unlearn_core.verification.sizes import controls_needed
from unlearn_core.verification.suite import check_groups


class TooFewComparableControlsError(PolicyError):
    """Enough people were reserved, but too few are like the subject."""

    code = "too_few_comparable_controls"
    summary = "too few never-trained people are comparable with the data subject"
    next_step = (
        "Reserve more people who have the same fields as the subject, with values "
        "about as long; the counts say what the others lack."
    )


@recorded(Stage.DATASETS_BUILT, result=DatasetsBuilt)
def build_datasets(request_id: RequestId, *, bench: Workbench) -> DatasetsBuilt:
    """Build, check, seal and commit, all before training starts.

    Raises:
        EmptyForgetSetError: The located records state nothing.
        OverlappingSetsError: Somebody is in two sets.
        SealBrokenError: What is kept as located is not what was located.
        SourceUnreadableError: A source that was searched cannot be read now.
        TooFewComparableControlsError: Too few of the people in it are like the subject.
        TooFewControlsError: The control group is too small for the declared test.
        TooFewRetainedError: Too few people stay for the declared bound.
        TooFewParaphrasesError: A fact has too few questions that were held out.
    """
    datasets, wordings = _curated(request_id, bench=bench)
    _check(datasets, bench=bench)
    scope = scopes.working(request_id)
    data = to_bytes(datasets)
    # What another worker has committed to by now must not be overwritten.
    bench.check_lease()
    bench.custody.put(scope, scopes.DATASETS, data)
    terms = terms_of_verification(request_id, data, bench=bench)
    return DatasetsBuilt(
        forget_examples=len(datasets.forget.examples),
        retain_examples=len(datasets.retain.examples),
        retain_people=len(datasets.retain.people),
        control_people=len(datasets.holdout.controls),
        probes=len(datasets.probes),
        forget_set=bench.custody.commit(scope, to_bytes(datasets.forget)),
        probe_set=str(terms["probe_set"]),
        policy=str(terms["policy"]),
        policy_version=str(terms["policy_version"]),
        probe_families=str(terms["probe_families"]),
        judge=str(terms["judge"]),
        attacks=str(terms["attacks"]),
        public_questions=str(terms["public_questions"]),
        verification_seed=int(terms["verification_seed"]),
        **_provenance(datasets.forget.examples),
        paraphraser=bench.data_map.paraphraser,
        paraphrases=wordings,
        controls=asdict(datasets.holdout.comparison),
    )


class _Provenance(TypedDict):
    made_from: dict[str, int]
    sources: dict[str, int]


def _provenance(examples: Iterable[Example]) -> _Provenance:
    """Count examples by what they were made from, and by what states them."""
    examples = tuple(examples)
    return _Provenance(
        made_from=Counter(item.made.value for item in examples),
        sources=Counter(source for item in examples for source in item.sources),
    )


def _check(datasets: Datasets, *, bench: Workbench) -> None:
    """Refuse sets that overlap, or with which the declared tests mean nothing."""
    check_disjoint(datasets)
    _check_groups(datasets, bench=bench)
    check_paraphrases(
        datasets.probes,
        family_probes(
            datasets,
            bench.policy.probe_families,
            data_map=bench.data_map,
            seed=VERIFICATION_SEED,
        ),
        named=bench.policy.probe_families,
    )


def _check_groups(datasets: Datasets, *, bench: Workbench) -> None:
    """Refuse too small a group, and say so if controls lack for likeness."""
    found = datasets.holdout.comparison
    try:
        check_groups(datasets.probes, policy=bench.policy)
    except TooFewControlsError as error:
        unlike = found.without_fields + found.other_lengths
        if not unlike or found.comparable + unlike < controls_needed(bench.policy):
            raise
        raise TooFewComparableControlsError(
            **error.facts,
            without_fields=found.without_fields,
            other_lengths=found.other_lengths,
        ) from None


def _curated(request_id: RequestId, *, bench: Workbench) -> tuple[Datasets, int]:
    """Return the sets, and how many wordings the generator made."""
    subject = read_subject(request_id, bench=bench)
    located = tuple(
        record
        for record in read_located(request_id, bench=bench)
        if _was_trained_on(record.source, bench=bench)
    )
    searched = read_result(bench, request_id, Stage.LOCATED, result=Located)
    remaining = _read_remaining(located, searched.unsearched, bench=bench)
    reserved = gather_people(
        bench.holdout.read(), data_map=bench.data_map, prefix="control"
    )
    tokenizer = bench.models.tokenizer
    stated_name = subject.of_kind(IdentifierKind.NAME)[0].value
    facts = gather_subject(
        located, stated_name=stated_name, data_map=bench.data_map, ref=SUBJECT_REF
    )
    wordings = paraphrases(request_id, facts, bench=bench)
    datasets = curate(
        Material(
            stated_name=stated_name,
            located=located,
            others=remaining.people,
            plain=remaining.plain,
            reserved=reserved,
            guessed=_guessed(reserved, bench=bench),
            paraphrases=wordings.examples,
        ),
        data_map=bench.data_map,
        token_count=lambda text: len(tokenizer.text(text)),
        seed=str(request_id),
    )
    base = PlainLaw(bench.models.base)
    sorted_sets = ordinary_twins_first(datasets, likelihoods_under(base, tokenizer))
    return sorted_sets, wordings.made


@dataclass(frozen=True, slots=True, kw_only=True)
class _Remaining:
    """What is in the sources beside the subject's records."""

    people: tuple[PersonFacts, ...]
    plain: tuple[Passage, ...]


def _read_remaining(
    located: Iterable[SourceRecord], unsearched: Collection[str], *, bench: Workbench
) -> _Remaining:
    """Read everybody else; the subject's records are gone or left out."""
    gone = {(record.source, record.record_id) for record in located}
    records = [
        record
        for name, source in bench.sources.items()
        if _was_trained_on(name, bench=bench)
        for record in _read(source, may_fail=name in unsearched)
        if (record.source, record.record_id) not in gone
    ]
    return _Remaining(
        people=gather_people(records, data_map=bench.data_map, prefix="retained"),
        plain=plain_passages(records),
    )


def _was_trained_on(source: str, *, bench: Workbench) -> bool:
    """Tell whether the base knows a source; nothing else is said to it."""
    return bench.data_map.was_trained_on(source, base_model=bench.terms.base_model)


def _read(source: SourceConnector, *, may_fail: bool) -> list[SourceRecord]:
    """Read a source; one that was given up already may still be unreadable."""
    try:
        return list(source.read())
    except SourceUnreadableError:
        if not may_fail:
            raise
        return []


def _guessed(
    reserved: tuple[PersonFacts, ...], *, bench: Workbench
) -> frozenset[tuple[str, str]]:
    """Return what the base happens to guess right about never-trained people."""
    probes = control_probes(
        reserved, data_map=bench.data_map, questions=1, rng=random.Random(0)
    )
    return guessed_facts(
        probes, law=PlainLaw(bench.models.base), tokenizer=bench.models.tokenizer
    )
