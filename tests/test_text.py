"""What text may not hold."""

import unicodedata

from hypothesis import given

from tests.support.strategies import anything
from totpkit._validation import has_controls, is_unicode


@given(anything)
def test_controls(text: str) -> None:
    """Control characters are those of Unicode's category Cc."""
    assert has_controls(text) == any(unicodedata.category(character) == "Cc" for character in text)


def test_every_character() -> None:
    """Of all of Unicode's characters, Cc are controls and Cs alone is no text."""
    for character in map(chr, range(0x110000)):
        category = unicodedata.category(character)
        assert (category == "Cc", category != "Cs") == (has_controls(character), is_unicode(character))


@given(anything)
def test_unicode(text: str) -> None:
    """Text is Unicode exactly if it can be encoded."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        assert not is_unicode(text)
    else:
        assert is_unicode(text)
