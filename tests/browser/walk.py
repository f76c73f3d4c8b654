"""A walk through every page that the apps have, in every state that looks different."""

from collections.abc import Iterator

from playwright.sync_api import Page

from tests.browser.people import Customer
from tests.browser.screens import enter, enter_password, press, scanned

TRIES = 5
"""Failures after which a wait begins."""


def walk(page: Page, person: Customer) -> Iterator[str]:
    """Go through the pages as somebody new, and yield the name of each while it is on the screen."""
    yield from new_here(page, person)
    yield from first_login(page, person)
    yield from my_account(page, person)
    yield from next_login(page, person)


def new_here(page: Page, person: Customer) -> Iterator[str]:
    """Make an account, not without mistakes."""
    page.goto(person.shop.url)
    yield "login"
    press(page, "I am new here")
    yield "signup"
    person.sign_up()
    enter_password(page, person.email, person.password)
    yield "signup-taken"
    press(page, "I have an account")
    enter_password(page, person.email, "wrong horse")
    yield "login-wrong"


def first_login(page: Page, person: Customer) -> Iterator[str]:
    """Set up a phone."""
    enter_password(page, person.email, person.password)
    yield "enrollment"
    person.uri = scanned(page)
    page.locator("summary").click()
    yield "enrollment-typed"
    enter(page, person.wrong_code())
    yield "enrollment-wrong"
    enter(page, person.next_code())
    yield "recovery-codes"
    press(page, "I have kept them")


def my_account(page: Page, person: Customer) -> Iterator[str]:
    """See what an owner can do."""
    yield "account"
    press(page, "Show the QR code again")
    yield "qr"
    press(page, "Done")
    press(page, "Move to a new phone")
    yield "phone"
    enter(page, person.wrong_code())
    yield "phone-wrong"
    press(page, "Keep the old phone")
    person.shop.advance(360)
    page.goto(f"{person.shop.url}/qr")
    yield "step-up"
    page.goto(person.shop.url)
    press(page, "Sign out")
    yield "signed-out"


def next_login(page: Page, person: Customer) -> Iterator[str]:
    """Sign in as on any other day, and guess."""
    enter_password(page, person.email, person.password)
    yield "code"
    enter(page, person.wrong_code())
    yield "code-wrong"
    press(page, "Use a recovery code")
    yield "recovery"
    enter(page, "AAAA-BBBB")
    yield "recovery-wrong"
    press(page, "Use my phone")
    for _ in range(TRIES):
        enter(page, person.wrong_code())
    yield "wait"
    press(page, "Start over")
