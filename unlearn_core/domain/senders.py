"""Errors that every sender of requests for somebody else can meet."""

from unlearn_core.errors import RequestError


class SignedMessageError(RequestError):
    """A signed message is not one that may be acted upon."""

    code = "signed_message_refused"
    summary = "a signed message is not accepted"
    next_step = (
        "Sign it with the key that is registered, name sender and receiver as they are "
        "registered, and send it before it expires."
    )


class UnsupportedRequestError(RequestError):
    """Something else than an erasure is asked for, or in another form than known."""

    code = "unsupported_request"
    summary = "this kind of request is not served here"
    next_step = "Ask for an erasure, in one of the forms that the documents list."
