"""The script for several processes runs as it stands in the documents."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from support.domain import datasets
from support.models import CPU, chat_tokenizer, llama
from support.runs import Listener

from unlearn_core.domain.datasets import to_bytes
from unlearn_core.modeling.weights import unpack_pair
from unlearn_core.training.checkpoints import NoCheckpoints
from unlearn_core.training.pair import PairMaterials
from unlearn_core.training.recipe import load_ladder
from unlearn_core.training.schemes.base import make_pair

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "operations.md"
FILES = ("base", "reference", "sets.json", "ladder.yaml")
LADDER = "[{steps: 3, warmup_steps: 0, forget_batch: 1, retain_batch: 4}]"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with the documented script and tiny models for it."""
    head = "```python train_shared.py\n"
    _, _, rest = PAGE.read_text(encoding="utf-8").partition(head)
    (tmp_path / "train_shared.py").write_text(rest.partition("\n```\n")[0])
    for seed, name in enumerate(("base", "reference")):
        llama(seed).save_pretrained(tmp_path / name)
        chat_tokenizer()._tokenizer.save_pretrained(tmp_path / name)
    (tmp_path / "sets.json").write_bytes(to_bytes(datasets()))
    (tmp_path / "ladder.yaml").write_text(LADDER)
    return tmp_path


def shared(folder: Path) -> list[list[float]]:
    """Run the script in two processes and return what it printed."""
    done = subprocess.run(  # noqa: S603 - our own script
        [
            *(sys.executable, "-m", "torch.distributed.run", "--standalone"),
            *("--nproc-per-node=2", "train_shared.py", *FILES, "pair.safetensors"),
        ],
        check=True,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        timeout=300,
        capture_output=True,
        text=True,
    )
    return [[float(word) for word in row.split()] for row in done.stdout.splitlines()]


@pytest.mark.integration
def test_the_documented_script_trains_in_two_processes_as_one_does(
    folder: Path,
) -> None:
    listener = Listener()
    alone = make_pair(
        datasets(),
        materials=PairMaterials(
            base=llama(0), tokenizer=chat_tokenizer(), reference=llama(1)
        ),
        recipe=load_ladder(folder / "ladder.yaml")[0],
        checkpoints=NoCheckpoints(),
        on_progress=listener,
    )
    heard = [
        [float(item.step), item.forget_loss, item.retain_loss]
        for item in listener.heard
    ]
    assert [row[0] for row in heard] == [1, 2, 3]
    torch.testing.assert_close(
        torch.tensor(shared(folder)), torch.tensor(heard), rtol=1e-4, atol=1e-6
    )
    unlearned, _ = unpack_pair((folder / "pair.safetensors").read_bytes(), device=CPU)
    torch.testing.assert_close(
        list(unlearned.parameters()),
        list(alone.unlearned.parameters()),
        rtol=1e-3,
        atol=1e-4,
    )
