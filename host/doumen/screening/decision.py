"""From a reading to a verdict: elevation over what healthy people read at this gate lately.

A rolling baseline carries most of the sensor's and the season's drift (sensitivity .80 against .68 for a
fixed threshold at 95 % specificity, FACTS 2). Anything in doubt is LOOK_AGAIN; only a clean reading passes.
"""

from collections import deque
from collections.abc import Sequence
from statistics import median

from doumen.config import ScreeningSettings
from doumen.model import Reading, Reason, Verdict

# These alone do not stand against a pass; every other reason does.
HARMLESS = frozenset({Reason.DEGRADED})
# A reading with one of these must not teach the baseline.
TEACHABLE = frozenset({Reason.DEGRADED, Reason.LEARNING, Reason.UNDECIDED})


class Baseline:
    """Skin temperatures that did not alarm, newest last, °C; `preloaded` comes from the store at start."""

    def __init__(self, settings: ScreeningSettings, preloaded: Sequence[float] = ()) -> None:
        self._from = settings.baseline_from
        self._readings: deque[float] = deque(preloaded, maxlen=settings.baseline_window)

    @property
    def median_c(self) -> float | None:
        """Median of the window, °C; None while there are too few readings."""
        return float(median(self._readings)) if len(self._readings) >= self._from else None

    @property
    def readings_c(self) -> tuple[float, ...]:
        return tuple(self._readings)

    def learn(self, verdict: Verdict, reading: Reading) -> None:
        """Take in a finished passage, unless it alarmed or its reading may be wrong."""
        if verdict is not Verdict.ELEVATED and TEACHABLE.issuperset(reading.reasons):
            self._readings.append(reading.skin_c)


def decide(settings: ScreeningSettings, reading: Reading) -> tuple[Verdict, tuple[Reason, ...]]:
    """Verdict on a reading, and all its reasons.

    A fault, a lost reference or a learning baseline is LOOK_AGAIN whatever the temperature: an alarm from a
    sensor that is not ready would be as wrong as a pass. While learning, everybody is asked to use the
    clinical thermometer.
    """
    reasons = reading.reasons
    elevation_c = reading.elevation_c
    if elevation_c is None:
        return Verdict.LOOK_AGAIN, _with(reasons, Reason.LEARNING)
    if not HARMLESS.issuperset(reasons):
        return Verdict.LOOK_AGAIN, reasons
    if elevation_c >= settings.elevated_from_c:
        return Verdict.ELEVATED, reasons
    if elevation_c >= settings.undecided_from_c:
        return Verdict.LOOK_AGAIN, _with(reasons, Reason.UNDECIDED)
    if elevation_c < settings.cold_below_c:
        return Verdict.LOOK_AGAIN, _with(reasons, Reason.COLD_FACE)
    return Verdict.PASS, reasons


def _with(reasons: tuple[Reason, ...], reason: Reason) -> tuple[Reason, ...]:
    return reasons if reason in reasons else (*reasons, reason)
