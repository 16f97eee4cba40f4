"""Errors of senders say what to do and nothing of what came."""

import pytest

from unlearn_core.domain.senders import SignedMessageError, UnsupportedRequestError


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (SignedMessageError(problem="expired"), "Sign it with the key"),
        (UnsupportedRequestError(field="exercise"), "Ask for an erasure"),
    ],
)
def test_what_to_do_is_said(error: SignedMessageError, said: str) -> None:
    assert said in error.diagnostics()
