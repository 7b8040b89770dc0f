"""The simulated MLX90640, seen from its bus. Source of the expected behaviour: datasheet rev 12 §8.2, §9, §10.4."""

from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from doumen.simulator.chips import Mlx90640

RAM, EEPROM, STATUS, CONTROL = 0x0400, 0x2400, 0x8000, 0x800D
NEW_DATA, CLEAR, CLEAR_AND_KEEP = 0x0008, 0x0030, 0x0020
HZ_16 = 0x1901 & ~0x0380 | 5 << 7
PERIOD_2_HZ, PERIOD_16_HZ = 500_000, 62_500
ADDRESSING_US, WORD_US = 100, 45  # 40 and 18 bits at 400 kHz


@dataclass
class Counting:
    """A scene whose every word is the number of its measurement, from 1."""

    measured: list[tuple[int, int, float]] = field(default_factory=list)

    def measure(self, number: int, control: int, time_s: float) -> NDArray[np.uint16]:
        self.measured.append((number, control, time_s))
        return np.full(832, len(self.measured), np.uint16)


def sensor(scene: Counting | None = None, control: int = 0x1901) -> Mlx90640:
    eeprom = np.arange(832, dtype=np.uint16) + 7
    return Mlx90640(eeprom, scene or Counting(), control=control)


def word(chip: Mlx90640, register: int, now_us: int) -> int:
    read = chip.read(register, 1, now_us)
    assert read is not None
    return int(read[0][0])


def status(chip: Mlx90640, now_us: int) -> tuple[bool, int]:
    """(whether there is new data, number of the subpage)."""
    value = word(chip, STATUS, now_us)
    return bool(value & NEW_DATA), value & 7


def test_the_control_register_after_power_on_is_that_of_the_factory() -> None:
    assert word(sensor(), CONTROL, 0) == 0x1901


def test_before_the_first_measurement_there_is_no_new_data_and_memory_is_empty() -> None:
    chip = sensor()
    assert status(chip, PERIOD_2_HZ - 1000) == (False, 0)
    assert word(chip, RAM, PERIOD_2_HZ - 500) == 0


@pytest.mark.parametrize(
    ("code", "period_us"),
    [(0, 2_000_000), (1, 1_000_000), (2, 500_000), (3, 250_000), (4, 125_000), (5, 62_500), (7, 15_625)],
)
def test_subpages_alternate_at_the_refresh_rate(code: int, period_us: int) -> None:
    scene = Counting()
    chip = sensor(scene, control=0x1801 | code << 7)
    for turn in range(1, 8):
        assert status(chip, turn * period_us) == (True, (turn - 1) % 2)
    assert [number for number, _, _ in scene.measured] == [0, 1, 0, 1, 0, 1, 0]
    assert [time_s for _, _, time_s in scene.measured] == pytest.approx(
        [turn * period_us / 1e6 for turn in range(1, 8)]
    )


def test_without_subpage_mode_every_measurement_is_subpage_0() -> None:
    chip = sensor(control=0x1900)
    assert [status(chip, turn * PERIOD_2_HZ)[1] for turn in range(1, 5)] == [0, 0, 0, 0]


def test_new_data_stays_until_it_is_cleared_and_comes_back_with_the_next_measurement() -> None:
    chip = sensor()
    assert status(chip, PERIOD_2_HZ) == (True, 0)
    assert status(chip, PERIOD_2_HZ + 1000) == (True, 0)
    chip.write(STATUS, CLEAR, PERIOD_2_HZ + 2000)
    assert status(chip, PERIOD_2_HZ + 3000) == (False, 0)
    assert status(chip, 2 * PERIOD_2_HZ) == (True, 1)


def test_clearing_new_data_that_comes_while_the_word_is_on_the_bus_takes_it_away() -> None:
    chip = sensor()
    assert chip.write(STATUS, CLEAR, PERIOD_2_HZ - 10) == PERIOD_2_HZ - 10 + ADDRESSING_US + WORD_US
    assert status(chip, PERIOD_2_HZ + 1000) == (False, 0)
    assert word(chip, RAM, PERIOD_2_HZ + 2000) == 1


def test_with_overwriting_disabled_unread_data_stays_and_is_followed_by_what_comes_after_clearing() -> None:
    chip = sensor()
    chip.write(STATUS, CLEAR_AND_KEEP, 0)
    assert status(chip, 3 * PERIOD_2_HZ + 10) == (True, 0)
    assert word(chip, RAM, 3 * PERIOD_2_HZ + 1000) == 1
    chip.write(STATUS, CLEAR_AND_KEEP, 3 * PERIOD_2_HZ + 2000)
    # The third measurement ended while the first was still there; the fourth finds room.
    assert status(chip, 4 * PERIOD_2_HZ) == (True, 1)
    assert word(chip, RAM, 4 * PERIOD_2_HZ + 1000) == 2


def test_with_overwriting_disabled_a_long_sleep_finds_the_first_measurement() -> None:
    scene = Counting()
    chip = sensor(scene)
    chip.write(STATUS, CLEAR_AND_KEEP, 0)
    assert status(chip, 1001 * PERIOD_2_HZ) == (True, 0)
    assert [time_s for _, _, time_s in scene.measured] == [0.5]


def test_with_overwriting_enabled_the_newest_data_is_there() -> None:
    chip = sensor()
    assert status(chip, 3 * PERIOD_2_HZ) == (True, 0)
    assert word(chip, RAM, 3 * PERIOD_2_HZ + 1000) == 3


@given(st.integers(min_value=-ADDRESSING_US, max_value=832 * WORD_US + 500))
@example(832 * WORD_US)
@example(832 * WORD_US + 1)
@example(832 * WORD_US + ADDRESSING_US - 1)
@example(832 * WORD_US + ADDRESSING_US)
def test_a_block_that_the_sensor_writes_into_is_torn_exactly_where_the_bus_was(offset_us: int) -> None:
    chip = sensor()
    assert word(chip, RAM, PERIOD_2_HZ) == 1
    # The second measurement ends offset_us after the first word began to leave.
    read = chip.read(RAM, 832, 2 * PERIOD_2_HZ - offset_us - ADDRESSING_US)
    assert read is not None
    words, end_us = read
    assert end_us == 2 * PERIOD_2_HZ - offset_us + 832 * WORD_US
    old = 0 if offset_us < 0 else min(832, offset_us // WORD_US + 1)
    assert words.tolist() == [1] * old + [2] * (832 - old)
    # What ends while the status register is being addressed shows in it.
    is_stored = offset_us < 832 * WORD_US + ADDRESSING_US
    assert status(chip, end_us) == (True, 1 if is_stored else 0)


def test_a_block_at_64_hz_takes_so_long_that_it_is_torn_twice() -> None:
    chip = sensor(control=0x1801 | 7 << 7)
    words, _ = chip.read(RAM, 832, 15_625) or pytest.fail("no answer")
    steps = np.flatnonzero(np.diff(words.astype(int)))
    assert words[0] == 1
    assert words[-1] == 3
    assert np.diff(steps).tolist() == pytest.approx([15_625 / WORD_US], abs=1)


def test_writing_the_eeprom_is_counted_and_changes_nothing() -> None:
    chip = sensor()
    before = chip.read(EEPROM, 832, 0)
    for register in (EEPROM, EEPROM + 0x0C, EEPROM + 831):
        assert chip.write(register, 0, 1000) is not None
    after = chip.read(EEPROM, 832, 2000)
    assert before is not None
    assert after is not None
    np.testing.assert_array_equal(before[0], np.arange(832) + 7)
    np.testing.assert_array_equal(after[0], before[0])
    assert chip.eeprom_writes == 3
    chip.write(EEPROM + 832, 1, 3000)
    chip.write(RAM, 1, 4000)
    assert chip.eeprom_writes == 3


def test_an_absent_sensor_never_answers() -> None:
    chip = sensor()
    chip.present = False
    assert chip.read(STATUS, 1, PERIOD_2_HZ) is None
    assert chip.write(STATUS, CLEAR, PERIOD_2_HZ) is None


def test_a_sensor_can_fail_to_answer_so_many_accesses() -> None:
    chip = sensor()
    chip.nacks = 2
    assert chip.read(STATUS, 1, 0) is None
    assert chip.write(EEPROM, 1, 1) is None
    assert chip.read(STATUS, 1, 2) is not None
    assert chip.eeprom_writes == 0


def test_a_stuck_status_loses_the_clear() -> None:
    chip = sensor()
    chip.stuck = True
    assert status(chip, PERIOD_2_HZ) == (True, 0)
    chip.write(STATUS, CLEAR, PERIOD_2_HZ + 1000)
    assert status(chip, PERIOD_2_HZ + 2000) == (True, 0)


def test_another_refresh_rate_begins_a_period_of_its_own() -> None:
    chip = sensor()
    done_us = chip.write(CONTROL, HZ_16, 400_000)
    assert done_us is not None
    assert word(chip, CONTROL, 410_000) == HZ_16
    assert not status(chip, done_us + PERIOD_16_HZ - 200)[0]
    assert status(chip, done_us + PERIOD_16_HZ) == (True, 0)
    assert status(chip, done_us + 2 * PERIOD_16_HZ) == (True, 1)


def test_writing_the_same_rate_again_does_not_disturb_the_measurement_that_goes_on() -> None:
    chip = sensor()
    chip.write(CONTROL, 0x0901, 400_000)  # interleaved instead of chess, as fast as before
    assert status(chip, PERIOD_2_HZ) == (True, 0)


@pytest.mark.parametrize("periods", [1_000, 1_001, 10_000_001])
def test_a_long_sleep_costs_nothing_and_keeps_the_alternation(periods: int) -> None:
    scene = Counting()
    chip = sensor(scene)
    assert status(chip, periods * PERIOD_2_HZ) == (True, (periods - 1) % 2)
    assert chip.measured == periods
    assert len(scene.measured) <= 4
    assert scene.measured[-1][2] == pytest.approx(periods * 0.5)
    assert status(chip, (periods + 1) * PERIOD_2_HZ) == (True, periods % 2)


def test_words_outside_the_known_registers_read_0() -> None:
    chip = sensor()
    across, _ = chip.read(RAM - 2, 836, PERIOD_2_HZ) or pytest.fail("no answer")
    assert across.tolist() == [0, 0] + [1] * 832 + [0, 0]
    assert word(chip, 0x0000, PERIOD_2_HZ + 50_000) == 0
    assert word(chip, 0x8001, PERIOD_2_HZ + 51_000) == 0


def test_an_eeprom_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="832 words"):
        Mlx90640(np.zeros(831, np.uint16), Counting())
