import copy
import hashlib
import hmac
import json
import logging
import pickle
import pprint
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from unlearn_core.privacy import REDACTED, Personal, Pseudonymiser

SECRET = "Zerlina Quandt"  # noqa: S105 - a name, not a password
KEY = bytes(range(32))


@dataclass(frozen=True)
class Holder:
    """A domain value that carries a personal one."""

    name: Personal[str]


SHOWN: dict[str, Callable[[Personal[str]], str]] = {
    "str": str,
    "repr": repr,
    "ascii": ascii,
    "f-string": lambda value: f"{value}",
    "f-string with a width": lambda value: f"{value:>40}",
    "f-string with repr": lambda value: f"{value!r}",
    "format": "{:s}".format,
    "percent s": lambda value: "%s" % value,  # noqa: UP031 - another path
    "percent r": lambda value: "%r" % value,  # noqa: UP031 - another path
    "list": lambda value: str([value]),
    "dict": lambda value: str({"name": value, value: 1}),
    "tuple in set": lambda value: str({(value,)}),
    "dataclass": lambda value: repr(Holder(value)),
    "pretty printer": lambda value: pprint.pformat({"name": value}),
    "exception": lambda value: str(ValueError(value)),
    "exception repr": lambda value: repr(KeyError("name", value)),
}


@pytest.mark.parametrize("show", SHOWN.values(), ids=SHOWN.keys())
def test_a_personal_value_is_redacted_however_it_is_shown(
    show: Callable[[Personal[str]], str],
) -> None:
    text = show(Personal(SECRET))
    assert REDACTED in text
    assert "Zerlina" not in text
    assert "Quandt" not in text


REFUSED: dict[str, Callable[[Any], object]] = {
    "json": json.dumps,
    "json key": lambda value: json.dumps({value: 1}),
    "pickle": pickle.dumps,
    "oldest pickle": lambda value: pickle.dumps(value, protocol=0),
    "pickle inside": lambda value: pickle.dumps({"holder": Holder(value)}),
    "copy": copy.copy,
    "deep copy": lambda value: copy.deepcopy([value]),
    "asdict": lambda value: asdict(Holder(value)),
    "yaml": yaml.safe_dump,
    "pydantic": lambda value: TypeAdapter(dict[str, object]).dump_json({"name": value}),
    "iteration": list,
    "length": len,
    "concatenation": lambda value: "Dear " + value,
    "join": lambda value: ", ".join({value}),
    "order": lambda value: sorted([value, Personal("A")]),
    "index": lambda value: value[0],
    "vars": vars,
}


@pytest.mark.parametrize("use", REFUSED.values(), ids=REFUSED.keys())
def test_a_personal_value_is_refused_where_it_would_get_out(
    use: Callable[[Any], object],
) -> None:
    with pytest.raises(Exception) as caught:  # noqa: PT011 - each library has its own
        use(Personal(SECRET))
    text = "".join(traceback.format_exception(caught.value))
    assert "Zerlina" not in text


def test_a_log_line_holds_no_personal_value(caplog: pytest.LogCaptureFixture) -> None:
    log = logging.getLogger("test.privacy")
    log.warning("found %s in %r", Personal(SECRET), [Personal(SECRET)])
    log.warning("failed", exc_info=ValueError(Personal(SECRET)))
    assert caplog.text.count(REDACTED) == 3
    assert "Zerlina" not in caplog.text


def test_only_reveal_returns_the_value() -> None:
    assert Personal(SECRET).reveal() == "Zerlina Quandt"


def test_a_personal_value_never_equals_the_plain_one() -> None:
    assert Personal("a") == Personal("a")
    assert Personal("a") != Personal("b")
    assert Personal("a") != "a"
    assert hash(Personal("a")) == hash(Personal("a"))
    assert len({Personal("a"), Personal("a"), "a"}) == 2


def test_a_commitment_is_an_hmac_of_purpose_and_value() -> None:
    pseudonymiser = Pseudonymiser(key=KEY, key_id="k1")
    digest = hmac.new(KEY, b"subject:name\x00ada example", hashlib.sha256).hexdigest()
    made = pseudonymiser.commit(purpose="subject:name", value=Personal("ada example"))
    assert made == f"k1:{digest}"


@given(
    st.tuples(st.text(alphabet="ab:", max_size=4), st.text(max_size=4)),
    st.tuples(st.text(alphabet="ab:", max_size=4), st.text(max_size=4)),
)
def test_different_purposes_or_values_have_different_commitments(
    first: tuple[str, str], second: tuple[str, str]
) -> None:
    pseudonymiser = Pseudonymiser(key=KEY, key_id="k1")
    commitments = {
        pseudonymiser.commit(purpose=purpose, value=Personal(value))
        for purpose, value in (first, second)
    }
    assert len(commitments) == (1 if first == second else 2)


def test_another_key_gives_an_unrelated_commitment() -> None:
    value = Personal("ada example")
    one = Pseudonymiser(key=KEY, key_id="k1").commit(purpose="p", value=value)
    other = Pseudonymiser(key=KEY[::-1], key_id="k1").commit(purpose="p", value=value)
    assert one != other


def test_a_short_pseudonym_key_is_refused_without_being_shown() -> None:
    with pytest.raises(ValueError, match="at least 32 bytes") as caught:
        Pseudonymiser(key=b"short-secret", key_id="k1")
    assert "short-secret" not in str(caught.value)
