"""Reloads, the back button, other tabs, and sessions that expire."""

import pytest
from playwright.sync_api import Page

from tests.browser.actions import (
    click,
    enter_code,
    enter_password,
    heading,
    notice,
    problem,
    recovery_codes,
    scan_qr,
)
from tests.browser.apps import App
from tests.browser.users import User
from totpkit import KeyURI

TOO_LATE = "That took too long, or something changed in the meantime. Please start again."


def secret_of(user: User) -> tuple[str, str]:
    """Return the secret in both forms in which a page shows it."""
    secret = KeyURI.parse(user.uri).otp.secret
    return secret.to_base32(), secret.grouped()


def shows(page: Page, *secrets: str) -> bool:
    """Return whether the page contains one of the secrets or an image."""
    return page.locator("img").count() > 0 or any(secret in page.content() for secret in secrets)


@pytest.mark.proves("FLOW-enroll-once")
def test_reload(enrollment_page: Page, new_user: User) -> None:
    """After a reload or a detour, the login shows the same QR code, and it still works."""
    page = enrollment_page
    new_user.uri = scan_qr(page)
    page.reload()
    assert new_user.uri == scan_qr(page)
    page.goto("/signup")
    page.goto("/login")
    assert new_user.uri == scan_qr(page)
    enter_code(page, new_user.phone.code())
    assert heading(page) == "Your recovery codes"


@pytest.mark.proves("FLOW-enroll-once", "T37")
def test_new_login(enrollment_page: Page, new_user: User) -> None:
    """A second login shows a new QR code, and the first one can no longer be confirmed."""
    page, other = enrollment_page, new_user.enter_password()
    new_user.uri = scan_qr(page)
    assert new_user.uri not in other.page.parsed.links
    enter_code(page, new_user.phone.code())
    assert (heading(page), problem(page)) == ("Sign in", TOO_LATE)
    (new_user.uri,) = (link for link in other.page.parsed.links if link.startswith("otpauth:"))
    assert "Your recovery codes" in other.post("/login", type="code", code=new_user.phone.code()).text


@pytest.mark.proves("FLOW-enroll-once")
def test_two_tabs(enrollment_page: Page, new_user: User) -> None:
    """Two tabs show the same QR code. Once it is confirmed in one, the other leads to the account page."""
    first, second = enrollment_page, enrollment_page.context.new_page()
    second.goto("/login")
    new_user.uri = scan_qr(first)
    assert new_user.uri == scan_qr(second)
    enter_code(first, new_user.phone.code())
    codes = recovery_codes(first)
    enter_code(second, new_user.phone.code())
    assert heading(second) == "Your account"
    click(first, "I have saved my codes")
    assert heading(first) == "Your account"
    assert "10 left" in first.inner_text("main")
    client = new_user.enter_password()
    assert "Your account" in client.post("/login", type="recovery", code=codes[0]).text


def test_back_after_login(enrollment_page: Page, new_user: User) -> None:
    """Neither a reload nor the back button shows the QR code or the recovery codes again."""
    page = enrollment_page
    new_user.uri = scan_qr(page)
    enter_code(page, new_user.phone.code())
    codes = recovery_codes(page)
    page.reload()  # sends the form again
    assert (heading(page), shows(page, *codes, *secret_of(new_user))) == ("Your account", False)
    page.go_back()
    assert (heading(page), shows(page, *codes, *secret_of(new_user))) == ("Your account", False)


def test_back_after_sign_out(shared_account_page: Page, shared_user: User) -> None:
    """After signing out, the back button shows no secret."""
    page = shared_account_page
    page.goto("/qr")
    assert shared_user.uri == scan_qr(page)
    page.goto("/phone")
    other = User(shared_user.app, uri=scan_qr(page))
    click(page, "Sign out")
    for _ in range(3):
        page.go_back()
        assert heading(page) == "Sign in"
        assert not shows(page, *secret_of(shared_user), *secret_of(other))


def test_expired(code_page: Page, shared_user: User, app: App) -> None:
    """A login expires after ten minutes, and the page says so."""
    app.advance(660)
    enter_code(code_page, shared_user.phone.code())
    assert (heading(code_page), problem(code_page)) == ("Sign in", TOO_LATE)
    enter_password(code_page, shared_user.email, shared_user.password)
    assert heading(code_page) == "Enter your code"
    app.advance(660)
    code_page.reload()
    assert (heading(code_page), problem(code_page)) == ("Sign in", TOO_LATE)
    enter_password(code_page, shared_user.email, shared_user.password)
    enter_code(code_page, shared_user.phone.code())
    assert heading(code_page) == "Your account"


@pytest.mark.proves("FLOW-enroll-once")
def test_expired_enrollment(enrollment_page: Page, new_user: User, app: App) -> None:
    """A QR code that was not confirmed expires after ten minutes, and the next login shows a new one."""
    new_user.uri = scan_qr(enrollment_page)
    app.advance(660)
    enter_code(enrollment_page, new_user.phone.code())
    assert (heading(enrollment_page), problem(enrollment_page)) == ("Sign in", TOO_LATE)
    enter_password(enrollment_page, new_user.email, new_user.password)
    assert new_user.uri != scan_qr(enrollment_page)


@pytest.mark.proves("ASVS-7.5.1")
def test_step_up(shared_account_page: Page, shared_user: User, app: App) -> None:
    """Five minutes after the code, the account pages ask for a new one, and then show the requested page."""
    page = shared_account_page
    app.advance(360)
    page.goto("/qr")
    assert (heading(page), notice(page)) == ("Enter your code", "Enter a code from your app to continue.")
    assert not shows(page, *secret_of(shared_user))
    click(page, "Back to your account")
    assert heading(page) == "Your account"
    click(page, "Show the QR code again")
    enter_code(page, shared_user.wrong_code())
    assert heading(page) == "Enter your code"
    enter_code(page, shared_user.phone.code())
    assert (heading(page), page.url) == ("Your QR code", f"{app.url}/qr")
    assert shared_user.uri == scan_qr(page)
    app.advance(360)
    page.goto("/")
    click(page, "Generate new recovery codes")
    assert heading(page) == "Enter your code"
    enter_code(page, shared_user.phone.code())
    assert (heading(page), "10 left" in page.inner_text("main")) == ("Your account", True)
    client = shared_user.enter_password()
    assert "Your account" in client.post("/login", type="recovery", code=shared_user.codes[0]).text


def test_two_accounts(shared_account_page: Page, shared_user: User, new_user: User) -> None:
    """A second user of the same browser sees nothing of the first."""
    page = shared_account_page
    page.goto("/qr")
    click(page, "Sign out")
    enter_password(page, shared_user.email, shared_user.password)
    click(page, "Start over")
    enter_password(page, new_user.email, new_user.password)
    new_user.uri = scan_qr(page)
    assert KeyURI.parse(new_user.uri).account == new_user.email
    enter_code(page, new_user.phone.code())
    click(page, "I have saved my codes")
    for path in ("/", "/qr"):
        page.goto(path)
        assert shared_user.email not in page.content()
        assert not any(secret in page.content() for secret in secret_of(shared_user))
    assert new_user.uri == scan_qr(page)


def test_signed_out_elsewhere(shared_account_page: Page) -> None:
    """Signing out in one tab signs out the other tabs."""
    other = shared_account_page.context.new_page()
    other.goto("/")
    click(other, "Sign out")
    click(shared_account_page, "Move to a new phone")
    assert heading(shared_account_page) == "Sign in"


def test_turned_off_elsewhere(account_page: Page, user: User) -> None:
    """Turning two-factor authentication off in one browser ends the session in another."""
    other = user.sign_in()
    other.post("/off")
    account_page.goto("/")
    assert (heading(account_page), problem(account_page)) == ("Sign in", TOO_LATE)
