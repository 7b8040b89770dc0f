"""What can be wrong with an EEPROM dump, by name: the vocabulary of `forensics`."""

from dataclasses import dataclass
from enum import StrEnum

EEPROM_WORDS = 832
FIRST_PIXEL_WORD = 64
MAX_DEVIATING_PIXELS = 4

# EE[12], the start value of control register 1, is 0x1901 too on every sensor seen, but its owner may
# change it: it is no proof of damage.
SIGNATURE = {3: 0x2061, 5: 0x0320, 6: 0x03E0}
READ_AGAIN = "slow the bus to 400 kHz or less, check wires and pull-ups, and read the EEPROM again"


class Pattern(StrEnum):
    """The names of what is found."""

    NOT_A_DUMP = "not_a_dump"
    EMPTY = "empty"
    LOST_REPEATED_START = "lost_repeated_start"
    CUT_OFF = "cut_off"
    STRIPES = "stripes"
    GAP = "gap"
    SHIFTED = "shifted"
    BYTE_SWAPPED = "byte_swapped"
    MLX90641 = "mlx90641"
    ERASED_WORDS = "erased_words"
    UNIDENTIFIED = "unidentified"
    IMPOSSIBLE_CONSTANT = "impossible_constant"
    UNUSUAL_CONSTANT = "unusual_constant"
    MANY_DEVIATING_PIXELS = "many_deviating_pixels"
    ADJACENT_DEVIATING_PIXELS = "adjacent_deviating_pixels"
    ALTERED = "altered"
    OTHER_SENSOR = "other_sensor"


class Severity(StrEnum):
    """FATAL: no temperature can be trusted. WARNING: temperatures are sound, but look at it."""

    FATAL = "fatal"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: `what` in a sentence for people, and what `to_do` about it."""

    pattern: Pattern
    what: str
    to_do: str = READ_AGAIN
    severity: Severity = Severity.FATAL

    def __str__(self) -> str:
        return f"{self.what}; {self.to_do}"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """All that was found in a dump, what explains most first. fingerprint: see `forensics.fingerprint`."""

    findings: tuple[Finding, ...]
    fingerprint: str

    @property
    def is_usable(self) -> bool:
        """Whether temperatures can be computed with it: nothing fatal was found."""
        return self.first_fatal is None

    @property
    def first_fatal(self) -> Finding | None:
        """The finding that explains most; None if the dump is usable."""
        fatal = [finding for finding in self.findings if finding.severity is Severity.FATAL]
        return fatal[0] if fatal else None
