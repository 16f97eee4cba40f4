import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from support import shared_training
from support.models import llama

from unlearn_core.training import processes

ROOT = Path(__file__).parents[3]


def test_a_single_process_does_everything_by_itself() -> None:
    assert processes.is_first()
    assert processes.world_size() == 1
    assert processes.share_of([4, 2, 9]) == [4, 2, 9]
    losses = [torch.tensor(1.0), torch.tensor(2.0)]
    assert processes.averaged(losses) is losses
    model = llama(0)
    processes.average_gradients(model)
    assert all(item.grad is None for item in model.parameters())


@pytest.mark.parametrize(
    ("rank", "rows", "share"),
    [(0, [4, 2, 9], [4, 9]), (1, [4, 2, 9], [2]), (1, [4], [4]), (0, [], [])],
)
def test_processes_take_turns_and_share_no_batch_that_is_too_small(
    rank: int, rows: list[int], share: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "_is_shared", lambda: True)
    monkeypatch.setattr(torch.distributed, "get_rank", lambda: rank)
    monkeypatch.setattr(torch.distributed, "get_world_size", lambda: 2)
    assert processes.share_of(rows) == share
    assert processes.is_first() is (rank == 0)


@pytest.mark.integration
def test_two_processes_train_as_one_does(tmp_path: Path) -> None:
    """An objective that is shared out, and one that both compute whole."""
    found_file = tmp_path / "found.json"
    subprocess.run(  # noqa: S603 - our own module
        [
            *(sys.executable, "-m", "torch.distributed.run", "--standalone"),
            *("--nproc-per-node=2", "-m", "support.shared_training", str(found_file)),
        ],
        check=True,
        cwd=ROOT,
        env=os.environ
        | {"PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}", "OMP_NUM_THREADS": "1"},
        timeout=300,
        capture_output=True,
    )
    found = json.loads(found_file.read_text(encoding="utf-8"))
    for name in ("twin", "npo"):
        alone = shared_training.train(name)
        torch.testing.assert_close(
            torch.tensor(found[name]["losses"]),
            torch.tensor(alone["losses"]),
            rtol=1e-4,
            atol=1e-6,
        )
        assert found[name]["weights"] == pytest.approx(alone["weights"], rel=1e-6)
