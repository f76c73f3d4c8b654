"""Accessibility, response headers and cookies of every page."""

from dataclasses import dataclass
from typing import Literal

import pytest
from playwright.sync_api import Page, Request

from tests.browser.actions import heading
from tests.browser.all_pages import all_pages
from tests.browser.apps import App
from tests.browser.conftest import PHONE, BrowserPool
from tests.browser.users import Client, Response, User
from totpkit import KeyURI

PAGES = 19
NARROW = 320
"""Pixels. WCAG 2.2, success criterion 1.4.10: no horizontal scrolling at this width."""

SCHEMES: tuple[Literal["dark", "light"], ...] = ("dark", "light")

POLICY = {
    "default-src 'none'",
    "style-src 'self'",
    "script-src 'self'",
    "img-src data:",
    "form-action 'self'",
    "frame-ancestors 'none'",
    "base-uri 'none'",
}

ACCESSIBILITY = """() => {
  const problems = [], all = (selector) => [...document.querySelectorAll(selector)];
  const check = (correct, message) => { if (!correct) problems.push(message); };
  const text = (element) => (element ? element.textContent.trim() : "");
  check(document.documentElement.lang === "en", "no language");
  check(all("h1").length === 1, "not one h1");
  check(all("main").length === 1, "not one main");
  check(document.title.includes(text(document.querySelector("h1"))), "the title is not the heading");
  const error = document.title.startsWith("Error: ");
  check(error === !!document.querySelector("#problem"), "the title does not report an error");
  const ids = all("[id]").map((element) => element.id);
  check(new Set(ids).size === ids.length, "duplicate id");
  for (const image of all("img")) check(image.alt.length > 10, "no alternative text");
  for (const button of all("button, a")) check(text(button), "no text: " + button.outerHTML);
  for (const button of all("button, .button")) {
    check(button.hidden || button.getBoundingClientRect().height >= 24, "too small: " + text(button));
  }
  const fields = all("input:not([type=hidden])");
  for (const field of fields) {
    check(field.labels.length === 1 && text(field.labels[0]), "no label: " + field.id);
    for (const id of (field.getAttribute("aria-describedby") || "").split(" ").filter(Boolean)) {
      check(document.getElementById(id), field.id + " refers to a missing description");
    }
  }
  const invalid = fields.filter((field) => field.getAttribute("aria-invalid") === "true");
  const described = invalid.filter((field) => field.getAttribute("aria-describedby") === "problem");
  const problem = document.querySelector("#problem");
  check(!problem || problem.getAttribute("role") === "alert", "the error is not an alert");
  check(!problem || !fields.length || described.length, "the error belongs to no field");
  check(invalid.length === described.length, "invalid field without an error");
  const code = document.querySelector("form:has([name=type][value=code]) #code, form[action='/phone'] #code");
  if (code) {
    check(code.autocomplete === "one-time-code" && code.inputMode === "numeric", "not a one-time-code field");
    check(code.type === "text" && !code.pattern, "a field that refuses what phones show");
  }
  const root = document.documentElement;
  check(root.scrollWidth <= root.clientWidth, `${root.scrollWidth} > ${root.clientWidth}`);
  return problems;
}"""

CONTRAST = """() => {
  const luminance = (color) => color.map((part) => part / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
    .reduce((sum, part, at) => sum + part * [0.2126, 0.7152, 0.0722][at], 0);
  const parts = (color) => color.match(/[\\d.]+/g).map(Number);
  const background = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = parts(getComputedStyle(at).backgroundColor);
      if (color.length === 3 || color[3] === 1) return color.slice(0, 3);
    }
    return [255, 255, 255];
  };
  const failures = [];
  for (const element of document.querySelectorAll("body *")) {
    if (![...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim())) continue;
    const text = parts(getComputedStyle(element).color).slice(0, 3);
    const [one, two] = [text, background(element)].map(luminance);
    const ratio = (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05);
    if (ratio < 4.5) failures.push(`${element.textContent.trim()}: ${ratio.toFixed(2)}`);
  }
  return failures;
}"""


@dataclass
class Visit:
    """What was found on all pages."""

    user: User
    problems: dict[str, list[str]]
    contrast: dict[str, list[str]]
    urls: set[str]


@pytest.fixture(scope="module")
def visit(pool: BrowserPool, app: App) -> Visit:
    """Visit all pages at two widths and in both color schemes."""
    found = Visit(User(app), {}, {}, set())
    page = pool.page()

    def collect(request: Request) -> None:
        found.urls.add(request.url.removeprefix(app.url))

    page.on("request", collect)
    widths, schemes = [PHONE["width"], NARROW], [*SCHEMES]
    for name in all_pages(page, found.user):
        for width in widths:
            page.set_viewport_size({"width": width, "height": PHONE["height"]})
            found.problems[f"{name} {width}"] = page.evaluate(ACCESSIBILITY)
        for scheme in schemes:
            page.emulate_media(color_scheme=scheme)
            found.contrast[f"{name} {scheme}"] = page.evaluate(CONTRAST)
        widths.reverse()  # the next page starts with the current settings, which is faster
        schemes.reverse()
    page.remove_listener("request", collect)
    page.set_viewport_size(PHONE)
    page.emulate_media(color_scheme="null")
    pool.release()
    return found


def test_accessible(visit: Visit) -> None:
    """Every page has names, labels and announced errors, and fits a small phone."""
    assert {page: problems for page, problems in visit.problems.items() if problems} == {}
    assert len(visit.problems) == PAGES * 2


def test_contrast(visit: Visit) -> None:
    """All text has enough contrast, in the light and in the dark scheme."""
    assert {page: failures for page, failures in visit.contrast.items() if failures} == {}
    assert len(visit.contrast) == PAGES * 2


def test_urls(visit: Visit, app: App) -> None:
    """No URL contains a ticket, a code or a secret, and the log contains no secret."""
    pages = {"/", "/signup", "/login", "/login?", "/login?by=recovery", "/login?by=code", "/qr", "/phone"}
    others = {"/logout", "/static/style.css", "/static/page.js"}
    assert {url for url in visit.urls if not url.startswith("data:")} <= pages | others
    secret = KeyURI.parse(visit.user.uri).otp.secret
    secrets = (secret.to_base32(), secret.grouped(), visit.user.password, "otpauth:")
    assert not any(text in app.log() for text in secrets)


def test_keyboard(page: Page, shared_user: User) -> None:
    """A user can sign in and out with only the keyboard."""
    page.goto("/")
    tab_to(page, "#username")
    page.keyboard.type(shared_user.email)
    tab_to(page, "#password")
    page.keyboard.type(shared_user.password)
    with page.expect_navigation():
        page.keyboard.press("Enter")
    tab_to(page, "#code")
    page.keyboard.type(shared_user.next_code())
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert heading(page) == "Your account"
    tab_to(page, "header button")
    with page.expect_navigation():
        page.keyboard.press("Space")
    assert heading(page) == "Sign in"


def tab_to(page: Page, selector: str) -> None:
    """Press the tab key until an element has a visible focus."""
    for _ in range(10):
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
            return
        page.keyboard.press("Tab")
    pytest.fail(f"{selector} was not reached")


def test_headers(shared_user: User, app: App) -> None:
    """Every response forbids caching, framing, and content from other sites."""
    client = Client(app)
    responses = [
        client.send("GET", path) for path in ("/", "/signup", "/login", "/nothing", "/static/page.js")
    ]
    client.page = responses[2]
    responses.append(client.send("POST", "/login"))
    responses.append(client.send("POST", "/off"))
    signed_in = shared_user.sign_in()
    responses += [
        signed_in.page,
        *(signed_in.send("GET", path) for path in ("/", "/qr", "/phone", "/nothing", "/off")),
    ]
    for response in responses:
        check_headers(response)


def check_headers(response: Response) -> None:
    """Fail unless the security headers are set once."""
    headers = response.headers
    assert headers.get_all("Cache-Control") == ["no-store"]
    (policy,) = headers.get_all("Content-Security-Policy", [])
    assert {part.strip() for part in policy.split(";")} == POLICY
    assert (headers["X-Content-Type-Options"], headers["Referrer-Policy"]) == ("nosniff", "same-origin")


def test_cookies(shared_account_page: Page, shared_user: User, app: App) -> None:
    """The only cookie is hidden from scripts, from other sites, and from plain HTTP."""
    client = shared_user.enter_password()
    (cookie,) = shared_account_page.context.cookies()
    assert (cookie["name"], cookie["path"], cookie["domain"]) == ("__Host-shop", "/", "127.0.0.1")
    assert {"__Host-shop"} == client.cookies.keys()
    for line in Client(app).send("GET", "/login").headers.get_all("Set-Cookie", []):
        flags = {part.strip().lower() for part in line.split(";")[1:]}
        assert {"secure", "httponly", "samesite=lax", "path=/"} <= flags
        assert not any(flag.startswith("domain") for flag in flags)
    assert shared_account_page.evaluate("document.cookie") == ""
