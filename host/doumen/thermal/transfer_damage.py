"""What a bus, a driver or a hand does to the words of an EEPROM, told from the words alone.

The checks come in the order of what explains most: a dump shifted by one word also has the wrong signature, and
one with stripes may have lost its signature to them. Each looks at the words a fixed number of times: nothing
here can hang.
"""

import re
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from doumen.thermal.diagnosis import EEPROM_WORDS, READ_AGAIN, SIGNATURE, Finding, Pattern

Words = NDArray[np.uint16]

# Equal words in a row, or at equal distances, that no sensor has: the three real dumps at hand have 3 at most.
_RUN = 6
_LONGEST_PERIOD = 128
# Words that read 0xFFFF without any order; a sound dump has none.
_MANY_ERASED = 3
_LOST_REPEATED_START = 0x0009
# The identification words as the sensor sends them; EE[4] between them differs from sensor to sensor.
_SIGNATURE_BYTES = re.compile(rb"\x20\x61..\x03\x20\x03\xe0", re.DOTALL)
_SIGNATURE_AT = 6
# The bits that each of the MLX90641's five check bits makes even (melexis/mlx90641-library, HammingDecode).
_HAMMING = (0x0D5B, 0x166D, 0x278E, 0x47F0, 0xFFFF)


def transfer_damage(words: Words) -> Finding | None:
    """The damage that explains a dump best; None if its words are in their places.

    words: (832,) uint16, from address 0x2400.
    Source: FACTS 1; complaints in the issues of melexis/mlx90640-library.
    """
    checks: tuple[Callable[[Words], Finding | None], ...] = (
        empty,
        lost_repeated_start,
        other_chip,
        cut_off,
        stripes,
        gap,
        displaced,
        erased_words,
        unidentified,
    )
    for check in checks:
        finding = check(words)
        if finding is not None:
            return finding
    return None


def empty(words: Words) -> Finding | None:
    """One value throughout: a bus that nobody drives reads 0xFFFF, one that is held down 0x0000."""
    if np.any(words != words[0]):
        return None
    return Finding(Pattern.EMPTY, f"The EEPROM reads {words[0]:#06x} throughout: no sensor answered")


def lost_repeated_start(words: Words) -> Finding | None:
    """ESP32-S2 and others: a stop between address and read makes the first word 0x0009."""
    if words[0] != _LOST_REPEATED_START:
        return None
    return Finding(
        Pattern.LOST_REPEATED_START,
        "The EEPROM starts with 0x0009: the bus lost the repeated start",
        "use another I2C driver or pins, then read the EEPROM again",
    )


def other_chip(words: Words) -> Finding | None:
    """An MLX90641 says so in a bit, or its words carry five check bits each."""
    marked = bool(words[10] & 0x0040) and is_signed(words)
    coded = np.unique(words[16:])
    coded = coded[(coded != 0) & (coded != 0xFFFF)]
    if not marked and (len(coded) < 64 or np.mean(_is_even(coded)) < 0.95):
        return None
    return Finding(
        Pattern.MLX90641,
        "The EEPROM is that of an MLX90641 (EE[10] bit 6)" if marked else "The EEPROM is that of an MLX90641",
        "connect an MLX90640",
    )


def cut_off(words: Words) -> Finding | None:
    """A read that broke off leaves one value to the end."""
    last = words[-1]
    if np.any(words[-_RUN:] != last):
        return None
    first = EEPROM_WORDS - int(np.argmax(words[::-1] != last))
    return Finding(
        Pattern.CUT_OFF, f"The EEPROM reads {last:#06x} from word {first} on: the transfer broke off"
    )


def stripes(words: Words) -> Finding | None:
    """One value, or the same piece of the dump, at equal distances."""
    for period in range(2, _LONGEST_PERIOD + 1):
        same = words[period:] == words[:-period]
        run = _runs(same, period)
        # Inside a run of equal neighbours every distance shows equal words: that is a gap.
        run &= words[: len(run)] != words[1 : len(run) + 1]
        if not run.any():
            continue
        if same.mean() > 0.5:
            what = f"The same {period} words of the EEPROM come again and again: the address stood still"
        else:
            first = int(np.argmax(run))
            what = f"The EEPROM has stripes: every {period} words one reads {words[first]:#06x}, from word {first} on"
        return Finding(Pattern.STRIPES, what)
    return None


def gap(words: Words) -> Finding | None:
    """One value for a while: a piece of the transfer is missing."""
    run = _runs(words[1:] == words[:-1], 1)
    if not run.any():
        return None
    first = int(np.argmax(run))
    rest = words[first:] != words[first]
    last = first + int(np.argmax(rest)) - 1
    return Finding(
        Pattern.GAP,
        f"The EEPROM reads {words[first]:#06x} from word {first} to {last}: a piece of the transfer is missing",
    )


def displaced(words: Words) -> Finding | None:
    """The identification words are there, but not in their places or not in their order."""
    if is_signed(words):
        return None
    shift = _signature_shift(words)
    if shift is not None:
        unit, count = ("byte", abs(shift)) if shift % 2 else ("word", abs(shift) // 2)
        way = "late" if shift > 0 else "early"
        return Finding(
            Pattern.SHIFTED,
            f"The EEPROM is shifted: every {unit} comes {count} {way}, one was lost or doubled on the bus",
        )
    shift = _signature_shift(words.byteswap())
    if shift is None:
        return None
    further = "" if shift == 0 else f" and shifted by {abs(shift)} bytes"
    return Finding(
        Pattern.BYTE_SWAPPED,
        f"The EEPROM is byte-swapped{further}",
        "let the driver take the high byte of each word first, as the sensor sends it, and read again",
    )


def erased_words(words: Words) -> Finding | None:
    """Words that read 0xFFFF here and there, as after writing to 0x24xx: ten write cycles is all it bears."""
    erased = np.flatnonzero(words[16:] == 0xFFFF) + 16
    if len(erased) < _MANY_ERASED:
        return None
    return Finding(
        Pattern.ERASED_WORDS,
        f"{len(erased)} words of the EEPROM read 0xffff, the first is EE[{erased[0]}]",
        f"{READ_AGAIN}; if they stay, the EEPROM was overwritten: write an older dump back, or replace the sensor",
    )


def unidentified(words: Words) -> Finding | None:
    """Six real sensors hold the same identification words: whatever has others is none, or was misread."""
    if is_signed(words):
        return None
    found = ", ".join(f"EE[{index}]={words[index]:#06x}" for index in SIGNATURE)
    return Finding(Pattern.UNIDENTIFIED, f"The EEPROM does not identify an MLX90640 ({found})")


def is_signed(words: Words) -> bool:
    """Whether the identification words stand in their places."""
    return all(words[index] == value for index, value in SIGNATURE.items())


def _signature_shift(words: Words) -> int | None:
    """How many bytes too late the identification words come; None if they are not there."""
    octets = words.astype(">u2").tobytes()
    # What went out at the front may have come in again at the end.
    found = _SIGNATURE_BYTES.search(octets + octets[:8])
    if found is None:
        return None
    shift = found.start() - _SIGNATURE_AT
    return shift if shift < EEPROM_WORDS else shift - 2 * EEPROM_WORDS


def _is_even(words: Words) -> NDArray[np.bool_]:
    """Whether all five check bits of the MLX90641's Hamming code are right."""
    parity = words & np.array(_HAMMING, np.uint16)[:, np.newaxis]
    for half in (8, 4, 2, 1):
        parity ^= parity >> half
    return np.all(parity & 1 == 0, axis=0)


def _runs(same: NDArray[np.bool_], period: int) -> NDArray[np.bool_]:
    """Where _RUN words that are `period` apart are equal, from how each compares to the next."""
    run = same
    for step in range(1, _RUN - 1):
        run = run[:-period] & same[step * period :]
        if not run.any():
            break
    return run
