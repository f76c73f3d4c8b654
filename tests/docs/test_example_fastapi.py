"""The FastAPI example as a JSON client sees it, such as a single-page or mobile app."""

import json
import secrets
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

from tests.browser.apps import STEP, App, running
from tests.browser.users import User
from tests.support.database_servers import HOST, redis_at, running_redis
from totpkit import KeyURI

EACH_STORE = pytest.mark.parametrize("app", ["sqlite", "redis"], indirect=True)

PASSWORD = f"correct {secrets.token_hex(8)}"
JSON = "application/json"
PAGES = [("GET", path) for path in ("/", "/qr", "/phone")]
CHANGES = [("POST", path) for path in ("/phone", "/codes", "/off")]
LOGIN_REQUIRED = {"type": "denied", "problem": "restart"}
RESTART = {"type": "denied", "problem": "restart", "retry_after": None}
UNAVAILABLE = {"type": "denied", "problem": "wait", "retry_after": 10}
INVALID_SIGNUP = {"problem": "wrong", "wrong": "Enter a valid email and a password of 8 to 200 characters."}
DONE = {"type": "done"}
AUTHENTICATED = {"type": "authenticated", "enrolled": False}
ENROLLED = {"type": "authenticated", "enrolled": True}
CODE = {"type": "code", "digits": 6}
PASSWORD_PROMPT = {"type": "password"}
PROOF_LIFETIME = 300.0
"""Seconds after a code during which the account pages ask for no other."""

FREE_FAILURES = 5
"""The last of these failures starts a wait."""


@dataclass
class JSONUser(User):
    """A user with a JSON client, which keeps the cookie."""

    password: str = PASSWORD
    ticket: str = ""

    def send(self, method: str, path: str, body: object = None, **headers: str) -> tuple[int, str]:
        """Send a request. Return the status and the body, which must not be cached."""
        raw = body if isinstance(body, bytes) else json.dumps(body or {})
        response = self.client.request(method, path, raw, **{"Accept": JSON, "Content-Type": JSON} | headers)
        assert response.headers["Cache-Control"] == "no-store"
        return response.status, response.text

    def call(self, method: str, path: str, body: object = None, **headers: str) -> tuple[int, Any]:
        """Send a request. Return the status and the parsed body."""
        status, text = self.send(method, path, body, **headers)
        result = json.loads(text)
        self.ticket = result.get("ticket", self.ticket)
        return status, result

    def answer(self, kind: str, **fields: str) -> tuple[int, Any]:
        """Answer the current challenge."""
        return self.call("POST", "/login", {"type": kind, **fields})

    def sign_up(self) -> None:
        """Create the account."""
        fields = {"username": self.email, "password": self.password}
        assert self.call("POST", "/signup", fields) == (200, DONE)

    def begin_login(self) -> Mapping[str, Any]:
        """Begin a login and pass the first factor. Return the challenge."""
        assert prompts_of(self.call("GET", "/login")) == (200, [PASSWORD_PROMPT])
        status, challenge = self.answer("password", username=self.email, password=self.password)
        assert (status, challenge["type"], challenge["problem"]) == (200, "challenge", None)
        return dict(challenge)

    def set_up(self) -> None:
        """Create the account, enroll a phone and get recovery codes."""
        self.sign_up()
        self.uri = self.begin_login()["prompts"][0]["uri"]
        self.first_code = self.phone.code()
        assert self.answer("code", code=self.first_code) == (200, ENROLLED)
        self.codes = self.call("POST", "/codes")[1]["codes"]

    def elsewhere(self) -> "JSONUser":
        """Return the same user in another client, after the first factor."""
        other = JSONUser(self.app, self.email)
        other.begin_login()
        return other

    def codes_left(self) -> object:
        """Return the number of recovery codes on the account page, or None if there is no page."""
        return self.call("GET", "/")[1].get("left")


def prompts_of(response: tuple[int, Any]) -> tuple[int, object]:
    """Return the status and the prompts of a response."""
    return response[0], response[1]["prompts"]


@pytest.fixture(scope="module", params=["sqlite"])
def app(request: pytest.FixtureRequest) -> Iterator[App]:
    """Return the running app, with this kind of store."""
    environment = {"REDIS_URL": request.getfixturevalue("redis_url")} if request.param == "redis" else {}
    with running("fastapi", PYTHONWARNINGS="default", **environment) as app:
        yield app


@pytest.fixture
def user(app: App) -> JSONUser:
    """Return a new user with a phone, who is signed in."""
    user = JSONUser(app)
    user.set_up()
    return user


@EACH_STORE
def test_first_login(app: App) -> None:
    """A new user signs up, enters the password, adds the URI to an app, and is signed in with its code."""
    new = JSONUser(app)
    new.sign_up()
    prompts = new.begin_login()["prompts"]
    assert [prompt["type"] for prompt in prompts] == ["enrollment"]
    new.uri = prompts[0]["uri"]
    assert ("Acme", new.email) == (KeyURI.parse(new.uri).issuer, KeyURI.parse(new.uri).account)
    status, challenge = new.answer("code", code=new.wrong_code())
    assert (status, challenge["problem"], challenge["prompts"]) == (200, "wrong", prompts)
    assert new.answer("code", code=new.phone.code()) == (200, ENROLLED)
    status, body = new.call("POST", "/codes")
    assert (status, body["type"], len(set(body["codes"]))) == (200, "recovery_codes", 10)
    status, account = new.call("GET", "/")
    assert (200, new.email, 10) == (status, account["email"], account["left"])
    assert new.call("POST", "/logout") == (200, DONE)
    assert new.call("GET", "/") == (401, LOGIN_REQUIRED)


@EACH_STORE
def test_next_login(user: JSONUser) -> None:
    """The next login asks for a code and shows no secret."""
    other = user.elsewhere()
    assert prompts_of(other.call("GET", "/login")) == (200, [CODE, {"type": "recovery"}])
    assert other.answer("code", code=user.next_code()) == (200, AUTHENTICATED)
    assert other.codes_left() == 10


def test_wrong_password(user: JSONUser) -> None:
    """A wrong password and an unknown email get the same response."""
    other, responses = JSONUser(user.app), []
    for name in (user.email, JSONUser(user.app).email):
        other.call("GET", "/login")
        status, body = other.answer("password", username=name, password="wrong")  # noqa: S106 - for tests
        responses.append((status, body["problem"], body["prompts"]))
    assert responses == [(200, "wrong", [PASSWORD_PROMPT])] * 2


@EACH_STORE
def test_replay(user: JSONUser) -> None:
    """A used code, even the one that confirmed the enrollment, is rejected like a wrong one."""
    first, second = user.elsewhere(), user.elsewhere()
    assert first.answer("code", code=user.first_code)[1]["problem"] == "wrong"
    code = user.next_code()
    assert first.answer("code", code=code)[1]["type"] == "authenticated"
    status, body = second.answer("code", code=code)
    assert (status, body["type"], body["problem"]) == (200, "challenge", "wrong")
    assert second.codes_left() is None


@EACH_STORE
def test_race(user: JSONUser) -> None:
    """If four clients send the same code at once, only one is signed in."""
    clients = [user.elsewhere() for _ in range(4)]
    code = user.next_code()
    with ThreadPoolExecutor(len(clients)) as pool:
        types = list(pool.map(lambda user: user.answer("code", code=code)[1]["type"], clients))
    assert sorted(types) == ["authenticated", "challenge", "challenge", "challenge"]


@EACH_STORE
def test_recovery_code(user: JSONUser) -> None:
    """A recovery code works once."""
    other = user.elsewhere()
    assert other.answer("recovery", code=user.codes[0]) == (200, AUTHENTICATED)
    assert other.codes_left() == 9
    again = user.elsewhere()
    assert again.answer("recovery", code=user.codes[0])[1]["problem"] == "wrong"
    assert again.answer("recovery", code=user.codes[1])[1]["type"] == "authenticated"


def test_wait(user: JSONUser) -> None:
    """After five failures, even a correct code has to wait, and the response says how long."""
    other = user.elsewhere()
    body = [other.answer("code", code=user.wrong_code())[1] for _ in range(FREE_FAILURES)][-1]
    assert 0 < body["retry_after"] <= STEP
    status, body = other.answer("recovery", code=user.codes[0])
    assert (status, body["problem"], 0 < body["retry_after"] <= STEP) == (200, "wait", True)
    assert other.call("GET", "/login")[1]["retry_after"] <= STEP
    user.app.advance(STEP)
    assert other.answer("recovery", code=user.codes[0])[1]["type"] == "authenticated"


@EACH_STORE
def test_new_phone(user: JSONUser) -> None:
    """A new phone replaces the old one when its first code is entered."""
    old = user.phone
    status, shown = user.call("GET", "/phone")
    assert (status, shown["uri"] == user.uri) == (200, False)
    user.uri = shown["uri"]
    rejected = {"type": "rejected", "problem": "wrong", "retry_after": None}
    assert (403, rejected) == user.call("POST", "/phone", {"code": user.wrong_code()})
    assert (403, rejected) == user.call("POST", "/phone", {"code": 123456})
    user.app.advance(STEP)
    assert user.elsewhere().answer("code", code=old.code())[1]["type"] == "authenticated"
    assert user.call("POST", "/phone", {"code": user.next_code()}) == (200, DONE)
    assert user.call("POST", "/codes")[0] == 200
    other = user.elsewhere()
    assert other.answer("code", code=old.code(steps=1))[1]["problem"] == "wrong"
    assert other.answer("code", code=user.phone.code(steps=1))[1]["type"] == "authenticated"


def test_new_recovery_codes(user: JSONUser) -> None:
    """New recovery codes replace the old ones."""
    old = user.codes
    status, body = user.call("POST", "/codes")
    assert (200, set()) == (status, {*old} & {*body["codes"]})
    assert user.elsewhere().answer("recovery", code=old[0])[1]["problem"] == "wrong"
    assert user.elsewhere().answer("recovery", code=body["codes"][0])[1]["type"] == "authenticated"


@EACH_STORE
def test_switch_off(user: JSONUser) -> None:
    """Turning it off ends all sessions, and the next login enrolls again."""
    other = user.elsewhere()
    other.answer("code", code=user.next_code())
    assert user.call("POST", "/off") == (200, DONE)
    assert user.call("GET", "/") == (401, LOGIN_REQUIRED)
    assert other.call("POST", "/codes") == (403, RESTART)
    assert other.call("GET", "/") == (401, LOGIN_REQUIRED)
    (prompt,) = user.begin_login()["prompts"]
    assert (prompt["type"], prompt["uri"] == user.uri) == ("enrollment", False)


@EACH_STORE
def test_step_up(user: JSONUser) -> None:
    """Five minutes after the code, the account pages return 401 and ask for a new code."""
    user.app.advance(PROOF_LIFETIME + 60)
    for method, path in [*PAGES[1:], *CHANGES]:
        status, body = user.call(method, path)
        assert (status, body["type"]) == (401, "challenge"), path
        assert CODE in body["prompts"]
    assert user.codes_left() == 10
    code = user.phone.code()
    assert user.answer("code", code=code) == (200, AUTHENTICATED)
    assert user.call("POST", "/off") == (200, DONE)


def test_no_way_around(user: JSONUser) -> None:
    """Without the second factor, nothing of the account is shown or changed."""
    signed_out = JSONUser(user.app, user.email, user.uri)
    signed_out.client.cookies = dict(user.elsewhere().client.cookies)
    signed_out.call("POST", "/logout")
    code, begun = user.phone.code(steps=1), JSONUser(user.app)
    begun.call("GET", "/login")
    for other in (JSONUser(user.app), begun, user.elsewhere(), signed_out):
        for method, path in [*PAGES, *CHANGES, ("GET", "/openapi.json"), ("GET", "/nothing")]:
            assert other.call(method, path, {"code": code}) == (401, LOGIN_REQUIRED), path
    assert (user.codes_left(), user.call("GET", "/qr")[1]["uri"]) == (10, user.uri)


def test_stolen_ticket(user: JSONUser) -> None:
    """The ticket of another client is rejected, and the code that was sent with it is not spent."""
    other, attacker, code = user.elsewhere(), JSONUser(user.app), user.next_code()
    assert attacker.answer("code", code=code, ticket=other.ticket) == (403, RESTART)
    attacker.call("GET", "/login")
    assert prompts_of(attacker.answer("code", code=code, ticket=other.ticket)) == (400, [PASSWORD_PROMPT])
    assert attacker.call("GET", "/") == (401, LOGIN_REQUIRED)
    assert other.answer("code", code=code)[1]["type"] == "authenticated"


def test_cross_site(user: JSONUser) -> None:
    """Cross-site requests are rejected and have no effect."""
    other, code = user.elsewhere(), user.next_code()
    answer = {"type": "code", "code": code}
    for site in (
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", "Origin": user.app.url},
        {"Origin": "https://evil.example"},
        {"Origin": f"http://{HOST}:1"},
        {"Origin": "null"},
        {"Origin": "http://["},
        {"Origin": ""},
    ):
        assert other.call("POST", "/login", answer, **site) == (403, LOGIN_REQUIRED), site
        for path in ("/codes", "/off", "/phone", "/logout", "/signup", "/nothing"):
            assert user.call("POST", path, **site) == (403, LOGIN_REQUIRED), site
        for method in ("PUT", "PATCH", "DELETE", "OPTIONS"):
            assert user.call(method, "/", **site) == (403, LOGIN_REQUIRED), site
    assert user.codes_left() == 10
    assert user.elsewhere().answer("recovery", code=user.codes[0]) == (200, AUTHENTICATED)
    assert other.answer("code", code=code) == (200, AUTHENTICATED)


def test_same_site(user: JSONUser) -> None:
    """Requests from the app's own pages and from other programs are accepted."""
    for site in (
        {},
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": user.app.url},
    ):
        other = user.elsewhere()
        other.call("GET", "/login")
        assert other.call("POST", "/logout", **site) == (200, DONE), site


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff",
        b"[]",
        b"7",
        b"[" * 100_000,
        {"type": "code", "code": 42137},
        {"type": "password", "username": ["alice@example.com"], "password": PASSWORD},
        {"type": "password", "username": "alice@example.com", "password": "\ud800" * 8},
        {"type": "federated", "provider": "google", "account_id": "1"},
    ],
    ids=lambda body: str(body)[:20],
)
def test_malformed(app: App, body: object) -> None:
    """A malformed body gets a normal response that does not repeat it, and the login can continue."""
    new = JSONUser(app)
    assert new.call("POST", "/signup", body) == (400, {"email": "", **INVALID_SIGNUP})
    assert new.call("POST", "/login", body) == (403, RESTART)
    new.call("GET", "/login")
    status, challenge = new.call("POST", "/login", body)
    assert (status, challenge["problem"], challenge["prompts"]) == (400, "wrong", [PASSWORD_PROMPT])


@pytest.mark.parametrize("charset", ["unicode_escape", "undefined", "punycode"])
def test_odd_charset(app: App, charset: str) -> None:
    """A form in a charset that no browser uses counts as malformed."""
    part = 'Content-Disposition: form-data; name="{}"\r\n\r\n{}\r\n'
    fields = {"type": "password", "username": "alice@example.com", "password": "\\ud800" * 8}
    body = "".join(f"--x\r\n{part.format(*field)}" for field in fields.items()) + "--x--\r\n"
    kind = {"Content-Type": f"multipart/form-data; boundary=x; charset={charset}"}
    new = JSONUser(app)
    assert new.call("POST", "/signup", body.encode(), **kind) == (400, {"email": "", **INVALID_SIGNUP})
    assert new.call("POST", "/login", body.encode(), **kind) == (403, RESTART)


def test_no_challenge(user: JSONUser) -> None:
    """An answer without a challenge is rejected."""
    body = {"type": "password", "username": user.email, "password": PASSWORD}
    assert JSONUser(user.app).call("POST", "/login", body) == (403, RESTART)


def test_charset(app: App) -> None:
    """A content type may include the charset."""
    new = JSONUser(app)
    fields = {"username": new.email.upper(), "password": PASSWORD}
    kind = {"Content-Type": f"{JSON}; charset=utf-8"}
    assert new.call("POST", "/signup", fields, **kind) == (200, DONE)
    new.begin_login()


@pytest.mark.parametrize(
    "fields",
    [
        {"username": "alice", "password": PASSWORD},
        {"username": "a\0@example.com", "password": PASSWORD},
        {"username": "a:b@example.com", "password": PASSWORD},
        {"username": "short@example.com", "password": "seven 7"},
        {"username": "long@example.com", "password": "x" * 201},
    ],
    ids=lambda fields: fields["username"],
)
def test_invalid_signup(app: App, fields: dict[str, str]) -> None:
    """An invalid sign-up is rejected, and the response does not contain the password."""
    expected = {"email": fields["username"], **INVALID_SIGNUP}
    assert JSONUser(app).call("POST", "/signup", fields) == (400, expected)


def test_taken(user: JSONUser) -> None:
    """An email address belongs to one account, in upper or lower case. Its password does not change."""
    fields = {"username": user.email.upper(), "password": "another horse"}
    status, body = JSONUser(user.app).call("POST", "/signup", fields)
    assert (status, body["wrong"]) == (400, "An account with this email already exists.")
    user.elsewhere()


def test_store_unavailable() -> None:
    """If the store is unavailable, the response says so. No code is accepted or spent."""
    with running_redis() as server, running("fastapi", REDIS_URL=redis_at(server)) as app:
        user = JSONUser(app)
        user.set_up()
        other, code = user.elsewhere(), user.next_code()
        server.stop()
        assert other.answer("code", code=code) == (503, UNAVAILABLE)
        assert user.call("GET", "/") == (503, UNAVAILABLE)
        status, text = user.send("GET", "/", Accept="text/html")
        assert (status, text) == (503, "Codes cannot be verified right now. Please try again in a moment.")
        assert other.call("GET", "/qr") == (401, LOGIN_REQUIRED)
        server.start()
        assert other.answer("code", code=code) == (200, AUTHENTICATED)
        check_log(user)


def test_log(user: JSONUser) -> None:
    """The log contains no secret, password, code, ticket, cookie, warning or traceback."""
    other, codes = user.elsewhere(), [user.wrong_code(), user.next_code()]
    tickets = [other.ticket, *(other.answer("code", code=code)[1].get("ticket", "") for code in codes)]
    user.answer("code", code="not\ndigits")
    JSONUser(user.app).call("POST", "/login", {"type": "code", "code": {"x": codes[0]}})
    user.call("GET", "/qr")
    check_log(user, *codes, *filter(None, tickets), *other.client.cookies.values())


def check_log(user: JSONUser, *hidden: str) -> None:
    """Fail if the log contains a secret of the user, a warning or a traceback."""
    otp_secret, log = KeyURI.parse(user.uri).otp.secret, user.app.log()
    secrets = (
        otp_secret.to_base32(),
        otp_secret.grouped(),
        PASSWORD,
        *user.codes,
        *user.client.cookies.values(),
        "otpauth",
    )
    assert "POST /login" in log
    assert not [text for text in (*secrets, *hidden, "Traceback", "Warning") if text in log]
