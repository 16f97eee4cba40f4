"""Errors that only callers of an HTTP interface meet; see `unlearn_core.errors`."""

from unlearn_core.errors import DependencyError, RequestError


class UnsupportedParameterError(RequestError):
    """A parameter has a value that cannot be honoured together with the others."""

    code = "unsupported_parameter"
    summary = "a parameter cannot be honoured"
    next_step = "Leave the named parameter out, or change it as the documents say."


class ApiKeyError(RequestError):
    """The caller sent no API key, or none that is known."""

    code = "invalid_api_key"
    summary = "the API key is missing or not known"
    next_step = "Send a valid key as `Authorization: Bearer <key>`."


class RateLimitedError(RequestError):
    """A caller asks more often than allowed."""

    code = "rate_limited"
    summary = "this caller has asked too often"
    next_step = "Wait as long as `Retry-After` says, then ask again."


class OverloadedError(DependencyError):
    """More questions are waiting than the service takes."""

    code = "overloaded"
    summary = "too many questions are waiting"
    next_step = "Ask again later, or start another replica."
