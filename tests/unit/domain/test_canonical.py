import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unlearn_core.domain.canonical import (
    JsonValue,
    canonical_json,
    digest_of,
    digest_of_json,
)

EMPTY_SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
VALUES: st.SearchStrategy[JsonValue] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4)
    ),
    max_leaves=6,
)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ({"b": 1, "a": [True, None]}, b'{"a":[true,null],"b":1}'),
        ({"B": 1, "a": 2, "A": 3}, b'{"A":3,"B":1,"a":2}'),
        ("Z\u00fcrich", b'"Z\xc3\xbcrich"'),
        ('a"\n\\', b'"a\\"\\n\\\\"'),
        ([1, 1.0, -0.0, 1e16, 0.1], b"[1,1.0,-0.0,1e+16,0.1]"),
        ({}, b"{}"),
    ],
)
def test_a_value_has_one_written_form(value: JsonValue, written: bytes) -> None:
    assert canonical_json(value) == written


@given(st.dictionaries(TEXTS, VALUES, max_size=5))
def test_the_order_of_keys_does_not_matter(value: dict[str, JsonValue]) -> None:
    turned = dict(reversed(list(value.items())))
    assert canonical_json(turned) == canonical_json(value)


@given(VALUES)
def test_reading_and_writing_again_changes_no_byte(value: JsonValue) -> None:
    written = canonical_json(value)
    assert canonical_json(json.loads(written)) == written


@given(VALUES, VALUES)
def test_values_that_read_differently_are_written_differently(
    first: JsonValue, second: JsonValue
) -> None:
    if canonical_json(first) == canonical_json(second):
        assert first == second


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_what_json_cannot_express_is_refused(number: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_json({"number": [number]})


def test_a_lone_surrogate_is_refused() -> None:
    with pytest.raises(ValueError, match="surrogates not allowed"):
        canonical_json("\ud800")


def test_digests_name_their_algorithm() -> None:
    assert digest_of(b"") == f"sha256:{EMPTY_SHA256}"
    assert digest_of_json({"a": 1}) == digest_of(b'{"a":1}')
