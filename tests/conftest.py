"""What holds for every test."""

import gc
import logging
from collections.abc import Iterator

import pytest
from hypothesis import settings

# A loaded machine is slow, not wrong: no limit on the time of one example.
settings.register_profile("unlearn", deadline=None)
settings.load_profile("unlearn")

# While thousands of tests and big libraries are read in, nothing becomes garbage, and
# what is there afterwards stays. To look through it all again and again takes long.
gc.disable()


def pytest_collection_finish() -> None:
    """From here on garbage is looked for among what tests make."""
    gc.enable()
    gc.freeze()


@pytest.fixture
def restored_logging() -> Iterator[None]:
    """Undo what a process does to the logger of the package."""
    logger = logging.getLogger("unlearn")
    kept = logger.handlers, logger.level, logger.propagate
    yield
    logger.handlers, logger.level, logger.propagate = kept
