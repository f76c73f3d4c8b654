"""Each code works once, and the number of guesses is limited."""

import pytest
from playwright.sync_api import Page

from tests.browser.actions import click, enter_code, heading, problem, scan_qr
from tests.browser.all_pages import FREE_FAILURES
from tests.browser.apps import App
from tests.browser.conftest import OpenAs
from tests.browser.users import User

SEND = "setTimeout(() => document.querySelector('form:has(#code)').requestSubmit(), 0)"
WRONG_CODE = "That code is incorrect or has already been used. Wait for the next code and try again."


@pytest.mark.proves("RFC6238-5.2-once")
def test_race(open_as: OpenAs, shared_user: User) -> None:
    """If two browsers send the same code at the same moment, only one is signed in."""
    pages = [open_as(shared_user.enter_password(), "/login") for _ in range(2)]
    code = shared_user.next_code()
    for page in pages:
        page.fill("#code", code)
    for page in pages:
        page.evaluate(SEND)
    for page in pages:
        page.locator("#problem, header form").wait_for()
    loser, winner = sorted(pages, key=heading)
    assert (heading(loser), heading(winner)) == ("Enter your code", "Your account")
    assert problem(loser) == WRONG_CODE


@pytest.mark.proves("RFC6238-5.2-once", "T01", "ASVS-6.3.8")
def test_replay(code_page: Page, open_as: OpenAs, shared_user: User) -> None:
    """A used code is rejected, with the same message as a wrong one."""
    other, code = open_as(shared_user.enter_password(), "/login"), shared_user.next_code()
    enter_code(code_page, code)
    assert heading(code_page) == "Your account"
    for rejected in (code, shared_user.wrong_code()):
        enter_code(other, rejected)
        assert (heading(other), problem(other)) == ("Enter your code", WRONG_CODE)


def test_double_click(enrollment_page: Page, new_user: User) -> None:
    """A double click submits a form once, so the recovery codes are shown."""
    page = enrollment_page
    new_user.uri = scan_qr(page)
    page.fill("#code", new_user.phone.code())
    double_click(page, "Continue")
    assert heading(page) == "Your recovery codes"
    click(page, "I have saved my codes")
    double_click(page, "Generate new recovery codes")
    assert heading(page) == "Your recovery codes"
    codes = page.locator("#codes li").all_inner_texts()
    page.go_back()
    click(page, "Sign out")
    client = new_user.enter_password()
    client.post("/login", type="recovery", code=codes[0])
    assert "9 left" in client.page.text


@pytest.mark.proves("T20")
def test_enrollment_code(user: User) -> None:
    """The code that confirmed the enrollment does not work for a login."""
    client = user.enter_password()
    assert WRONG_CODE in client.post("/login", type="code", code=user.first_code).text


@pytest.mark.proves("T09", "T10", "T28", "FLOW-choice")
def test_lockout(open_as: OpenAs, user: User, app: App) -> None:
    """After wrong codes in several logins, even a correct code has to wait, and the page shows how long."""
    page = open_as(user.enter_password(), "/login")
    for _ in range(FREE_FAILURES - 1):
        user.enter_password().post("/login", type="code", code=user.wrong_code())
    enter_code(page, user.wrong_code())
    assert seconds_to_wait(page) in range(1, 31)
    enter_code(page, user.phone.code(steps=1))
    assert (heading(page), seconds_to_wait(page) in range(1, 31)) == ("Enter your code", True)
    click(page, "Use a recovery code")
    enter_code(page, user.codes[0])
    assert (heading(page), seconds_to_wait(page) in range(1, 31)) == ("Use a recovery code", True)
    app.advance(30)
    click(page, "Use your authenticator app")
    assert page.locator("#problem").count() == 0
    enter_code(page, user.phone.code())
    assert heading(page) == "Your account"


def double_click(page: Page, text: str) -> None:
    """Double-click a button, and wait for the next page."""
    with page.expect_navigation():
        page.locator("button", has_text=text).dblclick()


def seconds_to_wait(page: Page) -> int:
    """Return how many seconds the page says to wait."""
    words = problem(page).split()
    assert words[:6] == ["Too", "many", "attempts.", "Try", "again", "in"]
    return int(words[6])


def test_countdown(open_as: OpenAs, user: User) -> None:
    """The page counts down the seconds."""
    page = open_as(user.enter_password(), "/login")
    for _ in range(FREE_FAILURES):
        enter_code(page, user.wrong_code())
    first = seconds_to_wait(page)
    page.wait_for_function(
        "first => parseInt(document.querySelector('#problem time').textContent) < first", arg=first
    )
