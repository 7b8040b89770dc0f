"""The constants of one sensor, decoded from its EEPROM.

Names are the datasheet's; sections are those of its worked example, §11.2.2.
"""

from dataclasses import dataclass, field
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from doumen.errors import CalibrationError
from doumen.thermal import pixel_constants
from doumen.thermal.diagnosis import EEPROM_WORDS, FIRST_PIXEL_WORD, READ_AGAIN
from doumen.thermal.forensics import refuse_impossible_dump
from doumen.thermal.pixel_constants import Floats, signed
from doumen.thermal.pixels import COLUMNS, ROWS

Mode = Literal["datasheet", "vendor"]
FourRanges = tuple[float, float, float, float]


@dataclass(frozen=True, eq=False, kw_only=True)
class Calibration:
    """Everything that turns one sensor's words into temperatures. Arrays are read-only.

    k_vdd (counts/V), vdd_25 (counts): supply voltage.
    kv_ptat (1/V), kt_ptat (counts/K), v_ptat_25 (counts), alpha_ptat: ambient temperature.
    gain: counts. resolution: 0..3 for 16..19 bits of ADC. tgc: share of the compensation pixel.
    ks_ta (1/K), ks_to (1/K), corner_c, range_gain: sensitivity over temperature; KsTa, and KsTo, CT (°C) and
        Alpha_corr of the four ranges.
    cp_alpha (counts/K⁴), cp_offset (counts): compensation pixel of subpage 0 and 1.
    cp_kta (1/K), cp_kv (1/V): its drift.
    il_chess: IL_CHESS_C1..C3, counts. chess_calibrated: the factory calibrated in chess pattern.
    offset (counts), alpha (counts/K⁴), kta (1/K), kv (1/V): (24, 32).
    sensitivity: (2, 24, 32), counts/K⁴; alpha less the share of the compensation pixel of subpage 0 and 1.
    broken, outlier: (24, 32) bool, as the factory marked them.
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
    ks_to: FourRanges
    corner_c: FourRanges
    range_gain: FourRanges
    cp_alpha: tuple[float, float]
    cp_offset: tuple[float, float]
    cp_kta: float
    cp_kv: float
    il_chess: tuple[float, float, float]
    chess_calibrated: bool
    offset: Floats
    alpha: Floats
    kta: Floats
    kv: Floats
    sensitivity: Floats
    broken: NDArray[np.bool_]
    outlier: NDArray[np.bool_]
    # What `temperature` derives from the above, made once: one entry a pattern, subpage and precision.
    tables: dict[Any, Any] = field(default_factory=dict[Any, Any], repr=False)

    def __post_init__(self) -> None:
        for array in (
            self.offset,
            self.alpha,
            self.kta,
            self.kv,
            self.sensitivity,
            self.broken,
            self.outlier,
        ):
            array.flags.writeable = False

    @classmethod
    def from_eeprom(cls, words: ArrayLike, *, mode: Mode = "datasheet", strict: bool = True) -> Self:
        """Decodes an EEPROM dump; always in bounded time.

        words: (832,) unsigned 16-bit, addresses 0x2400..0x273F.
        mode: "datasheet" uses the EEPROM's full precision and each subpage's own compensation pixel; "vendor"
            repeats the vendor library's requantisations: alpha to 16 bits, Kta and Kv to 8, mean alpha_CP.
        strict: False accepts a dump without identification words or with all pixels alike, such as the one of
            the datasheet's example.
        Raises CalibrationError, with what happened and what to do, for a dump that cannot be a sensor's.
        Source: MLX90640 datasheet rev 12 §11.2.2; melexis/mlx90640-library for the vendor mode.
        """
        if mode not in ("datasheet", "vendor"):
            raise ValueError(f"mode is {mode!r}, not 'datasheet' or 'vendor'")
        dump = _as_dump(words)
        refuse_impossible_dump(dump, strict=strict)
        wide = dump.astype(np.int64)
        ee: list[int] = wide.tolist()

        tgc = signed(ee[60], 0, 8) / 32
        cp_alpha = _cp_alpha(ee)
        alpha, kta, kv = pixel_constants.alpha(wide), pixel_constants.kta(wide), pixel_constants.kv(wide)
        sensitivity = np.stack([alpha - tgc * cp for cp in cp_alpha])
        broken = (dump[FIRST_PIXEL_WORD:] == 0).reshape(ROWS, COLUMNS)
        outlier = (dump[FIRST_PIXEL_WORD:] & 1 == 1).reshape(ROWS, COLUMNS)
        if np.any(sensitivity[:, ~broken] <= 0):
            raise CalibrationError(f"The EEPROM gives some pixels no sensitivity; {READ_AGAIN}")
        if mode == "vendor":
            mean = alpha - tgc * sum(cp_alpha) / 2
            sensitivity = np.stack([pixel_constants.as_vendor_sensitivity(mean)] * 2)
            kta, kv = pixel_constants.as_vendor_int8(kta), pixel_constants.as_vendor_int8(kv)

        ks_to, corner_c = _ks_to(ee)
        cp_offset = signed(ee[58], 0, 10)
        return cls(
            mode=mode,
            k_vdd=signed(ee[51], 8, 8) * 32.0,
            vdd_25=((ee[51] & 0xFF) - 256) * 32.0 - 8192,
            kv_ptat=signed(ee[50], 10, 6) / 4096,
            kt_ptat=signed(ee[50], 0, 10) / 8,
            v_ptat_25=float(signed(ee[49], 0, 16)),
            alpha_ptat=(ee[16] >> 12) / 4 + 8,
            gain=float(signed(ee[48], 0, 16)),
            resolution=ee[56] >> 12 & 3,
            tgc=tgc,
            ks_ta=signed(ee[60], 8, 8) / 8192,
            ks_to=ks_to,
            corner_c=corner_c,
            range_gain=_range_gain(ks_to, corner_c),
            cp_alpha=cp_alpha,
            cp_offset=(float(cp_offset), float(cp_offset + signed(ee[58], 10, 6))),
            cp_kta=signed(ee[59], 0, 8) / 2.0 ** pixel_constants.kta_scale(ee[56]),
            cp_kv=signed(ee[59], 8, 8) / 2.0 ** pixel_constants.kv_scale(ee[56]),
            il_chess=(signed(ee[53], 0, 6) / 16, signed(ee[53], 6, 5) / 2, signed(ee[53], 11, 5) / 8),
            chess_calibrated=not ee[10] & 0x0800,
            offset=pixel_constants.offset(wide),
            alpha=alpha,
            kta=kta,
            kv=kv,
            sensitivity=sensitivity,
            broken=broken,
            outlier=outlier,
        )


def _as_dump(words: ArrayLike) -> NDArray[np.uint16]:
    given = np.asarray(words)
    if given.shape != (EEPROM_WORDS,):
        raise CalibrationError(
            f"An EEPROM dump has {EEPROM_WORDS} words, this one has the shape {given.shape}; "
            "read 0x2400..0x273F as a whole"
        )
    if given.dtype.kind not in "iu" or given.min() < 0 or given.max() > 0xFFFF:
        raise CalibrationError("An EEPROM dump holds unsigned 16-bit words, this one does not; read it again")
    return given.astype(np.uint16)


def _cp_alpha(ee: list[int]) -> tuple[float, float]:
    """Sensitivity of the compensation pixel of subpage 0 and 1. §11.2.2.8."""
    first = signed(ee[57], 0, 10) / 2.0 ** (27 + (ee[32] >> 12))
    return first, first * (1 + signed(ee[57], 10, 6) / 128)


def _ks_to(ee: list[int]) -> tuple[FourRanges, FourRanges]:
    """KsTo of the four ranges, 1/K, and where each range starts, °C. §11.2.2.9.1.1."""
    scale = 2.0 ** ((ee[63] & 15) + 8)
    step_c = (ee[63] >> 12 & 3) * 10.0
    third_c = (ee[63] >> 4 & 15) * step_c
    fourth_c = third_c + (ee[63] >> 8 & 15) * step_c
    ks_to = tuple(signed(word, low_bit, 8) / scale for word in (ee[61], ee[62]) for low_bit in (0, 8))
    return (ks_to[0], ks_to[1], ks_to[2], ks_to[3]), (-40.0, 0.0, third_c, fourth_c)


def _range_gain(ks_to: FourRanges, corner_c: FourRanges) -> FourRanges:
    """Alpha_corr: sensitivity where each range starts, over that at 0 °C. §11.2.2.9.1.2."""
    cold = 1 + ks_to[0] * (corner_c[1] - corner_c[0])
    warm = 1 + ks_to[1] * corner_c[2]
    hot = warm * (1 + ks_to[2] * (corner_c[3] - corner_c[2]))
    if min(cold, warm, hot) <= 0:
        raise CalibrationError(
            f"The EEPROM lets sensitivity fall to zero with temperature (KsTo); {READ_AGAIN}"
        )
    return 1 / cold, 1.0, warm, hot
