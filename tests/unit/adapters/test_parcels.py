from collections.abc import Callable
from dataclasses import replace

import pytest
from support.sources import PEOPLE, source_spec, subject

from unlearn_core.adapters.connectors.matching import search
from unlearn_core.adapters.connectors.parts import Part, Span
from unlearn_core.adapters.connectors.specification import (
    ChatPassages,
    PassageSpec,
    QuestionPassage,
    TemplatePassages,
    TextPassage,
)
from unlearn_core.adapters.parcels import Job, Parcels
from unlearn_core.domain.exemptions import EXEMPTIONS
from unlearn_core.domain.sources import LegalBasis
from unlearn_core.errors import SealBrokenError

PARCELS = Parcels(bytes(32))
PASSAGES: list[PassageSpec] = [
    ChatPassages(messages="said", field=None),
    QuestionPassage(question="q", answer="a", field="f", paraphrases=("p",)),
    TextPassage(text="text"),
    TemplatePassages(template="{name} lives in {city}"),
]
SPEC = replace(
    source_spec("s3", "s3://corpus/people", passages=PASSAGES, is_erasable=False),
    redacted_columns=frozenset({"question"}),
    legal_basis=LegalBasis.CONSENT,
    base_models=("one", "two"),
    exemption=min(EXEMPTIONS),
    held="hold",
)
JOB = Job(
    spec=SPEC,
    part=Part(name="a", span=Span(begin=1, end=2, mark="m"), is_former=True),
    subjects=(subject(), subject(name="Ben Muster", customer_number="C-1002")),
)
FOUND = (search(PEOPLE, subject(), source_spec()),)


def test_a_job_arrives_as_it_was_sent() -> None:
    sealed = PARCELS.pack_job(JOB, number="7")
    assert PARCELS.open_job(sealed, number="7") == JOB
    assert b"Ada" not in sealed
    assert b"corpus" not in sealed


def test_what_was_found_arrives_as_it_was_sent() -> None:
    sealed = PARCELS.pack_found(FOUND, number="7")
    assert PARCELS.open_found(sealed, number="7") == FOUND
    assert FOUND[0].records
    assert b"Ada" not in sealed


Opening = Callable[[], object]


@pytest.mark.parametrize(
    "opening",
    [
        lambda: PARCELS.open_job(PARCELS.pack_job(JOB, number="7"), number="8"),
        lambda: PARCELS.open_found(PARCELS.pack_found(FOUND, number="7"), number="8"),
        lambda: PARCELS.open_found(PARCELS.pack_job(JOB, number="7"), number="7"),
        lambda: Parcels(b"k" * 32).open_job(
            PARCELS.pack_job(JOB, number="7"), number="7"
        ),
    ],
    ids=["another job", "another answer", "a job as an answer", "another key"],
)
def test_nothing_can_stand_in_for_another(opening: Opening) -> None:
    with pytest.raises(SealBrokenError):
        opening()
