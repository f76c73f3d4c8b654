"""What people do in the middle: reload, go back, open a tab, go away for a while."""

import pytest
from playwright.sync_api import Page

from tests.browser.people import Customer
from tests.browser.screens import enter, enter_password, heading, notice, press, problem, scanned, shown_codes
from tests.browser.shops import Shop
from totpkit import KeyURI

TOO_LATE = "That took too long, or something has changed meanwhile. Please begin again."


def secret_of(person: Customer) -> tuple[str, str]:
    """Return the secret as a page might show it."""
    secret = KeyURI.parse(person.uri).otp.secret
    return secret.to_base32(), secret.grouped()


def holds(page: Page, *secrets: str) -> bool:
    """Return whether anything of these, or a picture, is on the page."""
    return page.locator("img").count() > 0 or any(secret in page.content() for secret in secrets)


@pytest.mark.proves("FLOW-enroll-once")
def test_reload(at_enrollment: Page, newcomer: Customer) -> None:
    """A reload, and coming back to the address, show the same QR, which still works."""
    page = at_enrollment
    newcomer.uri = scanned(page)
    page.reload()
    assert newcomer.uri == scanned(page)
    page.goto("/signup")
    page.goto("/login")
    assert newcomer.uri == scanned(page)
    enter(page, newcomer.phone.code())
    assert heading(page) == "Your recovery codes"


@pytest.mark.proves("FLOW-enroll-once", "T37")
def test_new_login(at_enrollment: Page, newcomer: Customer) -> None:
    """Another login shows another QR, and ends the one before: of the two only the later is confirmed."""
    page, other = at_enrollment, newcomer.pass_password()
    newcomer.uri = scanned(page)
    assert newcomer.uri not in other.page.reading.links
    enter(page, newcomer.phone.code())
    assert (heading(page), problem(page)) == ("Sign in", TOO_LATE)
    (newcomer.uri,) = (link for link in other.page.reading.links if link.startswith("otpauth:"))
    assert "Your recovery codes" in other.post("/login", type="code", code=newcomer.phone.code()).text


@pytest.mark.proves("FLOW-enroll-once")
def test_two_tabs(at_enrollment: Page, newcomer: Customer) -> None:
    """Two tabs show one QR; once it is confirmed in one, the other ends on the account page."""
    first, second = at_enrollment, at_enrollment.context.new_page()
    second.goto("/login")
    newcomer.uri = scanned(first)
    assert newcomer.uri == scanned(second)
    enter(first, newcomer.phone.code())
    codes = shown_codes(first)
    enter(second, newcomer.phone.code())
    assert heading(second) == "Your account"
    press(first, "I have kept them")
    assert heading(first) == "Your account"
    assert "10 left" in first.inner_text("main")
    visitor = newcomer.pass_password()
    assert "Your account" in visitor.post("/login", type="recovery", code=codes[0]).text


def test_back_after_login(at_enrollment: Page, newcomer: Customer) -> None:
    """The back button brings neither the QR back nor the recovery codes, and nor does a reload."""
    page = at_enrollment
    newcomer.uri = scanned(page)
    enter(page, newcomer.phone.code())
    codes = shown_codes(page)
    page.reload()  # sends the form again
    assert (heading(page), holds(page, *codes, *secret_of(newcomer))) == ("Your account", False)
    page.go_back()
    assert (heading(page), holds(page, *codes, *secret_of(newcomer))) == ("Your account", False)


def test_back_after_sign_out(signed_in: Page, regular: Customer) -> None:
    """After signing out the back button brings no secret back."""
    page = signed_in
    page.goto("/qr")
    assert regular.uri == scanned(page)
    page.goto("/phone")
    other = Customer(regular.shop, uri=scanned(page))
    press(page, "Sign out")
    for _ in range(3):
        page.go_back()
        assert heading(page) == "Sign in"
        assert not holds(page, *secret_of(regular), *secret_of(other))


def test_expired(at_code: Page, regular: Customer, shop: Shop) -> None:
    """A login that was left for ten minutes begins again, and says why."""
    shop.advance(660)
    enter(at_code, regular.phone.code())
    assert (heading(at_code), problem(at_code)) == ("Sign in", TOO_LATE)
    enter_password(at_code, regular.email, regular.password)
    assert heading(at_code) == "Enter your code"
    shop.advance(660)
    at_code.reload()
    assert (heading(at_code), problem(at_code)) == ("Sign in", TOO_LATE)
    enter_password(at_code, regular.email, regular.password)
    enter(at_code, regular.phone.code())
    assert heading(at_code) == "Your account"


@pytest.mark.proves("FLOW-enroll-once")
def test_expired_enrollment(at_enrollment: Page, newcomer: Customer, shop: Shop) -> None:
    """A QR that was left for ten minutes is worth nothing, and the next login shows another."""
    newcomer.uri = scanned(at_enrollment)
    shop.advance(660)
    enter(at_enrollment, newcomer.phone.code())
    assert (heading(at_enrollment), problem(at_enrollment)) == ("Sign in", TOO_LATE)
    enter_password(at_enrollment, newcomer.email, newcomer.password)
    assert newcomer.uri != scanned(at_enrollment)


@pytest.mark.proves("ASVS-7.5.1")
def test_step_up(signed_in: Page, regular: Customer, shop: Shop) -> None:
    """Five minutes after the code my account asks for another, and then goes where one wanted to."""
    page = signed_in
    shop.advance(360)
    page.goto("/qr")
    assert (heading(page), notice(page)) == ("Enter your code", "First confirm it with a code of your phone.")
    assert not holds(page, *secret_of(regular))
    press(page, "Back to your account")
    assert heading(page) == "Your account"
    press(page, "Show the QR code again")
    enter(page, regular.wrong_code())
    assert heading(page) == "Enter your code"
    enter(page, regular.phone.code())
    assert (heading(page), page.url) == ("Your QR code", f"{shop.url}/qr")
    assert regular.uri == scanned(page)
    shop.advance(360)
    page.goto("/")
    press(page, "Make new recovery codes")
    assert heading(page) == "Enter your code"
    enter(page, regular.phone.code())
    assert (heading(page), "10 left" in page.inner_text("main")) == ("Your account", True)
    visitor = regular.pass_password()
    assert "Your account" in visitor.post("/login", type="recovery", code=regular.codes[0]).text


def test_two_accounts(signed_in: Page, regular: Customer, newcomer: Customer) -> None:
    """Who comes after somebody else in one browser meets nothing of theirs."""
    page = signed_in
    page.goto("/qr")
    press(page, "Sign out")
    enter_password(page, regular.email, regular.password)
    press(page, "Start over")
    enter_password(page, newcomer.email, newcomer.password)
    newcomer.uri = scanned(page)
    assert KeyURI.parse(newcomer.uri).account == newcomer.email
    enter(page, newcomer.phone.code())
    press(page, "I have kept them")
    for path in ("/", "/qr"):
        page.goto(path)
        assert regular.email not in page.content()
        assert not any(secret in page.content() for secret in secret_of(regular))
    assert newcomer.uri == scanned(page)


def test_signed_out_elsewhere(signed_in: Page) -> None:
    """A tab of somebody who has signed out in another is sent to the login."""
    other = signed_in.context.new_page()
    other.goto("/")
    press(other, "Sign out")
    press(signed_in, "Move to a new phone")
    assert heading(signed_in) == "Sign in"


def test_switched_off_elsewhere(at_home: Page, customer: Customer) -> None:
    """A browser in which somebody was signed in when another switched off begins again."""
    other = customer.sign_in()
    other.post("/off")
    at_home.goto("/")
    assert (heading(at_home), problem(at_home)) == ("Sign in", TOO_LATE)
