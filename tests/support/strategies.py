"""Hypothesis strategies that several tests share."""

import re
import unicodedata
from dataclasses import replace

from hypothesis import strategies as st

from tests.vectors import load
from totpkit import HOTP, TOTP, Algorithm, KeyURI, Secret, Steam, Window
from totpkit.migration import MigrationPayload

RFC_SECRET = Secret.from_bytes(b"12345678901234567890")
LAST_COUNTER = 2**64 - 1

# Any text, including lone surrogates, which a decoder with errors="surrogateescape" produces.
anything = st.text(st.characters() | st.characters(categories=["Cs", "Cc", "Zs", "Nd"]))

raw_secrets = st.binary(min_size=1, max_size=150)
secrets = raw_secrets.map(Secret.from_bytes)
algorithms = st.sampled_from(Algorithm)
digits = st.integers(6, 8)
periods = st.sampled_from([1, 29, 30, 60, 3600]) | st.integers(1, 3600)
counters = st.sampled_from([0, 1, LAST_COUNTER]) | st.integers(0, LAST_COUNTER)

hotps = st.builds(HOTP, secrets, digits=digits, algorithm=algorithms)
steams = st.builds(Steam, secrets)
uri_totps = st.builds(TOTP, secrets, digits=digits, algorithm=algorithms, period=periods)
totps = st.builds(replace, uri_totps, t0=st.just(0) | st.integers(0, 2**31))
timed = totps | steams

# pyotp rejects secrets under 112 bits, periods over two minutes and years of five digits.
raw_pyotp_secrets = st.binary(min_size=14, max_size=150)
_pyotp_secrets = raw_pyotp_secrets.map(Secret.from_bytes)
pyotp_times = st.integers(0, 2**37)
pyotp_hotps = st.builds(replace, hotps, secret=_pyotp_secrets)
pyotp_totps = st.builds(replace, uri_totps, secret=_pyotp_secrets, period=st.integers(1, 120))

whole_times = st.integers(0, 2**34) | st.integers(0, LAST_COUNTER)
times = whole_times | st.floats(0, 2**34)
narrow_windows = st.integers(0, 9).flatmap(
    lambda past: st.builds(Window, st.just(past), st.integers(0, 9 - past))
)
windows = narrow_windows | st.builds(
    Window, st.integers(0, 40), st.integers(0, 40), allow_wide=st.just(value=True)
)
drifts = st.integers(-5, 5)

_name_characters = st.characters(exclude_categories=["Cs", "Cc"], exclude_characters=":")
names = st.text(_name_characters, max_size=30).filter(lambda name: not name.startswith(" "))
accounts = names.filter(bool)
_named = {"account": accounts, "issuer": names}
key_uris = st.builds(KeyURI, uri_totps | steams, **_named) | st.builds(
    KeyURI, hotps, **_named, counter=counters
)

_portable = {"digits": st.sampled_from([6, 8]), "algorithm": algorithms}
migration_entries = st.builds(KeyURI, st.builds(TOTP, secrets, **_portable), **_named) | st.builds(
    KeyURI, st.builds(HOTP, secrets, **_portable), **_named, counter=counters
)
payloads = st.integers(1, 2**31 - 1).flatmap(
    lambda size: st.builds(
        MigrationPayload,
        st.lists(migration_entries, max_size=4).map(tuple),
        batch_size=st.just(size),
        batch_index=st.integers(0, size - 1),
        batch_id=st.integers(-(2**31), 2**31 - 1),
    )
)

COLLISIONS = [(*vector["steps"], vector["code"]) for vector in load("collisions")["codes"]]
collisions = st.sampled_from(COLLISIONS)

# There are so few different codes that neighbors are often equal, which real codes are only once in a
# million steps. The functions repeat, so every step has a code.
crowded_codes = st.lists(st.integers(0, 3), min_size=1, max_size=12).map(
    lambda table: lambda step: table[step % len(table)]
)

_separators = st.text(" -", max_size=3)
_scripts = [chr(code) for code in range(0x110000) if unicodedata.category(chr(code)) in {"Nd", "No"}]
foreign_digits = st.sampled_from([character for character in _scripts if not character.isascii()])
_strays = st.sampled_from(
    "\t\n\r\v\f\0+_.,'\"eE\u0660\u00a0\u2007\u2009\u202f\u3000\u200b\ufeff\u2010\u2013\u2212\ud800"
)
strays = _strays | foreign_digits | st.characters()


@st.composite
def spellings(draw: st.DrawFn, text: str) -> str:
    """Draw the text with spaces and dashes anywhere, which verification ignores."""
    return draw(_separators) + "".join(character + draw(_separators) for character in text)


@st.composite
def forgiven_base32(draw: st.DrawFn, text: str) -> str:
    """Draw another spelling of a base32 text that has the same meaning."""
    cased = "".join(draw(st.sampled_from([character, character.lower()])) for character in text)
    return draw(spellings(cased)) + draw(st.text("= -", max_size=8))


@st.composite
def misspellings(draw: st.DrawFn, text: str) -> str:
    """Draw the text with a few characters changed, added or removed."""
    characters = list(draw(spellings(text)))
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, len(characters)))
        characters[place : place + draw(st.integers(0, 1))] = draw(st.lists(strays, max_size=1))
    return "".join(characters)


_fragments = st.sampled_from(
    [
        *[
            "&",
            "=",
            "?",
            "/",
            ":",
            "%3A",
            "%20",
            "+",
            "#",
            "%",
            "%00",
            "%ff",
            "://",
            "\n",
            "\ud800",
            "\u00e9",
        ],
        *["otpauth://", "hotp", "steam", "secret=", "&secret=AA", "&issuer=A%3AB", "&digits=0"],
        *["&digits=\u0666", "&period=3601", "&counter=-1", "&algorithm=md5", "&encoder=steam"],
    ]
)


@st.composite
def mutations(draw: st.DrawFn, texts: st.SearchStrategy[str]) -> str:
    """Draw one of the texts with parts of it removed, doubled or replaced."""
    text = draw(texts)
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = draw(st.integers(start, min(start + 12, len(text))))
        patch = draw(st.just("") | st.just(text[start:end] * 2) | _fragments | anything)
        text = text[:start] + patch + text[end:]
    return text


def shown(value: object) -> str:
    """Return the repr of a value without its address, so that a test id is the same in every process."""
    return re.sub(r" at 0x[0-9a-f]+", "", repr(value))
