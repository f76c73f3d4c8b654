"""The whole way of a customer, from signing up to switching off, as they see it."""

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import TakenOver
from tests.browser.people import Customer
from tests.browser.screens import (
    enter,
    enter_password,
    heading,
    notice,
    press,
    problem,
    scanned,
    shown_codes,
    typed_key,
)
from tests.browser.shops import EXAMPLES, Shop, running
from totpkit import KeyURI

EVERYWHERE = pytest.mark.parametrize(
    "shop", ["flask", "fastapi", "django", "fastapi on Redis"], indirect=True
)
COUNT_PRINTS = "window.prints = 0; window.print = () => { window.prints += 1 }"


@EVERYWHERE
@pytest.mark.proves("FLOW-enroll-once")
def test_first_login(page: Page, shop: Shop) -> None:
    """Who is new signs up, gives the right password, scans the QR on the screen, and is in with its code."""
    person = Customer(shop)
    page.goto("/")
    press(page, "I am new here")
    assert heading(page) == "Sign up"
    enter_password(page, person.email, person.password)
    assert "Welcome" in notice(page)
    enter_password(page, person.email, "wrong horse")
    assert (heading(page), problem(page)) == ("Sign in", "Email or password is wrong.")
    enter_password(page, person.email, person.password)
    assert heading(page) == "Set up your phone"
    person.uri = scanned(page)
    enter(page, person.wrong_code())
    assert "not the code" in problem(page)
    assert person.uri == scanned(page)
    enter(page, person.phone.code())
    assert (heading(page), len(shown_codes(page))) == ("Your recovery codes", 10)
    press(page, "I have kept them")
    assert heading(page) == "Your account"
    assert person.email in page.inner_text("main")
    press(page, "Sign out")
    enter_password(page, person.email, person.password)
    assert (heading(page), page.locator("img").count()) == ("Enter your code", 0)
    enter(page, person.next_code())
    assert heading(page) == "Your account"


def test_key_uri(at_enrollment: Page, newcomer: Customer) -> None:
    """The picture, the link and the key for typing are of one secret, for this account of Acme."""
    uri = KeyURI.parse(scanned(at_enrollment))
    assert ("Acme", newcomer.email) == (uri.issuer, uri.account)
    assert uri.otp.secret.grouped() == typed_key(at_enrollment)
    link = at_enrollment.locator("a[href^='otpauth:']").get_attribute("href")
    assert uri == KeyURI.parse(link or "")


def test_keep_codes(at_enrollment: Page, newcomer: Customer) -> None:
    """Recovery codes can be copied and printed, and are shown only once."""
    page = at_enrollment
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.add_init_script(COUNT_PRINTS)
    newcomer.uri = scanned(page)
    enter(page, newcomer.phone.code())
    codes = shown_codes(page)
    page.get_by_role("button", name="Copy").click()
    page.locator("#copied", has_text="Copied.").wait_for()
    assert codes == page.evaluate("navigator.clipboard.readText()").splitlines()
    page.get_by_role("button", name="Print").click()
    assert page.evaluate("window.prints") == 1
    press(page, "I have kept them")
    for path in ("/login", "/qr"):
        page.goto(path)
        assert not any(code in page.content() for code in codes)


@pytest.mark.proves("SELF-same-qr")
def test_same_qr(signed_in: Page, regular: Customer) -> None:
    """My account shows the QR of the first login again, to the byte."""
    press(signed_in, "Show the QR code again")
    assert heading(signed_in) == "Your QR code"
    assert regular.uri == scanned(signed_in)
    assert KeyURI.parse(regular.uri).otp.secret.grouped() == typed_key(signed_in)


@EVERYWHERE
@pytest.mark.proves("SELF-replace")
def test_new_phone(at_home: Page, customer: Customer, shop: Shop) -> None:
    """A new phone takes over with its first code; until then the old one works."""
    press(at_home, "Move to a new phone")
    new = Customer(shop, uri=scanned(at_home))
    assert new.uri != customer.uri
    enter(at_home, new.wrong_code())
    assert "not the code" in problem(at_home)
    assert new.uri == scanned(at_home)
    assert "Your account" in customer.sign_in().page.text
    enter(at_home, new.next_code())
    assert "new phone works" in notice(at_home)
    assert "not right" in customer.sign_in().page.text
    customer.uri = new.uri
    assert "Your account" in customer.sign_in().page.text
    press(at_home, "Show the QR code again")
    assert new.uri == scanned(at_home)


@pytest.mark.proves("SELF-replace")
def test_keep_old_phone(at_home: Page, customer: Customer, shop: Shop) -> None:
    """Who turns back keeps the old phone, and the QR that was shown is worth nothing at a login."""
    press(at_home, "Move to a new phone")
    new = Customer(shop, customer.email, uri=scanned(at_home))
    press(at_home, "Keep the old phone")
    assert heading(at_home) == "Your account"
    assert "not right" in new.sign_in().page.text
    assert "Your account" in customer.sign_in().page.text


@EVERYWHERE
def test_recovery_codes(at_home: Page, customer: Customer) -> None:
    """New recovery codes end the old ones, and each lets in once."""
    page = at_home
    press(page, "Make new recovery codes")
    old, new = customer.codes, shown_codes(page)
    assert len(set(old + new)) == 20
    press(page, "I have kept them")
    press(page, "Sign out")
    enter_password(page, customer.email, customer.password)
    press(page, "Use a recovery code")
    enter(page, old[0])
    assert (heading(page), "not right" in problem(page)) == ("Use a recovery code", True)
    enter(page, new[0].lower())
    assert heading(page) == "Your account"
    assert "9 left" in page.inner_text("main")
    again = customer.pass_password()
    assert "used before" in again.post("/login?by=recovery", type="recovery", code=new[0]).text


@pytest.mark.proves("T39")
def test_lost_phone(taken_over: TakenOver, customer: Customer) -> None:
    """Who came in by a recovery code sees no QR of the lost phone, and sets up another."""
    page = taken_over(customer.pass_password(), "/login")
    press(page, "Use a recovery code")
    enter(page, customer.codes[0])
    press(page, "Show the QR code again")
    assert (heading(page), page.locator("img").count()) == ("Your account", 0)
    assert "Is it lost? Move to a new one." in notice(page)
    press(page, "Move to a new phone")
    customer.uri = scanned(page)
    enter(page, customer.next_code())
    assert "new phone works" in notice(page)
    assert "Your account" in customer.sign_in().page.text


@pytest.mark.proves("T21")
def test_switch_off(at_home: Page, customer: Customer) -> None:
    """Switching off ends phone and recovery codes; the next login shows another QR."""
    page = at_home
    press(page, "Switch off")
    assert (heading(page), notice(page)) == ("Sign in", "Your phone is switched off.")
    visitor = customer.pass_password()
    for kind, code in (("recovery", customer.codes[0]), ("code", customer.next_code())):
        assert "Set up your phone" in visitor.post("/login", type=kind, code=code).text
    enter_password(page, customer.email, customer.password)
    assert heading(page) == "Set up your phone"
    before, customer.uri = customer.uri, scanned(page)
    assert before != customer.uri
    enter(page, customer.next_code())
    assert heading(page) == "Your recovery codes"
    assert not {*shown_codes(page)} & {*customer.codes}


@pytest.mark.parametrize("shop", ["django"], indirect=True)
def test_emailed_code(at_code: Page, regular: Customer, shop: Shop) -> None:
    """A code comes by mail to who asks for it, and lets in once."""
    page = at_code
    press(page, "Get a code by email")
    assert (heading(page), regular.email in page.content()) == ("Code by email", False)
    assert shop.mailed_codes(regular.email) == []
    press(page, "Send me a code")
    (code,) = shop.mailed_codes(regular.email)
    enter(page, f"{(int(code) + 1) % 10 ** len(code):0{len(code)}}")
    assert (heading(page), "not the code" in problem(page)) == ("Code by email", True)
    enter(page, code)
    assert heading(page) == "Your account"
    press(page, "Sign out")
    enter_password(page, regular.email, regular.password)
    shop.advance(60)
    press(page, "Get a code by email")
    press(page, "Send me a code")
    assert len(shop.mailed_codes(regular.email)) == 2
    enter(page, code)
    assert "not the code" in problem(page)


def test_mail_away() -> None:
    """While no mail leaves, who asks for one is told so, waits for nothing, and gets in by the phone."""
    away = {"EMAIL_BACKEND": "tests.browser.away.Backend", "PYTHONPATH": str(EXAMPLES.parents[1])}
    with running("django", **away) as shop:
        customer = Customer(shop)
        customer.set_up()
        visitor = customer.pass_password()
        visitor.get("/login?by=email")
        for _ in range(2):
            assert "The mail did not leave." in visitor.post("/login?by=email", type="send_email").text
        assert "Your account" in visitor.post("/login", type="code", code=customer.next_code()).text
        assert "A mail did not leave: ConnectionRefusedError" in shop.log()
        assert customer.email not in shop.log()
