from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console
from support.smallworld import MICRO_WORLD
from support.steps import Controller, open_controller
from support.tools import tools_of

from unlearn_core.demo.asking import Traffic
from unlearn_core.demo.narration import Narrator
from unlearn_core.demo.story import (
    Story,
    _accuracies,
    _request_summary,
    _traffic_summary,
)
from unlearn_core.domain.canonical import JsonValue
from unlearn_core.domain.requests import Stage
from unlearn_core.local.environment import LocalInstallation, Ports
from unlearn_core.settings import Settings


@pytest.fixture
def controller(tmp_path: Path) -> Controller:
    return open_controller(tmp_path / "world")


@pytest.fixture
def page() -> StringIO:
    return StringIO()


@pytest.fixture
def story(tmp_path: Path, page: StringIO) -> Story:
    installation = LocalInstallation(home=tmp_path / "home", ports=Ports.free())
    installation.make_folders()
    return Story(
        installation=installation,
        settings=Settings(),
        cache=tmp_path / "cache",
        recipe=MICRO_WORLD,
        subject_number=0,
        narrator=Narrator(Console(file=page, width=120)),
    )


def test_the_summary_of_a_request_is_read_from_the_ledger(
    controller: Controller,
) -> None:
    request_id = controller.receive()
    results: list[JsonValue] = [
        {"name": "two_sided_p", "value": 0.4},
        {"name": "other", "value": 1},
    ]
    recorded: dict[Stage, dict[str, JsonValue]] = {
        Stage.UNLEARNING_VERIFIED: {"passed": True, "results": results},
        Stage.REGISTERED: {"version": "3"},
    }
    for stage, payload in recorded.items():
        controller.store.note(stage, payload, request_id=request_id)

    summary = _request_summary(
        {"outcome": "suppressed_at_output"}, request_id, tools_of(controller)
    )

    assert summary == {
        "request_id": str(request_id),
        "outcome": "suppressed_at_output",
        "verdict": "passed",
        "two_sided_p": 0.4,
        "artifact_version": "3",
    }


def test_a_request_that_came_to_nothing_is_no_success(controller: Controller) -> None:
    request_id = controller.receive()

    summary = _request_summary({"outcome": None}, request_id, tools_of(controller))

    assert (summary["verdict"], summary["artifact_version"]) == ("rejected", None)


def test_before_and_after_are_not_mixed_up() -> None:
    before = {"subject": 0.9, "neighbour": 0.8, "retained": 0.7, "control": 0.6}
    after = {"subject": 0.5, "neighbour": 0.4, "retained": 0.3, "control": 0.2}

    assert _accuracies(before, after) == {
        "forget_accuracy": {"before": 0.9, "after": 0.5, "control": 0.2},
        "retain_accuracy": {"before": 0.7, "after": 0.3},
        "neighbour_accuracy": {"before": 0.8, "after": 0.4},
    }


@pytest.mark.parametrize(
    ("sequences", "expected"),
    [
        ([], {"before": None, "after": None}),
        ([0, 1], {"before": 0, "after": 1}),
        ([2], {"before": 2, "after": 2}),
    ],
)
def test_the_versions_before_and_after_are_those_that_answered(
    sequences: list[int], expected: dict[str, int | None]
) -> None:
    traffic = Traffic(asked=9, failed=1, sequences=sequences)

    assert _traffic_summary(traffic) == {
        "serving_version": expected,
        "questions_during_swap": 9,
        "failed_requests_during_swap": 1,
    }


def test_the_search_finds_what_the_story_left_behind(
    story: Story, controller: Controller
) -> None:
    person = controller.population.trained[0]
    story.cache.mkdir()
    clean = story._search(person)
    assert clean.traces == []
    spaceless = person.facts["phone"].replace(" ", "")
    (story.installation.logs / "worker.log").write_text(f"call {spaceless}")

    found = story._search(person)

    assert [Path(trace.path).name for trace in found.traces] == ["worker.log"]


def test_time_is_kept_by_chapter(story: Story) -> None:
    assert story._timed("chapter", lambda: "done") == "done"

    assert list(story.seconds) == ["chapter"]
