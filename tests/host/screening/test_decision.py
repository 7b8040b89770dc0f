"""From a reading to a verdict."""

import pytest

from doumen.config import ScreeningSettings
from doumen.model import Reading, Reason, Verdict
from doumen.screening.decision import HARMLESS, Baseline, decide

SETTINGS = ScreeningSettings()


def reading(elevation_c: float | None, *reasons: Reason) -> Reading:
    baseline_c = None if elevation_c is None else 34.9
    return Reading(34.9 + (elevation_c or 0.0), 0.4, 23.0, baseline_c, 5, reasons)


@pytest.mark.parametrize(
    ("elevation_c", "verdict", "reasons"),
    [
        (-2.5, Verdict.LOOK_AGAIN, (Reason.COLD_FACE,)),
        (-1.0, Verdict.PASS, ()),
        (0.0, Verdict.PASS, ()),
        (0.59, Verdict.PASS, ()),
        (0.61, Verdict.LOOK_AGAIN, (Reason.UNDECIDED,)),
        (0.99, Verdict.LOOK_AGAIN, (Reason.UNDECIDED,)),
        (1.01, Verdict.ELEVATED, ()),
        (4.0, Verdict.ELEVATED, ()),
    ],
)
def test_elevation_decides(elevation_c: float, verdict: Verdict, reasons: tuple[Reason, ...]) -> None:
    assert decide(SETTINGS, reading(elevation_c)) == (verdict, reasons)


@pytest.mark.parametrize("reason", sorted(set(Reason) - HARMLESS))
@pytest.mark.parametrize("elevation_c", [-3.0, 0.0, 0.7, 2.0])
def test_no_reading_with_a_serious_reason_passes(reason: Reason, elevation_c: float) -> None:
    verdict, reasons = decide(SETTINGS, reading(elevation_c, reason))
    assert verdict is Verdict.LOOK_AGAIN
    assert reason in reasons


def test_without_a_baseline_everybody_is_asked_again() -> None:
    assert decide(SETTINGS, reading(None)) == (Verdict.LOOK_AGAIN, (Reason.LEARNING,))


def test_a_degraded_gate_still_decides() -> None:
    assert decide(SETTINGS, reading(0.0, Reason.DEGRADED))[0] is Verdict.PASS
    assert decide(SETTINGS, reading(1.5, Reason.DEGRADED))[0] is Verdict.ELEVATED


def test_the_baseline_is_the_median_of_the_last_fifty() -> None:
    baseline = Baseline(SETTINGS, [30.0] * 60 + [35.0] * 26)
    assert baseline.median_c == 35.0
    assert len(baseline.readings_c) == 50


def test_nine_readings_are_too_few() -> None:
    baseline = Baseline(SETTINGS, [35.0] * 9)
    assert baseline.median_c is None
    baseline.learn(Verdict.LOOK_AGAIN, reading(None, Reason.LEARNING))
    assert baseline.median_c == 35.0


def test_alarms_and_doubtful_readings_teach_nothing() -> None:
    baseline = Baseline(SETTINGS, [35.0] * 10)
    baseline.learn(Verdict.ELEVATED, reading(1.5))
    baseline.learn(Verdict.LOOK_AGAIN, reading(0.0, Reason.REFERENCE_LOST))
    baseline.learn(Verdict.LOOK_AGAIN, reading(-3.0, Reason.COLD_FACE))
    assert len(baseline.readings_c) == 10
