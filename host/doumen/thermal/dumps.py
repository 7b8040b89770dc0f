"""An EEPROM dump out of whatever holds one: a binary file of either byte order, or text."""

import re

import numpy as np
from numpy.typing import NDArray

from doumen.errors import CalibrationError
from doumen.thermal.diagnosis import EEPROM_WORDS, SIGNATURE, Pattern
from doumen.thermal.forensics import diagnose
from doumen.thermal.pasted import numbers_in
from doumen.thermal.transfer_damage import is_signed

Words = NDArray[np.uint16]

_DUMP_BYTES = 2 * EEPROM_WORDS
# The identification words (see `diagnosis.SIGNATURE`) in a byte stream, high byte first and low byte first.
_SIGNATURES = (
    (">u2", re.compile(rb"\x20\x61..\x03\x20\x03\xe0", re.DOTALL)),
    ("<u2", re.compile(rb"\x61\x20..\x20\x03\xe0\x03", re.DOTALL)),
)
_SIGNATURE_AT = 6
# A log of many frames as text has some; what is longer was not meant.
_MOST_BYTES = 1 << 20
_PRINTABLE = bytes(range(0x20, 0x7F)) + b"\t\n\r\f"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


def parse_dump(data: bytes) -> Words:
    """The 832 words of an EEPROM in the contents of a file.

    Binary: words with the high or the low byte first, told by the identification words; a longer file is searched
    for them. Text: hexadecimal with or without 0x, words or bytes, decimal; separated by anything, as a C array,
    with comments, with an address column.
    Returns (832,) uint16, in the order of the addresses as far as can be told: what is damaged stays so, see
    `forensics.diagnose`.
    Raises CalibrationError if there are not 832 words in it.
    """
    if len(data) > _MOST_BYTES:
        raise CalibrationError(
            f"This file has {len(data)} bytes, too many for a dump; give one of 0x2400..0x273F"
        )
    text = _as_text(data)
    if text is None:
        words = _from_binary(data)
        if words is None:
            raise CalibrationError(
                f"There are {len(data)} bytes in this file and {_DUMP_BYTES} in an EEPROM; "
                "dump 0x2400..0x273F as a whole"
            )
        return words
    return _from_text(text)


def _from_text(text: str) -> Words:
    best: Words | None = None
    most = 0
    for numbers, are_bytes in numbers_in(text):
        most = max(most, sum(0 <= number <= 0xFFFF for number in numbers))
        is_binary = are_bytes and len(numbers) >= _DUMP_BYTES
        words = _from_binary(bytes(numbers)) if is_binary else _from_numbers(numbers)
        if words is not None and is_signed(words):
            return words
        best = words if best is None else best
    if best is None:
        raise CalibrationError(
            f"There are {most} words in this text and {EEPROM_WORDS} in an EEPROM; "
            "paste 0x2400..0x273F as a whole, as words or as pairs of bytes"
        )
    return best


def _as_text(data: bytes) -> str | None:
    """Decoded, or None if it is binary. Windows' redirections write UTF-16."""
    if len(data) != _DUMP_BYTES and data[:2] in _UTF_16:
        return data.decode("utf-16", "replace")
    strange = len(data.translate(None, _PRINTABLE))
    if b"\0" in data or strange > 0.05 * len(data):
        return None
    return data.decode("utf-8-sig", "replace")


def _from_binary(data: bytes) -> Words | None:
    if len(data) == _DUMP_BYTES:
        # The sensor's own order comes first, where neither says anything.
        return min((_words(data, order) for order, _ in _SIGNATURES), key=_strangeness)
    for order, signature in _SIGNATURES:
        for found in signature.finditer(data):
            start = found.start() - _SIGNATURE_AT
            if 0 <= start <= len(data) - _DUMP_BYTES:
                return _words(data[start : start + _DUMP_BYTES], order)
    return None


def _words(data: bytes, order: str) -> Words:
    return np.frombuffer(data, order).astype(np.uint16)


def _strangeness(words: Words) -> int:
    """0 for a sensor's words, 1 for words with a damage that explains something, 2 for mere numbers."""
    if is_signed(words):
        return 0
    finding = diagnose(words).first_fatal
    is_explained = finding and finding.pattern not in (Pattern.UNIDENTIFIED, Pattern.BYTE_SWAPPED)
    return 1 if is_explained else 2


def _from_numbers(numbers: list[int]) -> Words | None:
    """The numbers if they are 832 words, or the 832 among more that the identification words point to."""
    if len(numbers) < EEPROM_WORDS or min(numbers) < 0 or max(numbers) > 0xFFFF:
        return None
    words = np.array(numbers, np.uint16)
    if len(words) == EEPROM_WORDS:
        return words
    starts = len(words) - EEPROM_WORDS + 1
    signed = np.all([words[index : index + starts] == value for index, value in SIGNATURE.items()], axis=0)
    if not signed.any():
        return None
    first = int(np.argmax(signed))
    return words[first : first + EEPROM_WORDS].copy()
