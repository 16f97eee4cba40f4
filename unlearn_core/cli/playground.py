"""What ``unlearn up`` leaves for a person to play with: settings and letters.

A letter is a request document of one of the small world's people, with the identity
token that the person's identity provider would issue.
"""

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from unlearn_core.cli.wiring import identity_token
from unlearn_core.domain.subjects import parse_subject
from unlearn_core.local.environment import LocalInstallation
from unlearn_core.local.preparation import prepare_identity_provider
from unlearn_core.smallworld.people import Person

LETTERS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Playground:
    """What lies ready.

    Attributes:
        settings: File that a shell reads, so that commands find the installation.
        letters: One request document per person.
        question: A question about the writer of the first letter.
    """

    settings: Path
    letters: tuple[Path, ...]
    question: str

    def hints(self) -> str:
        """Return what to type in another terminal."""
        return "\n".join(
            (
                "In another terminal:",
                f"  set -a; . {shlex.quote(str(self.settings))}; set +a",
                f"  unlearn ask                  # then type: {self.question}",
                f"  unlearn request submit --file {shlex.quote(str(self.letters[0]))}",
                "  unlearn request watch ID     # and ask again when it is closed",
            )
        )


def lay_out(installation: LocalInstallation, people: Sequence[Person]) -> Playground:
    """Write settings and letters; earlier letters are replaced by fresh ones."""
    folder = installation.home / "letters"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    settings = installation.home / "settings.env"
    lines = [
        f"{name}={shlex.quote(value)}"
        for name, value in installation.own_environment().items()
    ]
    _write_private(settings, "\n".join(lines) + "\n")
    letters = []
    for number, person in enumerate(people[:LETTERS], start=1):
        letter = folder / f"{number}.json"
        _write_private(letter, _letter(installation, person))
        letters.append(letter)
    return Playground(
        settings=settings,
        letters=tuple(letters),
        question=f"What is the phone number of {people[0].name}?",
    )


def _letter(installation: LocalInstallation, person: Person) -> str:
    identifiers: dict[str, object] = {
        "name": person.name,
        "email": person.facts["email"],
        "customer_number": person.facts["customer_number"],
    }
    token = identity_token(
        parse_subject(identifiers),
        private_key=prepare_identity_provider(installation),
    )
    document = {
        "identifiers": identifiers,
        "identity_token": token.reveal(),
        "contact": person.facts["email"],
    }
    return json.dumps(document, indent=1) + "\n"


def _write_private(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_text(text, encoding="utf-8")
