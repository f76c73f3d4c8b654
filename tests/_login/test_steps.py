"""How factors can be put together, and the errors for everything that cannot."""

from collections.abc import Callable
from functools import reduce
from operator import or_
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from tests.support.authenticators import POLICY
from tests.support.fakes import Later
from tests.support.flows import KEYS
from tests.support.strategies import shown
from totpkit import (
    AsyncAuthenticator,
    AsyncAuthFlow,
    Authenticator,
    AuthFlow,
    EmailCode,
    Federated,
    FirstFactor,
    FirstFactorError,
    FlowError,
    InvalidParameterError,
    Password,
    RecoveryCode,
    SecondFactor,
    Secret,
    TotpCode,
)
from totpkit._login.auth_flow import login_of
from totpkit._login.steps import METHODS, Steps, build_steps
from totpkit.stores.memory import MemoryStore
from totpkit.vault import PLAINTEXT


def authenticator() -> Authenticator:
    """Return an authenticator with its own store."""
    return Authenticator(MemoryStore(), issuer="Acme", vault=PLAINTEXT, policy=POLICY)


AUTH = authenticator()
ASYNC_AUTH = AsyncAuthenticator(Later(MemoryStore()), issuer="Acme", vault=PLAINTEXT, policy=POLICY)


def callback(*_: object) -> None:
    """Do nothing."""


def email(auth: Any = AUTH) -> EmailCode:
    """Return emailed codes as a factor."""
    return EmailCode(auth, mailer=callback, address_of=callback)


class Own(SecondFactor):
    """A custom second factor."""

    def __init__(self, name: Any = "own", methods: Any = (), auth: Any = None, *, multi: bool = True) -> None:
        self.name = name
        self.methods = methods
        self.auth = auth
        self.multi = multi


class OwnFirst(FirstFactor):
    """A custom first factor."""

    def __init__(self, name: Any = "own", methods: Any = ()) -> None:
        self.name = name
        self.methods = methods


PASSWORD, TOTP, RECOVERY = Password(callback), TotpCode(AUTH), RecoveryCode(AUTH)


def build(first: FirstFactor, *later: SecondFactor) -> Steps:
    """Return the steps of a sync flow."""
    return build_steps("shop", first, later, Authenticator)


ORDER = "a first factor (Password, Federated) must be in the first step, and a second factor in a later one"
NO_FIRST = "a login must begin with a first factor, such as Password(...), not with "
NO_SECOND = "later steps must be second factors, such as TotpCode(...), not "
ALONE = ": a second factor alone must not let anyone in"
LIST = ": join the alternatives of one step with |"
CLASS = ": create an instance of it"
WRONG_ORDER: dict[str, tuple[str, Callable[[], object]]] = {
    "totp first": (f"{NO_FIRST}TotpCode{ALONE}", lambda: [TOTP]),
    "totp, then password": (f"{NO_FIRST}TotpCode{ALONE}", lambda: [TOTP, PASSWORD]),
    "recovery first": (f"{NO_FIRST}RecoveryCode{ALONE}", lambda: [RECOVERY, TOTP]),
    "email first": (f"{NO_FIRST}EmailCode{ALONE}", lambda: [email(), TOTP]),
    "custom factor first": (f"{NO_FIRST}Own{ALONE}", lambda: [Own(auth=AUTH)]),
    "alternatives first": (f"{NO_FIRST}_EitherSecond{ALONE}", lambda: [TOTP | RECOVERY]),
    "nothing first": (f"{NO_FIRST}NoneType", lambda: [None]),
    "function first": (f"{NO_FIRST}function", lambda: [callback]),
    "empty list first": (f"{NO_FIRST}list{LIST}", lambda: [[], TOTP]),
    "list first": (f"{NO_FIRST}list{LIST}", lambda: [[PASSWORD, Federated("x")], TOTP]),
    "tuple first": (f"{NO_FIRST}tuple{LIST}", lambda: [(PASSWORD,)]),
    "class first": (f"{NO_FIRST}the class Password{CLASS}", lambda: [Password, TOTP]),
    "password or totp": (ORDER, lambda: [PASSWORD | TOTP]),  # type: ignore[operator]
    "totp or password": (ORDER, lambda: [PASSWORD, TOTP | PASSWORD]),  # type: ignore[operator]
    "alternatives or totp": (ORDER, lambda: [PASSWORD | Federated("x") | TOTP]),  # type: ignore[operator]
    "password or nothing": (ORDER, lambda: [PASSWORD | None]),  # type: ignore[operator]
    "totp or nothing": (ORDER, lambda: [TOTP | None]),  # type: ignore[operator]
}
TWICE = "a flow must not contain the factor {} twice"
NAME = "{} must have a name of ASCII letters, digits and :._-"
METHOD = "the methods of OwnFirst must be values of RFC 8176, section 2, except mfa"
WRONG: dict[str, tuple[str, Callable[[], object]]] = {
    "class later": (f"{NO_SECOND}the class TotpCode{CLASS}", lambda: [PASSWORD, TotpCode]),
    "password later": (f"{NO_SECOND}Password", lambda: [PASSWORD, PASSWORD]),
    "federated later": (f"{NO_SECOND}Federated", lambda: [PASSWORD, TOTP, Federated("x")]),
    "empty step": (f"{NO_SECOND}tuple{LIST}", lambda: [PASSWORD, ()]),
    "list later": (f"{NO_SECOND}list{LIST}", lambda: [PASSWORD, [TOTP, RECOVERY]]),
    "set later": (f"{NO_SECOND}set{LIST}", lambda: [PASSWORD, {TOTP}]),
    "nothing later": (f"{NO_SECOND}NoneType", lambda: [PASSWORD, TOTP, None]),
    "authenticator later": (f"{NO_SECOND}Authenticator", lambda: [PASSWORD, AUTH]),
    "totp twice": (TWICE.format("totp"), lambda: [PASSWORD, TOTP, RECOVERY | TotpCode(AUTH)]),
    "password twice": (TWICE.format("password"), lambda: [PASSWORD | PASSWORD]),
    "provider twice": (TWICE.format("federated:x"), lambda: [Federated("x") | PASSWORD | Federated("x")]),
    "name in two steps": (TWICE.format("own"), lambda: [OwnFirst(), Own(auth=AUTH)]),
    "reserved name": (
        "the name totp is reserved: give Own another one",
        lambda: [PASSWORD, TOTP, Own("totp")],
    ),
    "no name": (NAME.format("FirstFactor"), lambda: [FirstFactor()]),
    "separator in a name": (NAME.format("OwnFirst"), lambda: [OwnFirst("a|b")]),
    "separator in a provider": (NAME.format("Federated"), lambda: [Federated("a;b")]),
    "line break in a name": (NAME.format("Own"), lambda: [PASSWORD, Own("own\n", auth=AUTH)]),
    "Cyrillic name": (NAME.format("OwnFirst"), lambda: [OwnFirst("\u0440wd")]),
    "long name": (NAME.format("OwnFirst"), lambda: [OwnFirst("a" * 65)]),
    "name of bytes": (NAME.format("OwnFirst"), lambda: [OwnFirst(b"own")]),
    "unknown method": (METHOD, lambda: [OwnFirst(methods=("totp",))]),
    "method as text": (METHOD, lambda: [OwnFirst(methods="pwd")]),
    "mfa": (METHOD, lambda: [OwnFirst(methods=("pwd", "mfa"))]),
    "no authenticator": (
        "an authenticator must count the failures of second factors: set auth on the factor",
        lambda: [PASSWORD, Own()],
    ),
    "two authenticators": (
        "a flow must use one authenticator: two would count failures separately",
        lambda: [PASSWORD, TOTP | RecoveryCode(authenticator())],
    ),
    "async authenticator": (
        "this flow needs an Authenticator, not an AsyncAuthenticator",
        lambda: [PASSWORD, TotpCode(ASYNC_AUTH)],
    ),
    "text as authenticator": (
        "this flow needs an Authenticator, not an str",
        lambda: [PASSWORD, Own(auth="auth")],
    ),
}
ERRORS = [*((FirstFactorError, *case) for case in WRONG_ORDER.values())]
ERRORS += [(FlowError, *case) for case in WRONG.values()]


@pytest.mark.proves("FLOW-steps", "RFC4226-7.1")
@pytest.mark.parametrize(("kind", "message", "steps"), ERRORS, ids=[*WRONG_ORDER, *WRONG])
def test_wrong_steps(kind: type[Exception], message: str, steps: Any) -> None:
    """Steps that are not safe or do not fit together raise an error that says what would be right."""
    with pytest.raises(kind) as caught:
        AuthFlow(*steps(), name="shop", keys=KEYS)
    assert str(caught.value) == message
    assert type(caught.value) is kind


@pytest.mark.parametrize(
    ("kind", "steps"),
    [
        (FirstFactorError, [TotpCode(ASYNC_AUTH)]),
        (FlowError, [PASSWORD, TotpCode(ASYNC_AUTH), TotpCode(ASYNC_AUTH)]),
        (FlowError, [PASSWORD, Own()]),
        (FlowError, [PASSWORD, TOTP]),
    ],
)
def test_async_flow(kind: type[Exception], steps: Any) -> None:
    """The async flow rejects the same steps, and a sync authenticator."""
    with pytest.raises(kind):
        AsyncAuthFlow(*steps, name="shop", keys=KEYS)


FACTORS: dict[str, Callable[[], FirstFactor | SecondFactor]] = {
    "password": lambda: Password(callback),
    "federated:a": lambda: Federated("a"),
    "federated:b": lambda: Federated("b"),
    "own first": lambda: OwnFirst("own-first", ("hwk",)),
    "totp": lambda: TotpCode(AUTH),
    "recovery": lambda: RecoveryCode(AUTH),
    "email": email,
    "own": lambda: Own(auth=AUTH),
}


@pytest.mark.proves("FLOW-steps", "RFC4226-7.1")
@settings(max_examples=300)
@given(st.lists(st.lists(st.sampled_from(list(FACTORS)), min_size=1, max_size=3), min_size=1, max_size=4))
def test_any_steps(names: list[list[str]]) -> None:
    """A flow needs first factors in the first step, second factors in all others, and none twice."""
    steps = [[FACTORS[name]() for name in step] for step in names]
    in_order = all(isinstance(factor, FirstFactor) for factor in steps[0]) and all(
        isinstance(factor, SecondFactor) for step in steps[1:] for factor in step
    )
    all_names = [name for step in names for name in step]
    try:
        joined: list[Any] = [reduce(or_, step) for step in steps]  # type: ignore[arg-type]
        flow = AuthFlow(*joined, name="shop", keys=KEYS)
    except FirstFactorError:
        assert not in_order
    except FlowError:
        assert not in_order or len(set(all_names)) < len(all_names)
    else:
        assert in_order
        assert len(set(all_names)) == len(all_names)
        built = login_of(flow).steps
        assert [list(built.first), *map(list, built.later)] == steps


def test_steps() -> None:
    """Steps have their factors in order, a shape, a last step, and the factor that enrolls."""
    mail = email()
    two = build(PASSWORD | Federated("google"), TOTP | RECOVERY, mail)
    assert two.shape == "password|federated:google;totp|recovery;email"
    assert (two.step(1), two.step(2)) == ((TOTP, RECOVERY), (mail,))
    assert (two.is_last(1), two.is_last(2)) == (False, True)
    assert two.second_factors() == [TOTP, RECOVERY, mail]
    assert (two.totp(), build(PASSWORD, mail).totp()) == (TOTP, None)
    alone = build(PASSWORD)
    assert (alone.shape, alone.later, alone.service, alone.totp()) == ("password", (), None, None)


@pytest.mark.proves("FLOW-per-app")
def test_shapes_differ() -> None:
    """Flows with other factors, another order, or other steps have other shapes."""
    mail = email()
    compositions: list[list[Any]] = [
        *([PASSWORD], [PASSWORD | Federated("a")], [Federated("a") | PASSWORD], [PASSWORD, TOTP]),
        *([PASSWORD, TOTP | RECOVERY], [PASSWORD, RECOVERY | TOTP], [PASSWORD, TOTP, RECOVERY]),
        *([PASSWORD, RECOVERY, TOTP], [PASSWORD, TOTP | RECOVERY | mail], [PASSWORD, TOTP | RECOVERY, mail]),
        *([PASSWORD, TOTP, RECOVERY | mail], [PASSWORD, TOTP, RECOVERY, mail]),
        [OwnFirst("password-totp"), TOTP],
    ]
    assert len({build(*steps).shape for steps in compositions}) == len(compositions)


def test_alternatives() -> None:
    """``|`` keeps the order, however it is grouped, and changes neither operand."""
    first: list[Any] = [Federated("a"), Federated("b"), PASSWORD]
    for a, b, c in (first, [TOTP, RECOVERY, email()]):
        assert ((a | b) | c).alternatives == (a | (b | c)).alternatives == (a, b, c)
        assert a.alternatives == (a,)


@pytest.mark.proves("RFC8176", "NIST-3.1.3", "NIST-4.2")
@pytest.mark.parametrize(
    ("passed", "methods"),
    [
        ("", ""),
        ("password", "pwd"),
        ("federated:a", ""),
        ("link", "pop"),
        ("password totp", "pwd otp mfa"),
        ("federated:a totp", "otp mfa"),
        ("password recovery", "pwd mfa"),
        ("password email", "pwd"),
        ("password key", "pwd hwk pop mfa"),
        ("password weak", "pwd kba"),
        ("password totp email", "pwd otp mfa"),
        ("link key", "pop hwk mfa"),
    ],
)
def test_methods(passed: str, methods: str) -> None:
    """The methods are the RFC 8176 values of the passed factors, each once, with mfa only if one counts."""
    first = PASSWORD | Federated("a") | OwnFirst("link", ("pop",))
    second = TOTP | RECOVERY | Own("key", ("hwk", "pop")) | Own("weak", ("kba",), multi=False)
    found = build(first, second, email()).methods(passed.split())
    assert " ".join(found) == methods
    assert set(found) <= METHODS | {"mfa"}


@pytest.mark.parametrize("name", ["", None, 1, b"shop", "a\nb", "n" * 256, "\ud800"])
def test_flow_names(name: Any) -> None:
    """The name of a flow is a short text in any script."""
    with pytest.raises(InvalidParameterError) as caught:
        build_steps(name, PASSWORD, (), Authenticator)
    assert caught.value.parameter == "name"
    assert build_steps("Größe 1", PASSWORD, (), Authenticator).name == "Größe 1"


@pytest.mark.parametrize("provider", ["", "a b\n", "ü", None, 1, b"google"], ids=shown)
def test_providers(provider: Any) -> None:
    """The name of a provider must be in ASCII."""
    with pytest.raises(InvalidParameterError, match=r"^provider must be a short name in ASCII$"):
        Federated(provider)


@pytest.mark.parametrize("create", [TotpCode, RecoveryCode, email], ids=["totp", "recovery", "email"])
@pytest.mark.parametrize("auth", [None, Authenticator, MemoryStore(), "auth"], ids=shown)
def test_factors_need_an_authenticator(create: Any, auth: Any) -> None:
    """A second factor accepts nothing but an authenticator."""
    with pytest.raises(InvalidParameterError) as caught:
        create(auth)
    assert str(caught.value) == f"auth must be an authenticator, not {type(auth).__name__}"


def test_totp_for_totp_code() -> None:
    """An app that passes a secret to TotpCode is told that it may want TOTP."""
    with pytest.raises(InvalidParameterError) as caught:
        TotpCode(Secret.generate())  # type: ignore[arg-type]
    assert str(caught.value) == "auth must be an authenticator, not Secret; did you mean TOTP(secret)?"
