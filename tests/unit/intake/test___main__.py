import pytest
from support.intake import IntakeWorld

from unlearn_core.intake import __main__ as process

pytestmark = pytest.mark.usefixtures("restored_logging")


def test_the_process_serves_where_the_settings_say_and_logs_no_visitors(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: dict[str, object] = {}
    monkeypatch.setenv("UNLEARN_INTAKE__HOST", "127.0.0.2")
    monkeypatch.setenv("UNLEARN_INTAKE__PORT", "8899")
    monkeypatch.setattr(
        process, "build_service", lambda _settings: IntakeWorld().service()
    )
    monkeypatch.setattr(
        "uvicorn.run", lambda app, **options: seen.update(options, title=app.title)
    )
    monkeypatch.setattr(process, "shield", lambda: seen.update(is_shielded=True))
    process.main()
    assert seen == {
        "is_shielded": True,
        "title": "unlearn intake",
        "host": "127.0.0.2",
        "port": 8899,
        "access_log": False,
        "log_level": "warning",
    }
