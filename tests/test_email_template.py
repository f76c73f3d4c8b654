"""Tests of totpkit.email.EmailTemplate."""

from html import escape
from typing import Any

import pytest
from hypothesis import given, strategies as st

from totpkit import Email, EmailTemplate, InvalidParameterError

TO = "a@example.com"
printable = st.characters(exclude_categories=["Cs", "Cc"])
Parts = list[tuple[bool, str, str]]
"""The parts of a template: each is a placeholder or a text."""

template_parts = st.lists(
    st.tuples(st.booleans(), st.sampled_from(["code", "minutes", "issuer"]), st.text(printable, max_size=9)),
    max_size=8,
)
values_to_fill_in = st.fixed_dictionaries(
    {
        "code": st.from_regex("[0-9]{6,8}", fullmatch=True),
        "minutes": st.integers(1, 10),
        "issuer": st.text(printable, min_size=1, max_size=20),
    }
)


def source(parts: Parts) -> str:
    """Return the template of these parts."""
    doubled = {"{": "{{", "}": "}}"}
    return "".join(
        f"{{{name}}}" if is_placeholder else "".join(doubled.get(letter, letter) for letter in text)
        for is_placeholder, name, text in parts
    )


def filled_in(parts: Parts, values: dict[str, Any]) -> str:
    """Return the text of these parts with the values."""
    return "".join(str(values[name]) if is_placeholder else text for is_placeholder, name, text in parts)


@pytest.mark.proves("MAIL-off")
@given(template_parts, template_parts, template_parts, values_to_fill_in)
def test_render(subject: Parts, text: Parts, html: Parts, values: dict[str, Any]) -> None:
    """Rendering fills in the values, escaped in HTML, and changes nothing else."""
    text, html = ([*parts, (True, "code", "")] for parts in (text, html))
    template = EmailTemplate(subject=source(subject), text=source(text), html=source(html))
    escaped = {name: escape(str(value)) for name, value in values.items()}
    assert template.render(to=TO, **values) == Email(
        to=TO,
        subject=filled_in(subject, values),
        text=filled_in(text, values),
        html=filled_in(html, escaped),
    )


def test_default() -> None:
    """The default template contains the code, the issuer and how long the code works."""
    email = EmailTemplate().render(to=TO, code="012345", minutes=10, issuer="A <b>")
    assert email.subject == "Your code for A <b>"
    for text in (email.text, email.html):
        assert "012345" in text
        assert "for 10 minutes" in text
    assert "A <b>" in email.text
    assert "A &lt;b&gt;" in email.html
    assert "<b>" not in email.html


def test_values_are_not_templates() -> None:
    """Braces in a value are not replaced, and the HTML may be empty."""
    issuer = "{code} {0} {issuer.__class__} %s"
    template = EmailTemplate(subject="{issuer}", text="{issuer} {code}", html="")
    email = template.render(to=TO, code="1", minutes=1, issuer=issuer)
    assert (email.subject, email.text, email.html) == (issuer, f"{issuer} 1", "")


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
    """An unknown placeholder raises when the template is created, and the error lists the known ones."""
    with pytest.raises(InvalidParameterError, match=r"\{code\}, \{issuer\}, \{minutes\}") as caught:
        EmailTemplate(**{part: template + " {code}"})
    assert caught.value.parameter == part


@pytest.mark.proves("MAIL-off")
@pytest.mark.parametrize(
    ("part", "template", "problem"),
    [
        ("text", "Hello", "must contain {code}"),
        ("text", "{issuer} {minutes}", "must contain {code}"),
        ("text", "{{code}}", "must contain {code}"),
        ("html", "<p>Hello</p>", "must contain {code}"),
        ("html", "{{code}}", "must contain {code}"),
        ("text", "", "must not be empty"),
        ("subject", "a\nb", "must be one line"),
        ("subject", "a\r\nBcc: b@example.com", "must be one line"),
        ("subject", "a\x00", "must be one line"),
        ("subject", None, "must be a str"),
        ("text", None, "must be a str"),
        ("html", None, "must be a str"),
        ("text", b"{code}", "must be a str"),
        ("subject", "\ud800", "must be a str without lone surrogates"),
        ("text", "{code}\udfff", "must be a str without lone surrogates"),
    ],
)
def test_invalid_template(part: str, template: Any, problem: str) -> None:
    """A template without the code, with an empty text, or with a subject of several lines is rejected."""
    with pytest.raises(InvalidParameterError) as caught:
        EmailTemplate(**{part: template})
    assert str(caught.value).startswith(f"{part} {problem}")


@given(st.text(max_size=30))
def test_any_template(text: str) -> None:
    """Any text is rejected, or its email contains the code and has a subject of one line."""
    try:
        template = EmailTemplate(subject=text, text=text + "{code}", html=text + "{code}")
    except InvalidParameterError:
        return
    email = template.render(to=TO, code="123456", minutes=5, issuer="Acme")
    assert email.text.endswith("123456")
    assert email.html.endswith("123456")
    assert not set(email.subject) & set("\r\n\0")


@pytest.mark.proves("T22")
def test_repr() -> None:
    """The repr of an email shows nothing of it."""
    email = Email(to=TO, subject="123456", text="123456", html="123456")
    assert repr(email) == str(email) == "Email()"
