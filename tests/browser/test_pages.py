"""Every page can be used by everybody, and keeps its secrets."""

from dataclasses import dataclass
from typing import Literal

import pytest
from playwright.sync_api import Page, Request

from tests.browser.conftest import PHONE, Lent
from tests.browser.people import Answer, Customer, Visitor
from tests.browser.screens import heading
from tests.browser.shops import Shop
from tests.browser.walk import walk
from totpkit import KeyURI

PAGES = 19
NARROW = 320
"""Pixels; WCAG 2.2, success criterion 1.4.10: nothing has to be scrolled sideways."""

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

FAULTS = """() => {
  const faults = [], all = (selector) => [...document.querySelectorAll(selector)];
  const must = (right, what) => { if (!right) faults.push(what); };
  const text = (element) => (element ? element.textContent.trim() : "");
  must(document.documentElement.lang === "en", "no language");
  must(all("h1").length === 1, "not one h1");
  must(all("main").length === 1, "not one main");
  must(document.title.includes(text(document.querySelector("h1"))), "the title is not the heading");
  const told = document.title.startsWith("Error: ");
  must(told === !!document.querySelector("#problem"), "the title hides an error");
  const ids = all("[id]").map((element) => element.id);
  must(new Set(ids).size === ids.length, "an id twice");
  for (const image of all("img")) must(image.alt.length > 10, "no alt");
  for (const button of all("button, a")) must(text(button), "no name: " + button.outerHTML);
  for (const button of all("button, .button")) {
    must(button.hidden || button.getBoundingClientRect().height >= 24, "small: " + text(button));
  }
  const fields = all("input:not([type=hidden])");
  for (const field of fields) {
    must(field.labels.length === 1 && text(field.labels[0]), "no label: " + field.id);
    for (const id of (field.getAttribute("aria-describedby") || "").split(" ").filter(Boolean)) {
      must(document.getElementById(id), field.id + " described by nothing");
    }
  }
  const invalid = fields.filter((field) => field.getAttribute("aria-invalid") === "true");
  const tied = invalid.filter((field) => field.getAttribute("aria-describedby") === "problem");
  const problem = document.querySelector("#problem");
  must(!problem || problem.getAttribute("role") === "alert", "no alert");
  must(!problem || !fields.length || tied.length, "the problem is tied to no field");
  must(invalid.length === tied.length, "invalid without a problem");
  const code = document.querySelector("form:has([name=type][value=code]) #code, form[action='/phone'] #code");
  if (code) {
    must(code.autocomplete === "one-time-code" && code.inputMode === "numeric", "no field for codes");
    must(code.type === "text" && !code.pattern, "a field that refuses what phones show");
  }
  const wide = document.documentElement;
  must(wide.scrollWidth <= wide.clientWidth, `scrolled sideways: ${wide.scrollWidth} > ${wide.clientWidth}`);
  return faults;
}"""

CONTRAST = """() => {
  const lightness = (colour) => colour.map((part) => part / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
    .reduce((sum, part, at) => sum + part * [0.2126, 0.7152, 0.0722][at], 0);
  const parts = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = parts(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour.slice(0, 3);
    }
    return [255, 255, 255];
  };
  const faint = [];
  for (const element of document.querySelectorAll("body *")) {
    if (![...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim())) continue;
    const [one, two] = [parts(getComputedStyle(element).color).slice(0, 3), behind(element)].map(lightness);
    const ratio = (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05);
    if (ratio < 4.5) faint.push(`${element.textContent.trim()}: ${ratio.toFixed(2)}`);
  }
  return faint;
}"""


@dataclass
class Walked:
    """What was found on a walk."""

    person: Customer
    faults: dict[str, list[str]]
    faint: dict[str, list[str]]
    addresses: set[str]


@pytest.fixture(scope="module")
def walked(lent: Lent, shop: Shop) -> Walked:
    """Give what was found on every page."""
    found = Walked(Customer(shop), {}, {}, set())
    page = lent.page()

    def note(request: Request) -> None:
        found.addresses.add(request.url.removeprefix(shop.url))

    page.on("request", note)
    widths, schemes = [PHONE["width"], NARROW], [*SCHEMES]
    for name in walk(page, found.person):
        for width in widths:
            page.set_viewport_size({"width": width, "height": PHONE["height"]})
            found.faults[f"{name} {width}"] = page.evaluate(FAULTS)
        for scheme in schemes:
            page.emulate_media(color_scheme=scheme)
            found.faint[f"{name} {scheme}"] = page.evaluate(CONTRAST)
        widths.reverse()  # the next page begins as this one ends, which is quicker
        schemes.reverse()
    page.remove_listener("request", note)
    page.set_viewport_size(PHONE)
    page.emulate_media(color_scheme="null")
    complaints, lent.complaints = lent.complaints, []
    lent.take_back()
    assert complaints == []
    return found


def test_accessible(walked: Walked) -> None:
    """Every page is named, labelled, told about errors, and fits a small phone."""
    assert {where: faults for where, faults in walked.faults.items() if faults} == {}
    assert len(walked.faults) == PAGES * 2


def test_contrast(walked: Walked) -> None:
    """All text stands out from what is behind it, by day and by night."""
    assert {where: faint for where, faint in walked.faint.items() if faint} == {}
    assert len(walked.faint) == PAGES * 2


def test_addresses(walked: Walked, shop: Shop) -> None:
    """No address that the browser goes to holds a ticket, a code or a secret, and neither does the log."""
    allowed = {"/", "/signup", "/login", "/login?", "/login?by=recovery", "/login?by=code", "/qr", "/phone"}
    loaded = {"/logout", "/static/style.css", "/static/page.js"}
    asked = {address for address in walked.addresses if not address.startswith("data:")}
    assert asked <= allowed | loaded
    secret = KeyURI.parse(walked.person.uri).otp.secret
    hidden = (secret.to_base32(), secret.grouped(), walked.person.password, "otpauth:")
    assert not any(text in shop.log() for text in hidden)


def test_keyboard(page: Page, regular: Customer) -> None:
    """The login is done by keyboard alone, from the first page to signing out."""
    page.goto("/")
    tab_to(page, "#username")
    page.keyboard.type(regular.email)
    tab_to(page, "#password")
    page.keyboard.type(regular.password)
    with page.expect_navigation():
        page.keyboard.press("Enter")
    tab_to(page, "#code")
    page.keyboard.type(regular.next_code())
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert heading(page) == "Your account"
    tab_to(page, "header button")
    with page.expect_navigation():
        page.keyboard.press("Space")
    assert heading(page) == "Sign in"


def tab_to(page: Page, selector: str) -> None:
    """Press the tab key until an element has the focus."""
    for _ in range(10):
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
            return
        page.keyboard.press("Tab")
    pytest.fail(f"{selector} is not reached")


def test_headers(regular: Customer, shop: Shop) -> None:
    """Every answer forbids to keep it, to frame it, and to run or load what is not the shop's."""
    visitor = Visitor(shop)
    answers = [
        visitor.send("GET", path) for path in ("/", "/signup", "/login", "/nothing", "/static/page.js")
    ]
    visitor.page = answers[2]
    answers.append(visitor.send("POST", "/login"))
    answers.append(visitor.send("POST", "/off"))
    here = regular.sign_in()
    answers += [here.page, *(here.send("GET", path) for path in ("/", "/qr", "/phone", "/nothing", "/off"))]
    for answer in answers:
        assert_hardened(answer)


def assert_hardened(answer: Answer) -> None:
    """Fail unless the headers say what they must, and say it once."""
    headers = answer.headers
    assert headers.get_all("Cache-Control") == ["no-store"]
    (policy,) = headers.get_all("Content-Security-Policy", [])
    assert {part.strip() for part in policy.split(";")} == POLICY
    assert (headers["X-Content-Type-Options"], headers["Referrer-Policy"]) == ("nosniff", "same-origin")


def test_cookies(signed_in: Page, regular: Customer, shop: Shop) -> None:
    """The one cookie is kept from scripts, from other sites, and from plain connections."""
    visitor = regular.pass_password()
    (cookie,) = signed_in.context.cookies()
    assert (cookie["name"], cookie["path"], cookie["domain"]) == ("__Host-shop", "/", "127.0.0.1")
    assert {"__Host-shop"} == visitor.cookies.keys()
    for line in Visitor(shop).send("GET", "/login").headers.get_all("Set-Cookie", []):
        flags = {part.strip().lower() for part in line.split(";")[1:]}
        assert {"secure", "httponly", "samesite=lax", "path=/"} <= flags
        assert not any(flag.startswith("domain") for flag in flags)
    assert signed_in.evaluate("document.cookie") == ""
