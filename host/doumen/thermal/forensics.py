"""Says of an EEPROM dump whether it is a sensor's, what happened to it if not, and whose it is."""

import hashlib
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from doumen.errors import CalibrationError
from doumen.thermal.diagnosis import EEPROM_WORDS, Diagnosis, Finding, Pattern, Severity
from doumen.thermal.impossible_constants import deviating_pixels, impossible_constants
from doumen.thermal.transfer_damage import empty, lost_repeated_start, transfer_damage

# EE[12..15]: start values of the control registers and the I2C address, which the owner may change.
_OWNERS = slice(12, 16)
_DEVICE_ID = slice(7, 10)
_MLX90641_BIT = 0x0040


def diagnose(words: ArrayLike, *, strict: bool = True, known: str | None = None) -> Diagnosis:
    """Everything that is wrong with a dump, what explains most first; always in bounded time, never raises.

    words: meant to be (832,) unsigned 16-bit, addresses 0x2400..0x273F; anything else is a finding too.
    strict: False leaves out what only a real sensor has: identification words, and words that differ.
    known: the fingerprint stored for this device; another sensor is a warning, the same one altered is fatal.
    Damage of the transfer is found alone: what the constants of such a dump look like says nothing.
    Source: MLX90640 datasheet §9 (deviating pixels), §10 (EEPROM map), §11.2.2; FACTS 1.
    """
    given = np.asarray(words)
    problem = _not_a_dump(given)
    if problem is not None:
        return Diagnosis((problem,), "")
    dump = given.astype(np.uint16)
    findings: list[Finding] = []
    damage = transfer_damage(dump) if strict else _damage_of_any(dump)
    if damage is not None:
        findings.append(damage)
    else:
        findings += deviating_pixels(dump)
        findings += impossible_constants(dump, strict=strict)
        findings += _compared(dump, known)
    return Diagnosis(tuple(findings), fingerprint(dump))


def refuse_impossible_dump(words: NDArray[np.uint16], *, strict: bool) -> None:
    """Raises CalibrationError with the diagnosis and what to do if `words` cannot be an MLX90640's EEPROM.

    words: (832,) uint16, from address 0x2400. strict: as for `diagnose`.
    """
    finding = diagnose(words, strict=strict).first_fatal
    if finding is not None:
        raise CalibrationError(str(finding))


def fingerprint(words: NDArray[np.uint16]) -> str:
    """A short name for what a sensor's EEPROM holds: its device id (EE[7..9]), a hyphen, and a hash.

    words: (832,) uint16. The same for every read of the same sensor, also after its owner gave it another I2C
    address or start value of the control register (EE[12..15]).
    Source: MLX90640 datasheet §10 (0x2407..0x2409: device id).
    """
    factory = words.astype(">u2")
    device_id = factory[_DEVICE_ID].tobytes().hex()
    factory[_OWNERS] = 0
    return f"{device_id}-{hashlib.sha256(factory.tobytes()).hexdigest()[:12]}"


def _not_a_dump(given: NDArray[Any]) -> Finding | None:
    if given.shape != (EEPROM_WORDS,):
        return Finding(
            Pattern.NOT_A_DUMP,
            f"An EEPROM dump has {EEPROM_WORDS} words, this one has the shape {given.shape}",
            "read 0x2400..0x273F as a whole",
        )
    if given.dtype.kind not in "iu" or np.any((given < 0) | (given > 0xFFFF)):
        return Finding(
            Pattern.NOT_A_DUMP,
            "An EEPROM dump holds unsigned 16-bit words, this one does not",
            "read it again",
        )
    return None


def _damage_of_any(dump: NDArray[np.uint16]) -> Finding | None:
    """What is damage even in a dump that somebody made up."""
    if dump[10] & _MLX90641_BIT:
        return Finding(
            Pattern.MLX90641, "The EEPROM is that of an MLX90641 (EE[10] bit 6)", "connect an MLX90640"
        )
    return empty(dump) or lost_repeated_start(dump)


def _compared(dump: NDArray[np.uint16], known: str | None) -> list[Finding]:
    """How a dump differs from the one that was stored for its device."""
    now = fingerprint(dump)
    if known is None or now == known:
        return []
    if now.partition("-")[0] == known.partition("-")[0]:
        return [
            Finding(
                Pattern.ALTERED,
                f"The EEPROM is no longer what was stored for this sensor ({now}, stored {known})",
                "read it again at 400 kHz or less; if it stays, one of the two was read wrong or it was overwritten: "
                "compare with an old dump, and use `doumen sensor accept` if this one is right",
            )
        ]
    return [
        Finding(
            Pattern.OTHER_SENSOR,
            f"This is another sensor than the one stored for this device ({now}, stored {known})",
            "nothing if the sensor was replaced, else read the EEPROM again",
            Severity.WARNING,
        )
    ]
