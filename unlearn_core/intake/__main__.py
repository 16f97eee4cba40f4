"""Runs the intake service: ``python -m unlearn_core.intake``."""

import uvicorn

from unlearn_core.intake.app import create_app
from unlearn_core.intake.wiring import build_service
from unlearn_core.observability import configure_logging
from unlearn_core.settings import load_settings
from unlearn_core.shielding import shield


def main() -> None:
    """Serve until told to stop."""
    configure_logging()
    shield()
    settings = load_settings()
    # No access log: it is not needed, and addresses in it would be personal data.
    uvicorn.run(
        create_app(build_service(settings)),
        host=settings.intake.host,
        port=settings.intake.port,
        access_log=False,
        log_level="warning",
    )


if __name__ == "__main__":
    main()
