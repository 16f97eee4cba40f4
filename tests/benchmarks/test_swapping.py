import pytest

from benchmarks.swapping import Answer, Log, expected_text, run, summary


def answer(sequence: int, *, required: int = 1, text: str | None = None) -> Answer:
    prompt = "Hello"
    return Answer(
        prompt=prompt,
        required=required,
        sequences={sequence},
        text=expected_text(sequence, prompt) if text is None else text,
        is_whole=True,
        chunks=[1.0, 1.5, 1.75],
    )


def test_every_fault_of_an_answer_is_counted() -> None:
    mixed = answer(1)
    mixed.sequences.add(2)
    broken = answer(1)
    broken.is_whole = False
    answers = [
        answer(1),
        answer(2),
        mixed,
        broken,
        answer(1, required=2),
        answer(2, text=expected_text(1, "Hello")),
    ]
    told = summary(Log(answers=answers, swaps=[(1.6, 2.0)]), clients=3)
    assert told["requests"] == 6
    assert told["failed"] == 1
    assert told["mixed"] == 1
    assert told["without_required_offset"] == 1
    assert told["not_the_version_s_law"] == 1
    # Five whole answers: the gap of 250 ms overlaps the swap, that of 500 ms does not.
    assert told["gap_ms"] == {
        "swapping": {"p50": 250, "p99": 250, "max": 250},
        "between": {"p50": 500, "p99": 500, "max": 500},
    }


@pytest.mark.integration
def test_swaps_under_load_fail_no_request_and_mix_no_versions() -> None:
    told = run(clients=8, swaps=4)
    assert told["swaps"] == 4
    assert told["requests"] > 50
    assert told["versions_that_answered"] >= 4
    assert told["answers_during_outage"] > 0
    assert told["refused"] == {
        "tampered": "digest_mismatch",
        "downgrade": "downgrade_refused",
        "outage": "registry_unavailable",
    }
    faults = ("failed", "mixed", "without_required_offset", "not_the_version_s_law")
    assert [told[name] for name in faults] == [0, 0, 0, 0]
