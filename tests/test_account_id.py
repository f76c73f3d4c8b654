"""What may name an account."""

import pytest
from hypothesis import given

from tests.support.account_strategies import ids
from tests.support.strategies import anything
from totpkit import InvalidParameterError
from totpkit._validation import checked_account_id


@pytest.mark.proves("T14")
@given(ids | anything)
def test_any_text(text: str) -> None:
    """Text of 1 to 255 bytes in UTF-8 without control characters names an account as it is; no other does."""
    controls = {*map(chr, range(32)), *map(chr, range(127, 160))}
    try:
        legal = 1 <= len(text.encode()) <= 255 and not controls & set(text)
    except UnicodeEncodeError:
        legal = False
    if legal:
        assert checked_account_id(text) is text
    else:
        with pytest.raises(
            InvalidParameterError, match=r"^account_id must be a str of 1 to 255 bytes in UTF-8"
        ):
            checked_account_id(text)


@pytest.mark.parametrize(
    "account_id", ["a", "a" * 255, "\u00e9" * 127, "\N{SNOWMAN}" * 85, " a ", "a:b", "google|1"]
)
def test_longest(account_id: str) -> None:
    """What counts is bytes."""
    assert checked_account_id(account_id) == account_id


@pytest.mark.parametrize(
    "account_id", ["", "a" * 256, "\u00e9" * 128, "\N{SNOWMAN}" * 86, "a\0", "a\n", "\x85", "\ud800"]
)
def test_refused(account_id: str) -> None:
    """Empty and longer ids, control characters and lone surrogates are refused."""
    with pytest.raises(InvalidParameterError) as caught:
        checked_account_id(account_id)
    assert caught.value.parameter == "account_id"
    assert not account_id or account_id not in str(caught.value)


@pytest.mark.proves("T45", "T14")
@pytest.mark.parametrize("account_id", [None, True, 1, 1.0, b"alice", ["alice"], object()])
def test_no_text(account_id: object) -> None:
    """An account is named by a str, never by True or a number."""
    kind = type(account_id).__name__
    with pytest.raises(InvalidParameterError) as caught:
        checked_account_id(account_id)
    assert str(caught.value) == f"account_id must be a str of 1 to 255 bytes in UTF-8, not {kind}"
