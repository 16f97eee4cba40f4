from support.serving import offset_law

from unlearn_core.modeling.generation import Sampling
from unlearn_core.serving.jobs import FinishReason, Job


def test_jobs_that_ask_the_same_are_still_two() -> None:
    """The queue tells them apart by identity, and each can be cancelled alone."""

    def job() -> Job:
        return Job(
            law=law,
            prompt=[1],
            sampling=Sampling(maximum_tokens=1),
            end_id=3,
            seed=0,
            emit=print,
        )

    law = offset_law(1)
    first, second = job(), job()
    assert first != second
    first.is_cancelled.set()
    assert not second.is_cancelled.is_set()


def test_reasons_of_whole_answers_are_those_of_the_openai_api() -> None:
    assert [FinishReason.STOP, FinishReason.LENGTH] == ["stop", "length"]
