"""Users of an example app that need no browser: they send what its pages would send, which is faster."""

import secrets
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from email.message import Message
from html.parser import HTMLParser
from http.client import HTTPConnection
from http.cookies import SimpleCookie
from urllib.parse import urlencode

from tests.browser.apps import STEP, App
from tests.support.database_servers import HOST
from totpkit.testing import SoftPhone

PASSWORD = "correct horse"  # noqa: S105 - for tests
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
REDIRECTS = {301, 302, 303, 307, 308}
MAX_REDIRECTS = 20


class ParsedPage(HTMLParser):
    """The hidden fields, the links and the ``<code>`` elements of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.hidden: dict[str, str] = {}
        self.links: list[str] = []
        self.codes: list[str] = []
        self._tag = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect a hidden field or a link."""
        attributes = {name: value or "" for name, value in attrs}
        self._tag = tag
        if tag == "input" and attributes.get("type") == "hidden":
            self.hidden[attributes["name"]] = attributes["value"]
        if tag == "a":
            self.links.append(attributes["href"])

    def handle_data(self, data: str) -> None:
        """Collect the text of a ``<code>`` element."""
        if self._tag == "code" and data.strip():
            self.codes.append(data.strip())


@dataclass
class Response:
    """A response of the app."""

    status: int = 0
    headers: Message = field(default_factory=Message)
    text: str = ""

    @property
    def parsed(self) -> ParsedPage:
        """The parsed page."""
        return ParsedPage(self.text)


class Client:
    """An HTTP client with cookies, which sends forms with the hidden fields of the current page.

    It keeps Secure cookies of http://127.0.0.1, as browsers do and ``http.cookiejar`` does not.
    """

    def __init__(self, app: App) -> None:
        self.cookies: dict[str, str] = {}
        self.page = Response()
        self.url = app.url
        self._port = app.port

    def request(self, method: str, path: str, body: str | bytes | None = None, **headers: str) -> Response:
        """Send a request with the cookies, and return the response."""
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        with closing(HTTPConnection(HOST, self._port, timeout=20)) as connection:
            connection.request(method, path, body, {"Cookie": cookie, **headers})
            response = connection.getresponse()
            result = Response(response.status, response.headers, response.read().decode())
        for line in result.headers.get_all("Set-Cookie", []):
            self.cookies |= {name: morsel.value for name, morsel in SimpleCookie(line).items()}
        return result

    def send(
        self, method: str, path: str, fields: Mapping[str, str] | None = None, **headers: str
    ) -> Response:
        """Send a form without following redirects."""
        if method == "POST":
            return self.request(method, path, urlencode(fields or {}), **FORM, **headers)
        return self.request(method, path, **headers)

    def get(self, path: str) -> Response:
        """Open a page, and follow redirects."""
        return self._follow(self.send("GET", path))

    def post(self, path: str, **fields: str) -> Response:
        """Send a form with the hidden fields of the current page, and follow redirects."""
        return self._follow(self.send("POST", path, self.page.parsed.hidden | fields, Origin=self.url))

    def _follow(self, response: Response) -> Response:
        for _ in range(MAX_REDIRECTS):
            if response.status not in REDIRECTS:
                self.page = response
                return response
            response = self.send("GET", response.headers["Location"].removeprefix(self.url))
        raise AssertionError("too many redirects")


@dataclass
class User:
    """A user with an email address and a password, and later with a phone and recovery codes."""

    app: App
    email: str = field(default_factory=lambda: f"{secrets.token_hex(6)}@example.com")
    password: str = PASSWORD
    uri: str = ""
    first_code: str = ""
    codes: list[str] = field(default_factory=list)
    client: Client = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.client = Client(self.app)

    @property
    def phone(self) -> SoftPhone:
        """The phone, which has the app's clock."""
        return SoftPhone(self.uri, clock=self.app.clock)

    def next_code(self) -> str:
        """Wait for the next code, and return it."""
        self.app.advance(STEP)
        return self.phone.code()

    def wrong_code(self) -> str:
        """Return a code that is not correct now or a few steps away."""
        nearby = {self.phone.code(steps=steps) for steps in range(-5, 6)}
        return next(code for code in map("{:06}".format, range(20)) if code not in nearby)

    def sign_up(self) -> None:
        """Create the account."""
        client = Client(self.app)
        client.get("/signup")
        client.post("/signup", username=self.email, password=self.password)
        assert "Welcome" in client.page.text

    def enter_password(self) -> Client:
        """Return a new client that has passed the first factor."""
        client = Client(self.app)
        client.get("/login")
        client.post("/login", type="password", username=self.email, password=self.password)
        return client

    def set_up(self) -> None:
        """Create the account and enroll a phone. Afterwards, ``client`` is signed in."""
        self.sign_up()
        self.client = self.enter_password()
        self.uri = next(link for link in self.client.page.parsed.links if link.startswith("otpauth:"))
        self.first_code = self.phone.code()
        self.client.post("/login", type="code", code=self.first_code)
        self.codes = self.client.page.parsed.codes

    def sign_in(self) -> Client:
        """Return a new client that has completed the login."""
        client = self.enter_password()
        client.post("/login", type="code", code=self.next_code())
        return client
