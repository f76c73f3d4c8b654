"""What a step is answered with. Knows nothing of what it is worth."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from totpkit._login.hidden import Hidden
from totpkit._text import is_unicode
from totpkit.errors import InvalidParameterError, InvalidPayloadError


class _Typed(Hidden):
    """Texts, all of them; anything else is the caller's mistake."""

    __slots__: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in self.__slots__:
            value: object = getattr(self, name)
            if not isinstance(value, str):
                raise InvalidParameterError(name, f"must be a str, not {type(value).__name__}")


@dataclass(frozen=True, slots=True)
class PasswordAnswer(_Typed):
    """What somebody typed as name and password."""

    username: str = field(repr=False)  # a password typed into the wrong field is one too
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class FederatedAnswer(_Typed):
    """The app's own word: it has verified the provider's, and this is the account.

    Prefix the provider's subject (``"google:1234"``), so that it never meets a local id.
    Never make one from what a visitor sent: :func:`parse_answer` cannot.
    """

    provider: str
    account_id: str


@dataclass(frozen=True, slots=True)
class CodeAnswer(_Typed):
    """What somebody typed as the phone's code."""

    code: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class RecoveryAnswer(_Typed):
    """What somebody typed as a recovery code."""

    code: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SendEmail:
    """The wish for a code by mail."""


@dataclass(frozen=True, slots=True)
class EmailAnswer(_Typed):
    """What somebody typed as the mailed code."""

    code: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SkipAnswer:
    """The wish to go on without a second factor, where the prompt was optional."""


@dataclass(frozen=True, slots=True)
class CustomAnswer(Hidden):
    """What a factor of the app's own was answered with; the factor checks what is in it."""

    factor: str
    data: Mapping[str, object] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        if not isinstance(self.factor, str):
            raise InvalidParameterError("factor", f"must be a str, not {type(self.factor).__name__}")
        if not isinstance(self.data, Mapping):
            raise InvalidParameterError("data", f"must be a mapping, not {type(self.data).__name__}")


VisitorAnswer: TypeAlias = (
    PasswordAnswer | CodeAnswer | RecoveryAnswer | SendEmail | EmailAnswer | SkipAnswer | CustomAnswer
)
"""What a visitor can send."""

Answer: TypeAlias = VisitorAnswer | FederatedAnswer


def is_answer(thing: object) -> bool:
    """Return whether it is one, of a visitor's or the app's."""
    return isinstance(thing, Answer)


def parse_answer(sent: Mapping[str, object]) -> VisitorAnswer:
    """Read what a visitor sent, a form or a JSON object, by its ``type``.

    Fields are named as in the answers: ``{"type": "code", "code": "123456"}``; further ones
    are ignored, so that a whole form can be passed. Raises :class:`InvalidPayloadError` for
    anything else. It makes no :class:`FederatedAnswer`: that is not for visitors to say.
    """
    if not isinstance(sent, Mapping):
        raise InvalidPayloadError(f"an answer must be a mapping, not {type(sent).__name__}")
    kind = sent.get("type")
    read = _READERS.get(kind) if isinstance(kind, str) else None
    if read is None:
        raise InvalidPayloadError(f"the type of an answer must be one of {', '.join(_READERS)}")
    return read(sent)


def _text(sent: Mapping[str, object], name: str) -> str:
    value = sent.get(name)
    if not isinstance(value, str) or not is_unicode(value):
        raise InvalidPayloadError(f"an answer of this type must have the text {name}")
    return value


def _data(sent: Mapping[str, object]) -> Mapping[str, object]:
    value = sent.get("data", {})
    if not isinstance(value, Mapping):
        raise InvalidPayloadError("the data of an answer must be an object")
    return value


_READERS: Mapping[str, Callable[[Mapping[str, object]], VisitorAnswer]] = {
    "password": lambda sent: PasswordAnswer(_text(sent, "username"), _text(sent, "password")),
    "code": lambda sent: CodeAnswer(_text(sent, "code")),
    "recovery": lambda sent: RecoveryAnswer(_text(sent, "code")),
    "send_email": lambda _: SendEmail(),
    "email": lambda sent: EmailAnswer(_text(sent, "code")),
    "skip": lambda _: SkipAnswer(),
    "custom": lambda sent: CustomAnswer(_text(sent, "factor"), _data(sent)),
}
