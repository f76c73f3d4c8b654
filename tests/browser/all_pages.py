"""Visit every page of an app, in every state that looks different."""

from collections.abc import Iterator

from playwright.sync_api import Page

from tests.browser.actions import click, enter_code, enter_password, scan_qr
from tests.browser.users import User

FREE_FAILURES = 5
"""The last of these failures starts a wait."""


def all_pages(page: Page, user: User) -> Iterator[str]:
    """Visit the pages as a new user, and yield the name of each one while it is shown."""
    yield from sign_up(page, user)
    yield from first_login(page, user)
    yield from my_account(page, user)
    yield from next_login(page, user)


def sign_up(page: Page, user: User) -> Iterator[str]:
    """Create an account, with some mistakes."""
    page.goto(user.app.url)
    yield "login"
    click(page, "Create an account")
    yield "signup"
    user.sign_up()
    enter_password(page, user.email, user.password)
    yield "signup-taken"
    click(page, "Sign in")
    enter_password(page, user.email, "wrong horse")
    yield "login-wrong"


def first_login(page: Page, user: User) -> Iterator[str]:
    """Enroll a phone."""
    enter_password(page, user.email, user.password)
    yield "enrollment"
    user.uri = scan_qr(page)
    page.locator("summary").click()
    yield "enrollment-typed"
    enter_code(page, user.wrong_code())
    yield "enrollment-wrong"
    enter_code(page, user.next_code())
    yield "recovery-codes"
    click(page, "I have saved my codes")


def my_account(page: Page, user: User) -> Iterator[str]:
    """Visit the account pages."""
    yield "account"
    click(page, "Show the QR code again")
    yield "qr"
    click(page, "Done")
    click(page, "Move to a new phone")
    yield "phone"
    enter_code(page, user.wrong_code())
    yield "phone-wrong"
    click(page, "Keep your old phone")
    user.app.advance(360)
    page.goto(f"{user.app.url}/qr")
    yield "step-up"
    page.goto(user.app.url)
    click(page, "Sign out")
    yield "signed-out"


def next_login(page: Page, user: User) -> Iterator[str]:
    """Enter wrong codes at the next login."""
    enter_password(page, user.email, user.password)
    yield "code"
    enter_code(page, user.wrong_code())
    yield "code-wrong"
    click(page, "Use a recovery code")
    yield "recovery"
    enter_code(page, "AAAA-BBBB")
    yield "recovery-wrong"
    click(page, "Use your authenticator app")
    for _ in range(FREE_FAILURES):
        enter_code(page, user.wrong_code())
    yield "wait"
    click(page, "Start over")
