"""The notice page in a real browser, from the real server: how it looks, who can read it, what its form does.

With NXWHY_PICTURES=FOLDER it leaves a picture of each language there, by day and by night, narrow and wide.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright import sync_api

from tests.edge.certified import certify
from tests.programs import need
from tests.servers import ROOT, environment, free_port, process, until_it_answers

pytestmark = pytest.mark.timeout(120)

AXE = ROOT / "build" / "axe" / "node_modules" / "axe-core" / "axe.min.js"
ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-quic",
)
LANGUAGES = {"en": "en", "ru": "ru", "zh-CN": "zh-Hans", "ja": "ja", "de": "de", "es": "es"}
LONG = ".".join(["a" * 63, "b" * 63, "c" * 63, "d" * 45, "chat", "example"])
TURNED = "\u202egnp.exe <script>alert(1)</script>"
LIST = f"""\
record:
  title: {{en: Chat services, ja: チャットサービス}}
  class: policy
  text:
    en: Chat is off during lessons. It is back at home.
    de: Während des Unterrichts ist kein Chat möglich. Zu Hause geht er wieder.
    ru: Во время уроков чаты отключены. Дома они снова работают.
    zh-Hans: 上课期间不能使用聊天服务，回家后即可恢复使用。
    ja: 授業中はチャットを使えません。家ではまた使えます。
    es: Durante las clases no hay chat. En casa vuelve a funcionar.
  organisation: Example School
  authority: "{TURNED}"
  reference: School rules, section 4
  contact: mailto:it@school.example
  since: 2026-09-01
  review: 2027-02-01
  more: https://school.example/network
  history:
  - {{status: listed, date: 2026-06-15, reference: "Staff meeting, item 3"}}
  - {{status: notified, date: 2026-08-20, note: Letter to all families}}
  - {{status: enforced, date: 2026-09-01}}
names: [{{name: chat.example}}, {{name: {LONG}}}]
"""
LOGO = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 170 30"><script>document.title="ran"</script>
<rect width="30" height="30" rx="8" fill="#7a3fc0"/><path d="M8 20 15 9l7 11Z" fill="#fff"/>
<text x="38" y="21" font-family="sans-serif" font-size="15" fill="#8a7aa8">Example School</text></svg>"""


@dataclass
class Shown:
    """A server that shows the page, and what looks at it."""

    browser: sync_api.Browser
    folder: Path
    said: list[str] = field(default_factory=list)
    """What the browser wrote to its console of the page that was opened last."""

    def open(
        self, host: str, language: str = "en", width: int = 1000
    ) -> tuple[sync_api.Page, sync_api.Response]:
        """Visit a host in a browser of its own."""
        context = self.browser.new_context(
            locale=language,
            viewport={"width": width, "height": 800},
        )
        page = context.new_page()
        self.said = []
        page.on("console", lambda message: self.said.append(message.text))
        found = page.goto(f"http://{host}/")
        assert found is not None
        return page, found


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    chromium = need("chromium")
    folder = tmp_path_factory.mktemp("page")
    dns, http, tls = free_port(), free_port(), free_port()
    (folder / "chat.yaml").write_text(LIST, "utf-8")
    (folder / "logo.svg").write_text(LOGO)
    certify(folder, "notice.school.example")
    (folder / "nxwhy.yaml").write_text(
        f"""listen: {{dns: ["127.0.0.1:{dns}"], notice: ["127.0.0.1:{http}"],
  notice_tls: ["127.0.0.1:{tls}"], admin: off}}
upstreams: {{default: {{servers: [192.0.2.53]}}}}
lists: {{chat: {{path: chat.yaml}}}}
groups: {{default: {{block: [chat], answer: notice}}}}
answer: {{notice: {{ipv4: 192.0.2.10}}, organisation: Example School}}
notice: {{logo: logo.svg, colour: "#7a3fc0", text: "The desk in room 12 helps.", requests: true,
  certificate: notice.pem, key: notice.key}}
state: state
"""
    )
    argv = [sys.executable, "-m", "resolver", "serve", "--config", str(folder / "nxwhy.yaml")]
    rules = f"--host-resolver-rules=MAP *:80 127.0.0.1:{http}, MAP *:443 127.0.0.1:{tls}"
    with (
        process(argv, stderr=subprocess.DEVNULL, env=environment(folder), cwd=folder) as running,
        sync_api.sync_playwright() as playwright,
    ):
        until_it_answers(running, dns, "chat.example")
        browser = playwright.chromium.launch(executable_path=chromium, args=[*ARGUMENTS, rules])
        yield Shown(browser, folder)
        browser.close()


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_the_page_fits_in_every_language_by_day_and_by_night(shown: Shown, language: str) -> None:
    page, found = shown.open("chat.example", language)
    assert found.status == 403
    assert found.headers["content-language"] == LANGUAGES[language]
    assert page.locator("html").get_attribute("lang") == LANGUAGES[language]
    folder = os.environ.get("NXWHY_PICTURES")
    for width in (320, 1000):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        for scheme in ("light", "dark") if folder else ():
            page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
            page.screenshot(path=f"{folder}/{language}-{scheme}-{width}.png", full_page=True)
    page.context.close()


def test_the_browser_finds_nothing_against_the_page(shown: Shown) -> None:
    page, _ = shown.open("chat.example")
    assert shown.said == ["Failed to load resource: the server responded with a status of 403 (Forbidden)"]
    page.context.close()


@pytest.mark.parametrize("host", ["chat.example", "free.example"])
def test_axe_finds_nothing_that_keeps_people_out(shown: Shown, host: str) -> None:
    if not AXE.exists():
        reason = "needs axe-core: `make axe`"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    page, _ = shown.open(host, "de", width=320)
    if host == "chat.example":
        page.locator("summary").click()
    page.evaluate(AXE.read_text("utf-8"))
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found["violations"]] == []
    page.context.close()


def test_what_is_written_to_mislead_is_shown_as_text(shown: Shown) -> None:
    page, _ = shown.open("chat.example", width=320)
    shown_text = page.locator("dd", has_text="gnp.exe").inner_text()
    assert "<script>alert(1)</script>" in shown_text
    assert page.title() == "chat.example is blocked"  # nor did the logo's script run
    assert page.locator("script").count() == 0
    page.context.close()


def test_a_name_of_250_characters_breaks_over_lines(shown: Shown) -> None:
    assert len(LONG) == 250
    page, found = shown.open(LONG, width=320)
    assert found.status == 403
    assert LONG in page.locator("h1").inner_text()
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    page.context.close()


def test_a_language_that_is_written_from_the_right_turns_the_page_around(shown: Shown) -> None:
    page, _ = shown.open("chat.example", width=700)
    before = page.locator("dt").first.bounding_box()
    page.evaluate("document.documentElement.dir = 'rtl'")
    after = page.locator("dt").first.bounding_box()
    assert before is not None
    assert after is not None
    assert before["x"] < 200 < 400 < after["x"]
    assert page.evaluate("document.documentElement.scrollWidth") <= 700
    page.context.close()


def test_a_person_asks_for_an_exception_with_the_keyboard_alone(shown: Shown) -> None:
    page, _ = shown.open("chat.example")
    page.locator("summary").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.type("For homework <b>")
    page.keyboard.press("Tab")
    page.keyboard.type("a@pupil.example")
    page.keyboard.press("Tab")
    with page.expect_navigation() as sent:
        page.keyboard.press("Enter")
    assert sent.value is not None
    assert sent.value.status == 202
    assert page.locator("h1").inner_text() == "Your request is on its way"
    (line,) = (shown.folder / "state" / "requests.jsonl").read_text("utf-8").splitlines()
    assert json.loads(line)["why"] == "For homework <b>"
    page.context.close()


def test_https_fails_at_once_and_says_that_the_server_is_not_there(shown: Shown) -> None:
    context = shown.browser.new_context()
    page = context.new_page()
    with pytest.raises(sync_api.Error, match="ERR_SSL_UNRECOGNIZED_NAME_ALERT"):
        page.goto("https://chat.example/", timeout=5000)
    context.close()


def test_the_pages_own_name_is_served_with_the_owners_certificate(shown: Shown) -> None:
    context = shown.browser.new_context(ignore_https_errors=True)
    page = context.new_page()
    page.goto("https://notice.school.example/", timeout=5000)
    assert page.locator("h1").inner_text() == "Nothing was asked for"
    context.close()
