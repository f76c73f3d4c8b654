"""Access control and cross-site requests: only a complete login gives access."""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Page

from tests.browser.actions import click, enter_code, heading
from tests.browser.apps import App
from tests.browser.conftest import BrowserPool
from tests.browser.users import REDIRECTS, Client, User
from tests.support.database_servers import HOST

PRIVATE = ["/", "/qr", "/phone"]
CROSS_SITE = [
    {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
    {"Origin": f"http://{HOST}:9", "Sec-Fetch-Site": "same-site"},
    {"Origin": "null"},  # a sandboxed frame, in a browser without Sec-Fetch-Site
]
NO_ICON = b'<link rel="icon" href="data:,">'
CHANGES = ["/phone", "/codes", "/off"]
UNKNOWN = ["/nothing", "/qr/", "//qr", "/admin/", "/docs", "/redoc", "/openapi.json"]
TRAVERSAL = ["/static/../qr", "/static/%2e%2e/qr", "/static/../../flask_app.py"]


def assert_nothing_changed(user: User) -> None:
    """Fail unless the phone and the recovery codes are unchanged."""
    client = user.sign_in()
    assert "10 left" in client.page.text
    client.get("/qr")
    assert user.uri in client.page.parsed.links


@pytest.mark.proves("T18", "SELF-conditions")
def test_no_access(shared_user: User, app: App) -> None:
    """Without the second factor, every request to a private page is redirected to the login."""
    visitor = Client(app)
    visitor.get("/login")
    for client in (Client(app), visitor, shared_user.enter_password()):
        requests = [("GET", path) for path in PRIVATE + UNKNOWN] + [("POST", path) for path in CHANGES]
        for method, path in requests:
            fields = {**client.page.parsed.hidden, "code": shared_user.phone.code(steps=1)}
            response = client.send(method, path, fields, Origin=client.url)
            assert (response.status in REDIRECTS, response.headers["Location"]) == (True, "/login"), path
            assert "otpauth" not in response.text
    assert_nothing_changed(shared_user)


def test_path_traversal(app: App) -> None:
    """A path that starts like a public one gives access to no other file."""
    for path in TRAVERSAL:
        response = Client(app).send("GET", path)
        assert response.status in REDIRECTS | {400, 404}, path


def test_other_methods(shared_user: User) -> None:
    """A GET request changes nothing."""
    client = shared_user.sign_in()
    for path in ("/codes", "/off", "/logout"):
        assert client.send("GET", path).status in {404, 405}
    assert "Your account" in client.get("/").text


@pytest.mark.proves("T44")
def test_another_browser(code_page: Page, shared_user: User, app: App) -> None:
    """A code is rejected in a browser without the password, and is not spent there."""
    assert code_page.locator("input[name=ticket]").count() == 0
    for path in ("/login", "/signup"):
        other, code = Client(app), shared_user.next_code()
        other.get(path)
        other.post("/login", type="code", code=code)
        assert "Sign in" in other.page.text
        assert other.send("GET", "/").headers["Location"] == "/login"
    enter_code(code_page, code)
    assert heading(code_page) == "Your account"


def test_old_cookies(shared_user: User, app: App) -> None:
    """Cookies from before the code give no access after it (session fixation)."""
    client, planted = shared_user.enter_password(), Client(app)
    planted.cookies = dict(client.cookies)
    client.post("/login", type="code", code=shared_user.next_code())
    assert "Your account" in client.page.text
    assert planted.cookies != client.cookies
    assert planted.send("GET", "/").headers["Location"] == "/login"


@pytest.mark.parametrize("headers", CROSS_SITE)
def test_csrf(shared_user: User, app: App, headers: Mapping[str, str]) -> None:
    """A form that another site sends has no effect, even with the hidden fields of another browser."""
    client, other = shared_user.sign_in(), Client(app)
    other.get("/signup")
    for fields in ({}, other.page.parsed.hidden):
        for path in (*CHANGES, "/logout"):
            response = client.send(
                "POST", path, {**fields, "code": shared_user.phone.code(steps=1)}, **headers
            )
            assert response.status in REDIRECTS | {400, 403}, path
            assert response.headers["Location"] in {None, "/login"}
            assert "<code>" not in response.text
    assert "10 left" in client.get("/").text
    assert shared_user.uri in client.get("/qr").parsed.links


@pytest.mark.proves("T44")
def test_session_fixation(new_user: User, shared_user: User, app: App) -> None:
    """An attacker who planted a session cookie sees nothing of the login."""
    for user in (new_user, shared_user):
        planted, client = Client(app), Client(app)
        planted.get("/login")
        client.cookies = dict(planted.cookies)
        client.get("/login")
        client.post("/login", type="password", username=user.email, password=user.password)
        assert "code" in client.page.text
        assert "<h1>Sign in</h1>" in planted.get("/login").text
        assert planted.cookies != client.cookies


@pytest.mark.parametrize("headers", CROSS_SITE)
def test_csrf_during_login(shared_user: User, headers: Mapping[str, str]) -> None:
    """A request from another site does not end a login."""
    client = shared_user.enter_password()
    client.send("POST", "/login", {"type": "code", "code": shared_user.wrong_code()}, **headers)
    assert "Enter your code" in client.get("/login").text


def test_invalid_email(app: App) -> None:
    """An account needs a valid address in ASCII, which cannot look like another one."""
    for email in ("a@\u00e9..b", "\u0430lice@example.com", "a b@example.com", "alice"):
        client = Client(app)
        client.get("/signup")
        client.post("/signup", username=email, password="correct horse")  # noqa: S106 - for tests
        assert "Enter a valid email" in client.page.text, email


def test_signup_by_head(app: App) -> None:
    """Only a POST request creates an account."""
    new = User(app)
    user = urlencode({"username": new.email, "password": new.password})
    with closing(HTTPConnection(HOST, app.port, timeout=10)) as connection:
        connection.request("HEAD", "/signup", user, {"Content-Type": "application/x-www-form-urlencoded"})
        assert connection.getresponse().status in {200, 405}
    new.sign_up()


@pytest.mark.parametrize("headers", CROSS_SITE)
def test_login_csrf(shared_user: User, app: App, headers: Mapping[str, str]) -> None:
    """Another site can neither start a login nor create an account."""
    visitor, new = Client(app), User(app)
    visitor.get("/login")
    user = {"username": shared_user.email, "password": shared_user.password}
    visitor.send("POST", "/login", {**user, "type": "password"}, **headers)
    assert "Sign in" in visitor.get("/login").text
    visitor.send("POST", "/signup", {"username": new.email, "password": new.password}, **headers)
    new.sign_up()


def test_csrf_in_browser(shared_account_page: Page, app: App) -> None:
    """A page on another port of the same host cannot submit the app's forms."""
    paths, page = ("/off", "/codes", "/logout"), shared_account_page.context.new_page()
    form = '<form method="post" action="{0}{1}"><button>{1}</button></form>'
    with other_site("".join(form.format(app.url, path) for path in paths)) as url:
        for path in paths:
            page.goto(url)
            click(page, path)
            assert page.url.startswith(app.url)
            assert page.locator("#codes").count() == 0
    shared_account_page.goto("/")
    assert heading(shared_account_page) == "Your account"
    assert "10 left" in shared_account_page.inner_text("main")


def test_frame(page: Page, app: App, pool: BrowserPool) -> None:
    """The browser refuses to show the app in a frame."""
    with other_site(f'<iframe src="{app.url}/login"></iframe>') as url:
        with page.expect_event("requestfailed") as failed:
            page.goto(url)
        assert failed.value.failure == "net::ERR_BLOCKED_BY_RESPONSE"
    (message,) = pool.messages
    assert "frame-ancestors 'none'" in message
    pool.messages.clear()


@contextmanager
def other_site(page: str) -> Iterator[str]:
    """Serve a page on another port, and return its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the name in the standard library
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(NO_ICON + page.encode())

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer((HOST, 0), Handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://{HOST}:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.proves("T39")
def test_weaker_login(user: User, app: App) -> None:
    """After a login with a recovery code, the app does not ask for another one where it would not help."""
    client = user.enter_password()
    client.post("/login", type="recovery", code=user.codes[0])
    assert "9 left" in client.page.text
    for seconds in (0, 360):
        app.advance(seconds)
        for response in (client.get("/qr"), client.post("/codes")):
            assert "This requires a sign-in with a code" in response.text
            assert "9 left" in response.text
            assert "otpauth" not in response.text
    assert "Enter your code" in client.get("/phone").text
    client.post("/login", type="recovery", code=user.codes[1])
    assert "otpauth" in client.page.text


def test_cross_site_keeps_cookie(shared_user: User, app: App) -> None:
    """A cross-site request, which comes without the cookie, does not replace the cookie."""
    del shared_user
    for path in ("/", "/login", "/logout", "/signup", *CHANGES):
        for headers in CROSS_SITE:
            response = Client(app).send("POST", path, {"type": "password"}, **headers)
            assert response.headers["Set-Cookie"] is None, path


def test_session_ends(user: User, app: App) -> None:
    """A session ends twelve hours after the code, even if it is in use."""
    client = user.client
    for _ in range(11):
        app.advance(3600)
        assert "Your account" in client.get("/").text
    app.advance(3700)
    assert "Sign in" in client.get("/").text


@pytest.mark.parametrize("app", ["django"], indirect=True)
def test_disabled_user(user: User, app: App) -> None:
    """A user whom Django has disabled cannot continue a session or a login."""
    signed_in, in_login = user.client, user.enter_password()
    with closing(sqlite3.connect(app.data / "shop.db")) as db, db:
        db.execute("UPDATE auth_user SET is_active = 0 WHERE username = ?", (user.email,))
    in_login.post("/login", type="code", code=user.next_code())
    for client in (signed_in, in_login):
        assert "<h1>Sign in</h1>" in client.get("/").text
        client.post("/login", type="password", username=user.email, password=user.password)
        assert "Incorrect email or password." in client.page.text
