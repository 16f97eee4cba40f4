"""Errors that only callers of an HTTP interface meet; see `unlearn_core.errors`."""

from unlearn_core.errors import DependencyError, PolicyError, RequestError


class ContextExceededError(RequestError):
    """A question and the room for its answer are longer than the context."""

    code = "context_length_exceeded"
    summary = "question and answer do not fit into the model's context"
    next_step = "Ask a shorter question, or ask for a shorter answer."


class UnknownModelError(RequestError):
    """A model is asked for that is not served here."""

    code = "model_not_found"
    summary = "this service does not serve the named model"
    next_step = "Use the model that /v1/models lists."


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


class ForbiddenError(RequestError):
    """The caller is known, but may not do this."""

    code = "forbidden"
    summary = "this caller may not do that"
    next_step = "Ask an administrator for a role that may, or use the page's own form."


class LoginRefusedError(RequestError):
    """A sign-in does not convince."""

    code = "login_refused"
    summary = "the sign-in was not accepted"
    next_step = "Sign in again; if it recurs, ask an administrator for a role."


class LoginUnavailableError(DependencyError):
    """The issuer of logins does not answer, or not as OpenID providers do."""

    code = "login_unavailable"
    summary = "the issuer of logins does not answer as it should"
    next_step = "Check UNLEARN_CONSOLE__ISSUER and the issuer's health."


class OverloadedError(DependencyError):
    """More questions are waiting than the service takes."""

    code = "overloaded"
    summary = "too many questions are waiting"
    next_step = "Ask again later, or start another replica."


class UpstreamUnavailableError(DependencyError):
    """The base elsewhere does not answer."""

    code = "upstream_unavailable"
    summary = "the base elsewhere does not answer"
    next_step = "Start it, or wait until it is less busy; nothing was answered without."


class UpstreamMismatchError(DependencyError):
    """The base elsewhere is another one, or tells less than was asked for."""

    code = "upstream_mismatch"
    summary = "the base elsewhere is another model, or tells too little of its law"
    next_step = "Check its address, its model and how many log-probabilities it admits."


class BoundExceededError(PolicyError):
    """Too much may lie among tokens that the base elsewhere does not tell."""

    code = "bound_exceeded"
    summary = "too much may lie among tokens that the base elsewhere does not tell"
    next_step = "Ask something else, or let the base elsewhere tell more tokens."
