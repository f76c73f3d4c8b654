"""What text may not hold if others are to read it. Knows nothing of what it says."""

_CONTROLS = frozenset(map(chr, (*range(0x20), *range(0x7F, 0xA0))))
_SURROGATES = range(0xD800, 0xE000)


def has_controls(text: str) -> bool:
    """Return whether *text* holds a character of Unicode's category Cc."""
    return not _CONTROLS.isdisjoint(text)


def is_unicode(text: str) -> bool:
    """Return whether *text* can be encoded: it holds no lone surrogate."""
    return text.isascii() or not any(ord(character) in _SURROGATES for character in text)
