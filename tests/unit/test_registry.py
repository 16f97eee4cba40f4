import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint, EntryPoints

import pytest

from unlearn_core import registry
from unlearn_core.registry import DuplicateNameError, Registry, UnknownNameError

BUILTINS = {"upper": "string:capwords", "lower": "colorsys:rgb_to_hls"}


def build(builtins: dict[str, str] | None = None) -> Registry[Callable[..., object]]:
    return Registry(
        kind="tool", builtins=builtins or BUILTINS, group="unlearn_core.none"
    )


def test_names_are_listed_in_order() -> None:
    assert list(build()) == ["lower", "upper"]
    assert "lower" in build()
    assert "other" not in build()


def test_a_plugin_is_imported_on_first_use_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    plugins = build()
    assert "colorsys" not in sys.modules
    found = plugins.get("lower")
    assert found is sys.modules["colorsys"].rgb_to_hls
    monkeypatch.delitem(sys.modules, "colorsys")
    assert plugins.get("lower") is found


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "uper",
            "no tool is called 'uper'; did you mean 'upper'? Registered: lower, upper",
        ),
        ("xyz", "no tool is called 'xyz'. Registered: lower, upper"),
    ],
)
def test_an_unknown_name_is_answered_with_what_there_is(name: str, text: str) -> None:
    with pytest.raises(UnknownNameError) as caught:
        build().get(name)
    assert str(caught.value) == text


def test_the_module_of_a_plugin_is_known_before_it_is_imported() -> None:
    plugins = build()
    assert plugins.module_of("lower") == "colorsys"
    with pytest.raises(UnknownNameError):
        plugins.module_of("uper")


def install(monkeypatch: pytest.MonkeyPatch, point: EntryPoint) -> None:
    """Pretend that a third-party package with this entry point is installed."""

    def entry_points(*, group: str) -> EntryPoints:
        return EntryPoints([point]).select(group=group)

    monkeypatch.setattr(registry, "entry_points", entry_points)


def test_a_third_party_adds_a_plugin_by_entry_point(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    install(
        monkeypatch, EntryPoint("own", "textwrap:dedent", group="unlearn_core.none")
    )
    plugins = build()
    assert list(plugins) == ["lower", "own", "upper"]
    assert plugins.get("own")("  a") == "a"


def test_an_entry_point_of_another_group_is_ignored(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    install(monkeypatch, EntryPoint("own", "textwrap:dedent", group="other"))
    assert "own" not in build()


def test_a_third_party_cannot_replace_a_builtin(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    install(
        monkeypatch, EntryPoint("upper", "textwrap:dedent", group="unlearn_core.none")
    )
    with pytest.raises(DuplicateNameError, match="'upper' is registered twice"):
        build()
