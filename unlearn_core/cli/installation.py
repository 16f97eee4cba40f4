"""``unlearn keys``, ``unlearn database`` and ``unlearn up``."""

import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.live import Live
from rich.table import Table

from unlearn_core.cli import wiring
from unlearn_core.local.environment import LocalInstallation, Ports
from unlearn_core.local.preparation import prepare_identity_provider, prepare_world
from unlearn_core.local.stack import LocalStack
from unlearn_core.smallworld.base_model import WorldRecipe

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
    Console(stderr=True).print(f"public keys: {directory.trust_file}")


@database.command()
def upgrade() -> None:
    """Bring the schema to the newest version."""
    wiring.database().upgrade()
    Console(stderr=True).print("the schema is current")


def up(
    home: Annotated[
        Path, typer.Option(help="Folder of the installation.")
    ] = DEFAULT_HOME,
) -> None:
    """Run a small local installation until interrupted.

    Prefect server and worker, MLflow, intake and one inference service on the small
    world of fictitious people.
    """
    console = Console(stderr=True)
    installation = LocalInstallation(home=home.absolute(), ports=Ports())
    installation.make_folders()
    prepare_identity_provider(installation)
    if not (installation.models / "complete").is_file():
        _prepare_world(installation, console)
    board = _Board(installation)
    stack = LocalStack(installation, on_status=board.note)
    stack.run_module("unlearn_core.cli", "keys", "init", log="keys")
    stack.run_module("unlearn_core.cli", "database", "upgrade", log="database")
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: stopped.set())
    with Live(board.table(), console=console, auto_refresh=False) as live:
        board.on_change = lambda: live.update(board.table(), refresh=True)
        try:
            stack.start()
            while not stopped.wait(LOOK_SECONDS):
                stack.tend()
                board.check(stack)
        finally:
            stack.stop()


def _prepare_world(installation: LocalInstallation, console: Console) -> None:
    console.print("Training the small world's models; this happens once.")
    with console.status("training") as status:
        prepare_world(
            installation,
            recipe=WorldRecipe(),
            cache=DEFAULT_CACHE.absolute(),
            on_progress=lambda name, step, steps, loss: status.update(
                f"training {name}: step {step} of {steps}, loss {loss:.3f}"
            ),
        )


def _do_nothing() -> None:
    """Wait for something to show changes on."""


class _Board:
    """The table of processes that ``unlearn up`` shows."""

    def __init__(self, installation: LocalInstallation) -> None:
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
        """Return the table."""
        table = Table("process", "health", "address", box=None)
        for name, word in self._words.items():
            table.add_row(name, word, self._addresses.get(name, ""))
        return table
