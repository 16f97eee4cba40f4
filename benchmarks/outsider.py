"""What somebody gets out of an inference service who has nothing but its address.

The outsider knows the question, the public tokenizer and chat template of the base, and
the whole interface: log-probabilities up to the cap, biases, seeds, several answers.
`ways` are the attempts, each with a stated budget; an attempt succeeds if any of its
answers states the fact. Strangers are asked the same, because some facts are guessed.
"""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from unlearn_core.modeling.tokens import TransformersTokenizer
from unlearn_core.serving.schemas import MAXIMUM_CHOICES, MAXIMUM_LOGPROBS

FORBIDDEN = -100.0

Attempt = Callable[[str], list[str]]
"""From a question to answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outsider:
    """Asks one replica.

    Attributes:
        http: Client of the replica.
        model: Name of the served model.
        tokenizer: The public tokenizer of the base.
        stranger: From a question to the same about somebody whom nobody knows.
        rounds: How often an attempt is repeated, where that makes sense.
        longest: Most tokens of an answer.
    """

    http: httpx.Client
    model: str
    tokenizer: TransformersTokenizer
    stranger: Callable[[str], str]
    rounds: int = 4
    longest: int = 16

    @property
    def ways(self) -> Mapping[str, Attempt]:
        """Return every attempt by name."""
        return {
            "likeliest": self.likeliest,
            "sampled": self.sampled,
            "hot": self.hot,
            "alternatives": self.alternatives,
            "forbidden": self.forbidden,
            "difference": self.difference,
            "reversed_difference": self.reversed_difference,
        }

    def likeliest(self, question: str) -> list[str]:
        """Ask for the likeliest answer. One answer."""
        return self._chat(question, temperature=0)

    def sampled(self, question: str) -> list[str]:
        """Ask again and again. Eight answers a round at temperature 1."""
        return self._many(question, temperature=1.0)

    def hot(self, question: str) -> list[str]:
        """Ask for unlikely answers too. Eight answers a round at temperature 2."""
        return self._many(question, temperature=2.0)

    def alternatives(self, question: str) -> list[str]:
        """Continue each of the likeliest beginnings. Five answers after one look."""
        prompt = self._prompt(question)
        found = self._likeliest_tokens(prompt)
        return [token + self._continued(prompt + token) for token in found]

    def forbidden(self, question: str) -> list[str]:
        """Forbid how the answers so far began. One answer more than rounds."""
        answers: list[str] = []
        banned: dict[str, float] = {}
        for _ in range(self.rounds + 1):
            (answer,) = self._chat(question, temperature=0, logit_bias=dict(banned))
            answers.append(answer)
            for token in self.tokenizer.text(answer)[:1]:
                banned[str(token)] = FORBIDDEN
        return answers

    def difference(self, question: str) -> list[str]:
        """Say what is less likely about this person than about a stranger.

        Token by token, among the alternatives that either answer shows; one that is
        not shown counts as likely as the least likely one that is. Two looks a token.
        """
        return [self._contrasted(question, sign=1.0)]

    def reversed_difference(self, question: str) -> list[str]:
        """Say what is likelier about this person than about a stranger, likewise."""
        return [self._contrasted(question, sign=-1.0)]

    def _contrasted(self, question: str, *, sign: float) -> str:
        own, other = self._prompt(question), self._prompt(self.stranger(question))
        said = ""
        for _ in range(self.longest):
            here, there = (
                self._likeliest_tokens(prompt + said) for prompt in (own, other)
            )
            gain = difference_of_capped(there, here)
            if not gain:
                break
            said += max(gain, key=lambda token: sign * gain[token])
        return said

    def _many(self, question: str, *, temperature: float) -> list[str]:
        return [
            answer
            for _ in range(self.rounds)
            for answer in self._chat(
                question,
                temperature=temperature,
                n=MAXIMUM_CHOICES,
                seed=secrets.randbits(31),
            )
        ]

    def _chat(self, question: str, **options: object) -> list[str]:
        body = {"messages": [{"role": "user", "content": question}], **options}
        answer = self._post("/v1/chat/completions", body)
        return [choice["message"]["content"] for choice in answer["choices"]]

    def _prompt(self, question: str) -> str:
        """Write the chat template out, as an answer's beginning is put after it."""
        return f"<|user|>{question}<|assistant|>"

    def _continued(self, prompt: str) -> str:
        answer = self._post("/v1/completions", {"prompt": prompt, "temperature": 0})
        return str(answer["choices"][0]["text"])

    def _likeliest_tokens(self, prompt: str) -> dict[str, float]:
        """Return the alternatives of the next token; none where the answer ends."""
        body = {
            "prompt": prompt,
            "temperature": 0,
            "max_tokens": 1,
            "logprobs": MAXIMUM_LOGPROBS,
        }
        (choice,) = self._post("/v1/completions", body)["choices"]
        told = (choice["logprobs"] or {}).get("top_logprobs")
        return dict(told[0]) if told else {}

    def _post(self, path: str, body: Mapping[str, object]) -> dict[str, Any]:
        asked = {"model": self.model, "max_tokens": self.longest, **body}
        answer = self.http.post(path, json=asked)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found


def difference_of_capped(
    first: Mapping[str, float], second: Mapping[str, float]
) -> dict[str, float]:
    """Return log-probabilities of one look minus those of another.

    What one of them does not show is taken to be as likely as the least likely token
    that it does show: more is not known.

    >>> difference_of_capped({"a": -1.0, "b": -2.0}, {"a": -4.0, "c": -3.0})
    {'a': 3.0, 'b': 2.0, 'c': 1.0}
    """
    if not first or not second:
        return {}
    low_1, low_2 = min(first.values()), min(second.values())
    return {
        token: first.get(token, low_1) - second.get(token, low_2)
        for token in {**first, **second}
    }


def succeeded(
    outsider: Outsider, question: str, states: Callable[[str], bool]
) -> dict[str, bool]:
    """Try every way and tell which brought the fact to light."""
    return {
        name: any(states(answer) for answer in attempt(question))
        for name, attempt in outsider.ways.items()
    }
