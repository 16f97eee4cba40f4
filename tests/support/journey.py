"""The demo's request as people see it in a browser: ``python -m support.journey``.

A subject fills in the form and enters the code that comes by mail; an operator reviews
an uncertain record; two approvers decide; the flow runs; the subject reads the outcome;
an auditor takes a bundle along and verifies it with nothing but the public keys.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

from playwright.sync_api import Browser, BrowserContext, Page
from support.access import give_key
from support.chromium import open_browser
from support.mailbox import HOST, Mailbox, open_mailbox
from support.pictures import take_picture

from unlearn_core.demo.__main__ import main
from unlearn_core.demo.narration import Narrator
from unlearn_core.demo.visitor import Visitor
from unlearn_core.demo.wiring import DemoTools
from unlearn_core.domain.access import Role
from unlearn_core.domain.requests import RequestId, Stage
from unlearn_core.local.environment import LocalInstallation
from unlearn_core.settings import Settings
from unlearn_core.wiring import Office, open_office

OPERATOR, FIRST, SECOND, AUDITOR = "Olga Orth", "Otto Amsel", "Ada Amsel", "Anna Bach"
SETTINGS = {
    "UNLEARN_INTAKE__PAGES": "true",
    "UNLEARN_CONSOLE__ENABLED": "true",
    "UNLEARN_LEGAL__APPROVAL": "true",
    "UNLEARN_LEGAL__OFFICERS": json.dumps([OPERATOR, FIRST, SECOND]),
    "UNLEARN_LEGAL__AUTHORITY": "the Authority of Ulm",
    "UNLEARN_IDENTITY__POLICY": "email_code",
    "UNLEARN_MAIL__HOST": HOST,
    "UNLEARN_MAIL__ENCRYPTS": "false",
    "UNLEARN_WORK__WATCH_SECONDS": "1",
}
PATIENCE_SECONDS = 900.0
PATIENCE_MILLISECONDS = 60_000.0
TEMPORARY = os.environ.get("TMPDIR", "/tmp")  # noqa: S108 - the default of every program
BUNDLE, VERIFIED = "audit.zip", "audit-verified.json"


@dataclass(slots=True)
class Visitors:
    """Everybody who takes part, each with a browser of their own.

    Attributes:
        installation: The installation that is visited.
        settings: Its settings.
        narrator: Tells what happens.
        mailbox: Where the subject's mail arrives.
        office: The installation's records, to see when it is somebody's turn.
        status_page: Address that the subject keeps.
    """

    installation: LocalInstallation
    settings: Settings
    narrator: Narrator
    mailbox: Mailbox
    office: Office = field(init=False)
    status_page: str = field(default="", init=False)

    def __post_init__(self) -> None:
        """Look at the installation's records."""
        self.office = open_office(self.settings)

    @property
    def at_the_terminal(self) -> Visitor:
        """Return somebody who uses the command line."""
        return Visitor(self.installation, self.settings, self.narrator)

    def submit(self, identifiers: Mapping[str, object], *, contact: str) -> RequestId:
        """Fill in the form without scripts, and enter the code that comes by mail."""
        self._plant_uncertain_record(str(identifiers["name"]))
        with self._browser() as browser:
            page = browser.new_context(java_script_enabled=False).new_page()
            page.goto(f"{self.installation.intake_url}/request")
            for name, value in identifiers.items():
                page.locator(f"#{name}").fill(str(value))
            take_picture(page, "1-form")
            page.locator("main button").click()
            page.wait_for_url("**/status/**")
            self.status_page = page.url
            reference = page.locator("main code").inner_text()
            self.narrator.say(f"   request {reference}, submitted on the web page")
            request_id = RequestId(UUID(reference))
            self._prove(page, request_id, address=contact)
        return request_id

    def follow(self, request_id: RequestId, tools: DemoTools) -> dict[str, Any]:
        """Review, approve, and watch until it is closed."""
        del tools
        self._wait(request_id, Stage.UNDER_REVIEW)
        with self._browser() as browser:
            self._review(browser)
            self._wait(request_id, Stage.REFERRED)
            self._approve(browser, request_id)
        request = self.office.store.get(request_id)
        return {"stage": request.stage, "outcome": request.outcome}

    def fetch_certificate(self, request_id: RequestId, path: Path) -> bool:
        """Read the outcome as the subject; take evidence along and check it."""
        with self._browser() as browser:
            page = browser.new_page()
            page.goto(self.status_page)
            assert "Done" in page.locator(".status").inner_text()
            take_picture(page, "8-outcome")
            auditor = self._sign_in(browser, AUDITOR, Role.AUDITOR)
            desk = auditor.new_page()
            desk.goto(self._place(request_id))
            desk.locator("iframe").scroll_into_view_if_needed()
            report = desk.frame_locator("iframe").locator("h1")
            report.wait_for(timeout=PATIENCE_MILLISECONDS)
            take_picture(desk, "9-evidence", part="section[aria-labelledby=documents]")
            bundle = self.installation.home / BUNDLE
            _download(desk, "form[action$='/bundle'] button", bundle)
            _download(desk, "a[href$='/certificate']", path)
        checked = self._verify_offline(bundle)
        (self.installation.home / VERIFIED).write_text(json.dumps(checked))
        self.narrator.say(f"   bundle verified offline: {checked['entries']} entries")
        return bool(checked["valid"]) and self._is_genuine(path)

    def _prove(self, page: Page, request_id: RequestId, *, address: str) -> None:
        """Enter the code as the subject."""
        code = self.mailbox.wait_for_code(address, seconds=PATIENCE_SECONDS)
        self._wait_until(
            lambda: self.office.leases.is_free(str(request_id)), "the code"
        )
        page.reload()
        page.locator("#code-field").fill(f"{code[:4]} {code[4:]}")
        take_picture(page, "2-code")
        page.get_by_role("button", name="Prove that it is me").click()
        page.locator("#code-field").wait_for(state="detached")
        assert Stage.PROOF_GIVEN in self._events(request_id)
        self.narrator.say("   identity proven with a code that came by mail")

    def _review(self, browser: Browser) -> None:
        """Look at the uncertain record as an operator, and decide."""
        context = self._sign_in(browser, OPERATOR, Role.OPERATOR)
        page = context.new_page()
        page.goto(f"{self.installation.intake_url}/console")
        take_picture(page, "3-inbox")
        page.locator("tbody a").click()
        page.locator("a.button").click()
        page.locator("#record-1").select_option("same_person")
        page.locator("#confirmed").check()
        take_picture(page, "4-review")
        page.locator("main form button").click()
        page.wait_for_url("**?said=reviewed")
        context.close()

    def _approve(self, browser: Browser, request_id: RequestId) -> None:
        """Propose and agree as two approvers; the second one watches to the end."""
        first = self._sign_in(browser, FIRST, Role.APPROVER)
        page = first.new_page()
        page.goto(self._place(request_id))
        decision = page.locator("section[aria-labelledby=decide] details").first
        decision.locator("summary").click()
        decision.locator("input[type=checkbox]").check()
        decision.locator("button").click()
        page.wait_for_url("**?said=proposed")
        first.close()
        second = self._sign_in(browser, SECOND, Role.APPROVER)
        page = second.new_page()
        page.goto(self._place(request_id))
        take_picture(page, "5-decision")
        page.locator("#agree").check()
        page.locator("section[aria-labelledby=waiting] button").click()
        page.wait_for_url("**?said=done")
        page.goto(self._place(request_id))
        self._wait(request_id, Stage.DATASETS_BUILT)
        # Nobody loads the page again: it follows the work by itself.
        page.get_by_text("Sets sealed").first.wait_for(timeout=PATIENCE_MILLISECONDS)
        take_picture(page, "6-progress")
        self._wait(request_id, Stage.NOTIFIED)
        told = page.get_by_text("Subject told; closed").first
        told.wait_for(timeout=PATIENCE_MILLISECONDS)
        page.goto(f"{self.installation.intake_url}/console/replicas")
        assert "converged" in page.locator("tbody").inner_text()
        take_picture(page, "7-replicas")

    def _sign_in(self, browser: Browser, name: str, role: Role) -> BrowserContext:
        """Give somebody a key and let them sign in with it."""
        text = give_key(self.office.access, role, name=name)
        context = browser.new_context()
        page = context.new_page()
        page.goto(f"{self.installation.intake_url}/console/login")
        page.locator("#key").fill(text)
        page.locator("main button").click()
        page.wait_for_url("**/console")
        page.close()
        return context

    def _events(self, request_id: RequestId) -> list[str]:
        return [entry.event for entry in self.office.store.entries(request_id)]

    def _wait(self, request_id: RequestId, stage: Stage) -> None:
        """Wait until a request has come to a stage, not past hope."""

        def is_there() -> bool:
            events = self._events(request_id)
            assert Stage.ESCALATED not in events, "every rung was rejected"
            return stage in events

        self._wait_until(is_there, stage)

    def _wait_until(self, is_so: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not is_so():
            assert time.monotonic() < deadline, f"waited in vain for {what}"
            time.sleep(0.5)

    def _place(self, request_id: RequestId) -> str:
        return f"{self.installation.intake_url}/console/requests/{request_id}"

    def _is_genuine(self, path: Path) -> bool:
        trust = str(self.installation.keys / "trust.json")
        verify = ("certificate", "verify", str(path), "--trust", trust, "--json")
        return bool(json.loads(self.at_the_terminal.unlearn(*verify))["genuine"])

    def _verify_offline(self, bundle: Path) -> dict[str, Any]:
        """Verify where there is no installation: no settings, no database, no net."""
        trust = str(self.installation.keys / "trust.json")
        command = ("audit", "verify", str(bundle), "--trust", trust, "--json")
        nowhere = {"http_proxy": "http://127.0.0.1:9", "https_proxy": "127.0.0.1:9"}
        finished = subprocess.run(  # noqa: S603 - our own command
            [sys.executable, "-m", "unlearn_core.cli", *command],
            env={"PATH": os.environ["PATH"], **nowhere},
            stdout=subprocess.PIPE,
            check=True,
        )
        checked: dict[str, Any] = json.loads(finished.stdout)
        return checked

    def _plant_uncertain_record(self, name: str) -> None:
        """Add a record with the subject's name and another customer number."""
        row = {
            "id": "n-1",
            "name": name,
            "customer": "KD-990199",
            "text": f"{name} has moved to another planet.",
        }
        with (self.installation.sources / "corpus.jsonl").open("a") as file:
            file.write(json.dumps(row) + "\n")

    @contextmanager
    def _browser(self) -> Iterator[Browser]:
        """Open a browser whose own files stand outside the installation."""
        kept = os.environ["TMPDIR"]
        os.environ["TMPDIR"] = TEMPORARY
        try:
            with open_browser() as browser:
                yield browser
        finally:
            os.environ["TMPDIR"] = kept


def _download(page: Page, selector: str, path: Path) -> None:
    with page.expect_download() as waiting:
        page.locator(selector).click()
    waiting.value.save_as(path)


if __name__ == "__main__":
    with open_mailbox() as (mailbox, port):
        os.environ.update(SETTINGS | {"UNLEARN_MAIL__PORT": str(port)})
        sys.exit(main(partial(Visitors, mailbox=mailbox)))
