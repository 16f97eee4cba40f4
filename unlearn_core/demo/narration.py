"""Tells the story to a person at a terminal."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table


class Narrator:
    """Says things in plain words.

    Args:
        console: Where to.
    """

    def __init__(self, console: Console) -> None:
        self._console = console

    def say(self, text: str) -> None:
        """Print a line."""
        self._console.print(text, highlight=False)

    def step(self, number: int, text: str) -> None:
        """Begin a chapter."""
        self.say(f"[bold]{number}.[/bold] {text}")

    @contextmanager
    def bars(self) -> Iterator["TrainingBars"]:
        """Show a progress bar per model."""
        progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed:.0f} of {task.total:.0f} steps"),
            TimeElapsedColumn(),
            console=self._console,
        )
        with progress:
            yield TrainingBars(progress)

    @contextmanager
    def working(self, text: str) -> Iterator[None]:
        """Show that something is going on."""
        with self._console.status(text):
            yield

    def table(self, summary: Mapping[str, Any]) -> None:
        """Print the result as a table, and what else was shown."""
        table = Table(title="Questions answered truly by the service", box=None)
        for heading in ("", "before", "after", "never trained"):
            table.add_column(heading, justify="left" if not heading else "right")
        control = summary["forget_accuracy"]["control"]
        for label, key in (
            ("the subject", "forget_accuracy"),
            ("neighbours", "neighbour_accuracy"),
            ("other people", "retain_accuracy"),
        ):
            row = summary[key]
            shown = f"{control:.1%}" if key == "forget_accuracy" else ""
            table.add_row(label, f"{row['before']:.1%}", f"{row['after']:.1%}", shown)
        self._console.print(table)
        for label, value in _proofs(summary):
            self.say(f"  {label}: [bold]{value}[/bold]")


class TrainingBars:
    """Progress bars of the models being trained."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._rows: dict[str, Any] = {}

    def update(self, name: str, step: int, steps: int, loss: float) -> None:
        """Move a bar."""
        if name not in self._rows:
            self._rows[name] = self._progress.add_task(name, total=steps)
        self._progress.update(
            self._rows[name],
            completed=step,
            description=f"training the {name} model, loss {loss:.2f}",
        )


def _proofs(summary: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    yield "verdict", summary["verdict"]
    yield "two-sided p-value", summary["two_sided_p"]
    yield "questions asked meanwhile", summary["questions_during_swap"]
    yield "of these failed", summary["failed_requests_during_swap"]
    yield "tampered artifact refused", summary["tampered_artifact_refused"]
    yield "certificate", summary["certificate"]
    yield "certificate verifies offline", summary["certificate_valid"]
    yield "every changed byte refused", summary["certificate_tampering_refused"]
    yield "ledger verifies", summary["ledger_valid"]
    searched = summary["searched"]
    where = f"{searched['files']} files and {searched['values']} database values"
    yield f"traces of the subject in {where}", summary["personal_data_traces"]
    for trace in summary["traces"]:
        yield "a trace", trace
    yield "seconds", summary["seconds"]["total"]
