"""The story of one request, and its proof in ``summary.json``.

1. A base model that knows people is trained, or taken from the cache.
2. The services start, and somebody starts asking questions and does not stop.
3. A request arrives, through the command line unless another guest is sent.
4. Prefect works on it until it is answered.
5. The service is asked again.
6. The registry is attacked.
7. The certificate is checked, as it is and with changed bytes.
8. Everything that was written is searched for the subject.
"""

import json
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from unlearn_core.demo.asking import Asker, Traffic
from unlearn_core.demo.measurements import Questionnaire
from unlearn_core.demo.narration import Narrator
from unlearn_core.demo.proof import (
    every_changed_byte_is_refused,
    ledger_is_valid,
    payload_of,
)
from unlearn_core.demo.tampering import (
    forged_pointer_is_refused,
    tampered_weights_are_refused,
)
from unlearn_core.demo.traces import SearchReport, search_everywhere
from unlearn_core.demo.visitor import Guest, Visit, Visitor
from unlearn_core.demo.wiring import DemoTools, open_tools
from unlearn_core.domain.requests import RequestId, Stage
from unlearn_core.local.environment import LocalInstallation
from unlearn_core.local.preparation import prepare_identity_provider, prepare_world
from unlearn_core.local.stack import LocalStack
from unlearn_core.settings import Settings
from unlearn_core.smallworld.base_model import WorldRecipe
from unlearn_core.smallworld.people import Person, Population

T = TypeVar("T")

IDENTIFIERS = ("email", "phone", "customer_number")


@dataclass(slots=True, kw_only=True)
class Story:
    """One run of the demo.

    Attributes:
        installation: Where everything goes; the folder is emptied first.
        settings: The installation's settings.
        cache: Folder of trained models.
        recipe: The world.
        subject_number: Which person asks to be forgotten.
        narrator: Tells what happens.
        visit: Makes whoever submits, follows and checks the request.
        seconds: Time per chapter.
    """

    installation: LocalInstallation
    settings: Settings
    cache: Path
    recipe: WorldRecipe
    subject_number: int
    narrator: Narrator
    visit: Visit = Visitor
    seconds: dict[str, float] = field(default_factory=dict)

    def run(self) -> dict[str, Any]:
        """Tell the story and return the summary."""
        began = time.monotonic()
        shutil.rmtree(self.installation.home, ignore_errors=True)
        self.installation.make_folders()
        self.narrator.step(1, "A small world of fictitious people, and a model of it.")
        population = self._timed("base_model", self._world)
        subject = population.trained[self.subject_number]
        stack = LocalStack(self.installation)
        with stack.stopped_at_the_end():
            self.narrator.step(2, "The services start.")
            self._timed("services", lambda: self._start(stack))
            summary = self._with_services(subject, population)
        self.narrator.step(8, "Everything that was written is searched.")
        search = self._timed("search", lambda: self._search(subject))
        summary |= {
            "personal_data_traces": len(search.traces),
            "traces": [f"{item.path} ({item.how})" for item in search.traces],
            "searched": {"files": search.files, "values": search.values},
        }
        self.seconds["total"] = round(time.monotonic() - began, 1)
        summary["seconds"] = self.seconds
        path = self.installation.home / "summary.json"
        path.write_text(json.dumps(summary, indent=1) + "\n")
        self.narrator.table(summary)
        self.narrator.say(f"  summary: [bold]{path}[/bold]")
        return summary

    def _with_services(self, subject: Person, population: Population) -> dict[str, Any]:
        address = self.installation.inference_url
        questions = Questionnaire.about(
            subject, population, seed=self.recipe.world_seed
        )
        before = self._timed("ask_before", lambda: questions.measure(address))
        self.narrator.say(
            f"   True answers about the subject: {before['subject']:.0%}; "
            f"about people it never saw: {before['control']:.0%}."
        )
        asker = Asker(address, questions.subject + questions.retained)
        asker.start()
        tools = open_tools(self.settings)
        visitor = self.visit(self.installation, self.settings, self.narrator)
        try:
            self.narrator.step(3, "The subject asks to be erased; others keep asking.")
            request_id = self._timed("submit", lambda: self._submit(visitor, subject))
            self.narrator.step(4, f"Prefect: {self.installation.prefect_url}")
            request = self._timed("request", lambda: visitor.follow(request_id, tools))
        finally:
            traffic = asker.stop()
        self.narrator.step(5, "The service is asked again.")
        after = self._timed("ask_after", lambda: questions.measure(address))
        self.narrator.step(6, "The registry is attacked.")
        refused = self._timed(
            "attacks",
            lambda: (
                forged_pointer_is_refused(address, tools)
                and tampered_weights_are_refused(address, tools)
            ),
        )
        self.narrator.step(7, "The certificate is checked.")
        certificate = self.installation.home / "certificate.json"
        was_answered = request["stage"] == Stage.NOTIFIED
        valid = was_answered and self._timed(
            "certificate", lambda: visitor.fetch_certificate(request_id, certificate)
        )
        return {
            **_request_summary(request, request_id, tools),
            **_accuracies(before, after),
            **_traffic_summary(traffic),
            "tampered_artifact_refused": refused,
            "certificate": str(certificate),
            "certificate_valid": valid,
            "certificate_tampering_refused": was_answered
            and every_changed_byte_is_refused(certificate, tools),
            "ledger_valid": ledger_is_valid(tools),
        }

    def _world(self) -> Population:
        with self.narrator.bars() as bars:
            return prepare_world(
                self.installation,
                recipe=self.recipe,
                cache=self.cache,
                on_progress=bars.update,
            )

    def _start(self, stack: LocalStack) -> None:
        prepare_identity_provider(self.installation)
        with self.narrator.working("starting Prefect, MLflow and our services"):
            stack.run_module("unlearn_core.cli", "keys", "init", log="keys")
            stack.run_module("unlearn_core.cli", "database", "upgrade", log="database")
            stack.start()

    def _submit(self, visitor: Guest, subject: Person) -> RequestId:
        identifiers = {kind: subject.facts[kind] for kind in IDENTIFIERS}
        return visitor.submit(
            {"name": subject.name, **identifiers}, contact=subject.facts["email"]
        )

    def _search(self, subject: Person) -> SearchReport:
        needles = [subject.name, *(subject.facts[kind] for kind in IDENTIFIERS)]
        needles.append(subject.facts["phone"].replace(" ", ""))
        with self.narrator.working("searching"):
            return search_everywhere(
                [self.installation.home, self.cache / self.recipe.key], needles
            )

    def _timed(self, chapter: str, work: Callable[[], T]) -> T:
        began = time.monotonic()
        result = work()
        self.seconds[chapter] = round(time.monotonic() - began, 1)
        return result


def _request_summary(
    request: dict[str, Any], request_id: RequestId, tools: DemoTools
) -> dict[str, Any]:
    verified = payload_of(tools, request_id, Stage.UNLEARNING_VERIFIED)
    registered = payload_of(tools, request_id, Stage.REGISTERED)
    results = {item["name"]: item["value"] for item in verified.get("results", ())}
    return {
        "request_id": str(request_id),
        "outcome": request["outcome"],
        "verdict": "passed" if verified.get("passed") else "rejected",
        "two_sided_p": results.get("two_sided_p"),
        "artifact_version": registered.get("version"),
    }


def _accuracies(before: dict[str, float], after: dict[str, float]) -> dict[str, Any]:
    return {
        "forget_accuracy": {
            "before": before["subject"],
            "after": after["subject"],
            "control": after["control"],
        },
        "retain_accuracy": {"before": before["retained"], "after": after["retained"]},
        "neighbour_accuracy": {
            "before": before["neighbour"],
            "after": after["neighbour"],
        },
    }


def _traffic_summary(traffic: Traffic) -> dict[str, Any]:
    seen = traffic.sequences
    return {
        "serving_version": {
            "before": seen[0] if seen else None,
            "after": seen[-1] if seen else None,
        },
        "questions_during_swap": traffic.asked,
        "failed_requests_during_swap": traffic.failed,
    }
