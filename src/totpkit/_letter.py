"""Letters that carry a code. Knows nothing of how they travel."""

from dataclasses import dataclass, field
from html import escape
from string import Formatter

from totpkit._text import has_controls, is_unicode
from totpkit.errors import InvalidParameterError

PLACEHOLDERS = frozenset({"code", "minutes", "issuer"})
"""What a template may name."""

_TEXT = """\
Your code for {issuer} is {code}

It works once, for {minutes} minutes, in the window in which you asked for it.
If you did not try to log in, somebody knows your password: change it.
"""

_HTML = """\
<p>Your code for {issuer} is</p>
<p style="font-size: 2em; letter-spacing: 0.1em"><strong>{code}</strong></p>
<p>It works once, for {minutes} minutes, in the window in which you asked for it.</p>
<p>If you did not try to log in, somebody knows your password: change it.</p>
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Email:
    """A letter to one address: as plain text, and as HTML unless that is empty."""

    to: str = field(repr=False)
    subject: str = field(repr=False)
    text: str = field(repr=False)
    html: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailTemplate:
    """What a letter says, around ``{code}``, ``{minutes}`` (how long it works) and ``{issuer}``.

    Braces of other uses are doubled, as for :meth:`str.format`. ``html`` may be empty; in
    it what is filled in is escaped. Raises :class:`InvalidParameterError` for any other
    placeholder, for a text without the code, and for a subject of more than one line.
    """

    subject: str = "Your code for {issuer}"
    text: str = _TEXT
    html: str = _HTML

    def __post_init__(self) -> None:
        for name, value in (("subject", self.subject), ("text", self.text), ("html", self.html)):
            placeholders = _placeholders(name, value)
            if "code" not in placeholders and name != "subject" and value:
                raise InvalidParameterError(name, "must hold {code}: nobody could log in by it")
        if not self.text:
            raise InvalidParameterError("text", "must not be empty: not every reader shows HTML")
        if has_controls(self.subject):
            raise InvalidParameterError("subject", "must be one line without control characters")

    def mail(self, to: str, *, code: str, minutes: int, issuer: str) -> Email:
        """Return the letter for one address."""
        filled = {"code": code, "minutes": str(minutes), "issuer": issuer}
        safe = {name: escape(value) for name, value in filled.items()}
        return Email(
            to=to,
            subject=self.subject.format_map(filled),
            text=self.text.format_map(filled),
            html=self.html.format_map(safe),
        )


def _placeholders(name: str, template: object) -> set[str]:
    if not isinstance(template, str) or not is_unicode(template):
        raise InvalidParameterError(name, "must be a str without lone surrogates")
    try:
        parts = list(Formatter().parse(template))
    except ValueError:
        parts = [("", "{", "", None)]
    found = set()
    for _, placeholder, form, conversion in parts:
        if placeholder is None:
            continue
        if placeholder not in PLACEHOLDERS or form or conversion:
            known = ", ".join(f"{{{word}}}" for word in sorted(PLACEHOLDERS))
            raise InvalidParameterError(name, f"may hold no placeholders but {known}; double other braces")
        found.add(placeholder)
    return found
