import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unlearn_core.adapters.connectors.rewriting import rewritten

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inside: st.lists(inside) | st.dictionaries(st.text(), inside),
    max_leaves=12,
)


def upper(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Return a value with every text in capitals."""
    match value:
        case str():
            return value.upper()
        case list():
            return [upper(item) for item in value]
        case dict():
            return {name: upper(item) for name, item in value.items()}
        case _:
            return value


@given(value=VALUES, indent=st.sampled_from([None, 2]), is_escaped=st.booleans())
def test_the_text_says_what_it_is_to_say(
    *,
    value: Any,  # noqa: ANN401 - any JSON value
    indent: int | None,
    is_escaped: bool,
) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=is_escaped)
    after = upper(value)
    new = rewritten(text, value, after, is_escaped=is_escaped)
    assert json.loads(new) == after
    assert rewritten(text, value, value, is_escaped=is_escaped) == text


@pytest.mark.parametrize(
    ("text", "new"),
    [
        (' [1.10, "a" ,[ ], {}]', ' [1.10, "A" ,[ ], {}]'),
        ('{"x": 1e400, "a": "a"}\r\n', '{"x": 1e400, "a": "A"}\r\n'),
        ('{"n": NaN, "i": -0, "a":"a"}', '{"n": NaN, "i": -0, "a":"A"}'),
        ('{"b": {"c": ["a", 1E5]}}', '{"b": {"c": ["A", 1E5]}}'),
    ],
)
def test_all_that_does_not_change_keeps_its_signs(text: str, new: str) -> None:
    before = json.loads(text)
    assert rewritten(text, before, upper(before), is_escaped=True) == new


def test_of_a_name_that_is_there_twice_the_last_value_stays() -> None:
    text = '{"a": "Ada", "b": 1, "a": "x", "c": {"d": "Ada", "d": 2.0}}'
    before = json.loads(text)
    new = rewritten(text, before, upper(before), is_escaped=True)
    assert new == '{ "a": "X", "b": 1, "c": { "d": 2.0}}'


def test_a_whole_object_can_become_nothing() -> None:
    text = '{"a": {"b": [1]}, "c": 1.0}'
    new = rewritten(
        text, {"a": {"b": [1]}, "c": 1.0}, {"a": None, "c": 1.0}, is_escaped=True
    )
    assert new == '{"a": null, "c": 1.0}'
