"""``unlearn keys``, ``unlearn database`` and ``unlearn up``."""

import time
from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.live import Live
from rich.table import Table

from unlearn_core.cli import wiring
from unlearn_core.domain.canonical import JsonValue
from unlearn_core.local.environment import LocalInstallation, Ports
from unlearn_core.local.stack import LocalStack

keys = typer.Typer(help="Key files.", no_args_is_help=True)
database = typer.Typer(help="The database schema.", no_args_is_help=True)

DEFAULT_HOME = Path("var/local")
DEFAULT_CACHE = Path("var/cache")
LOOK_SECONDS = 1.0


@keys.command(name="init")
def init_keys() -> None:
    """Create every key that does not exist yet; existing keys are left alone."""
    directory = wiring.key_directory()
    directory.create()
    typer.echo(f"public keys: {directory.trust_file}", err=True)


@keys.command()
def wrap() -> None:
    """Let AWS KMS wrap the key of offset pairs; its file in the clear is removed."""
    wiring.wrap_artifact_key()
    typer.echo("opened by KMS from now on: artifact.wrapped", err=True)


class Rotated(StrEnum):
    """A key that can be rotated."""

    SIGNING = "signing"
    KEK = "kek"
    PSEUDONYM = "pseudonym"


@keys.command()
def prepare() -> None:
    """Make the next signing key and trust it; then hand out trust.json."""
    keyid = wiring.signing_keys().prepare()
    typer.echo(f"next key: {keyid}", err=True)


@keys.command()
def rotate(
    which: Annotated[
        Rotated, typer.Argument(help="Which key; the signing key is prepared first.")
    ] = Rotated.SIGNING,
) -> None:
    """Put a new key in place of one; what the old one made can still be used."""
    facts: dict[str, JsonValue]
    match which:
        case Rotated.SIGNING:
            old, new = wiring.signing_keys().rotate()
            facts = {}
        case Rotated.KEK:
            old, new, wrapped = wiring.rotate_kek()
            facts = {"wrapped": wrapped}
        case Rotated.PSEUDONYM:
            old, new = wiring.rotate_pseudonyms()
            facts = {}
    wiring.office().store.note(f"{which}_key_rotated", {"old": old, "new": new} | facts)
    typer.echo(f"{which} key from now on: {new}", err=True)


@keys.command()
def distrust(
    keyid: Annotated[str, typer.Argument(help="The key's id in trust.json.")],
) -> None:
    """Stop believing a key that is in wrong hands, and all that it signed."""
    wiring.signing_keys().distrust(keyid)
    wiring.office().store.note("signing_key_distrusted", {"key": keyid})


@database.command()
def upgrade() -> None:
    """Bring the schema to the newest version."""
    wiring.database().upgrade()
    typer.echo("the schema is current", err=True)


def up(
    home: Annotated[
        Path, typer.Option(help="Folder of the installation.")
    ] = DEFAULT_HOME,
) -> None:
    """Run a small local installation until interrupted.

    These are Prefect server and worker, MLflow, intake and one inference service,
    on the small world of fictitious people.
    """
    console = Console(stderr=True)
    installation = LocalInstallation(home=home.absolute(), ports=Ports())
    installation.ports.check_free()
    installation.make_folders()
    board = _Board(installation, hints=_prepare(installation, console))
    stack = LocalStack(installation, on_status=board.note)
    stack.run_module("unlearn_core.cli", "keys", "init", log="keys")
    stack.run_module("unlearn_core.cli", "database", "upgrade", log="database")
    with (
        suppress(KeyboardInterrupt),
        Live(board.table(), console=console, auto_refresh=False) as live,
        stack.stopped_at_the_end(),
    ):
        board.on_change = lambda: live.update(board.table(), refresh=True)
        stack.start()
        while True:
            time.sleep(LOOK_SECONDS)
            stack.tend()
            board.check(stack)


def _prepare(installation: LocalInstallation, console: Console) -> str:
    """Provide sources and models, unless they exist; return hints what to try."""
    # These need torch, whose import takes seconds that no other command shall pay.
    from unlearn_core.cli.playground import lay_out  # noqa: PLC0415 - see above
    from unlearn_core.local.preparation import (  # noqa: PLC0415 - see above
        population_of,
        prepare_identity_provider,
        prepare_world,
    )
    from unlearn_core.smallworld.base_model import (  # noqa: PLC0415 - see above
        WorldRecipe,
    )

    recipe = WorldRecipe()
    prepare_identity_provider(installation)
    hints = lay_out(installation, population_of(recipe).trained).hints()
    if (installation.models / "complete").is_file():
        return hints
    console.print("Training the small world's models; this happens once.")
    with console.status("training") as status:
        prepare_world(
            installation,
            recipe=recipe,
            cache=DEFAULT_CACHE.absolute(),
            on_progress=lambda name, step, steps, loss: status.update(
                f"training {name}: step {step} of {steps}, loss {loss:.3f}"
            ),
        )
    return hints


def _do_nothing() -> None:
    """Wait for something to show changes on."""


class _Board:
    """The table of processes that ``unlearn up`` shows."""

    def __init__(self, installation: LocalInstallation, *, hints: str = "") -> None:
        self._hints = hints
        self._addresses = {
            "prefect-server": installation.prefect_url,
            "mlflow": installation.mlflow_url,
            "inference": f"{installation.inference_url}/docs",
            "intake": f"{installation.intake_url}/docs",
        }
        self._words: dict[str, str] = {}
        self.on_change: Callable[[], None] = _do_nothing

    def note(self, name: str, word: str) -> None:
        """Take note of a change and show it."""
        if self._words.get(name) != word:
            self._words[name] = word
            self.on_change()

    def check(self, stack: LocalStack) -> None:
        """Ask every process how it is."""
        for name in stack.names():
            self.note(name, "healthy" if stack[name].is_healthy() else "not answering")

    def table(self) -> Table:
        """Return the table, with hints below it once everything is healthy."""
        table = Table("process", "health", "address", box=None)
        for name, word in self._words.items():
            table.add_row(name, word, self._addresses.get(name, ""))
        if self._hints and set(self._words.values()) == {"healthy"}:
            table.caption, table.caption_justify = f"\n{self._hints}", "left"
        return table
