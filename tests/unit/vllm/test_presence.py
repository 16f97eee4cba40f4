import os
import time
from pathlib import Path

import pytest

from unlearn_core.errors import OffsetRequiredError
from unlearn_core.vllm.presence import (
    STALE_SECONDS,
    STATE,
    VARIABLE,
    announce,
    check_present,
    present,
    tell,
)


def test_processes_of_one_engine_meet_in_one_folder_and_of_two_in_two(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("unlearn_core.vllm.presence.gettempdir", lambda: str(tmp_path))
    first: dict[str, str] = {}
    folder = announce(first)
    assert announce({VARIABLE: first[VARIABLE]}) == folder
    assert announce({}) != folder
    assert folder.parent == tmp_path
    assert folder.stat().st_mode & 0o777 == 0o700


def test_requests_are_taken_while_a_processor_lives_and_is_ready(
    tmp_path: Path,
) -> None:
    with present(tmp_path), present(tmp_path):
        tell(tmp_path, {"is_ready": True})
        check_present(tmp_path)
    with pytest.raises(OffsetRequiredError, match="no processor in the sampler"):
        check_present(tmp_path)


def test_without_a_processor_no_request_is_taken(tmp_path: Path) -> None:
    with pytest.raises(OffsetRequiredError, match="no processor in the sampler"):
        check_present(tmp_path)
    # What another process says does not make up for the lock.
    tell(tmp_path, {"is_ready": True})
    with pytest.raises(OffsetRequiredError, match="no processor in the sampler"):
        check_present(tmp_path)


def test_a_processor_that_may_not_answer_or_says_nothing_takes_no_request(
    tmp_path: Path,
) -> None:
    with present(tmp_path):
        with pytest.raises(OffsetRequiredError, match="does not answer"):
            check_present(tmp_path)
        tell(tmp_path, {"is_ready": False})
        with pytest.raises(OffsetRequiredError, match="nothing may be answered"):
            check_present(tmp_path)
        (tmp_path / STATE).write_text("{")
        with pytest.raises(OffsetRequiredError, match="does not answer"):
            check_present(tmp_path)
        tell(tmp_path, {"is_ready": True})
        before = time.time() - STALE_SECONDS - 1
        os.utime(tmp_path / STATE, (before, before))
        with pytest.raises(OffsetRequiredError, match="does not answer"):
            check_present(tmp_path)
