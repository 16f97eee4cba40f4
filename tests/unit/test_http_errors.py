import pytest

from unlearn_core import http_errors
from unlearn_core.errors import DependencyError, RequestError, UnlearnError


@pytest.mark.parametrize(
    ("kind", "group", "code"),
    [
        (http_errors.UnsupportedParameterError, RequestError, "unsupported_parameter"),
        (http_errors.ApiKeyError, RequestError, "invalid_api_key"),
        (http_errors.RateLimitedError, RequestError, "rate_limited"),
        (http_errors.OverloadedError, DependencyError, "overloaded"),
    ],
)
def test_an_error_of_the_interfaces_says_who_must_act(
    kind: type[UnlearnError], group: type[UnlearnError], code: str
) -> None:
    error = kind(retry_seconds=3)
    assert isinstance(error, group)
    assert error.code == code
    assert error.diagnostics().endswith(f"(retry_seconds=3). {kind.next_step}")
