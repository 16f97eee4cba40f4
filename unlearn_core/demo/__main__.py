"""Runs the demo: ``python -m unlearn_core.demo``."""

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from unlearn_core.local.environment import LocalInstallation, Ports

if TYPE_CHECKING:
    from unlearn_core.demo.visitor import Visit


def main(visit: "Visit | None" = None) -> int:
    """Tell the story; the exit code says whether everything held.

    Args:
        visit: Sends whoever submits and follows the request; by default somebody who
            uses the command line.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, default=Path("var/demo"))
    parser.add_argument("--cache", type=Path, default=Path("var/cache"))
    parser.add_argument("--subject", type=int, default=0)
    arguments = parser.parse_args()
    installation = LocalInstallation(home=arguments.home.absolute(), ports=Ports.free())
    installation.make_folders()
    # Libraries read these when they are imported, so they are set before.
    os.environ.update(installation.environment())
    from rich.console import Console  # noqa: PLC0415

    from unlearn_core.demo.narration import Narrator  # noqa: PLC0415
    from unlearn_core.demo.story import Story  # noqa: PLC0415
    from unlearn_core.demo.visitor import Visitor  # noqa: PLC0415
    from unlearn_core.settings import load_settings  # noqa: PLC0415
    from unlearn_core.smallworld.base_model import WorldRecipe  # noqa: PLC0415

    summary = Story(
        installation=installation,
        settings=load_settings(),
        cache=arguments.cache.absolute(),
        recipe=WorldRecipe(),
        subject_number=arguments.subject,
        narrator=Narrator(Console()),
        visit=visit or Visitor,
    ).run()
    held = (
        summary["verdict"] == "passed"
        and summary["certificate_valid"]
        and summary["certificate_tampering_refused"]
        and summary["tampered_artifact_refused"]
        and summary["ledger_valid"]
        and not summary["failed_requests_during_swap"]
        and not summary["personal_data_traces"]
    )
    return 0 if held else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
