import pytest
from jinja2 import UndefinedError

from unlearn_core.intake.languages import TEXTS
from unlearn_core.intake.rendering import HEADERS, PAGES, lead_to, page


def test_what_is_shown_is_escaped_and_answered_with_strict_headers() -> None:
    answer = page(
        "refused.html",
        text="<script>alert(1)</script>",
        back="/",
        path="/",
        language="en",
        t=TEXTS["en"].page,
    )
    assert b"&lt;script&gt;" in bytes(answer.body)
    assert b"<script" not in bytes(answer.body)
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS


def test_a_page_that_lacks_a_value_is_not_shown() -> None:
    with pytest.raises(UndefinedError):
        page("refused.html")


def test_a_browser_is_led_on_with_a_get() -> None:
    answer = lead_to("/console")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/console")


def test_no_page_loads_anything_from_elsewhere() -> None:
    for path in PAGES.glob("*.html"):
        text = path.read_text()
        assert "://" not in text, path.name
        assert "style=" not in text, path.name
