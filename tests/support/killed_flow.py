"""Runs the erasure flow and dies by SIGKILL where a step would begin.

Usage: killed_flow.py STEP REQUEST_ID
"""

import os
import signal
import sys
from uuid import UUID

from flows import tasks
from flows.erasure import fulfil_erasure_request


def main(step: str, request_id: str) -> None:
    """Replace one step by sudden death and run the flow."""
    name = f"_{step}"
    if not hasattr(tasks, name):
        raise SystemExit(2)

    def die(*_arguments: object, **_options: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(tasks, name, die)
    fulfil_erasure_request(UUID(request_id))


if __name__ == "__main__":
    main(*sys.argv[1:])
