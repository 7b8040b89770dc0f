"""The constants of one sensor, decoded from its EEPROM.

Names are the datasheet's; §11.1.x restores a constant, §11.2.2.x shows it in the worked example.
"""

from dataclasses import dataclass, field
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from doumen.errors import CalibrationError
from doumen.thermal.diagnosis import EEPROM_WORDS, FIRST_PIXEL_WORD, READ_AGAIN, refuse_impossible_dump
from doumen.thermal.pixels import COLUMNS, ROWS

Mode = Literal["datasheet", "vendor"]
Floats = NDArray[np.float64]
_Words = NDArray[np.int64]

_ROW, _COLUMN = np.indices((ROWS, COLUMNS))


@dataclass(frozen=True, eq=False, kw_only=True)
class Calibration:
    """Everything that turns one sensor's words into temperatures. Arrays are read-only; units follow the name.

    k_vdd, vdd_25: supply slope (counts per V) and reading at 3.3 V and 25 °C (counts).
    kv_ptat (1/V), kt_ptat (counts per K), v_ptat_25 (counts), alpha_ptat: the ambient sensor.
    gain: counts. resolution: ADC bits - 16 at calibration. tgc: share of the compensation pixel.
    ks_ta (1/K), ks_to (4,) 1/K, corner_c (4,) °C, range_gain (4,): sensitivity against temperature; KsTo, CT and
    Alpha_corr of §11.2.2.9.1.
    cp_alpha, cp_offset: (2,), the compensation pixel of subpage 0 and 1. cp_kta (1/K), cp_kv (1/V).
    il_chess: (3,) counts; chess_calibrated: the pattern that the factory calibrated in.
    offset (counts), alpha (counts/K⁴), kta (1/K), kv (1/V): (24, 32).
    sensitivity: (2, 24, 32) counts/K⁴, alpha less the share of the compensation pixel of subpage 0 and 1.
    broken, outlier: (24, 32) bool, as marked by the factory.
    """

    mode: Mode
    k_vdd: float
    vdd_25: float
    kv_ptat: float
    kt_ptat: float
    v_ptat_25: float
    alpha_ptat: float
    gain: float
    resolution: int
    tgc: float
    ks_ta: float
    ks_to: Floats
    corner_c: Floats
    range_gain: Floats
    cp_alpha: Floats
    cp_offset: Floats
    cp_kta: float
    cp_kv: float
    il_chess: Floats
    chess_calibrated: bool
    offset: Floats
    alpha: Floats
    kta: Floats
    kv: Floats
    sensitivity: Floats
    broken: NDArray[np.bool_]
    outlier: NDArray[np.bool_]
    # What `temperature` derives from the above once: at most one entry a pattern, subpage and dtype.
    tables: dict[Any, Any] = field(default_factory=dict[Any, Any], repr=False)

    def __post_init__(self) -> None:
        for value in vars(self).values():
            if isinstance(value, np.ndarray):
                value.flags.writeable = False

    @classmethod
    def from_eeprom(cls, words: ArrayLike, *, mode: Mode = "datasheet", strict: bool = True) -> Self:
        """Decodes an EEPROM dump; always in bounded time.

        words: (832,) unsigned 16-bit, addresses 0x2400..0x273F.
        mode: "datasheet" uses the EEPROM's full precision and each subpage's own compensation pixel; "vendor"
            repeats the vendor library's requantisations: alpha to 16 bits, Kta and Kv to 8, mean alpha_CP.
        strict: False accepts a dump without identification words or with all pixels alike, such as the words of
            the datasheet's example.
        Raises CalibrationError, with what happened and what to do, for a dump that cannot be a sensor's.
        Source: MLX90640 datasheet rev 12 §11.1, §11.2.2; melexis/mlx90640-library for the vendor mode.
        """
        if mode not in ("datasheet", "vendor"):
            raise ValueError(f"mode is {mode!r}, not 'datasheet' or 'vendor'")
        dump = _as_words(words)
        refuse_impossible_dump(dump, strict=strict)
        ee = dump.astype(np.int64)

        tgc = _signed(ee[60], 8) / 32
        cp_alpha = _cp_alpha(ee)
        alpha = _alpha(ee)
        kta, kv = _kta(ee), _kv(ee)
        broken = (dump[FIRST_PIXEL_WORD:] == 0).reshape(ROWS, COLUMNS)
        sensitivity = alpha - tgc * cp_alpha[:, None, None]
        if mode == "vendor":
            sensitivity = np.repeat(_as_vendor_alpha(alpha - tgc * cp_alpha.mean())[None], 2, axis=0)
            kta, kv = _as_vendor_int8(kta), _as_vendor_int8(kv)
        if np.any(sensitivity[:, ~broken] <= 0):
            raise CalibrationError(f"The EEPROM gives a pixel no sensitivity at all; {READ_AGAIN}")

        ks_to, corner_c = _ks_to(ee)
        return cls(
            mode=mode,
            k_vdd=_signed(ee[51] >> 8, 8) * 32.0,
            vdd_25=((ee[51] & 0xFF) - 256.0) * 32 - 8192,
            kv_ptat=_signed(ee[50] >> 10, 6) / 4096,
            kt_ptat=_signed(ee[50], 10) / 8,
            v_ptat_25=_signed(ee[49], 16),
            alpha_ptat=(ee[16] >> 12) / 4.0 + 8,
            gain=_signed(ee[48], 16),
            resolution=int(ee[56] >> 12 & 3),
            tgc=tgc,
            ks_ta=_signed(ee[60] >> 8, 8) / 8192,
            ks_to=ks_to,
            corner_c=corner_c,
            range_gain=_range_gain(ks_to, corner_c),
            cp_alpha=cp_alpha,
            cp_offset=_signed(ee[58], 10) + np.array([0, _signed(ee[58] >> 10, 6)]),
            cp_kta=_signed(ee[59], 8) / 2.0 ** _kta_scale(ee),
            cp_kv=_signed(ee[59] >> 8, 8) / 2.0 ** _kv_scale(ee),
            il_chess=np.array(
                [_signed(ee[53], 6) / 16, _signed(ee[53] >> 6, 5) / 2, _signed(ee[53] >> 11, 5) / 8]
            ),
            chess_calibrated=not ee[10] & 0x0800,
            offset=_offset(ee),
            alpha=alpha,
            kta=kta,
            kv=kv,
            sensitivity=sensitivity,
            broken=broken,
            outlier=(dump[FIRST_PIXEL_WORD:] & 1 == 1).reshape(ROWS, COLUMNS) & ~broken,
        )


def _as_words(words: ArrayLike) -> NDArray[np.uint16]:
    given = np.asarray(words)
    if given.shape != (EEPROM_WORDS,):
        raise CalibrationError(
            f"An EEPROM dump has {EEPROM_WORDS} words, this one has shape {given.shape}; read 0x2400..0x273F whole"
        )
    if given.dtype.kind not in "iu" or given.min() < 0 or given.max() > 0xFFFF:
        raise CalibrationError(
            "An EEPROM dump holds unsigned 16-bit words only; this one holds something else"
        )
    return given.astype(np.uint16)


def _signed(value: Any, bits: int) -> Any:
    """The low `bits` of an integer or of an array as two's complement, float64."""
    low = value & (1 << bits) - 1
    return (low - ((low >> bits - 1) << bits)) * 1.0


def _nibbles(words: _Words) -> Floats:
    """(n,) words to (4n,) signed nibbles, lowest first."""
    return _signed(words[:, None] >> np.array([0, 4, 8, 12]), 4).ravel()


def _pixel_words(ee: _Words) -> _Words:
    return ee[FIRST_PIXEL_WORD:].reshape(ROWS, COLUMNS)


def _rows_and_columns(ee: _Words, first: int, row_scale: int, column_scale: int) -> Floats:
    """The part of a pixel's constant that its row and its column share: 6 words of rows, 8 of columns."""
    rows = _nibbles(ee[first : first + 6]) * 2.0**row_scale
    columns = _nibbles(ee[first + 6 : first + 14]) * 2.0**column_scale
    return rows[:, None] + columns


def _offset(ee: _Words) -> Floats:
    """pix_OS_ref of every pixel, counts. §11.2.2.5.2."""
    scales = int(ee[16])
    shared = _rows_and_columns(ee, 18, scales >> 8 & 15, scales >> 4 & 15)
    return _signed(ee[17], 16) + shared + _signed(_pixel_words(ee) >> 10, 6) * 2.0 ** (scales & 15)


def _alpha(ee: _Words) -> Floats:
    """Sensitivity of every pixel, counts/K⁴. §11.2.2.8."""
    scales = int(ee[32])
    shared = _rows_and_columns(ee, 34, scales >> 8 & 15, scales >> 4 & 15)
    total = ee[33] + shared + _signed(_pixel_words(ee) >> 4, 6) * 2.0 ** (scales & 15)
    return total / 2.0 ** (30 + (scales >> 12))


def _by_parity(even_even: Any, even_odd: Any, odd_even: Any, odd_odd: Any) -> Floats:
    """Spreads four values over the pixels by row and column, counted from 0 (the datasheet counts from 1)."""
    return np.array([[even_even, even_odd], [odd_even, odd_odd]])[_ROW % 2, _COLUMN % 2]


def _kta_scale(ee: _Words) -> int:
    return (int(ee[56]) >> 4 & 15) + 8


def _kv_scale(ee: _Words) -> int:
    return int(ee[56]) >> 8 & 15


def _kta(ee: _Words) -> Floats:
    """KTa of every pixel, 1/K. §11.2.2.5.3."""
    shared = _by_parity(
        _signed(ee[54] >> 8, 8), _signed(ee[55] >> 8, 8), _signed(ee[54], 8), _signed(ee[55], 8)
    )
    own = _signed(_pixel_words(ee) >> 1, 3) * 2.0 ** (int(ee[56]) & 15)
    return (shared + own) / 2.0 ** _kta_scale(ee)


def _kv(ee: _Words) -> Floats:
    """Kv of every pixel, 1/V. §11.2.2.5.3."""
    low, even_odd, odd_even, even_even = _nibbles(ee[52:53])
    return _by_parity(even_even, even_odd, odd_even, low) / 2.0 ** _kv_scale(ee)


def _cp_alpha(ee: _Words) -> Floats:
    """Sensitivity of the compensation pixel of subpage 0 and 1. §11.2.2.8."""
    first = _signed(ee[57], 10) / 2.0 ** (27 + (int(ee[32]) >> 12))
    return first * np.array([1.0, 1 + _signed(ee[57] >> 10, 6) / 128])


def _ks_to(ee: _Words) -> tuple[Floats, Floats]:
    """KsTo of the four ranges, 1/K, and the temperature at which each starts, °C. §11.2.2.9.1.1."""
    scale = 2.0 ** ((int(ee[63]) & 15) + 8)
    ks_to = _signed(np.array([ee[61], ee[61] >> 8, ee[62], ee[62] >> 8]), 8) / scale
    step_c = (int(ee[63]) >> 12 & 3) * 10
    third_c = (int(ee[63]) >> 4 & 15) * step_c
    return ks_to, np.array([-40.0, 0.0, third_c, third_c + (int(ee[63]) >> 8 & 15) * step_c])


def _range_gain(ks_to: Floats, corner_c: Floats) -> Floats:
    """Alpha_corr of the four ranges: sensitivity at the start of each over that at 0 °C. §11.2.2.9.1.2."""
    cold = 1 + ks_to[0] * (corner_c[1] - corner_c[0])
    warm = 1 + ks_to[1] * corner_c[2]
    hot = warm * (1 + ks_to[2] * (corner_c[3] - corner_c[2]))
    if min(cold, warm, hot) <= 0:
        raise CalibrationError(
            f"The EEPROM lets sensitivity fall to zero with temperature (KsTo); {READ_AGAIN}"
        )
    return np.array([1 / cold, 1.0, warm, hot])


def _as_vendor_alpha(sensitivity: Floats) -> Floats:
    """The vendor library's 16 bits: 1e-6 / alpha, scaled by a power of two until the largest fills them."""
    with np.errstate(divide="ignore"):
        inverse = 1e-6 / sensitivity.astype(np.float32).astype(np.float64)
    # frexp gives the exponent at once; the library doubles in a loop that a zero or a NaN never leaves.
    scale = max(0, 16 - int(np.frexp(inverse.max())[1]))
    return 1e-6 * 2.0**scale / np.floor(inverse * 2.0**scale + 0.5)


def _as_vendor_int8(values: Floats) -> Floats:
    """The vendor library's 8 bits: scaled by a power of two until the largest is at least 64, then rounded."""
    scale = max(0, 7 - int(np.frexp(np.abs(values).max())[1]))
    return np.copysign(np.floor(np.abs(values) * 2.0**scale + 0.5), values) / 2.0**scale
