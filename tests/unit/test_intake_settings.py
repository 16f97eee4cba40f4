"""Senders are named in the environment."""

import pytest

from unlearn_core.errors import SettingsError
from unlearn_core.settings import load_settings

AGENTS = '{"AGENT_ONE": {"verify_key": "AAAA", "callbacks": ["https://a.example/"]}}'


def test_agents_are_a_json_object(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNLEARN_DRP__BUSINESS", "UNLEARN")
    monkeypatch.setenv("UNLEARN_DRP__AGENTS", AGENTS)
    drp = load_settings().drp
    assert drp.business == "UNLEARN"
    assert drp.agents["AGENT_ONE"].callbacks == ("https://a.example/",)


def test_without_a_name_of_ours_the_protocol_is_not_served() -> None:
    assert load_settings().drp.business is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("UNLEARN_DRP__AGENTS", '{"AGENT_ONE": {"hunter2": 1}}'),
        ("UNLEARN_IDENTITY__TRUSTED", '["web_page"]'),
    ],
)
def test_what_is_wrong_is_named_and_not_repeated(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert str(caught.value.facts["variable"]).startswith(name)
