"""Fuzzing of the intake API against its own description: ``make fuzz-intake``.

Requests are made up by schemathesis from the OpenAPI description of an intake service
over stores in memory: such as the description allows, and such as it does not, from
nobody and from an operator with a key. Whatever comes, the service answers below 500
and tells nothing of its insides, nor of the person whose request it already has. That
request stands afterwards where it stood.

It ends with one JSON line, and fails where something is not as it has to be.
"""

import argparse
import json
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from support.access import give_key
from support.intake import IntakeWorld
from support.senders import drp_desk, opendsr_desk
from support.serving import running_server

from benchmarks.fuzzing import Findings, fuzz
from unlearn_core.domain.access import Role
from unlearn_core.intake.app import create_app

NAME, WORDS = "Ottilie Quastenflosser", ("Ottilie", "Quastenflosser", "fins.example")
"""The person whose request is there before anybody asks."""

INSIDES = re.compile(
    r"Traceback|File \"|site-packages|/unlearn_core/|\bpydantic\b|sqlalchemy|"
    r"\bk1:|fencing|0x[0-9a-f]{8}|" + "|".join(WORDS)
)
"""What an answer never says: code, places, libraries, keys, anybody's identifiers."""


def about_somebody(body: dict[str, Any]) -> dict[str, Any]:
    """Let every other submission name an invented person; the rest of it stays."""
    if "identifiers" not in body or len(body) % 2:
        return body
    person = {"name": "Xaver Beispiel", "email": "xaver@beispiel.example"}
    return body | {"identifiers": person}


@contextmanager
def open_intake() -> Iterator[tuple[str, IntakeWorld, str]]:
    """Run a whole intake service; yield its address, its stores and a key to it."""
    world = IntakeWorld()
    world.receive(NAME)
    key = give_key(world.access, Role.OPERATOR)
    with tempfile.TemporaryDirectory(prefix="unlearn-fuzzing-") as folder:
        service = replace(
            world.service(),
            web=world.web(),
            console=world.console(),
            drp=drp_desk(world),
            opendsr=opendsr_desk(world, Path(folder)),
        )
        with running_server(create_app(service)) as url:
            yield url, world, key


def run(*, examples: int) -> dict[str, Any]:
    """Fuzz an intake service and return what was found."""
    findings = Findings(INSIDES)
    with open_intake() as (url, world, key):
        shown = {"Authorization": f"Bearer {key}"}
        (first,) = world.store.all()
        for headers in ({}, shown):
            fuzz(
                url,
                examples=examples,
                findings=findings,
                headers=headers,
                fit=about_somebody,
            )
        place = f"{url}/v1/erasure-requests/{first.request_id}"
        status = httpx.get(place, headers=shown).status_code
        is_untouched = world.store.get(first.request_id) == first
    return {
        "requests": sum(sum(item.values()) for item in findings.statuses.values()),
        "server_errors": len(findings.errors),
        "leaks": len(findings.leaks),
        "accepted": findings.statuses["POST /v1/erasure-requests"][202],
        "answers_as_before": is_untouched and status == httpx.codes.OK,
        "statuses": {
            operation: {str(status): count for status, count in sorted(item.items())}
            for operation, item in findings.statuses.items()
        },
    }


def is_sound(found: Mapping[str, Any]) -> bool:
    """Tell whether nothing was found that must not be, and the service was reached."""
    return (
        not found["server_errors"]
        and not found["leaks"]
        and found["accepted"] > 0
        and found["answers_as_before"]
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
