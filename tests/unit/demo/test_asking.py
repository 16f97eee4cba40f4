import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from support.pages import answering

from unlearn_core.demo import asking
from unlearn_core.demo.asking import Asked, Asker, accuracy, held_out
from unlearn_core.smallworld.people import populate
from unlearn_core.smallworld.sources import split_all_questions

pytestmark = pytest.mark.integration

KNOWN = {"Where does Vera live?": "Dunmere", "What does Ulf do?": "diver"}
QUESTIONS = [Asked(question=asked, answer=known) for asked, known in KNOWN.items()]


def _completion(text: str, sequence: int = 0) -> tuple[int, dict[str, Any]]:
    message = {"role": "assistant", "content": text}
    return 200, {"choices": [{"message": message}], "offset": {"sequence": sequence}}


def _asked(posted: dict[str, Any]) -> str:
    [message] = posted["messages"]
    assert message["role"] == "user"
    return str(message["content"])


def _eventually(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_only_questions_that_were_never_trained_are_asked() -> None:
    population = populate(seed=0, trained=3, controls=2)
    split = split_all_questions(population, seed=0)
    person = population.trained[1]

    asked = held_out([person], population, seed=0, per_fact=4)

    assert len(asked) == 7 * 4
    trained = {
        text.format(name=person.name)
        for (number, _), (used, _) in split.items()
        if number == person.number
        for text in used
    }
    assert not trained & {item.question for item in asked}
    assert all(item.answer in person.facts.values() for item in asked)


def test_a_question_shows_nothing_personal() -> None:
    assert repr(QUESTIONS[0]) == "Asked()"


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        (["In Dunmere, I think.", "A diver."], 1.0),
        (["In Dunmere.", "A mason."], 0.5),
        (["In Dunmerely.", "I do not know."], 0.0),
    ],
    ids=["all true", "one true", "none true"],
)
def test_accuracy_is_the_share_of_true_answers(
    answers: list[str], expected: float
) -> None:
    spoken = dict(zip(KNOWN, answers, strict=True))

    def answer(path: str, posted: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        assert path == "/v1/chat/completions"
        assert posted["temperature"] == 0
        return _completion(spoken[_asked(posted)])

    with answering(answer) as address:
        assert accuracy(address, QUESTIONS) == expected


def test_a_service_that_does_not_answer_is_no_wrong_answer() -> None:
    with (
        answering(lambda _path, _posted: (503, {})) as address,
        pytest.raises(httpx.HTTPStatusError),
    ):
        accuracy(address, QUESTIONS)


def test_every_version_that_answered_is_remembered_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(asking, "PAUSE_SECONDS", 0)
    sequences = [0, 0, 1, 1, 1, 2]
    seen: list[str] = []

    def answer(_path: str, posted: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        seen.append(_asked(posted))
        return _completion("yes", sequences[min(len(seen), len(sequences)) - 1])

    with answering(answer) as address:
        asker = Asker(address, QUESTIONS)
        asker.start()
        _eventually(lambda: asker.traffic.asked >= 12)
        traffic = asker.stop()

    assert traffic.sequences == [0, 1, 2]
    assert traffic.failed == 0
    assert traffic.asked == len(seen)
    assert set(seen) == set(KNOWN)


@pytest.mark.parametrize(
    "failure",
    [(503, {"detail": "no"}), (200, {"choices": []}), (200, {"offset": {}})],
    ids=["refused", "without a stamp", "with an empty stamp"],
)
def test_what_the_asker_did_not_get_answered_counts_as_failed(
    monkeypatch: pytest.MonkeyPatch, failure: tuple[int, Any]
) -> None:
    monkeypatch.setattr(asking, "PAUSE_SECONDS", 0)
    with answering(lambda _path, _posted: failure) as address:
        asker = Asker(address, QUESTIONS)
        asker.start()
        _eventually(lambda: asker.traffic.failed >= 2)
        traffic = asker.stop()

    assert traffic.failed == traffic.asked
    assert traffic.sequences == []


def test_a_service_that_is_gone_counts_as_failed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(asking, "PAUSE_SECONDS", 0)
    with answering(lambda _path, _posted: (200, {})) as address:
        pass
    asker = Asker(address, QUESTIONS)

    asker.start()
    _eventually(lambda: asker.traffic.failed >= 2)

    assert asker.stop().failed >= 2
