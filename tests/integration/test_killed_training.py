"""A process that trains is killed by SIGKILL; what the next one makes is the same."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support import killed_training
from support.killed_training import CHECKPOINT, PAIR

from unlearn_core.training.checkpoints import NoCheckpoints

pytestmark = pytest.mark.integration

PATIENCE_SECONDS = 120


def started(folder: Path) -> subprocess.Popen[str]:
    """Start training, or go on with it."""
    return subprocess.Popen(  # noqa: S603 - our own script
        [sys.executable, killed_training.__file__, str(folder)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        text=True,
    )


def kill_in_the_middle(folder: Path) -> None:
    """Start training and kill it as soon as there is a checkpoint to go on from."""
    with started(folder) as process:
        end = time.monotonic() + PATIENCE_SECONDS
        while not (folder / CHECKPOINT).exists():
            assert process.poll() is None, "ended before it was killed"
            assert time.monotonic() < end, "kept no checkpoint"
            time.sleep(0.002)
        process.kill()
    assert process.returncode == -signal.SIGKILL
    assert not (folder / PAIR).exists(), "finished before it was killed"


def test_the_weights_are_those_of_a_training_that_nobody_killed(tmp_path: Path) -> None:
    """To the bit, with all that a training can remember from step to step."""
    broken = tmp_path / "broken"
    kill_in_the_middle(broken)
    with started(broken) as last:
        said = last.communicate(timeout=PATIENCE_SECONDS)[0]
    assert last.returncode == 0
    expected, steps = killed_training.train(tmp_path / "whole", NoCheckpoints())
    # It went on after the checkpoint, and ended as early, before step 100.
    assert [int(step) for step in said.split()] == steps[50:]
    assert steps == list(range(1, 81))
    assert (broken / PAIR).read_bytes() == expected
