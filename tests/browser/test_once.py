"""A code lets in once, and guesses are few: in whatever browser, at whatever moment."""

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import TakenOver
from tests.browser.people import Customer
from tests.browser.screens import enter, heading, press, problem, scanned
from tests.browser.shops import Shop
from tests.browser.walk import TRIES

SEND = "setTimeout(() => document.querySelector('form:has(#code)').requestSubmit(), 0)"
REFUSED = "That code is not right, or was used before. Type the next one that your phone shows."


@pytest.mark.proves("RFC6238-5.2-once")
def test_race(taken_over: TakenOver, regular: Customer) -> None:
    """Of two browsers that send one code at the same moment one is let in, and one refused."""
    pages = [taken_over(regular.pass_password(), "/login") for _ in range(2)]
    code = regular.next_code()
    for page in pages:
        page.fill("#code", code)
    for page in pages:
        page.evaluate(SEND)
    for page in pages:
        page.locator("#problem, header form").wait_for()
    loser, winner = sorted(pages, key=heading)
    assert (heading(loser), heading(winner)) == ("Enter your code", "Your account")
    assert problem(loser) == REFUSED


@pytest.mark.proves("RFC6238-5.2-once", "T01", "ASVS-6.3.8")
def test_replay(at_code: Page, taken_over: TakenOver, regular: Customer) -> None:
    """A code that has let in lets in nobody else, and they read what a wrong code gets."""
    other, code = taken_over(regular.pass_password(), "/login"), regular.next_code()
    enter(at_code, code)
    assert heading(at_code) == "Your account"
    for refused in (code, regular.wrong_code()):
        enter(other, refused)
        assert (heading(other), problem(other)) == ("Enter your code", REFUSED)


def test_double_click(at_enrollment: Page, newcomer: Customer) -> None:
    """Who clicks twice sends a form once: neither the login nor the first recovery codes are lost."""
    page = at_enrollment
    newcomer.uri = scanned(page)
    page.fill("#code", newcomer.phone.code())
    press_twice(page, "Continue")
    assert heading(page) == "Your recovery codes"
    press(page, "I have kept them")
    press_twice(page, "Make new recovery codes")
    assert heading(page) == "Your recovery codes"
    codes = page.locator("#codes li").all_inner_texts()
    page.go_back()
    press(page, "Sign out")
    visitor = newcomer.pass_password()
    visitor.post("/login", type="recovery", code=codes[0])
    assert "9 left" in visitor.page.text


@pytest.mark.proves("T20")
def test_code_of_enrollment(customer: Customer) -> None:
    """The code that set the phone up is not good for a login."""
    visitor = customer.pass_password()
    assert REFUSED in visitor.post("/login", type="code", code=customer.first_code).text


@pytest.mark.proves("T09", "T10", "T28", "FLOW-choice")
def test_lockout(taken_over: TakenOver, customer: Customer, shop: Shop) -> None:
    """After guesses in as many logins everybody waits, also with what is right, and reads for how long."""
    page = taken_over(customer.pass_password(), "/login")
    for _ in range(TRIES - 1):
        customer.pass_password().post("/login", type="code", code=customer.wrong_code())
    enter(page, customer.wrong_code())
    assert waiting(page) in range(1, 31)
    enter(page, customer.phone.code(1))
    assert (heading(page), waiting(page) in range(1, 31)) == ("Enter your code", True)
    press(page, "Use a recovery code")
    enter(page, customer.codes[0])
    assert (heading(page), waiting(page) in range(1, 31)) == ("Use a recovery code", True)
    shop.advance(30)
    press(page, "Use my phone")
    assert page.locator("#problem").count() == 0
    enter(page, customer.phone.code())
    assert heading(page) == "Your account"


def press_twice(page: Page, what: str) -> None:
    """Press a button as some people do, and wait for the page that comes."""
    with page.expect_navigation():
        page.locator("button", has_text=what).dblclick()


def waiting(page: Page) -> int:
    """Return the seconds that the page tells to wait."""
    words = problem(page).split()
    assert words[:4] == ["Too", "many", "tries.", "Wait"]
    return int(words[4])


def test_countdown(taken_over: TakenOver, customer: Customer) -> None:
    """The seconds to wait are counted down on the page."""
    page = taken_over(customer.pass_password(), "/login")
    for _ in range(TRIES):
        enter(page, customer.wrong_code())
    first = waiting(page)
    page.wait_for_function(
        "first => parseInt(document.querySelector('#problem time').textContent) < first", arg=first
    )
