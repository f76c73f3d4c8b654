"""The answers to a login step, and a function that parses answers from a form or JSON."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias, TypeGuard

from totpkit._unpicklable import Unpicklable
from totpkit._validation import is_unicode
from totpkit.errors import InvalidParameterError, InvalidPayloadError


class _TextAnswer(Unpicklable):
    """An answer in which every field is a ``str``. Other types raise :class:`InvalidParameterError`."""

    __slots__: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in self.__slots__:
            value: object = getattr(self, name)
            if not isinstance(value, str):
                raise InvalidParameterError(name, f"must be a str, not {type(value).__name__}")


@dataclass(frozen=True, slots=True)
class PasswordAnswer(_TextAnswer):
    """The username and the password that a visitor typed."""

    username: str = field(repr=False)  # people type their password into the wrong field
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class FederatedAnswer(_TextAnswer):
    """The account that your app has verified through an identity provider.

    Add a prefix to the subject from the provider, for example ``"google:1234"``, so that it can never
    match a local account id. Never create this answer from data that a visitor sent. The function
    :func:`parse_answer` never returns it.
    """

    provider: str
    account_id: str


@dataclass(frozen=True, slots=True)
class CodeAnswer(_TextAnswer):
    """The authenticator app code that a visitor typed."""

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
    """A request to skip enrollment, if the prompt says that enrollment is optional."""


@dataclass(frozen=True, slots=True)
class CustomAnswer(Unpicklable):
    """An answer to a custom factor. The factor itself must validate the data."""

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
    return isinstance(value, Answer)


def parse_answer(form: Mapping[str, object]) -> VisitorAnswer:
    """Convert a form or a JSON object to an answer, depending on its ``type`` field.

    The other fields have the same names as in the answer classes: ``{"type": "code", "code": "123456"}``.
    Unknown fields are ignored, so you can pass the whole form. Raises :class:`InvalidPayloadError` if the
    form does not contain a valid answer. This function never returns a :class:`FederatedAnswer`, because
    only your app can vouch for a federated login.
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
