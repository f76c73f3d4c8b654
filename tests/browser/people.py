"""Customers of a shop who need no browser: they post what its pages would, and are quick."""

import secrets
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from email.message import Message
from html.parser import HTMLParser
from http.client import HTTPConnection
from http.cookies import SimpleCookie
from urllib.parse import urlencode

from tests.browser.shops import STEP, Shop
from tests.support.database_servers import HOST
from totpkit.testing import SoftPhone

PASSWORD = "correct horse"  # noqa: S105 - of these people
REDIRECTS = {301, 302, 303, 307, 308}
PATIENCE = 20
"""Redirects after which a browser gives up."""


class Reading(HTMLParser):
    """What a page says to a program: the hidden fields of its forms, and its links."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.hidden: dict[str, str] = {}
        self.links: list[str] = []
        self.listed: list[str] = []
        self._within = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a hidden field or a link."""
        found = {name: value or "" for name, value in attrs}
        self._within = tag
        if tag == "input" and found.get("type") == "hidden":
            self.hidden[found["name"]] = found["value"]
        if tag == "a":
            self.links.append(found["href"])

    def handle_data(self, data: str) -> None:
        """Note a line of code, as recovery codes are."""
        if self._within == "code" and data.strip():
            self.listed.append(data.strip())


@dataclass
class Answer:
    """What a shop has answered."""

    status: int = 0
    headers: Message = field(default_factory=Message)
    text: str = ""

    @property
    def reading(self) -> Reading:
        """What the page says."""
        return Reading(self.text)


class Visitor:
    """A browser without a screen: cookies, and forms with the hidden fields of the page before.

    It keeps Secure cookies of http://127.0.0.1, as browsers do and ``http.cookiejar`` does not.
    """

    def __init__(self, shop: Shop) -> None:
        self.cookies: dict[str, str] = {}
        self.page = Answer()
        self.url = shop.url
        self._port = shop.port

    def send(self, method: str, path: str, fields: Mapping[str, str] | None = None, **headers: str) -> Answer:
        """Send a request, and go nowhere."""
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        kind = {"Content-Type": "application/x-www-form-urlencoded"} if method == "POST" else {}
        body = urlencode(fields or {}) if method == "POST" else None
        with closing(HTTPConnection(HOST, self._port, timeout=10)) as connection:
            connection.request(method, path, body, {"Cookie": cookie, **kind, **headers})
            got = connection.getresponse()
            answer = Answer(got.status, got.headers, got.read().decode())
        for line in answer.headers.get_all("Set-Cookie", []):
            self.cookies |= {name: morsel.value for name, morsel in SimpleCookie(line).items()}
        return answer

    def get(self, path: str) -> Answer:
        """Go to a page, and where it leads."""
        return self._follow(self.send("GET", path))

    def post(self, path: str, **fields: str) -> Answer:
        """Send a form with the hidden fields of the page before, and go where it leads."""
        filled = {**self.page.reading.hidden, **fields}
        return self._follow(self.send("POST", path, filled, Origin=self.url))

    def _follow(self, answer: Answer) -> Answer:
        for _ in range(PATIENCE):
            if answer.status not in REDIRECTS:
                self.page = answer
                return answer
            answer = self.send("GET", answer.headers["Location"].removeprefix(self.url))
        raise AssertionError("it leads round in circles")


@dataclass
class Customer:
    """Somebody with an email address and a password, and later a phone and recovery codes."""

    shop: Shop
    email: str = field(default_factory=lambda: f"{secrets.token_hex(6)}@example.com")
    password: str = PASSWORD
    uri: str = ""
    first_code: str = ""
    codes: list[str] = field(default_factory=list)
    here: Visitor = field(init=False, repr=False)

    @property
    def phone(self) -> SoftPhone:
        """The phone, whose clock is the shop's."""
        return SoftPhone(self.uri, clock=self.shop.clock)

    def next_code(self) -> str:
        """Wait for the phone to show another code, and return it."""
        self.shop.advance(STEP)
        return self.phone.code()

    def wrong_code(self) -> str:
        """Return a code that the phone does not show near now."""
        near = {self.phone.code(steps) for steps in range(-5, 6)}
        return next(code for code in map("{:06}".format, range(20)) if code not in near)

    def sign_up(self) -> None:
        """Make the account."""
        visitor = Visitor(self.shop)
        visitor.get("/signup")
        visitor.post("/signup", username=self.email, password=self.password)
        assert "Welcome" in visitor.page.text

    def pass_password(self) -> Visitor:
        """Return a browser that has passed the first factor."""
        visitor = Visitor(self.shop)
        visitor.get("/login")
        visitor.post("/login", type="password", username=self.email, password=self.password)
        return visitor

    def set_up(self) -> None:
        """Make an account and set up a phone; *here* is signed in with it."""
        self.sign_up()
        visitor = self.pass_password()
        self.uri = next(link for link in visitor.page.reading.links if link.startswith("otpauth:"))
        self.first_code = self.phone.code()
        visitor.post("/login", type="code", code=self.first_code)
        self.codes = visitor.page.reading.listed
        self.here = visitor

    def sign_in(self) -> Visitor:
        """Return a browser that has passed the whole login."""
        visitor = self.pass_password()
        visitor.post("/login", type="code", code=self.next_code())
        return visitor
