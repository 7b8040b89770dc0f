"""From sensor words to events: the pipeline adds nothing to calibration, merging and screening."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from doumen.config import Settings
from doumen.errors import CalibrationError
from doumen.model import Passage, Reading, Reason, Verdict
from doumen.pipeline import GatePipeline, earlier_readings
from doumen.thermal.calibration import Calibration
from doumen.thermal.pixels import merge, repair
from doumen.thermal.temperature import ambient_c, object_c

GOLDEN = Path(__file__).parents[1] / "data" / "mlx90640" / "vendor_golden.npz"
VDD_WORD, CHESS = 0x072A - 0x0700 + 768, 0x1000
Words = NDArray[np.uint16]


@pytest.fixture(scope="module")
def sensor() -> tuple[Words, Words]:
    """(EEPROM, (N, 834) subpages 0, 1, 0, 1 ...) of a real sensor."""
    with np.load(GOLDEN) as data:
        rows = [i for i, name in enumerate(data["name"]) if str(name).startswith("melexis_example/")]
        subpages = data["ram"][rows]
        eeprom = data["eeprom"][rows[0]]
    by_number = [subpages[subpages[:, 833] == number] for number in (0, 1)]
    count = min(len(half) for half in by_number)
    assert count >= 1
    return eeprom, np.stack([half[:count] for half in by_number], axis=1).reshape(-1, 834)


def image(eeprom: Words, words: Words) -> NDArray[np.float32]:
    """One subpage as the thermal room computes it."""
    calibration = Calibration.from_eeprom(eeprom)
    computed = object_c(calibration, words[np.newaxis], emissivity=Settings().gate.emissivity)[0]
    bad = calibration.broken | calibration.outlier
    return repair(computed, bad, chess=bool(words[832] & CHESS)) if bad.any() else computed


def spying(pipeline: GatePipeline, monkeypatch: pytest.MonkeyPatch) -> list[tuple[Reason, ...]]:
    """The faults that every update of the screener is given."""
    given: list[tuple[Reason, ...]] = []
    update = pipeline.screener.update

    def spy(t_ms: int, frame_c: NDArray[np.floating], *, faults: tuple[Reason, ...] = ()) -> object:
        given.append(faults)
        return update(t_ms, frame_c, faults=faults)

    monkeypatch.setattr(pipeline.screener, "update", spy)
    return given


def test_a_frame_is_what_the_thermal_room_makes_of_the_two_latest_subpages(
    sensor: tuple[Words, Words],
) -> None:
    eeprom, subpages = sensor
    pipeline = GatePipeline(eeprom, Settings())
    for i, words in enumerate(subpages):
        assert pipeline.feed(62 * i, words) == []
        if i:
            expected = merge(image(eeprom, subpages[i - 1]), image(eeprom, words))
            assert pipeline.frame_c is not None
            np.testing.assert_array_equal(pipeline.frame_c, expected.astype(np.float32))
            assert np.isfinite(pipeline.frame_c).all()
    assert pipeline.subpages == len(subpages)
    expected_c = float(ambient_c(Calibration.from_eeprom(eeprom), subpages[-1:])[0])
    assert pipeline.ambient_c == pytest.approx(expected_c, abs=1e-6)


def test_the_first_subpage_alone_is_no_frame(sensor: tuple[Words, Words]) -> None:
    eeprom, subpages = sensor
    pipeline = GatePipeline(eeprom, Settings())
    pipeline.feed(0, subpages[0])
    assert pipeline.frame_c is None


@pytest.mark.parametrize(
    ("step_ms", "merged"), [(0, True), (400, True), (401, False), (5000, False), (-1, False)]
)
def test_halves_that_are_too_far_apart_are_two_scenes(
    sensor: tuple[Words, Words], monkeypatch: pytest.MonkeyPatch, step_ms: int, merged: bool
) -> None:
    eeprom, subpages = sensor
    pipeline = GatePipeline(eeprom, Settings())
    given = spying(pipeline, monkeypatch)
    pipeline.feed(10_000, subpages[0])
    assert pipeline.feed(10_000 + step_ms, subpages[1]) == []
    assert (pipeline.frame_c is not None) == merged
    assert len(given) == merged
    # What came last is a half for whatever comes next.
    pipeline.feed(10_000 + step_ms + 62, subpages[0])
    assert pipeline.frame_c is not None


@pytest.mark.parametrize("supply", ["low", "high", "right"])
def test_a_supply_voltage_out_of_range_is_a_fault_of_the_sensor(
    sensor: tuple[Words, Words], monkeypatch: pytest.MonkeyPatch, supply: str
) -> None:
    eeprom, subpages = sensor
    pipeline = GatePipeline(eeprom, Settings())
    given = spying(pipeline, monkeypatch)
    shift = {"low": 3000, "high": -3000, "right": 0}[supply]  # the word falls as the voltage rises
    for i, words in enumerate(subpages[:2]):
        altered = words.copy()
        altered[VDD_WORD] = np.uint16(int(altered[VDD_WORD]) + shift & 0xFFFF)
        pipeline.feed(62 * i, altered, (Reason.WARMING_UP,))
    expected = (Reason.WARMING_UP,) if supply == "right" else (Reason.WARMING_UP, Reason.SENSOR_FAULT)
    assert given == [expected]


def test_words_of_a_dead_bus_are_a_fault_and_no_crash(
    sensor: tuple[Words, Words], monkeypatch: pytest.MonkeyPatch
) -> None:
    eeprom, subpages = sensor
    pipeline = GatePipeline(eeprom, Settings())
    given = spying(pipeline, monkeypatch)
    for i, filling in enumerate((0x0000, 0xFFFF, 0x7FFF, 0x8000)):
        dead = np.full(834, filling, np.uint16)
        dead[832:] = subpages[0, 832], i & 1
        pipeline.feed(62 * i, dead)
    assert len(given) == 3
    assert all(Reason.SENSOR_FAULT in faults for faults in given)


def test_an_eeprom_that_is_no_sensors_is_refused() -> None:
    with pytest.raises(CalibrationError):
        GatePipeline(np.zeros(832, np.uint16), Settings())


def test_finishing_without_a_frame_has_nothing_to_tell(sensor: tuple[Words, Words]) -> None:
    assert GatePipeline(sensor[0], Settings()).finish() == []


def passage(skin_c: float | None, verdict: Verdict, *reasons: Reason) -> Passage:
    reading = None if skin_c is None else Reading(skin_c, 0.4, 22.0, None, 8, tuple(reasons))
    return Passage(0, 1, verdict, reading, tuple(reasons))


def test_only_readings_that_neither_alarmed_nor_were_in_doubt_teach_the_baseline() -> None:
    passages = [
        passage(34.1, Verdict.PASS),
        passage(36.9, Verdict.ELEVATED),
        passage(None, Verdict.LOOK_AGAIN, Reason.TOO_FAR),
        passage(34.2, Verdict.LOOK_AGAIN, Reason.LEARNING),
        passage(34.3, Verdict.PASS, Reason.DEGRADED),
        passage(33.0, Verdict.LOOK_AGAIN, Reason.WARMING_UP),
        passage(33.1, Verdict.LOOK_AGAIN, Reason.SENSOR_FAULT),
        passage(33.2, Verdict.LOOK_AGAIN, Reason.REFERENCE_LOST),
        passage(34.4, Verdict.PASS),
    ]
    assert earlier_readings(passages) == [34.1, 34.2, 34.3, 34.4]
    assert earlier_readings([]) == []


def test_after_a_lost_subpage_the_half_before_the_last_completes_the_frame(
    sensor: tuple[Words, Words],
) -> None:
    eeprom, subpages = sensor
    pipeline = GatePipeline(eeprom, Settings())
    pipeline.feed(0, subpages[0])
    pipeline.feed(62, subpages[1])
    pipeline.feed(187, subpages[1])  # the 0 between them was lost
    assert pipeline.frame_c is not None
    assert np.isfinite(pipeline.frame_c).all()
