"""Fuzzing of the inference API against its own description: ``make fuzz-serving``.

Requests are made up by schemathesis from the OpenAPI description of a replica that
serves an offset: such as the description allows, and such as it does not. Whatever
comes, the replica answers below 500, in a form that the description knows or that says
what was wrong, and tells nothing of its insides. Afterwards it still answers as before.

It ends with one JSON line, and fails where something is not as it has to be.
"""

import argparse
import json
import re
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any

import httpx
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from rich.console import Console
from support.serving import ServingWorld, running_server

from unlearn_core.serving.app import create_app

INSIDES = re.compile(
    r"Traceback|File \"|site-packages|/unlearn_core/|\btorch\b|\bpydantic\b|"
    r"unlearned|reference_model|p_base|0x[0-9a-f]{8}"
)
"""What an answer never says: code, places, libraries, parts of the offset."""

QUESTION = {"model": "small-world", "prompt": "Hello", "max_tokens": 6, "seed": 1}


Fit = Callable[[dict[str, Any]], dict[str, Any]]


class Findings:
    """What the answers were like.

    Args:
        insides: What an answer never says.

    Attributes:
        statuses: How often each status came, by operation.
        errors: Operations with an answer of 500 or above, except a refusal to serve.
        leaks: Operations with an answer that tells of insides.
    """

    def __init__(self, insides: re.Pattern[str] = INSIDES) -> None:
        self._insides = insides
        self.statuses: dict[str, Counter[int]] = {}
        self.errors: list[str] = []
        self.leaks: list[str] = []

    def note(self, operation: str, *, status: int, text: str) -> None:
        """Judge one answer."""
        self.statuses.setdefault(operation, Counter())[status] += 1
        if status >= 500:  # noqa: PLR2004 - HTTP's server errors
            self.errors.append(operation)
        if self._insides.search(text):
            self.leaks.append(operation)


def fuzz(
    url: str,
    *,
    examples: int,
    findings: Findings,
    headers: Mapping[str, str] = MappingProxyType({}),
    fit: Fit | None = None,
) -> None:
    """Ask every operation that the service describes.

    Args:
        url: Where the service is.
        examples: How often each operation is asked in each way.
        findings: Judges the answers.
        headers: What the caller shows.
        fit: Makes a body that the description allows one that can be carried out.
    """
    schema = schemathesis.openapi.from_url(f"{url}/openapi.json")
    modes = schemathesis.GenerationMode
    for found in schema.get_all_operations():
        operation = found.ok()
        # Without a body there is nothing to get wrong.
        ways = (modes.POSITIVE, modes.NEGATIVE)[: 2 if len(operation.body) else 1]
        for mode in ways:
            _ask(
                operation,
                mode,
                examples=examples,
                findings=findings,
                headers=headers,
                fit=fit or answerable,
            )


def answerable(body: dict[str, Any]) -> dict[str, Any]:
    """Let a question name the model and fit into its context; the rest stays."""
    names = ("max_tokens", "max_completion_tokens")
    fitted: dict[str, Any] = {name: 4 for name in names if name in body}
    if "prompt" in body:
        fitted["prompt"] = str(body["prompt"])[:20] or "?"
    if "messages" in body:
        fitted["messages"] = [{"role": "user", "content": "Hello"}]
    return body | {"model": QUESTION["model"], "max_tokens": 4} | fitted


def _ask(
    operation: Any,  # noqa: ANN401 - untyped upstream
    mode: Any,  # noqa: ANN401 - untyped upstream
    *,
    examples: int,
    findings: Findings,
    headers: Mapping[str, str],
    fit: Fit,
) -> None:
    """Ask one operation, as the description allows or as it does not."""

    @seed(0)
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:  # noqa: ANN401 - untyped upstream
        if mode is schemathesis.GenerationMode.POSITIVE and isinstance(case.body, dict):
            case.body = fit(case.body)
        answer = case.call(headers=dict(headers))
        told = str(dict(answer.headers)) + answer.text
        findings.note(operation.label, status=answer.status_code, text=told)

    ask()


def run(*, examples: int) -> dict[str, Any]:
    """Fuzz a replica and return what was found."""
    findings = Findings()
    with TemporaryDirectory() as name:
        world = ServingWorld(Path(name))
        world.promote(1)
        replica = replace(world.replica(), webhook_secret=b"known to nobody")
        with running_server(create_app(replica)) as url:
            path = f"{url}/v1/completions"
            before = httpx.post(path, json=QUESTION).json()
            fuzz(url, examples=examples, findings=findings)
            after = httpx.post(path, json=QUESTION).json()
    return {
        "requests": sum(sum(item.values()) for item in findings.statuses.values()),
        "server_errors": len(findings.errors),
        "leaks": len(findings.leaks),
        "answers_as_before": before["choices"] == after["choices"],
        "statuses": {
            operation: {str(status): count for status, count in sorted(item.items())}
            for operation, item in findings.statuses.items()
        },
    }


def is_sound(found: Mapping[str, Any]) -> bool:
    """Tell whether nothing was found that must not be."""
    return (
        not found["server_errors"] and not found["leaks"] and found["answers_as_before"]
    )


def main() -> int:
    """Fuzz as long as was asked for, print the JSON line, fail if it is not sound."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--examples", type=int, default=300)
    options = parser.parse_args()
    Console(stderr=True).print("asking", options.examples, "times each operation")
    found = run(examples=options.examples)
    print(json.dumps(found))
    return 0 if is_sound(found) else 1


if __name__ == "__main__":
    sys.exit(main())
