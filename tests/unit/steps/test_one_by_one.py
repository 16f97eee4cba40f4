from uuid import UUID

import pytest

from unlearn_core.domain.requests import RequestId
from unlearn_core.errors import StorageError
from unlearn_core.steps.one_by_one import OneByOne

IDS = [RequestId(UUID(int=number)) for number in range(3)]


def test_all_are_worked_on_and_the_first_error_is_raised_in_the_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    each, done = OneByOne("retention"), list[RequestId]()
    for number, request_id in enumerate(IDS):
        with each.of(request_id):
            if number < 2:
                raise StorageError(errno=number)
            done.append(request_id)
    assert done == IDS[2:]
    assert [request_id in each for request_id in IDS] == [True, True, False]
    assert [record.message for record in caplog.records] == ["request_passed_over"] * 2
    with pytest.raises(StorageError, match="errno=0"):
        each.end()


def test_nothing_is_raised_where_nothing_failed() -> None:
    each = OneByOne("retention")
    with each.of(IDS[0]):
        pass
    each.end()


def test_what_is_no_error_of_ours_is_not_kept_back() -> None:
    each = OneByOne("retention")
    with pytest.raises(ZeroDivisionError), each.of(IDS[0]):
        _ = 1 // 0
