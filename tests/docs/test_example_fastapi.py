"""The example in FastAPI as programs see it: a single-page app or an app on a phone, which speak JSON."""

import json
import secrets
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.cookies import SimpleCookie
from typing import Any

import pytest

from tests.browser.shops import STEP, Shop, running
from tests.support.database_servers import HOST, redis_at, running_redis
from totpkit import KeyURI
from totpkit.testing import SoftPhone

EVERYWHERE = pytest.mark.parametrize("shop", ["sqlite", "redis"], indirect=True)
"""What depends on where the records are."""

PASSWORD = f"correct {secrets.token_hex(8)}"
JSON = "application/json"
SHOWN = [("GET", path) for path in ("/", "/qr", "/phone")]
DONE = [("POST", path) for path in ("/phone", "/codes", "/off")]
SIGN_IN = {"type": "denied", "problem": "restart"}
BEGIN_AGAIN = {"type": "denied", "problem": "restart", "retry_after": None}
LATER = {"type": "denied", "problem": "wait", "retry_after": 10}
NO_ACCOUNT = {"problem": "wrong", "wrong": "Email or password won't do."}
NOTHING_MORE = {"type": "done"}
IN = {"type": "authenticated", "enrolled": False}
FIRST_IN = {"type": "authenticated", "enrolled": True}
CODE = {"type": "code", "digits": 6}
PROOF_LIFE = 300.0
"""Seconds after a code for which my account asks for no other."""

TRIES = 5
"""Failures after which a wait begins."""


@dataclass
class Program:
    """Somebody's program: it keeps the cookie. The ticket of the last challenge it need not send."""

    shop: Shop
    email: str = field(default_factory=lambda: f"{secrets.token_hex(6)}@example.com")
    uri: str = ""
    first: str = ""
    codes: list[str] = field(default_factory=list)
    cookies: dict[str, str] = field(default_factory=dict)
    ticket: str = ""

    @property
    def phone(self) -> SoftPhone:
        """The phone, whose clock is the shop's."""
        return SoftPhone(self.uri, clock=self.shop.clock)

    def send(self, method: str, path: str, body: object = None, **headers: str) -> tuple[int, str]:
        """Send a request; return the status and the text of the answer, which nobody may keep."""
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        common = {"Accept": JSON, "Content-Type": JSON, "Cookie": cookie}
        raw = body if isinstance(body, bytes) else json.dumps(body or {})
        with closing(HTTPConnection(HOST, self.shop.port, timeout=20)) as connection:
            connection.request(method, path, raw, common | headers)
            got = connection.getresponse()
            status, text = got.status, got.read().decode()
        for line in got.headers.get_all("Set-Cookie", []):
            self.cookies |= {name: morsel.value for name, morsel in SimpleCookie(line).items()}
        assert got.headers["Cache-Control"] == "no-store"
        return status, text

    def call(self, method: str, path: str, body: object = None, **headers: str) -> tuple[int, Any]:
        """Send a request; return the status and what the answer holds."""
        status, text = self.send(method, path, body, **headers)
        said = json.loads(text)
        self.ticket = said.get("ticket", self.ticket)
        return status, said

    def answer(self, kind: str, **fields: str) -> tuple[int, Any]:
        """Answer the last challenge."""
        return self.call("POST", "/login", {"type": kind, **fields})

    def sign_up(self) -> None:
        """Make the account."""
        person = {"username": self.email, "password": PASSWORD}
        assert self.call("POST", "/signup", person) == (200, NOTHING_MORE)

    def pass_password(self) -> Mapping[str, Any]:
        """Begin a login, and pass its first factor; return the challenge."""
        assert prompted(self.call("GET", "/login")) == (200, [{"type": "password"}])
        status, said = self.answer("password", username=self.email, password=PASSWORD)
        assert (status, said["type"], said["problem"]) == (200, "challenge", None)
        return dict(said)

    def set_up(self) -> None:
        """Make an account, set up a phone, and take the recovery codes."""
        self.sign_up()
        self.uri = self.pass_password()["prompts"][0]["uri"]
        self.first = self.phone.code()
        assert self.answer("code", code=self.first) == (200, FIRST_IN)
        self.codes = self.call("POST", "/codes")[1]["codes"]

    def elsewhere(self) -> "Program":
        """Return another program of this person, which has passed the password."""
        other = Program(self.shop, self.email)
        other.pass_password()
        return other

    def next_code(self) -> str:
        """Wait for the phone to show another code, and return it."""
        self.shop.advance(STEP)
        return self.phone.code()

    def wrong_code(self) -> str:
        """Return a code that the phone does not show near now."""
        near = {self.phone.code(steps) for steps in range(-5, 6)}
        return next(code for code in map("{:06}".format, range(20)) if code not in near)

    def left(self) -> object:
        """Return how many recovery codes the account page tells of; None without one."""
        return self.call("GET", "/")[1].get("left")


def prompted(answered: tuple[int, Any]) -> tuple[int, object]:
    """Return the status and the prompts of an answer."""
    return answered[0], answered[1]["prompts"]


@pytest.fixture(scope="module", params=["sqlite"])
def shop(request: pytest.FixtureRequest) -> Iterator[Shop]:
    """Give the app, which runs; its records are in a store of this kind."""
    store = {"REDIS_URL": request.getfixturevalue("redis_url")} if request.param == "redis" else {}
    with running("fastapi", PYTHONWARNINGS="default", **store) as shop:
        yield shop


@pytest.fixture
def alice(shop: Shop) -> Program:
    """Give somebody who has just set up a phone, and is signed in."""
    alice = Program(shop)
    alice.set_up()
    return alice


@EVERYWHERE
def test_first_login(shop: Shop) -> None:
    """Who is new signs up, passes the password, scans the URI, and is in with a code of the phone."""
    new = Program(shop)
    new.sign_up()
    asked = new.pass_password()["prompts"]
    assert [prompt["type"] for prompt in asked] == ["enrollment"]
    new.uri = asked[0]["uri"]
    assert ("Acme", new.email) == (KeyURI.parse(new.uri).issuer, KeyURI.parse(new.uri).account)
    status, refused = new.answer("code", code=new.wrong_code())
    assert (200, "wrong", asked) == (status, refused["problem"], refused["prompts"])
    assert new.answer("code", code=new.phone.code()) == (200, FIRST_IN)
    status, sheet = new.call("POST", "/codes")
    assert (status, sheet["type"], len(set(sheet["codes"]))) == (200, "recovery_codes", 10)
    status, account = new.call("GET", "/")
    assert (200, new.email, 10) == (status, account["email"], account["left"])
    assert new.call("POST", "/logout") == (200, NOTHING_MORE)
    assert new.call("GET", "/") == (401, SIGN_IN)


@EVERYWHERE
def test_next_login(alice: Program) -> None:
    """The next login asks for a code, shows no secret, and enrolls nobody."""
    asked = alice.elsewhere()
    assert prompted(asked.call("GET", "/login")) == (200, [CODE, {"type": "recovery"}])
    assert asked.answer("code", code=alice.next_code()) == (200, IN)
    assert asked.left() == 10


def test_wrong_password(alice: Program) -> None:
    """A wrong password and an unknown name get the same answer."""
    other, answers = Program(alice.shop), []
    for name in (alice.email, Program(alice.shop).email):
        other.call("GET", "/login")
        status, said = other.answer("password", username=name, password="wrong")  # noqa: S106 - of no one
        answers.append((status, said["problem"], said["prompts"]))
    assert answers == [(200, "wrong", [{"type": "password"}])] * 2


@EVERYWHERE
def test_replay(alice: Program) -> None:
    """A code lets in once, also the one that enrolled, and then gets the answer of a wrong one."""
    first, second = alice.elsewhere(), alice.elsewhere()
    assert first.answer("code", code=alice.first)[1]["problem"] == "wrong"
    code = alice.next_code()
    assert first.answer("code", code=code)[1]["type"] == "authenticated"
    status, said = second.answer("code", code=code)
    assert (status, said["type"], said["problem"]) == (200, "challenge", "wrong")
    assert second.left() is None


@EVERYWHERE
def test_race(alice: Program) -> None:
    """Of programs that send one code at once one is let in."""
    programs = [alice.elsewhere() for _ in range(4)]
    code = alice.next_code()
    with ThreadPoolExecutor(len(programs)) as pool:
        said = list(pool.map(lambda program: program.answer("code", code=code)[1]["type"], programs))
    assert sorted(said) == ["authenticated", "challenge", "challenge", "challenge"]


@EVERYWHERE
def test_recovery_code(alice: Program) -> None:
    """A recovery code lets in once."""
    other = alice.elsewhere()
    assert other.answer("recovery", code=alice.codes[0]) == (200, IN)
    assert other.left() == 9
    again = alice.elsewhere()
    assert again.answer("recovery", code=alice.codes[0])[1]["problem"] == "wrong"
    assert again.answer("recovery", code=alice.codes[1])[1]["type"] == "authenticated"


def test_wait(alice: Program) -> None:
    """After some failures the answer tells how long to wait, also for what is right."""
    other = alice.elsewhere()
    said = [other.answer("code", code=alice.wrong_code())[1] for _ in range(TRIES)][-1]
    assert 0 < said["retry_after"] <= STEP
    status, said = other.answer("recovery", code=alice.codes[0])
    assert (status, said["problem"], 0 < said["retry_after"] <= STEP) == (200, "wait", True)
    assert other.call("GET", "/login")[1]["retry_after"] <= STEP
    alice.shop.advance(STEP)
    assert other.answer("recovery", code=alice.codes[0])[1]["type"] == "authenticated"


def test_same_picture(alice: Program) -> None:
    """My account shows the same URI again."""
    status, shown = alice.call("GET", "/qr")
    assert (200, alice.uri) == (status, shown["uri"])


@EVERYWHERE
def test_new_phone(alice: Program) -> None:
    """A new phone takes over with its first code, and not before."""
    old = alice.phone
    status, shown = alice.call("GET", "/phone")
    assert (status, shown["uri"] == alice.uri) == (200, False)
    alice.uri = shown["uri"]
    rejected = {"type": "rejected", "problem": "wrong", "retry_after": None}
    assert (403, rejected) == alice.call("POST", "/phone", {"code": alice.wrong_code()})
    assert (403, rejected) == alice.call("POST", "/phone", {"code": 123456})
    alice.shop.advance(STEP)
    assert alice.elsewhere().answer("code", code=old.code())[1]["type"] == "authenticated"
    assert alice.call("POST", "/phone", {"code": alice.next_code()}) == (200, NOTHING_MORE)
    assert alice.call("POST", "/codes")[0] == 200
    other = alice.elsewhere()
    assert other.answer("code", code=old.code(1))[1]["problem"] == "wrong"
    assert other.answer("code", code=alice.phone.code(1))[1]["type"] == "authenticated"


def test_new_recovery_codes(alice: Program) -> None:
    """New recovery codes replace the old ones."""
    old = alice.codes
    status, sheet = alice.call("POST", "/codes")
    assert (200, set()) == (status, {*old} & {*sheet["codes"]})
    assert alice.elsewhere().answer("recovery", code=old[0])[1]["problem"] == "wrong"
    assert alice.elsewhere().answer("recovery", code=sheet["codes"][0])[1]["type"] == "authenticated"


@EVERYWHERE
def test_switch_off(alice: Program) -> None:
    """Switching off signs out here and ends what others can do; the next login sets up another phone."""
    other = alice.elsewhere()
    other.answer("code", code=alice.next_code())
    assert alice.call("POST", "/off") == (200, NOTHING_MORE)
    assert alice.call("GET", "/") == (401, SIGN_IN)
    assert other.call("POST", "/codes") == (403, BEGIN_AGAIN)
    assert other.call("GET", "/") == (401, SIGN_IN)
    (prompt,) = alice.pass_password()["prompts"]
    assert (prompt["type"], prompt["uri"] == alice.uri) == ("enrollment", False)


@EVERYWHERE
def test_step_up(alice: Program) -> None:
    """Five minutes after the code another is asked for, with a status that nobody takes for done."""
    alice.shop.advance(PROOF_LIFE + 60)
    for method, path in [*SHOWN[1:], *DONE]:
        status, said = alice.call(method, path)
        assert (status, said["type"]) == (401, "challenge"), path
        assert CODE in said["prompts"]
    assert alice.left() == 10
    code = alice.phone.code()
    assert alice.answer("code", code=code) == (200, IN)
    assert alice.call("POST", "/off") == (200, NOTHING_MORE)


def test_no_way_around(alice: Program) -> None:
    """Without the second factor nothing of the account is shown or done, whatever was passed before."""
    signed_out = Program(alice.shop, alice.email, alice.uri)
    signed_out.cookies = dict(alice.elsewhere().cookies)
    signed_out.call("POST", "/logout")
    begun = Program(alice.shop)
    begun.call("GET", "/login")
    for program in (Program(alice.shop), begun, alice.elsewhere(), signed_out):
        for method, path in [*SHOWN, *DONE, ("GET", "/openapi.json"), ("GET", "/nothing")]:
            assert program.call(method, path, {"code": alice.phone.code(1)}) == (401, SIGN_IN), path
    assert (alice.left(), alice.call("GET", "/qr")[1]["uri"]) == (10, alice.uri)


def test_carried_ticket(alice: Program) -> None:
    """The ticket of another program is worth nothing, and the code that came with it is not spent."""
    other, thief, code = alice.elsewhere(), Program(alice.shop), alice.next_code()
    assert thief.answer("code", code=code, ticket=other.ticket) == (403, BEGIN_AGAIN)
    thief.call("GET", "/login")
    assert prompted(thief.answer("code", code=code, ticket=other.ticket)) == (400, [{"type": "password"}])
    assert thief.call("GET", "/") == (401, SIGN_IN)
    assert other.answer("code", code=code)[1]["type"] == "authenticated"


def test_cross_site(alice: Program) -> None:
    """What a page of another site sends is refused, at the login too, and has no effect."""
    other, code = alice.elsewhere(), alice.next_code()
    answer = {"type": "code", "code": code}
    for site in (
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", "Origin": alice.shop.url},
        {"Origin": "https://evil.example"},
        {"Origin": f"http://{HOST}:1"},
        {"Origin": "null"},
        {"Origin": "http://["},
        {"Origin": ""},
    ):
        assert other.call("POST", "/login", answer, **site) == (403, SIGN_IN), site
        for path in ("/codes", "/off", "/phone", "/logout", "/signup", "/nothing"):
            assert alice.call("POST", path, **site) == (403, SIGN_IN), site
        for method in ("PUT", "PATCH", "DELETE", "OPTIONS"):
            assert alice.call(method, "/", **site) == (403, SIGN_IN), site
    assert alice.left() == 10
    assert alice.elsewhere().answer("recovery", code=alice.codes[0]) == (200, IN)
    assert other.answer("code", code=code) == (200, IN)


def test_own_site(alice: Program) -> None:
    """What the shop's own page sends is taken, and what comes from no browser."""
    for site in (
        {},
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": alice.shop.url},
    ):
        other = alice.elsewhere()
        other.call("GET", "/login")
        assert other.call("POST", "/logout", **site) == (200, NOTHING_MORE), site


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
def test_unreadable(shop: Shop, body: object) -> None:
    """What cannot be read gets an answer of a known form, and none of it back; a login goes on."""
    new = Program(shop)
    assert new.call("POST", "/signup", body) == (400, {"email": "", **NO_ACCOUNT})
    assert new.call("POST", "/login", body) == (403, BEGIN_AGAIN)
    new.call("GET", "/login")
    status, said = new.call("POST", "/login", body)
    assert (status, said["problem"], said["prompts"]) == (400, "wrong", [{"type": "password"}])


@pytest.mark.parametrize("charset", ["unicode_escape", "undefined", "punycode"])
def test_odd_charset(shop: Shop, charset: str) -> None:
    """A form in a charset that no browser uses is one that cannot be read."""
    part = 'Content-Disposition: form-data; name="{}"\r\n\r\n{}\r\n'
    fields = {"type": "password", "username": "alice@example.com", "password": "\\ud800" * 8}
    body = "".join(f"--x\r\n{part.format(*field)}" for field in fields.items()) + "--x--\r\n"
    kind = {"Content-Type": f"multipart/form-data; boundary=x; charset={charset}"}
    new = Program(shop)
    assert new.call("POST", "/signup", body.encode(), **kind) == (400, {"email": "", **NO_ACCOUNT})
    assert new.call("POST", "/login", body.encode(), **kind) == (403, BEGIN_AGAIN)


def test_not_begun(alice: Program) -> None:
    """Who answers and has not asked before begins again."""
    body = {"type": "password", "username": alice.email, "password": PASSWORD}
    assert Program(alice.shop).call("POST", "/login", body) == (403, BEGIN_AGAIN)


def test_charset(shop: Shop) -> None:
    """A content type may name its charset."""
    new = Program(shop)
    person = {"username": new.email.upper(), "password": PASSWORD}
    kind = {"Content-Type": f"{JSON}; charset=utf-8"}
    assert new.call("POST", "/signup", person, **kind) == (200, NOTHING_MORE)
    new.pass_password()


@pytest.mark.parametrize(
    "person",
    [
        {"username": "alice", "password": PASSWORD},
        {"username": "a\0@example.com", "password": PASSWORD},
        {"username": "a:b@example.com", "password": PASSWORD},
        {"username": "short@example.com", "password": "seven 7"},
        {"username": "long@example.com", "password": "x" * 201},
    ],
    ids=lambda person: person["username"],
)
def test_no_such_account(shop: Shop, person: dict[str, str]) -> None:
    """An account that will not do is refused, and its password is not sent back."""
    refused = {"email": person["username"], **NO_ACCOUNT}
    assert (400, refused) == Program(shop).call("POST", "/signup", person)


def test_taken(alice: Program) -> None:
    """An email address is one account's, however it is spelled; its password stays what it was."""
    thief = {"username": alice.email.upper(), "password": "another horse"}
    status, said = Program(alice.shop).call("POST", "/signup", thief)
    assert (status, said["wrong"]) == (400, "This email is taken.")
    alice.elsewhere()


def test_store_away() -> None:
    """While the store does not answer nobody is let in, and no code is spent; who asks can read why."""
    with running_redis() as server, running("fastapi", REDIS_URL=redis_at(server)) as shop:
        alice = Program(shop)
        alice.set_up()
        other, code = alice.elsewhere(), alice.next_code()
        server.stop()
        assert other.answer("code", code=code) == (503, LATER)
        assert alice.call("GET", "/") == (503, LATER)
        status, text = alice.send("GET", "/", Accept="text/html")
        assert (status, text) == (503, "No codes can be checked just now. Please try again in a moment.")
        assert other.call("GET", "/qr") == (401, SIGN_IN)
        server.start()
        assert other.answer("code", code=code) == (200, IN)
        assert_quiet(alice)


def test_log(alice: Program) -> None:
    """What the app prints holds no secret, password, code, ticket or cookie, and no complaint."""
    other, codes = alice.elsewhere(), [alice.wrong_code(), alice.next_code()]
    tickets = [other.ticket, *(other.answer("code", code=code)[1].get("ticket", "") for code in codes)]
    alice.answer("code", code="not\ndigits")
    Program(alice.shop).call("POST", "/login", {"type": "code", "code": {"x": codes[0]}})
    alice.call("GET", "/qr")
    assert_quiet(alice, *codes, *filter(None, tickets), *other.cookies.values())


def assert_quiet(alice: Program, *hidden: str) -> None:
    """Fail if the log of the shop tells something of hers, or complains."""
    secret, log = KeyURI.parse(alice.uri).otp.secret, alice.shop.log()
    held = (secret.to_base32(), secret.grouped(), PASSWORD, *alice.codes, *alice.cookies.values(), "otpauth")
    assert "POST /login" in log
    assert not [text for text in (*held, *hidden, "Traceback", "Warning") if text in log]
