"""How the steps of a login may be put together, and what is said of all other ways."""

from collections.abc import Callable
from functools import reduce
from operator import or_
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from tests.support.authenticators import POLICY
from tests.support.fakes import Later
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
    SelfService,
    TotpCode,
)
from totpkit._login.auth_flow import login_of
from totpkit._login.steps import METHODS, Steps, build_steps
from totpkit.stores.memory import MemoryStore
from totpkit.vault import PLAINTEXT

KEYS = [b"k" * 32]


def authenticator() -> Authenticator:
    """Return an authenticator of its own store."""
    return Authenticator(MemoryStore(), issuer="Acme", vault=PLAINTEXT, policy=POLICY)


AUTH = authenticator()
LATER = AsyncAuthenticator(Later(MemoryStore()), issuer="Acme", vault=PLAINTEXT, policy=POLICY)


def nobody(*_: object) -> None:
    """Know nobody, and do nothing."""


def email(auth: Any = AUTH) -> EmailCode:
    """Return mailed codes as a factor."""
    return EmailCode(auth, mailer=nobody, address_of=nobody)


class Own(SecondFactor):
    """A second factor of the app's."""

    def __init__(self, name: Any = "own", methods: Any = (), auth: Any = None, *, multi: bool = True) -> None:
        self.name = name
        self.methods = methods
        self.auth = auth
        self.multi = multi


class OwnFirst(FirstFactor):
    """A first factor of the app's."""

    def __init__(self, name: Any = "own", methods: Any = ()) -> None:
        self.name = name
        self.methods = methods


def plan(first: FirstFactor, *then: SecondFactor) -> Steps:
    """Put steps together for the sync face."""
    return build_steps("shop", first, then, Authenticator)


_ORDER = "a first factor (Password, Federated) goes into the first step alone, and before any second factor"
_NO_FIRST = "a login must begin with a first factor, such as Password(...), not with {}"
_FIRST = f"{_NO_FIRST}: nobody may come in by a second factor alone"
_FIRST_LIST = f"{_NO_FIRST}: join the alternatives of one step by |"
_FIRST_CLASS = f"{_NO_FIRST.format('the class {}')}: make a factor of it"
_AFTER = "after the first step come second factors, such as TotpCode(...), not {}"
_AFTER_CLASS = f"{_AFTER.format('the class {}')}: make a factor of it"
_AFTER_LIST = f"{_AFTER}: join the alternatives of one step by |"
_COUNTED = "the failures of second factors are counted in an authenticator: give the factor one"
_NAME = "{} needs a name of ASCII letters, digits and :._-"
_METHODS = "the methods of {} must be values of RFC 8176, section 2, and not mfa"
WRONG: dict[str, tuple[type[Exception], str, Callable[[], object]]] = {
    "totp first": (FirstFactorError, _FIRST.format("TotpCode"), lambda: [TotpCode(AUTH)]),
    "totp, then password": (
        FirstFactorError,
        _FIRST.format("TotpCode"),
        lambda: [TotpCode(AUTH), Password(nobody)],
    ),
    "recovery first": (FirstFactorError, _FIRST.format("RecoveryCode"), lambda: [RecoveryCode(AUTH)]),
    "email first": (FirstFactorError, _FIRST.format("EmailCode"), lambda: [email(), TotpCode(AUTH)]),
    "own second first": (FirstFactorError, _FIRST.format("Own"), lambda: [Own(auth=AUTH)]),
    "either second first": (
        FirstFactorError,
        _FIRST.format("_EitherSecond"),
        lambda: [TotpCode(AUTH) | RecoveryCode(AUTH)],
    ),
    "nothing first": (FirstFactorError, _NO_FIRST.format("NoneType"), lambda: [None]),
    "empty first": (FirstFactorError, _FIRST_LIST.format("list"), lambda: [[], TotpCode(AUTH)]),
    "list first": (
        FirstFactorError,
        _FIRST_LIST.format("list"),
        lambda: [[Password(nobody), Federated("x")], TotpCode(AUTH)],
    ),
    "tuple first": (FirstFactorError, _FIRST_LIST.format("tuple"), lambda: [(Password(nobody),)]),
    "a function first": (FirstFactorError, _NO_FIRST.format("function"), lambda: [nobody]),
    "a class first": (FirstFactorError, _FIRST_CLASS.format("Password"), lambda: [Password, TotpCode(AUTH)]),
    "a class second": (FlowError, _AFTER_CLASS.format("TotpCode"), lambda: [Password(nobody), TotpCode]),
    "password or totp": (FirstFactorError, _ORDER, lambda: [Password(nobody) | TotpCode(AUTH)]),  # type: ignore[operator]
    "totp or password": (FirstFactorError, _ORDER, lambda: [TotpCode(AUTH) | Password(nobody)]),  # type: ignore[operator]
    "either or totp": (
        FirstFactorError,
        _ORDER,
        lambda: [Password(nobody) | Federated("x") | TotpCode(AUTH)],  # type: ignore[operator]
    ),
    "password or nothing": (FirstFactorError, _ORDER, lambda: [Password(nobody) | None]),  # type: ignore[operator]
    "totp or nothing": (FirstFactorError, _ORDER, lambda: [TotpCode(AUTH) | None]),  # type: ignore[operator]
    "password twice in a row": (
        FlowError,
        _AFTER.format("Password"),
        lambda: [Password(nobody), Password(nobody)],
    ),
    "federated later": (
        FlowError,
        _AFTER.format("Federated"),
        lambda: [Password(nobody), TotpCode(AUTH), Federated("x")],
    ),
    "empty step": (FlowError, _AFTER_LIST.format("tuple"), lambda: [Password(nobody), ()]),
    "list of factors": (
        FlowError,
        _AFTER_LIST.format("list"),
        lambda: [Password(nobody), [TotpCode(AUTH), RecoveryCode(AUTH)]],
    ),
    "set of factors": (FlowError, _AFTER_LIST.format("set"), lambda: [Password(nobody), {TotpCode(AUTH)}]),
    "no step": (FlowError, _AFTER.format("NoneType"), lambda: [Password(nobody), TotpCode(AUTH), None]),
    "authenticator as a step": (FlowError, _AFTER.format("Authenticator"), lambda: [Password(nobody), AUTH]),
    "totp twice": (
        FlowError,
        "a flow holds the factor totp twice",
        lambda: [Password(nobody), TotpCode(AUTH), RecoveryCode(AUTH) | TotpCode(AUTH)],
    ),
    "password or password": (
        FlowError,
        "a flow holds the factor password twice",
        lambda: [Password(nobody) | Password(nobody)],
    ),
    "one provider twice": (
        FlowError,
        "a flow holds the factor federated:x twice",
        lambda: [Federated("x") | Password(nobody) | Federated("x")],
    ),
    "one name in two steps": (
        FlowError,
        "a flow holds the factor own twice",
        lambda: [OwnFirst(), Own(auth=AUTH)],
    ),
    "another's name": (
        FlowError,
        "the name totp is taken: give Own another",
        lambda: [Password(nobody), TotpCode(AUTH), Own("totp")],
    ),
    "no name": (FlowError, _NAME.format("FirstFactor"), lambda: [FirstFactor()]),
    "separators in a name": (FlowError, _NAME.format("OwnFirst"), lambda: [OwnFirst("a|b")]),
    "separators in a provider": (FlowError, _NAME.format("Federated"), lambda: [Federated("a;b")]),
    "a name with a line end": (
        FlowError,
        _NAME.format("Own"),
        lambda: [Password(nobody), Own("own\n", auth=AUTH)],
    ),
    "a name in Cyrillic": (FlowError, _NAME.format("OwnFirst"), lambda: [OwnFirst("\u0440wd")]),
    "a name too long": (FlowError, _NAME.format("OwnFirst"), lambda: [OwnFirst("a" * 65)]),
    "a name of another type": (FlowError, _NAME.format("OwnFirst"), lambda: [OwnFirst(b"own")]),
    "a made-up method": (FlowError, _METHODS.format("OwnFirst"), lambda: [OwnFirst(methods=("totp",))]),
    "a method as text": (FlowError, _METHODS.format("OwnFirst"), lambda: [OwnFirst(methods="pwd")]),
    "mfa by itself": (FlowError, _METHODS.format("OwnFirst"), lambda: [OwnFirst(methods=("pwd", "mfa"))]),
    "nobody counts": (FlowError, _COUNTED, lambda: [Password(nobody), Own()]),
    "two authenticators": (
        FlowError,
        "a flow has one authenticator: two would count failures apart",
        lambda: [Password(nobody), TotpCode(AUTH) | RecoveryCode(authenticator())],
    ),
    "the other colour": (
        FlowError,
        "this flow takes an Authenticator, not an AsyncAuthenticator",
        lambda: [Password(nobody), TotpCode(LATER)],
    ),
    "no authenticator at all": (
        FlowError,
        "this flow takes an Authenticator, not an str",
        lambda: [Password(nobody), Own(auth="auth")],
    ),
}


@pytest.mark.proves("FLOW-steps", "RFC4226-7.1")
@pytest.mark.parametrize(("kind", "message", "steps"), WRONG.values(), ids=WRONG)
def test_wrong_compositions(kind: type[Exception], message: str, steps: Any) -> None:
    """Steps that let nobody in safely make no flow; the error says what would be right."""
    with pytest.raises(kind) as caught:
        AuthFlow(*steps(), name="shop", keys=KEYS)
    assert str(caught.value) == message
    assert type(caught.value) is kind


def test_async_face() -> None:
    """The async face refuses the same, and the sync authenticator."""
    for steps in (
        [TotpCode(LATER)],
        [Password(nobody), TotpCode(LATER), TotpCode(LATER)],
        [Password(nobody), Own()],
    ):
        with pytest.raises((FirstFactorError, FlowError)):
            AsyncAuthFlow(*steps, name="shop", keys=KEYS)  # type: ignore[arg-type]
    with pytest.raises(FlowError, match=r"^this flow takes an AsyncAuthenticator, not an Authenticator$"):
        AsyncAuthFlow(Password(nobody), TotpCode(AUTH), name="shop", keys=KEYS)


def joined(factors: list[Any]) -> Any:
    """Return what ``|`` makes of factors."""
    return reduce(or_, factors)


MAKES: dict[str, Callable[[], FirstFactor | SecondFactor]] = {
    "password": lambda: Password(nobody),
    "federated:a": lambda: Federated("a"),
    "federated:b": lambda: Federated("b"),
    "own first": lambda: OwnFirst("own-first", ("hwk",)),
    "totp": lambda: TotpCode(AUTH),
    "recovery": lambda: RecoveryCode(AUTH),
    "email": email,
    "own": lambda: Own(auth=AUTH),
}
steps_of_any_kind = st.lists(
    st.lists(st.sampled_from(list(MAKES)), min_size=1, max_size=3), min_size=1, max_size=4
)


@pytest.mark.proves("FLOW-steps", "RFC4226-7.1")
@settings(max_examples=300)
@given(steps_of_any_kind)
def test_any_composition(names: list[list[str]]) -> None:
    """Factors in any order make a flow only if first ones come first and alone, and none comes twice."""
    made = [[MAKES[name]() for name in step] for step in names]
    first = all(isinstance(factor, FirstFactor) for factor in made[0])
    second = all(isinstance(factor, SecondFactor) for step in made[1:] for factor in step)
    flat = [name for step in names for name in step]
    try:
        flow = AuthFlow(*map(joined, made), name="shop", keys=KEYS)
    except FirstFactorError:
        assert not (first and second)
    except FlowError:
        assert len(set(flat)) < len(flat) or not second
    else:
        assert first
        assert second
        assert len(set(flat)) == len(flat)
        plan = login_of(flow).plan
        assert [list(plan.first), *map(list, plan.then)] == made


def test_plan() -> None:
    """A plan knows its steps, its shape, what ends it, and who enrolls."""
    totp, recovery, mail = TotpCode(AUTH), RecoveryCode(AUTH), email()
    two = plan(Password(nobody) | Federated("google"), totp | recovery, mail)
    assert two.shape == "password|federated:google;totp|recovery;email"
    assert (two.step(1), two.step(2)) == ((totp, recovery), (mail,))
    assert (two.completes(1), two.completes(2)) == (False, True)
    assert two.seconds() == [totp, recovery, mail]
    assert two.totp() is totp
    assert plan(Password(nobody), mail).totp() is None
    alone = plan(Password(nobody))
    assert (alone.shape, alone.then, alone.accounts, alone.totp()) == ("password", (), None, None)


@pytest.mark.proves("FLOW-per-app")
def test_shapes_are_apart() -> None:
    """No two flows of other steps have one shape: neither order, nor steps, nor alternatives are lost."""
    totp, recovery, mail = TotpCode(AUTH), RecoveryCode(AUTH), email()
    compositions: list[list[Any]] = [
        [Password(nobody)],
        [Password(nobody) | Federated("a")],
        [Federated("a") | Password(nobody)],
        [Password(nobody), totp],
        [Password(nobody), totp | recovery],
        [Password(nobody), recovery | totp],
        [Password(nobody), totp, recovery],
        [Password(nobody), recovery, totp],
        [Password(nobody), totp | recovery | mail],
        [Password(nobody), totp | recovery, mail],
        [Password(nobody), totp, recovery | mail],
        [Password(nobody), totp, recovery, mail],
        [OwnFirst("password-totp"), totp],
    ]
    assert len({plan(*steps).shape for steps in compositions}) == len(compositions)


def test_alternatives() -> None:
    """``|`` keeps the order, however it is grouped, and changes neither of what it joins."""
    a, b, c = Federated("a"), Federated("b"), Password(nobody)
    assert ((a | b) | c).alternatives == (a | (b | c)).alternatives == (a, b, c)
    assert a.alternatives == (a,)
    x, y, z = TotpCode(AUTH), RecoveryCode(AUTH), email()
    assert ((x | y) | z).alternatives == (x | (y | z)).alternatives == (x, y, z)
    assert x.alternatives == (x,)


@pytest.mark.proves("RFC8176")
@pytest.mark.parametrize(
    ("passed", "methods"),
    [
        ((), ()),
        (("password",), ("pwd",)),
        (("federated:a",), ()),
        (("link",), ("pop",)),
        (("password", "totp"), ("pwd", "otp", "mfa")),
        (("federated:a", "totp"), ("otp", "mfa")),
        (("password", "recovery"), ("pwd", "mfa")),
        (("password", "email"), ("pwd",)),
        (("password", "key"), ("pwd", "hwk", "pop", "mfa")),
        (("password", "weak"), ("pwd", "kba")),
        (("password", "totp", "email"), ("pwd", "otp", "mfa")),
        (("link", "key"), ("pop", "hwk", "mfa")),
    ],
)
def test_methods(passed: tuple[str, ...], methods: tuple[str, ...]) -> None:
    """Methods are the registered words for what was passed, each once; a mailed code claims no mfa."""
    first = Password(nobody) | Federated("a") | OwnFirst("link", ("pop",))
    then = (
        TotpCode(AUTH) | RecoveryCode(AUTH) | Own("key", ("hwk", "pop")) | Own("weak", ("kba",), multi=False)
    )
    made = plan(first, then, email())
    assert made.methods(passed) == methods
    assert set(methods) <= METHODS | {"mfa"}


def test_names() -> None:
    """A flow's name is a short text, and its error tells it by its own name."""
    for name in ("", None, 1, b"shop", "a\nb", "n" * 256, "\ud800"):
        with pytest.raises(InvalidParameterError) as caught:
            build_steps(name, Password(nobody), (), Authenticator)
        assert caught.value.parameter == "name"
    assert build_steps("Größe 1", Password(nobody), (), Authenticator).name == "Größe 1"


@pytest.mark.parametrize("provider", ["", "a b\n", "ü", None, 1, b"google"], ids=shown)
def test_providers(provider: Any) -> None:
    """A provider is named in ASCII."""
    with pytest.raises(InvalidParameterError, match=r"^provider must be a short name in ASCII$"):
        Federated(provider)


@pytest.mark.parametrize(
    "make",
    [TotpCode, RecoveryCode, email],
    ids=["totp", "recovery", "email"],
)
@pytest.mark.parametrize("auth", [None, Authenticator, MemoryStore(), "auth"], ids=shown)
def test_factors_need_an_authenticator(make: Any, auth: Any) -> None:
    """A factor takes an authenticator, and nothing in its place."""
    with pytest.raises(InvalidParameterError, match=r"^auth must be an authenticator, not "):
        make(auth)


def test_desks_need_their_flow() -> None:
    """Self-service is for a flow that enrolls, by the authenticator that it is given."""
    flows = [
        AuthFlow(Password(nobody), name="shop", keys=KEYS),
        AuthFlow(Password(nobody), RecoveryCode(AUTH), name="shop", keys=KEYS),
        AuthFlow(Password(nobody), TotpCode(authenticator()), name="shop", keys=KEYS),
    ]
    for flow in flows:
        with pytest.raises(
            FlowError, match=r"^self-service is for a flow with TotpCode, by the same authenticator$"
        ):
            SelfService(AUTH, flow)
