import resource
import subprocess
import sys
from pathlib import Path

import pytest

from unlearn_core import shielding
from unlearn_core.shielding import forbid_dumps, open_swaps, shield

HEADER = "Filename\tType\tSize\tUsed\tPriority\n"

PROCESS = """
import ctypes, resource, subprocess, sys
from unlearn_core.shielding import forbid_dumps
before = ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)
forbid_dumps()
print(before, ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))
print(resource.getrlimit(resource.RLIMIT_CORE), flush=True)
subprocess.run(["sh", "-c", "ulimit -H -c"], check=True)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="asks the kernel of Linux")
def test_memory_is_dumped_neither_by_a_process_nor_by_its_children() -> None:
    said = subprocess.run(  # noqa: S603 - this interpreter
        [sys.executable, "-c", PROCESS], capture_output=True, text=True, check=True
    )
    assert said.stdout.splitlines() == ["1 0", "(0, 0)", "0"]


def test_dumps_are_forbidden_again_without_complaint() -> None:
    forbid_dumps()
    forbid_dumps()
    assert resource.getrlimit(resource.RLIMIT_CORE) == (0, 0)


@pytest.fixture
def blocks(tmp_path: Path) -> Path:
    """Describe an encrypted and a plain volume."""
    for name, uuid in (("dm-0", "CRYPT-PLAIN-swap"), ("dm-1", "LVM-abc")):
        folder = tmp_path / "blocks" / name / "dm"
        folder.mkdir(parents=True)
        (folder / "uuid").write_text(f"{uuid}\n")
    return tmp_path / "blocks"


@pytest.mark.parametrize(
    ("areas", "open_ones"),
    [
        ([], 0),
        (["/dev/dm-0"], 0),
        (["/dev/zram0"], 0),
        (["/dev/dm-1"], 1),
        (["/dev/sda2"], 1),
        (["/swapfile", "/dev/dm-0", "/dev/sdb1"], 2),
    ],
)
def test_swap_is_closed_if_it_is_encrypted_or_in_memory(
    tmp_path: Path, blocks: Path, areas: list[str], open_ones: int
) -> None:
    swaps = tmp_path / "swaps"
    swaps.write_text(HEADER + "".join(f"{area}\tfile\t1\t0\t-2\n" for area in areas))
    assert open_swaps(swaps, blocks) == open_ones


def test_a_system_without_a_list_of_swap_has_none(tmp_path: Path) -> None:
    assert open_swaps(tmp_path / "none", tmp_path) == 0


@pytest.mark.parametrize(("count", "told"), [(0, []), (2, ["swap_not_encrypted"])])
def test_open_swap_is_told_in_the_log(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    count: int,
    told: list[str],
) -> None:
    monkeypatch.setattr(shielding, "open_swaps", lambda: count)
    shield()
    assert [record.message for record in caplog.records] == told
