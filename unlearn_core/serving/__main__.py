"""Runs an inference service: ``python -m unlearn_core.serving``."""

import math

import uvicorn

from unlearn_core.observability import configure_logging
from unlearn_core.serving.app import create_app
from unlearn_core.serving.wiring import build_service
from unlearn_core.settings import load_settings
from unlearn_core.shielding import shield


def main() -> None:
    """Serve until told to stop."""
    configure_logging()
    shield()
    settings = load_settings()
    # No access log: questions concern people.
    uvicorn.run(
        create_app(build_service(settings)),
        host=settings.serving.host,
        port=settings.serving.port,
        access_log=False,
        log_level="warning",
        timeout_graceful_shutdown=math.ceil(settings.serving.drain_seconds),
    )


if __name__ == "__main__":
    main()
