"""The constants of the 768 pixels, restored from the EEPROM's compressed form.

The factory stores once what a row, a column or a parity class of pixels shares, and in each pixel's own word
only the remainder. Sections are those of the MLX90640 datasheet's worked example.
"""

import numpy as np
from numpy.typing import NDArray

from doumen.thermal.diagnosis import FIRST_PIXEL_WORD
from doumen.thermal.pixels import COLUMNS, ROWS

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_ROW, _COLUMN = np.indices((ROWS, COLUMNS))


def signed(word: int, low_bit: int, bits: int) -> int:
    """A field of `bits` bits of a word, from `low_bit` up, as two's complement."""
    value = word >> low_bit & (1 << bits) - 1
    return value - (1 << bits) if value >> bits - 1 else value


def offset(ee: Integers) -> Floats:
    """pix_OS_ref, (24, 32), counts. §11.2.2.5.2."""
    scales = int(ee[16])
    own = _signed_array(_pixel_words(ee), 10, 6) * 2.0 ** (scales & 15)
    return signed(int(ee[17]), 0, 16) + _rows_and_columns(ee, 18, scales) + own


def alpha(ee: Integers) -> Floats:
    """Sensitivity before compensation, (24, 32), counts/K⁴. §11.2.2.8."""
    scales = int(ee[32])
    own = _signed_array(_pixel_words(ee), 4, 6) * 2.0 ** (scales & 15)
    return (ee[33] + _rows_and_columns(ee, 34, scales) + own) / 2.0 ** (30 + (scales >> 12))


def kta(ee: Integers) -> Floats:
    """KTa, (24, 32), 1/K. §11.2.2.5.3."""
    odd_rows, even_rows = int(ee[54]), int(ee[55])
    shared = _by_parity(
        signed(odd_rows, 8, 8), signed(even_rows, 8, 8), signed(odd_rows, 0, 8), signed(even_rows, 0, 8)
    )
    own = _signed_array(_pixel_words(ee), 1, 3) * 2.0 ** (int(ee[56]) & 15)
    return (shared + own) / 2.0 ** kta_scale(int(ee[56]))


def kv(ee: Integers) -> Floats:
    """Kv, (24, 32), 1/V. §11.2.2.5.3."""
    word = int(ee[52])
    shared = _by_parity(signed(word, 12, 4), signed(word, 4, 4), signed(word, 8, 4), signed(word, 0, 4))
    return shared / 2.0 ** kv_scale(int(ee[56]))


def kta_scale(word: int) -> int:
    """The exponent of KTa and KTa_CP in EE[56]."""
    return (word >> 4 & 15) + 8


def kv_scale(word: int) -> int:
    """The exponent of Kv and Kv_CP in EE[56]."""
    return word >> 8 & 15


def as_vendor_sensitivity(sensitivity: Floats) -> Floats:
    """The vendor library's 16 bits: 1e-6 / alpha, times a power of two until the largest fills them.

    The library doubles in a loop that a zero or NaN never leaves; frexp gives the exponent at once.
    """
    # Single precision here as there: the last of the 16 bits depends on it.
    with np.errstate(divide="ignore"):
        inverse = np.float32(1e-6) / sensitivity.astype(np.float32)
    largest = inverse[np.isfinite(inverse)].max(initial=0)
    factor = 2.0 ** max(0, 16 - int(np.frexp(largest)[1]))
    return 1e-6 * factor / np.floor(inverse * factor + 0.5)


def as_vendor_int8(values: Floats) -> Floats:
    """The vendor library's 8 bits: times a power of two until the largest is at least 64, then rounded."""
    factor = 2.0 ** max(0, 7 - int(np.frexp(np.abs(values).max())[1]))
    return np.copysign(np.floor(np.abs(values) * factor + 0.5), values) / factor


def _pixel_words(ee: Integers) -> Integers:
    return ee[FIRST_PIXEL_WORD:].reshape(ROWS, COLUMNS)


def _signed_array(words: Integers, low_bit: int, bits: int) -> Integers:
    low = words >> low_bit & (1 << bits) - 1
    return low - (low >> bits - 1 << bits)


def _rows_and_columns(ee: Integers, first: int, scales: int) -> Floats:
    """What rows (6 words of 4 nibbles, lowest first) and columns (8 words) share; exponents in `scales`."""
    words = ee[first : first + 14]
    nibbles = _signed_array(np.stack([words, words >> 4, words >> 8, words >> 12], axis=1).ravel(), 0, 4)
    rows = nibbles[:ROWS] * 2.0 ** (scales >> 8 & 15)
    columns = nibbles[ROWS:] * 2.0 ** (scales >> 4 & 15)
    return rows[:, np.newaxis] + columns


def _by_parity(odd_odd: int, odd_even: int, even_odd: int, even_even: int) -> Floats:
    """Spreads four values over the pixels by row and column, which the datasheet counts from 1."""
    return np.array([[odd_odd, odd_even], [even_odd, even_even]], np.float64)[_ROW % 2, _COLUMN % 2]
