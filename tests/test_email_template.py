"""Letters that shield_stop_iteration a code."""

from html import escape
from typing import Any

import pytest
from hypothesis import given, strategies as st

from totpkit import Email, EmailTemplate, InvalidParameterError

PLACEHOLDERS = ["code", "minutes", "issuer"]
printed = st.characters(exclude_categories=["Cs", "Cc"])
parts = st.lists(
    st.tuples(st.booleans(), st.sampled_from(PLACEHOLDERS), st.text(printed, max_size=9)), max_size=8
)
"""Pieces of a template: the name of a placeholder, or a text."""

filled = st.fixed_dictionaries(
    {
        "code": st.from_regex("[0-9]{6,8}", fullmatch=True),
        "minutes": st.integers(1, 10),
        "issuer": st.text(printed, min_size=1, max_size=20),
    }
)


Parts = list[tuple[bool, str, str]]


def written(pieces: Parts) -> str:
    """Return the template of these pieces."""
    doubled = {"{": "{{", "}": "}}"}
    return "".join(
        f"{{{name}}}" if named else "".join(doubled.get(letter, letter) for letter in text)
        for named, name, text in pieces
    )


def read(pieces: Parts, values: dict[str, Any]) -> str:
    """Return the text of these pieces."""
    return "".join(str(values[name]) if named else text for named, name, text in pieces)


@pytest.mark.proves("MAIL-off")
@given(parts, parts, parts, filled)
def test_filled(subject: Parts, text: Parts, html: Parts, values: dict[str, Any]) -> None:
    """A letter says what the template does, its names filled in, in HTML escaped; nothing else changes."""
    text, html = ([*pieces, (True, "code", "")] for pieces in (text, html))
    template = EmailTemplate(subject=written(subject), text=written(text), html=written(html))
    mail = template.render("a@example.com", **values)
    safe = {name: escape(str(value)) for name, value in values.items()}
    assert mail == Email(
        to="a@example.com",
        subject=read(subject, values),
        text=read(text, values),
        html=read(html, safe),
    )


def test_default() -> None:
    """Without a template of the app's own, a letter says code, sender and how long it works."""
    mail = EmailTemplate().render("a@example.com", code="012345", minutes=10, issuer="A <b>")
    assert mail.subject == "Your code for A <b>"
    for text in (mail.text, mail.html):
        assert "012345" in text
        assert "for 10 minutes" in text
    assert "A <b>" in mail.text
    assert "A &lt;b&gt;" in mail.html
    assert "<b>" not in mail.html


def test_values_are_not_templates() -> None:
    """What is filled in is text, whatever it looks like."""
    mail = EmailTemplate(subject="{issuer}", text="{issuer} {code}", html="").render(
        "a@example.com", code="1", minutes=1, issuer="{code} {0} {issuer.__class__} %s"
    )
    assert mail.subject == "{code} {0} {issuer.__class__} %s"
    assert mail.text == "{code} {0} {issuer.__class__} %s 1"


UNKNOWN = [
    "{link}",
    "{}",
    "{0}",
    "{Code}",
    "{ code}",
    "{code }",
    "{code!r}",
    "{code:>9}",
    "{code:{minutes}}",
    "{code.__class__}",
    "{code[0]}",
    "{issuer.__class__.__mro__}",
    "{",
    "}",
    "{code",
    "code}",
    "{code}{",
]


@pytest.mark.proves("MAIL-off")
@pytest.mark.parametrize("part", ["subject", "text", "html"])
@pytest.mark.parametrize("template", UNKNOWN)
def test_unknown_placeholder(part: str, template: str) -> None:
    """A placeholder that no letter fills in fails when the template is made, and says what is known."""
    with pytest.raises(InvalidParameterError, match=r"\{code\}, \{issuer\}, \{minutes\}") as caught:
        EmailTemplate(**{part: template + " {code}"})
    assert caught.value.parameter == part


@pytest.mark.proves("MAIL-off")
@pytest.mark.parametrize(
    ("part", "template"),
    [
        ("text", "Hello"),
        ("text", "{issuer} {minutes}"),
        ("text", "{{code}}"),
        ("text", ""),
        ("html", "<p>Hello</p>"),
        ("html", "{{code}}"),
        ("subject", "a\nb"),
        ("subject", "a\r\nBcc: b@example.com"),
        ("subject", "a\x00"),
        ("subject", None),
        ("text", None),
        ("html", None),
        ("text", b"{code}"),
        ("html", 1),
        ("subject", "\ud800"),
        ("text", "{code}\udfff"),
    ],
)
def test_bad_template(part: str, template: Any) -> None:
    """A letter without the code, without a text, or whose subject would be more than a line is refused."""
    with pytest.raises(InvalidParameterError) as caught:
        EmailTemplate(**{part: template})
    assert caught.value.parameter == part


@given(st.text(max_size=30))
def test_any_template(text: str) -> None:
    """Any text is a template or refused; one that is taken always makes a letter with the code in it."""
    try:
        template = EmailTemplate(subject=text, text=text + "{code}", html=text + "{code}")
    except InvalidParameterError:
        return
    mail = template.render("a@example.com", code="123456", minutes=5, issuer="Acme")
    assert mail.text.endswith("123456")
    assert mail.html.endswith("123456")
    assert not set(mail.subject) & set("\r\n\0")


def test_plain_text_alone() -> None:
    """HTML may be left out."""
    assert EmailTemplate(html="").render("a@example.com", code="1", minutes=1, issuer="x").html == ""


@pytest.mark.proves("T22")
def test_shown() -> None:
    """A letter's repr tells nothing of it."""
    mail = Email(to="a@example.com", subject="123456", text="123456", html="123456")
    assert repr(mail) == "Email()"
