"""Asks the inference service questions over HTTP and marks the answers."""

import asyncio
import random
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import httpx

from unlearn_core.privacy import Personal
from unlearn_core.smallworld.people import FIELDS, Person, Population
from unlearn_core.smallworld.sources import split_all_questions
from unlearn_core.verification.judge import states

CONCURRENCY = 16
ANSWER_TOKENS = 24
PAUSE_SECONDS = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One question with its true answer."""

    question: str = field(repr=False)
    answer: str = field(repr=False)


def held_out(
    people: Sequence[Person],
    population: Population,
    *,
    seed: int,
    per_fact: int,
) -> list[Asked]:
    """Return questions that no model was trained on for these people."""
    split = split_all_questions(population, seed=seed)
    return [
        Asked(question=text.format(name=person.name), answer=person.facts[name])
        for person in people
        for name in FIELDS
        for text in split[person.number, name][1][:per_fact]
    ]


def accuracy(address: str, questions: Sequence[Asked]) -> float:
    """Return the share of questions that the service answers truly (greedy)."""
    answers = asyncio.run(_ask_all(address, questions))
    marks = [
        states(answer, Personal(asked.answer))
        for answer, asked in zip(answers, questions, strict=True)
    ]
    return sum(marks) / len(marks)


async def _ask_all(address: str, questions: Sequence[Asked]) -> list[str]:
    gate = asyncio.Semaphore(CONCURRENCY)
    async with httpx.AsyncClient(base_url=address, timeout=60) as client:

        async def ask(asked: Asked) -> str:
            async with gate:
                answer = await client.post(
                    "/v1/chat/completions", json=_body(asked.question)
                )
                answer.raise_for_status()
                return str(answer.json()["choices"][0]["message"]["content"])

        return list(await asyncio.gather(*map(ask, questions)))


def _body(question: str) -> dict[str, object]:
    return {
        "model": "small-world",
        "messages": [{"role": "user", "content": question}],
        "max_tokens": ANSWER_TOKENS,
        "temperature": 0,
    }


@dataclass(slots=True)
class Traffic:
    """What a user saw who never stopped asking."""

    asked: int = 0
    failed: int = 0
    sequences: list[int] = field(default_factory=list)


class Asker:
    """Asks without a break, on a thread, until stopped.

    Args:
        address: Address of the inference service.
        questions: What is asked, in random order.
    """

    def __init__(self, address: str, questions: Sequence[Asked]) -> None:
        self.traffic = Traffic()
        self._address = address
        self._questions = list(questions)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Start asking."""
        self._thread.start()

    def stop(self) -> Traffic:
        """Stop asking and return what was seen."""
        self._stopped.set()
        self._thread.join()
        return self.traffic

    def _run(self) -> None:
        rng = random.Random(0)
        with httpx.Client(base_url=self._address, timeout=60) as client:
            while not self._stopped.is_set():
                self._ask(client, rng.choice(self._questions))
                time.sleep(PAUSE_SECONDS)

    def _ask(self, client: httpx.Client, asked: Asked) -> None:
        self.traffic.asked += 1
        try:
            answer = client.post("/v1/chat/completions", json=_body(asked.question))
            answer.raise_for_status()
            stamp = answer.json()["offset"]["sequence"]
        except (httpx.HTTPError, KeyError, ValueError):
            self.traffic.failed += 1
            return
        if not self.traffic.sequences or self.traffic.sequences[-1] != stamp:
            self.traffic.sequences.append(int(stamp))
