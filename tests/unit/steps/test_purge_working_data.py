import pytest
from support.steps import Controller
from support.story import work_until

from unlearn_core.domain.requests import Stage
from unlearn_core.errors import KeyDestroyedError
from unlearn_core.steps.purge_working_data import purge_working_data
from unlearn_core.steps.subject import read_subject

pytestmark = pytest.mark.integration

SEALED = ("content", "located-records", "erased-records", "datasets", "pair-0")


def written(controller: Controller, scope: str) -> set[object]:
    """Return the names of all that was ever sealed in a scope."""
    return {
        entry.payload["name"]
        for entry in controller.store.entries()
        if entry.event == "sealed_data_written" and entry.payload["scope"] == scope
    }


def test_everything_made_from_the_subjects_data_becomes_unreadable(
    controller: Controller,
) -> None:
    request_id = controller.receive()
    bench = controller.bench(request_id)
    work_until(Stage.SERVING_CONFIRMED, request_id, bench=bench)
    scope = str(request_id)
    assert all(controller.custody.has(scope, name) for name in SEALED)

    result = purge_working_data(request_id, bench=bench)

    for name in SEALED:
        with pytest.raises(KeyDestroyedError):
            controller.custody.get(scope, name)
    with pytest.raises(KeyDestroyedError):
        controller.custody.commit(scope, b"a guess")
    with pytest.raises(KeyDestroyedError):
        read_subject(request_id, bench=bench)
    assert result.key.startswith("sha256:")
    # Beside these the sealed pair, and laws if keeping them seemed to save time.
    assert result.objects == len(written(controller, scope)) > len(SEALED)
    assert result.destroyed_at == controller.clock.now()


def test_the_address_is_kept_for_the_answer(controller: Controller) -> None:
    request_id = controller.receive()
    bench = controller.bench(request_id)
    work_until(Stage.SERVING_CONFIRMED, request_id, bench=bench)

    purge_working_data(request_id, bench=bench)

    assert controller.custody.has(f"{request_id}.contact", "content")
    assert not controller.custody.has(f"{request_id}.evidence", "content")


def test_what_is_served_stays(controller: Controller) -> None:
    request_id = controller.receive()
    bench = controller.bench(request_id)
    work_until(Stage.SERVING_CONFIRMED, request_id, bench=bench)

    purge_working_data(request_id, bench=bench)

    assert controller.covered() == [str(request_id)]


def test_a_purge_that_was_not_recorded_is_recorded_with_its_own_moment(
    controller: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    request_id = controller.receive()
    bench = controller.bench(request_id)
    work_until(Stage.SERVING_CONFIRMED, request_id, bench=bench)
    destroyed_at = controller.clock.now()

    def die(*_arguments: object, **_named: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(controller.store, "advance", die)
        with pytest.raises(KeyboardInterrupt):
            purge_working_data(request_id, bench=bench)

    result = purge_working_data(request_id, bench=controller.lose(bench))

    assert result.destroyed_at == destroyed_at < controller.clock.now()
    assert result.objects == len(written(controller, str(request_id)))
