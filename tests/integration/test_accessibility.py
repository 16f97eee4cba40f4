"""Every page in a real browser: rules of WCAG 2.2 A and AA, and the keyboard."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page
from support.access import access_key
from support.chromium import (
    focused,
    has_visible_focus,
    open_browser,
    reachable,
    served,
)
from support.intake import OFFICERS
from support.populated import Populated, populate

from unlearn_core.domain.access import GRANTED
from unlearn_core.domain.requests import Stage
from unlearn_core.intake.app import create_app

pytestmark = pytest.mark.integration

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
MAXIMUM_TABS = 120
OF_LOOKS = ("color-contrast", "target-size")

FOR_SUBJECTS = ("/request", "/status/unknown")
STATUSES = ("working", "held", "refused", "done")
FOR_OFFICERS = (
    "/console",
    "/console?show=closed",
    "/console?show=late",
    "/console/calendar",
    "/console/figures",
    "/console/replicas",
    "/console/keys",
)
REQUESTS = ("working", "uncertain", "proposed", "refused", "done")


@pytest.fixture(scope="module")
def populated() -> Populated:
    return populate()


@pytest.fixture(scope="module")
def address(populated: Populated) -> Iterator[str]:
    world = populated.world
    service = replace(
        world.service(),
        web=world.web(authority="the Authority of Ulm"),
        console=world.console(),
    )
    with served(create_app(service)) as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with open_browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def key(populated: Populated) -> str:
    """Return a key that opens every page."""
    text, key = access_key(*GRANTED, name=OFFICERS[0])
    populated.world.access.add_key(key)
    return text


def sign_in(page: Page, address: str, key: str) -> None:
    page.goto(f"{address}/console/login")
    page.locator("#key").fill(key)
    page.locator("#key").press("Enter")
    page.wait_for_url("**/console")


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """Return a window in which the rules can be run; pages forbid foreign scripts."""
    context = browser.new_context(bypass_csp=True)
    page = context.new_page()
    yield page
    context.close()


def paths(populated: Populated) -> list[str]:
    """Return the path of every page in several languages, in every state it has."""
    requests = populated.requests
    return [
        *FOR_SUBJECTS,
        *(populated.status(name) for name in STATUSES),
        "/console/login",
        *FOR_OFFICERS,
        *(f"/console/requests/{requests[name]}" for name in REQUESTS),
        f"/console/requests/{requests['uncertain']}/review",
    ]


def english_paths(populated: Populated) -> list[str]:
    """Return the path of every page that speaks English only."""
    return [
        f"/console/requests/{populated.requests['done']}/report",
    ]


def violations(page: Page, *, looks: bool = True) -> list[str]:
    """Return the rules that a page breaks, each with what breaks it.

    Args:
        page: The page.
        looks: Whether colours and sizes count, which are the same in every language.
    """
    rules = {} if looks else {name: {"enabled": False} for name in OF_LOOKS}
    options = {"runOnly": RULES, "rules": rules, "resultTypes": ["violations"]}
    found = Axe().run(page, options=options)
    return [
        f"{item['id']}: {node['html'][:150]}"
        for item in found.response["violations"]
        for node in item["nodes"]
    ]


def test_the_rules_notice_what_is_wrong(page: Page) -> None:
    page.set_content(
        "<html><title>t</title><main><h1>t</h1><input><p style='color:#ccc'>faint</p>"
    )
    found = {item.split(":")[0] for item in violations(page)}
    assert found == {"label", "color-contrast", "html-has-lang"}


@pytest.mark.parametrize("language", ["en", "de"])
def test_no_page_breaks_a_rule_of_accessibility(
    page: Page, address: str, populated: Populated, key: str, language: str
) -> None:
    broken: dict[str, list[str]] = {}
    sign_in(page, address, key)
    shown = english_paths(populated) if language == "en" else []
    for path in [*shown, *paths(populated)]:
        mark = "&" if "?" in path else "?"
        answer = page.goto(f"{address}{path}{mark}language={language}")
        assert answer is not None
        assert answer.headers["content-type"].startswith("text/html"), path
        if found := violations(page, looks=language == "en"):
            broken[path] = found
    assert broken == {}


def tab_through(page: Page) -> tuple[list[str], list[str]]:
    """Press Tab until the focus leaves the page.

    Returns:
        What had the focus in turn, and what of it could not be seen to have it.
    """
    found: list[str] = []
    unseen: list[str] = []
    for _ in range(MAXIMUM_TABS):
        page.keyboard.press("Tab")
        tag = focused(page)
        if tag.startswith("<body") or tag in found[:1]:
            break
        found.append(tag)
        if not has_visible_focus(page):
            unseen.append(tag)
    return found, unseen


def test_every_control_is_reached_by_tab_and_seen_to_have_the_focus(
    browser: Browser, address: str, populated: Populated, key: str
) -> None:
    page = browser.new_page()
    sign_in(page, address, key)
    requests = populated.requests
    for path in (
        "/request",
        populated.status("refused"),
        "/console",
        "/console/calendar",
        "/console/keys",
        f"/console/requests/{requests['proposed']}",
        f"/console/requests/{requests['uncertain']}/review",
    ):
        page.goto(address + path)
        found, unseen = tab_through(page)
        assert 'class="skip"' in found[0], path
        assert found == reachable(page), path
        assert unseen == [], path
    page.close()


def test_whoever_skips_to_the_content_goes_on_there(
    browser: Browser, address: str, key: str
) -> None:
    page = browser.new_page()
    sign_in(page, address, key)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('main') !== null")
    page.close()


def test_a_decision_is_taken_with_the_keyboard_alone_and_without_scripts(
    browser: Browser, address: str, populated: Populated, key: str
) -> None:
    context = browser.new_context(java_script_enabled=False, locale="de-DE")
    page = context.new_page()
    sign_in(page, address, key)
    held = populated.requests["proposed"]
    page.goto(f"{address}/console/requests/{held}")
    page.locator("summary", has_text="Anhalten").focus()
    for pressed in ("Enter", "Tab", "W", "Tab", "Space", "Tab", "Enter"):
        page.keyboard.press(pressed)
    page.wait_for_url("**?said=done")
    assert "Ausgeführt und festgehalten." in page.locator("main").inner_text()
    assert populated.world.store.get(held).stage is Stage.ON_HOLD
    context.close()
