import re

import pytest
from support.browser import SignIn

from unlearn_core.domain.access import Role, form_token
from unlearn_core.intake.console.desk import NAVIGATION
from unlearn_core.intake.rules import RULES


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.APPROVER, Role.AUDITOR])
def test_the_navigation_shows_exactly_the_pages_that_the_rules_open(
    sign_in: SignIn, role: Role
) -> None:
    shown = sign_in(role).get("/console")
    for _, path in NAVIGATION:
        is_open = role in RULES[f"GET {path}"].roles
        assert (f'<li><a href="{path}"' in shown) is is_open


def test_a_page_names_who_is_signed_in_and_carries_the_sessions_token(
    sign_in: SignIn,
) -> None:
    browser = sign_in(Role.APPROVER, "Olga <Officer>")
    shown = browser.get("/console")
    assert "<strong>Olga &lt;Officer&gt;</strong> (approver)" in shown
    assert set(re.findall(r'name="form_token" value="(\w+)"', shown)) == {
        form_token(browser.token)
    }
    assert browser.token not in shown


def test_the_language_can_be_changed_and_stays(sign_in: SignIn) -> None:
    browser = sign_in(Role.AUDITOR)
    shown = browser.get("/console?language=de")
    assert '<html lang="de">' in shown
    assert 'href="/console?language=en"' in shown
