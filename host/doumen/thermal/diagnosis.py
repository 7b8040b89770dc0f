"""Refuses EEPROM dumps that no MLX90640 can hold, and says what happened to them.

The checks come in the order of what explains most: a dump shifted by one word also has a wrong signature, so
the shift is looked for first. Every check looks at the words once: nothing here can hang.
"""

import numpy as np
from numpy.typing import NDArray

from doumen.errors import CalibrationError

EEPROM_WORDS = 832
FIRST_PIXEL_WORD = 64
MAX_DEVIATING_PIXELS = 4

# EE[12], the start value of control register 1, is 0x1901 too on every sensor seen, but its owner may
# change it: it is no proof of damage.
SIGNATURE = {3: 0x2061, 5: 0x0320, 6: 0x03E0}
LOST_REPEATED_START = 0x0009
READ_AGAIN = "slow the bus to 400 kHz or less, check wires and pull-ups, and read the EEPROM again"


def refuse_impossible_dump(words: NDArray[np.uint16], *, strict: bool) -> None:
    """Raises CalibrationError with a diagnosis and what to do if `words` cannot be an MLX90640's EEPROM.

    words: (832,) uint16, from address 0x2400.
    strict: False leaves out what only a real sensor has: the identification words and pixels that differ.
    Source: MLX90640 datasheet §9 (at most four deviating pixels), §10 (EEPROM map).
    """
    if np.all(words == words[0]):
        raise CalibrationError(
            f"The EEPROM reads {words[0]:#06x} throughout: no sensor answered; {READ_AGAIN}"
        )
    if words[0] == LOST_REPEATED_START:
        raise CalibrationError(
            "The EEPROM starts with 0x0009: the bus lost the repeated start; "
            "use another I2C driver or pins, then read the EEPROM again"
        )
    if strict:
        _refuse_repeated_words(words)
        _refuse_wrong_signature(words)
    if words[10] & 0x0040:
        raise CalibrationError("The EEPROM is that of an MLX90641 (EE[10] bit 6); connect an MLX90640")
    for index, mask, name in (
        (51, 0xFF00, "K_Vdd"),
        (50, 0x03FF, "Kt_PTAT"),
        (48, 0xFFFF, "gain"),
        (33, 0xFFFF, "pixel sensitivity"),
    ):
        if not words[index] & mask:
            raise CalibrationError(f"The EEPROM holds an impossible constant: {name} is zero; {READ_AGAIN}")
    _refuse_many_deviating_pixels(words)


def _refuse_repeated_words(words: NDArray[np.uint16]) -> None:
    """A read that broke off leaves one value to the end; no sensor has 64 equal pixel words in a row."""
    tail = words[-64:]
    if np.all(tail == tail[0]):
        first = EEPROM_WORDS - int(np.argmax(words[::-1] != tail[0]))
        raise CalibrationError(
            f"The EEPROM reads {tail[0]:#06x} from word {first} on: the transfer broke off; {READ_AGAIN}"
        )


def _refuse_wrong_signature(words: NDArray[np.uint16]) -> None:
    if all(words[index] == value for index, value in SIGNATURE.items()):
        return
    for shift in (1, -1, 2, -2):
        if all(words[index + shift] == value for index, value in SIGNATURE.items()):
            way = "late" if shift > 0 else "early"
            raise CalibrationError(
                f"The EEPROM is shifted: every word comes {abs(shift)} {way}; "
                "a word was lost or doubled on the bus, read it again at 400 kHz or less"
            )
    swapped = words.byteswap()
    if all(swapped[index] == value for index, value in SIGNATURE.items()):
        raise CalibrationError(
            "The EEPROM is byte-swapped; the sensor sends the high byte of each word first"
        )
    found = ", ".join(f"EE[{index}]={words[index]:#06x}" for index in SIGNATURE)
    raise CalibrationError(f"The EEPROM does not identify an MLX90640 ({found}); {READ_AGAIN}")


def _refuse_many_deviating_pixels(words: NDArray[np.uint16]) -> None:
    pixels = words[FIRST_PIXEL_WORD:]
    broken = int(np.count_nonzero(pixels == 0))
    outliers = int(np.count_nonzero(pixels & 1))
    if broken + outliers > MAX_DEVIATING_PIXELS:
        raise CalibrationError(
            f"The EEPROM marks {broken} broken and {outliers} outlier pixels, where a sensor has "
            f"{MAX_DEVIATING_PIXELS} at most; {READ_AGAIN}"
        )
