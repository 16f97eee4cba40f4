from pathlib import Path

import pytest
from support.serving import ServingWorld

from unlearn_core.serving import __main__ as process
from unlearn_core.settings import Settings

pytestmark = pytest.mark.usefixtures("restored_logging")


def test_the_process_serves_where_the_settings_say_and_logs_no_questions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replica = ServingWorld(tmp_path).replica()
    seen: dict[str, object] = {}

    def build(settings: Settings) -> object:
        seen["port"] = settings.serving.port
        return replica

    monkeypatch.setenv("UNLEARN_SERVING__PORT", "8899")
    monkeypatch.setenv("UNLEARN_SERVING__DRAIN_SECONDS", "2.5")
    monkeypatch.setattr(process, "build_service", build)
    monkeypatch.setattr(
        "uvicorn.run", lambda app, **options: seen.update(options, title=app.title)
    )
    monkeypatch.setattr(process, "shield", lambda: seen.update(is_shielded=True))
    process.main()
    assert seen == {
        "is_shielded": True,
        "title": "unlearn inference service",
        "host": "127.0.0.1",
        "port": 8899,
        "access_log": False,
        "log_level": "warning",
        "timeout_graceful_shutdown": 3,
    }
