import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.domain import request_id

from unlearn_core.domain.requests import RequestId
from unlearn_core.errors import UnknownRequestError
from unlearn_core.intake.links import StatusLinks
from unlearn_core.privacy import Pseudonymiser

LINKS = StatusLinks(Pseudonymiser(key=b"k" * 32, key_id="k1"))
OTHER = StatusLinks(Pseudonymiser(key=b"o" * 32, key_id="k1"))


@given(st.uuids())
def test_a_token_leads_back_to_its_request_and_does_not_spell_it(
    request_id: RequestId,
) -> None:
    token = LINKS.token(request_id)
    assert LINKS.read(token) == request_id
    assert len(token) == 43
    assert str(request_id) not in token
    with pytest.raises(UnknownRequestError):
        OTHER.read(token)


@pytest.mark.parametrize("place", range(43))
def test_no_character_of_a_token_can_be_changed(place: int) -> None:
    token = LINKS.token(request_id(7))
    for other in "AZaz09-_":
        changed = token[:place] + other + token[place + 1 :]
        if changed != token:
            with pytest.raises(UnknownRequestError):
                LINKS.read(changed)


@pytest.mark.parametrize(
    "token",
    [
        "",
        "x",
        "ä" * 43,
        "=" * 43,
        str(request_id(7)),
        base64.urlsafe_b64encode(request_id(7).bytes).decode().rstrip("="),
        LINKS.token(request_id(7)) + "A",
        LINKS.token(request_id(7)) + "=",
        LINKS.token(request_id(7))[:-1],
    ],
)
def test_what_is_no_token_opens_nothing(token: str) -> None:
    with pytest.raises(UnknownRequestError):
        LINKS.read(token)
