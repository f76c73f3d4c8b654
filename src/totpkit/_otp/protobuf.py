"""Read and write the protocol buffer encoding that migration payloads use.

The encoding is described at https://protobuf.dev/programming-guides/encoding/.
"""

from collections.abc import Iterator

from totpkit.errors import InvalidPayloadError

Field = tuple[int, int | bytes]
"""The number of a field, and its value: an unsigned 64-bit integer or bytes."""

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_FIXED_SIZES = {_FIXED64: 8, _FIXED32: 4}
_WORD = 64
_LOW_BITS = 0x7F
_MORE = 0x80


def read_fields(message: bytes) -> Iterator[Field]:
    """Yield the fields in *message*, in order. A repeated field is yielded each time it occurs.

    Raises :class:`InvalidPayloadError` if the message is truncated or malformed.
    """
    place = 0
    while place < len(message):
        tag, place = _read_varint(message, place)
        number, wire_type = tag >> 3, tag & 7
        value: int | bytes
        if wire_type == _VARINT:
            value, place = _read_varint(message, place)
        elif wire_type == _BYTES:
            size, place = _read_varint(message, place)
            value, place = _read_bytes(message, place, size)
        elif wire_type in _FIXED_SIZES:
            value, place = _read_bytes(message, place, _FIXED_SIZES[wire_type])
        else:
            raise InvalidPayloadError("a migration payload contains a field of unknown type")
        yield number, value


def write_field(number: int, value: int | bytes) -> bytes:
    """Encode one field. A negative integer is encoded as a 64-bit two's complement."""
    if isinstance(value, bytes):
        return _write_varint(number << 3 | _BYTES) + _write_varint(len(value)) + value
    return _write_varint(number << 3 | _VARINT) + _write_varint(value % (1 << _WORD))


def _read_varint(message: bytes, place: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, _WORD, 7):
        byte, place = _read_bytes(message, place, 1)
        value |= (byte[0] & _LOW_BITS) << shift
        if byte[0] < _MORE:
            return value % (1 << _WORD), place
    raise InvalidPayloadError("a migration payload contains a number of more than 64 bits")


def _read_bytes(message: bytes, place: int, size: int) -> tuple[bytes, int]:
    if size > len(message) - place:
        raise InvalidPayloadError("a migration payload is truncated")
    return message[place : place + size], place + size


def _write_varint(value: int) -> bytes:
    out = bytearray()
    while value > _LOW_BITS:
        out.append(value & _LOW_BITS | _MORE)
        value >>= 7
    out.append(value)
    return bytes(out)
