"""Posts to somebody else's address, and says in codes why it was not taken."""

from collections.abc import Mapping

import httpx

from unlearn_core.domain.dispatches import (
    CarrierUnavailableError,
    MessageRefusedError,
)

TIMEOUT_SECONDS = 10.0


def post(url: str, body: bytes, headers: Mapping[str, str]) -> None:
    """Post JSON; no redirect is followed.

    Raises:
        MessageRefusedError: The address is given up; ``reason`` is a code.
        CarrierUnavailableError: It may be taken later; ``reason`` is a code.
    """
    try:
        # What is answered may be without end, so only the status is read.
        with httpx.stream(
            "POST",
            url,
            content=body,
            headers={"content-type": "application/json", **headers},
            timeout=TIMEOUT_SECONDS,
            follow_redirects=False,
        ) as answer:
            status = answer.status_code
    # A host of an empty or overlong label is only refused when it is looked up.
    except (httpx.InvalidURL, UnicodeError):
        raise MessageRefusedError(reason="invalid_url") from None
    except httpx.HTTPError as error:
        raise CarrierUnavailableError(reason=type(error).__name__) from None
    if status == httpx.codes.GONE:
        raise MessageRefusedError(reason="http_410")
    if not httpx.codes.is_success(status):
        raise CarrierUnavailableError(reason=f"http_{status}")
