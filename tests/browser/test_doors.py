"""Nobody comes in by another way than the whole login, and nobody else's page sends forms for them."""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import Lent
from tests.browser.people import REDIRECTS, Customer, Visitor
from tests.browser.screens import enter, heading, press
from tests.browser.shops import Shop
from tests.support.database_servers import HOST

INNER = ["/", "/qr", "/phone"]
FORGED = [
    {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
    {"Origin": f"http://{HOST}:9", "Sec-Fetch-Site": "same-site"},
    {"Origin": "null"},  # of a frame in a sandbox, in a browser that sends nothing else
]
NO_ICON = b'<link rel="icon" href="data:,">'
ACTS = ["/phone", "/codes", "/off"]
ELSEWHERE = ["/nothing", "/qr/", "//qr", "/admin/", "/docs", "/redoc", "/openapi.json"]
BESIDE = ["/static/../qr", "/static/%2e%2e/qr", "/static/../../flask_app.py"]


def assert_nothing_changed(person: Customer) -> None:
    """Fail unless the phone and its QR are the same, and no recovery code is gone."""
    visitor = person.sign_in()
    assert "10 left" in visitor.page.text
    visitor.get("/qr")
    assert person.uri in visitor.page.reading.links


@pytest.mark.proves("T18", "SELF-conditions")
def test_forced(regular: Customer, shop: Shop) -> None:
    """Without the second factor every inner page leads to the login, whatever is sent to it."""
    stranger = Visitor(shop)
    stranger.get("/login")
    for visitor in (Visitor(shop), stranger, regular.pass_password()):
        sent = [("GET", path) for path in INNER + ELSEWHERE] + [("POST", path) for path in ACTS]
        for method, path in sent:
            fields = {**visitor.page.reading.hidden, "code": regular.phone.code(1)}
            answer = visitor.send(method, path, fields, Origin=visitor.url)
            assert (answer.status in REDIRECTS, answer.headers["Location"]) == (True, "/login"), path
            assert "otpauth" not in answer.text
    assert_nothing_changed(regular)


def test_beside(shop: Shop) -> None:
    """What is open to strangers leads to nothing beside it."""
    for path in BESIDE:
        answer = Visitor(shop).send("GET", path)
        assert answer.status in REDIRECTS | {400, 404}, path


@pytest.mark.proves("T18")
def test_forced_in_a_browser(at_code: Page) -> None:
    """Who types the address of an inner page after the password is asked for the code."""
    for path in INNER:
        at_code.goto(path)
        assert (heading(at_code), at_code.url.endswith("/login")) == ("Enter your code", True)


def test_other_methods(regular: Customer) -> None:
    """What changes something is not done by a link."""
    visitor = regular.sign_in()
    for path in ("/codes", "/off", "/logout"):
        assert visitor.send("GET", path).status in {404, 405}
    assert "Your account" in visitor.get("/").text


@pytest.mark.proves("T44")
def test_another_browser(at_code: Page, regular: Customer, shop: Shop) -> None:
    """A code is worth nothing in a browser that has not passed the password, and is not spent there."""
    assert at_code.locator("input[name=ticket]").count() == 0
    for path in ("/login", "/signup"):
        other, code = Visitor(shop), regular.next_code()
        other.get(path)
        other.post("/login", type="code", code=code)
        assert "Sign in" in other.page.text
        assert other.send("GET", "/").headers["Location"] == "/login"
    enter(at_code, code)
    assert heading(at_code) == "Your account"


def test_older_cookies(regular: Customer, shop: Shop) -> None:
    """Cookies from before the code are worth no more after it: nobody is let in whose cookie was planted."""
    visitor, planted = regular.pass_password(), Visitor(shop)
    planted.cookies = dict(visitor.cookies)
    visitor.post("/login", type="code", code=regular.next_code())
    assert "Your account" in visitor.page.text
    assert planted.cookies != visitor.cookies
    assert planted.send("GET", "/").headers["Location"] == "/login"


@pytest.mark.parametrize("headers", FORGED)
def test_forged_forms(regular: Customer, shop: Shop, headers: Mapping[str, str]) -> None:
    """A form that another site sends has no effect, also with the hidden fields of another browser."""
    visitor, other = regular.sign_in(), Visitor(shop)
    other.get("/signup")
    for fields in ({}, other.page.reading.hidden):
        for path in (*ACTS, "/logout"):
            answer = visitor.send("POST", path, {**fields, "code": regular.phone.code(1)}, **headers)
            assert answer.status in REDIRECTS | {400, 403}, path
            assert answer.headers["Location"] in {None, "/login"}
            assert "<code>" not in answer.text
    assert "10 left" in visitor.get("/").text
    assert regular.uri in visitor.get("/qr").reading.links


@pytest.mark.proves("T44")
def test_planted_session(newcomer: Customer, regular: Customer, shop: Shop) -> None:
    """Who has planted the cookie of the login page in a browser shares nothing of the login there."""
    for person in (newcomer, regular):
        planted, visitor = Visitor(shop), Visitor(shop)
        planted.get("/login")
        visitor.cookies = dict(planted.cookies)
        visitor.get("/login")
        visitor.post("/login", type="password", username=person.email, password=person.password)
        assert "code" in visitor.page.text
        assert "<h1>Sign in</h1>" in planted.get("/login").text
        assert planted.cookies != visitor.cookies


@pytest.mark.parametrize("headers", FORGED)
def test_forged_answer(regular: Customer, headers: Mapping[str, str]) -> None:
    """What another site sends ends no login that is under way."""
    visitor = regular.pass_password()
    visitor.send("POST", "/login", {"type": "code", "code": regular.wrong_code()}, **headers)
    assert "Enter your code" in visitor.get("/login").text


def test_no_such_address(shop: Shop) -> None:
    """An address that no mail can be sent to, or that looks like another, makes no account."""
    for email in ("a@\u00e9..b", "\u0430lice@example.com", "a b@example.com", "alice"):
        visitor = Visitor(shop)
        visitor.get("/signup")
        visitor.post("/signup", username=email, password="correct horse")  # noqa: S106 - of no one
        assert "Email or password won&#x27;t do." in visitor.page.text.replace("&#39;", "&#x27;"), email


def test_no_account_by_looking(shop: Shop) -> None:
    """Only a POST makes an account."""
    new = Customer(shop)
    person = urlencode({"username": new.email, "password": new.password})
    with closing(HTTPConnection(HOST, shop.port, timeout=10)) as connection:
        connection.request("HEAD", "/signup", person, {"Content-Type": "application/x-www-form-urlencoded"})
        assert connection.getresponse().status in {200, 405}
    new.sign_up()


@pytest.mark.parametrize("headers", FORGED)
def test_forged_login(regular: Customer, shop: Shop, headers: Mapping[str, str]) -> None:
    """No other site begins a login or an account in somebody's browser."""
    stranger, new = Visitor(shop), Customer(shop)
    stranger.get("/login")
    person = {"username": regular.email, "password": regular.password}
    stranger.send("POST", "/login", {**person, "type": "password"}, **headers)
    assert "Sign in" in stranger.get("/login").text
    stranger.send("POST", "/signup", {"username": new.email, "password": new.password}, **headers)
    new.sign_up()


def test_another_origin(signed_in: Page, shop: Shop) -> None:
    """A page of somebody else, even on the same host, that sends the shop's forms gets nothing done."""
    paths, page = ("/off", "/codes", "/logout"), signed_in.context.new_page()
    form = '<form method="post" action="{0}{1}"><button>{1}</button></form>'
    with somebody_else("".join(form.format(shop.url, path) for path in paths)) as url:
        for path in paths:
            page.goto(url)
            press(page, path)
            assert page.url.startswith(shop.url)
            assert page.locator("#codes").count() == 0
    signed_in.goto("/")
    assert (heading(signed_in), "10 left" in signed_in.inner_text("main")) == ("Your account", True)


def test_framed(page: Page, shop: Shop, lent: Lent) -> None:
    """No other page can show the shop inside itself: the browser refuses, and complains of that alone."""
    with somebody_else(f'<iframe src="{shop.url}/login"></iframe>') as url:
        with page.expect_event("requestfailed") as failed:
            page.goto(url)
        assert failed.value.failure == "net::ERR_BLOCKED_BY_RESPONSE"
    (complaint,) = lent.complaints
    assert "frame-ancestors 'none'" in complaint
    lent.complaints.clear()


@contextmanager
def somebody_else(page: str) -> Iterator[str]:
    """Serve a page of somebody else's, on another port, and give its address."""

    class Answering(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the standard library's name
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(NO_ICON + page.encode())

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer((HOST, 0), Answering) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://{HOST}:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.proves("T39")
def test_too_little(customer: Customer, shop: Shop) -> None:
    """Who is in by a recovery code is told what it is not enough for, and loses no other one to learn it."""
    visitor = customer.pass_password()
    visitor.post("/login", type="recovery", code=customer.codes[0])
    assert "9 left" in visitor.page.text
    looks = [lambda: visitor.get("/qr"), lambda: visitor.post("/codes")]
    for look in (*looks, lambda: shop.advance(360) or looks[0](), looks[1]):
        assert "Only a sign-in with a code of your phone" in look().text
        assert "9 left" in visitor.page.text
        assert "otpauth" not in visitor.page.text
    assert "Enter your code" in visitor.get("/phone").text
    visitor.post("/login", type="recovery", code=customer.codes[1])
    assert "otpauth" in visitor.page.text


def test_cookie_of_another_request(regular: Customer, shop: Shop) -> None:
    """What another site sends comes without the cookie, and takes no session away by bringing a new one."""
    del regular
    for path in ("/", "/login", "/logout", "/signup", *ACTS):
        for headers in FORGED:
            answer = Visitor(shop).send("POST", path, {"type": "password"}, **headers)
            assert answer.headers["Set-Cookie"] is None, path


def test_session_ends(customer: Customer, shop: Shop) -> None:
    """A session ends twelve hours after the code, however often it is used."""
    visitor = customer.here
    for _ in range(11):
        shop.advance(3600)
        assert "Your account" in visitor.get("/").text
    shop.advance(3700)
    assert "Sign in" in visitor.get("/").text


@pytest.mark.parametrize("shop", ["django"], indirect=True)
def test_disabled_user(customer: Customer, shop: Shop) -> None:
    """Whom Django no longer knows is asked to sign in, wherever they were, and does not come in."""
    there, halfway = customer.here, customer.pass_password()
    with closing(sqlite3.connect(shop.data / "shop.db")) as people, people:
        people.execute("UPDATE auth_user SET is_active = 0 WHERE username = ?", (customer.email,))
    halfway.post("/login", type="code", code=customer.next_code())
    for visitor in (there, halfway):
        assert "<h1>Sign in</h1>" in visitor.get("/").text
        visitor.post("/login", type="password", username=customer.email, password=customer.password)
        assert "Email or password is wrong." in visitor.page.text
