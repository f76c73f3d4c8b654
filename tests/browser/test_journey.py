"""A user's journey in the browser, from signing up to turning two-factor authentication off."""

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
    setup_key,
)
from tests.browser.apps import EXAMPLES, App, running
from tests.browser.conftest import OpenAs
from tests.browser.users import User
from totpkit import KeyURI

EACH_STORE = pytest.mark.parametrize("app", ["flask", "fastapi", "django", "fastapi on Redis"], indirect=True)
COUNT_PRINTS = "window.prints = 0; window.print = () => { window.prints += 1 }"


@EACH_STORE
@pytest.mark.proves("FLOW-enroll-once")
def test_first_login(page: Page, app: App) -> None:
    """A new user signs up, enters the password, scans the QR code, and is signed in with its code."""
    user = User(app)
    page.goto("/")
    click(page, "Create an account")
    assert heading(page) == "Create an account"
    enter_password(page, user.email, user.password)
    assert "Welcome" in notice(page)
    enter_password(page, user.email, "wrong horse")
    assert (heading(page), problem(page)) == ("Sign in", "Incorrect email or password.")
    enter_password(page, user.email, user.password)
    assert heading(page) == "Set up two-factor authentication"
    user.uri = scan_qr(page)
    enter_code(page, user.wrong_code())
    assert "incorrect" in problem(page)
    assert user.uri == scan_qr(page)
    enter_code(page, user.phone.code())
    assert (heading(page), len(recovery_codes(page))) == ("Your recovery codes", 10)
    click(page, "I have saved my codes")
    assert heading(page) == "Your account"
    assert user.email in page.inner_text("main")
    click(page, "Sign out")
    enter_password(page, user.email, user.password)
    assert (heading(page), page.locator("img").count()) == ("Enter your code", 0)
    enter_code(page, user.next_code())
    assert heading(page) == "Your account"


def test_key_uri(enrollment_page: Page, new_user: User) -> None:
    """The QR code, the link and the setup key contain the same secret, for this account."""
    uri = KeyURI.parse(scan_qr(enrollment_page))
    assert ("Acme", new_user.email) == (uri.issuer, uri.account)
    assert uri.otp.secret.grouped() == setup_key(enrollment_page)
    link = enrollment_page.locator("a[href^='otpauth:']").get_attribute("href")
    assert uri == KeyURI.parse(link or "")


def test_save_codes(enrollment_page: Page, new_user: User) -> None:
    """Recovery codes can be copied and printed, and are shown only once."""
    page = enrollment_page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.add_init_script(COUNT_PRINTS)
    new_user.uri = scan_qr(page)
    enter_code(page, new_user.phone.code())
    codes = recovery_codes(page)
    page.get_by_role("button", name="Copy").click()
    page.locator("#copied", has_text="Copied.").wait_for()
    assert codes == page.evaluate("navigator.clipboard.readText()").splitlines()
    page.get_by_role("button", name="Print").click()
    assert page.evaluate("window.prints") == 1
    click(page, "I have saved my codes")
    for path in ("/login", "/qr"):
        page.goto(path)
        assert not any(code in page.content() for code in codes)


@pytest.mark.proves("SELF-same-qr")
def test_same_qr(shared_account_page: Page, shared_user: User) -> None:
    """The account page shows the QR code of the first login again, byte for byte."""
    click(shared_account_page, "Show the QR code again")
    assert heading(shared_account_page) == "Your QR code"
    assert shared_user.uri == scan_qr(shared_account_page)
    assert KeyURI.parse(shared_user.uri).otp.secret.grouped() == setup_key(shared_account_page)


@EACH_STORE
@pytest.mark.proves("SELF-replace")
def test_new_phone(account_page: Page, user: User, app: App) -> None:
    """A new phone replaces the old one when its first code is entered."""
    click(account_page, "Move to a new phone")
    new = User(app, uri=scan_qr(account_page))
    assert new.uri != user.uri
    enter_code(account_page, new.wrong_code())
    assert "incorrect" in problem(account_page)
    assert new.uri == scan_qr(account_page)
    assert "Your account" in user.sign_in().page.text
    enter_code(account_page, new.next_code())
    assert "new phone is set up" in notice(account_page)
    assert "incorrect" in user.sign_in().page.text
    user.uri = new.uri
    assert "Your account" in user.sign_in().page.text
    click(account_page, "Show the QR code again")
    assert new.uri == scan_qr(account_page)


@pytest.mark.proves("SELF-replace")
def test_keep_old_phone(account_page: Page, user: User, app: App) -> None:
    """If the replacement is cancelled, only the old phone works."""
    click(account_page, "Move to a new phone")
    new = User(app, user.email, uri=scan_qr(account_page))
    click(account_page, "Keep your old phone")
    assert heading(account_page) == "Your account"
    assert "incorrect" in new.sign_in().page.text
    assert "Your account" in user.sign_in().page.text


@EACH_STORE
def test_recovery_codes(account_page: Page, user: User) -> None:
    """New recovery codes replace the old ones, and each works once."""
    page = account_page
    click(page, "Generate new recovery codes")
    old, new = user.codes, recovery_codes(page)
    assert len(set(old + new)) == 20
    click(page, "I have saved my codes")
    click(page, "Sign out")
    enter_password(page, user.email, user.password)
    click(page, "Use a recovery code")
    enter_code(page, old[0])
    assert (heading(page), "incorrect" in problem(page)) == ("Use a recovery code", True)
    enter_code(page, new[0].lower())
    assert heading(page) == "Your account"
    assert "9 left" in page.inner_text("main")
    again = user.enter_password()
    assert "already been used" in again.post("/login?by=recovery", type="recovery", code=new[0]).text


@pytest.mark.proves("T39")
def test_lost_phone(open_as: OpenAs, user: User) -> None:
    """After a login with a recovery code, the user can set up a new phone but not see the old QR code."""
    page = open_as(user.enter_password(), "/login")
    click(page, "Use a recovery code")
    enter_code(page, user.codes[0])
    click(page, "Show the QR code again")
    assert (heading(page), page.locator("img").count()) == ("Your account", 0)
    assert "Lost your phone? Move to a new one." in notice(page)
    click(page, "Move to a new phone")
    user.uri = scan_qr(page)
    enter_code(page, user.next_code())
    assert "new phone is set up" in notice(page)
    assert "Your account" in user.sign_in().page.text


@pytest.mark.proves("T21")
def test_switch_off(account_page: Page, user: User) -> None:
    """After turning it off, the phone and the recovery codes stop working. The next login enrolls again."""
    page = account_page
    click(page, "Turn off")
    assert (heading(page), notice(page)) == ("Sign in", "Two-factor authentication is turned off.")
    client = user.enter_password()
    for kind, code in (("recovery", user.codes[0]), ("code", user.next_code())):
        assert "Set up two-factor authentication" in client.post("/login", type=kind, code=code).text
    enter_password(page, user.email, user.password)
    assert heading(page) == "Set up two-factor authentication"
    before, user.uri = user.uri, scan_qr(page)
    assert before != user.uri
    enter_code(page, user.next_code())
    assert heading(page) == "Your recovery codes"
    assert not {*recovery_codes(page)} & {*user.codes}


@pytest.mark.parametrize("app", ["django"], indirect=True)
def test_emailed_code(code_page: Page, shared_user: User, app: App) -> None:
    """A code is emailed on request, and works once."""
    page = code_page
    click(page, "Get a code by email")
    assert (heading(page), shared_user.email in page.content()) == ("Use an email code", False)
    assert app.emailed_codes(shared_user.email) == []
    click(page, "Send me a code")
    (code,) = app.emailed_codes(shared_user.email)
    enter_code(page, f"{(int(code) + 1) % 10 ** len(code):0{len(code)}}")
    assert (heading(page), "incorrect" in problem(page)) == ("Use an email code", True)
    enter_code(page, code)
    assert heading(page) == "Your account"
    click(page, "Sign out")
    enter_password(page, shared_user.email, shared_user.password)
    app.advance(60)
    click(page, "Get a code by email")
    click(page, "Send me a code")
    assert len(app.emailed_codes(shared_user.email)) == 2
    enter_code(page, code)
    assert "incorrect" in problem(page)


def test_email_fails() -> None:
    """If the email cannot be sent, the page says so, and the phone still works."""
    environment = {
        "EMAIL_BACKEND": "tests.browser.failing_email.Backend",
        "PYTHONPATH": str(EXAMPLES.parents[1]),
    }
    with running("django", **environment) as app:
        user = User(app)
        user.set_up()
        client = user.enter_password()
        client.get("/login?by=email")
        for _ in range(2):
            assert "The email could not be sent." in client.post("/login?by=email", type="send_email").text
        assert "Your account" in client.post("/login", type="code", code=user.next_code()).text
        assert "Email could not be sent: ConnectionRefusedError" in app.log()
        assert user.email not in app.log()
