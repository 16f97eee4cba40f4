"""``unlearn records``: what the controller's own records need to say of the service."""

import json
from pathlib import Path
from typing import Annotated

import typer

from unlearn_core.cli.wiring import described_installation
from unlearn_core.domain.processing import processing_record, to_markdown

app = typer.Typer(help="Records of processing.", no_args_is_help=True)


@app.callback()
def records() -> None:
    """Records of processing."""


@app.command()
def export(
    file: Annotated[Path, typer.Argument(help="A file ending in .json or .md.")],
) -> None:
    """Write the record of processing (Art. 30) and the inputs of a DPIA (Art. 35)."""
    document = processing_record(described_installation())
    if file.suffix == ".md":
        text = to_markdown(document)
    elif file.suffix == ".json":
        text = json.dumps(document, indent=1, ensure_ascii=False) + "\n"
    else:
        message = "give a file that ends in .json or .md"
        raise typer.BadParameter(message)
    file.write_text(text, encoding="utf-8")
