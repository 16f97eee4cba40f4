import pytest
from support.browser import SignIn

from unlearn_core.intake.rules import RULES, Door

PAGES = [
    name.split(" ")[1]
    for name, rule in RULES.items()
    if rule.door is Door.SESSION and name.startswith("GET") and "{" not in name
]


@pytest.mark.parametrize("path", PAGES)
def test_every_page_is_strict_about_what_may_run_and_be_kept(
    sign_in: SignIn, path: str
) -> None:
    role = next(iter(RULES[f"GET {path}"].roles))
    browser = sign_in(role)
    answer = browser.answer(path)
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'self';")
    assert "unsafe" not in policy
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "max-age" in answer.headers["Strict-Transport-Security"]
    assert " style=" not in answer.text
    assert " onclick" not in answer.text
