import json
import shlex
from pathlib import Path

import pytest
from support.cli import unlearn

from unlearn_core.cli.playground import LETTERS, Playground, lay_out
from unlearn_core.local.environment import LocalInstallation, Ports
from unlearn_core.smallworld.people import Population, populate


@pytest.fixture(scope="module")
def population() -> Population:
    return populate(seed=3, trained=5, controls=2)


@pytest.fixture
def installation(tmp_path: Path) -> LocalInstallation:
    return LocalInstallation(home=tmp_path / "my home", ports=Ports())


@pytest.fixture
def playground(installation: LocalInstallation, population: Population) -> Playground:
    return lay_out(installation, population.trained)


def test_every_letter_is_a_request_that_is_taken_in(
    home: Path, playground: Playground
) -> None:
    del home
    assert len(playground.letters) == LETTERS
    for letter in playground.letters:
        ran = unlearn("request", "submit", "--json", "--file", letter)
        assert (ran.code, ran.json()["stage"]) == (0, "received")


def test_letters_are_those_of_people_who_were_trained_on(
    playground: Playground, population: Population
) -> None:
    names = [
        json.loads(letter.read_text())["identifiers"]["name"]
        for letter in playground.letters
    ]
    assert names == [person.name for person in population.trained[:LETTERS]]
    assert population.trained[0].name in playground.question


def test_nobody_else_can_read_what_lies_ready(playground: Playground) -> None:
    for path in (playground.settings, *playground.letters):
        assert path.stat().st_mode & 0o077 == 0


def test_letters_are_fresh_each_time(
    installation: LocalInstallation, playground: Playground, population: Population
) -> None:
    before = playground.letters[0].read_text()
    again = lay_out(installation, population.trained).letters[0].read_text()
    tokens = [json.loads(text)["identity_token"] for text in (before, again)]
    assert tokens[0] != tokens[1]


def test_a_shell_reads_the_settings_as_the_processes_have_them(
    installation: LocalInstallation, playground: Playground
) -> None:
    read = dict(
        shlex.split(line)[0].split("=", 1)
        for line in playground.settings.read_text().splitlines()
    )
    assert read == installation.own_environment()


def test_the_hints_can_be_typed(playground: Playground) -> None:
    hints = playground.hints()
    for path in (playground.settings, playground.letters[0]):
        assert shlex.quote(str(path)) in hints
    assert playground.question in hints
