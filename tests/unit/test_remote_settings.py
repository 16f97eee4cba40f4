import pytest
from pydantic import SecretStr, ValidationError

from unlearn_core.remote_settings import TeacherSettings, UpstreamSettings


@pytest.mark.parametrize("kind", [TeacherSettings, UpstreamSettings])
def test_a_base_is_here_unless_an_address_is_set_and_its_key_is_not_shown(
    kind: type[TeacherSettings | UpstreamSettings],
) -> None:
    assert kind().url is None
    assert "top-secret" not in repr(kind(api_key=SecretStr("top-secret")))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("tokens", 0),
        ("largest_excluded", -0.1),
        ("largest_excluded", 1.1),
        ("timeout_seconds", 0),
        ("check_seconds", 0),
        ("tolerance_nats", 0),
        ("unknown", 1),
    ],
)
def test_what_makes_no_sense_is_refused(name: str, value: float) -> None:
    with pytest.raises(ValidationError, match=name):
        UpstreamSettings.model_validate({name: value})
