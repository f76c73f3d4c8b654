"""The answers to a step of a login, and how to read them from a form or JSON."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias, TypeGuard

from totpkit._unpicklable import Unpicklable
from totpkit._validation import is_unicode
from totpkit.errors import InvalidParameterError, InvalidPayloadError


class _TextAnswer(Unpicklable):
    """An answer whose fields are all texts. Raises :class:`InvalidParameterError` for anything else."""

    __slots__: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in self.__slots__:
            value: object = getattr(self, name)
            if not isinstance(value, str):
                raise InvalidParameterError(name, f"must be a str, not {type(value).__name__}")


@dataclass(frozen=True, slots=True)
class PasswordAnswer(_TextAnswer):
    """The user name and password that a visitor typed."""

    username: str = field(repr=False)  # people type their password into the wrong field
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class FederatedAnswer(_TextAnswer):
    """The account that the app has verified with an identity provider.

    Prefix the provider's subject (``"google:1234"``), so that it never equals a local id. Never make
    one from what a visitor sent. :func:`parse_answer` cannot make one.
    """

    provider: str
    account_id: str


@dataclass(frozen=True, slots=True)
class CodeAnswer(_TextAnswer):
    """The code from the authenticator app that a visitor typed."""

    code: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class RecoveryAnswer(_TextAnswer):
    """The recovery code that a visitor typed."""

    code: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SendEmail:
    """A request to send a code by email."""


@dataclass(frozen=True, slots=True)
class EmailAnswer(_TextAnswer):
    """The emailed code that a visitor typed."""

    code: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SkipAnswer:
    """A request to go on without a second factor, where the prompt says that it is optional."""


@dataclass(frozen=True, slots=True)
class CustomAnswer(Unpicklable):
    """The answer to a factor of the app's own, which checks the data."""

    factor: str
    data: Mapping[str, object] = field(default_factory=dict[str, object], repr=False)

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


def is_answer(value: object) -> bool:
    """Return whether *value* is an answer of any kind."""
    return isinstance(value, Answer)


def parse_answer(form: Mapping[str, object]) -> VisitorAnswer:
    """Read the answer in a form or a JSON object, by its ``type``.

    The fields are named as in the answer classes: ``{"type": "code", "code": "123456"}``. Other
    fields are ignored, so you can pass a whole form. Raises :class:`InvalidPayloadError` for
    anything else. It never makes a :class:`FederatedAnswer`, which only the app can vouch for.
    """
    if not isinstance(form, Mapping):
        raise InvalidPayloadError(f"an answer must be a mapping, not {type(form).__name__}")
    kind = form.get("type")
    read = _READERS.get(kind) if isinstance(kind, str) else None
    if read is None:
        raise InvalidPayloadError(f"the type of an answer must be one of {', '.join(_READERS)}")
    return read(form)


def _text(form: Mapping[str, object], name: str) -> str:
    value = form.get(name)
    if not isinstance(value, str) or not is_unicode(value):
        raise InvalidPayloadError(f"an answer of this type must have the text field {name}")
    return value


def _data(form: Mapping[str, object]) -> Mapping[str, object]:
    value = form.get("data", {})
    if not _is_mapping(value):
        raise InvalidPayloadError("the data of an answer must be an object")
    return value


def _is_mapping(value: object) -> TypeGuard[Mapping[str, object]]:
    return isinstance(value, Mapping)


_READERS: Mapping[str, Callable[[Mapping[str, object]], VisitorAnswer]] = {
    "password": lambda form: PasswordAnswer(_text(form, "username"), _text(form, "password")),
    "code": lambda form: CodeAnswer(_text(form, "code")),
    "recovery": lambda form: RecoveryAnswer(_text(form, "code")),
    "send_email": lambda _: SendEmail(),
    "email": lambda form: EmailAnswer(_text(form, "code")),
    "skip": lambda _: SkipAnswer(),
    "custom": lambda form: CustomAnswer(_text(form, "factor"), _data(form)),
}
