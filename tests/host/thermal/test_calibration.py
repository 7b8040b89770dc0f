"""Decoding an EEPROM: what is kept, what is refused and why, and that nothing hangs or escapes."""

import time
from dataclasses import fields

import numpy as np
import pytest

from doumen.errors import CalibrationError
from doumen.thermal.calibration import Calibration
from doumen.thermal.temperature import object_c

PIXELS_FROM = 64


@pytest.fixture
def eeprom(melexis):
    return melexis[0].eeprom.copy()


def diagnosis(words):
    with pytest.raises(CalibrationError) as refusal:
        Calibration.from_eeprom(words)
    return str(refusal.value)


@pytest.mark.parametrize("value", [0xFFFF, 0x0000])
def test_an_empty_dump_is_named_with_its_word(value):
    message = diagnosis(np.full(832, value, np.uint16))
    assert f"{value:#06x} throughout" in message
    assert "400 kHz" in message


@pytest.mark.parametrize("first", [20, 100, 700])
@pytest.mark.parametrize("value", [0xFFFF, 0x0000])
def test_a_transfer_that_broke_off_is_named_with_its_place(eeprom, first, value):
    eeprom[first:] = value
    assert "broke off" in diagnosis(eeprom)
    assert f"word {first} on" in diagnosis(eeprom)


def test_a_lost_repeated_start_is_named(eeprom):
    eeprom[0] = 0x0009
    assert "repeated start" in diagnosis(eeprom)


@pytest.mark.parametrize(("shift", "way"), [(1, "1 late"), (-1, "1 early")])
def test_a_dump_shifted_by_a_word_is_named_with_its_direction(real_sensors, shift, way):
    for cases in real_sensors.values():
        message = diagnosis(np.roll(cases[0].eeprom, shift))
        assert "shifted" in message
        assert way in message


def test_a_byte_swapped_dump_is_named(eeprom):
    assert "byte-swapped" in diagnosis(eeprom.byteswap())


def test_another_chip_is_named(eeprom):
    eeprom[10] |= 0x0040
    assert "MLX90641" in diagnosis(eeprom)


@pytest.mark.parametrize("index", [3, 5, 6])
def test_a_damaged_identification_word_is_named(eeprom, index):
    eeprom[index] ^= 0x0100
    assert f"EE[{index}]" in diagnosis(eeprom)


def test_the_start_value_of_the_control_register_may_be_the_owners(eeprom):
    eeprom[12] = 0x1A81
    Calibration.from_eeprom(eeprom)


@pytest.mark.parametrize(
    ("index", "mask", "name"),
    [(51, 0xFF00, "K_Vdd"), (50, 0x03FF, "Kt_PTAT"), (48, 0xFFFF, "gain"), (33, 0xFFFF, "sensitivity")],
)
def test_a_constant_that_cannot_be_zero_is_named(eeprom, index, mask, name):
    eeprom[index] &= 0xFFFF ^ mask
    assert name in diagnosis(eeprom)


def test_a_sensitivity_that_falls_to_zero_with_temperature_is_named(eeprom):
    eeprom[63] = eeprom[63] & 0xFFF0  # KsTo scale 2^8: -0.05 1/K and more
    assert "KsTo" in diagnosis(eeprom)


def test_more_than_four_bad_pixels_are_refused_and_counted(eeprom):
    eeprom[PIXELS_FROM : PIXELS_FROM + 3] = 0
    eeprom[PIXELS_FROM + 10 : PIXELS_FROM + 12] |= 1
    assert "3 broken and 2 outlier" in diagnosis(eeprom)


def test_the_factorys_broken_and_outlier_pixels_are_marked(golden, eeprom):
    calibration = Calibration.from_eeprom(golden["broken100_outlier200/frame0"].eeprom)
    assert np.flatnonzero(calibration.broken).tolist() == [100]
    assert np.flatnonzero(calibration.outlier).tolist() == [200]
    sound = Calibration.from_eeprom(eeprom)
    assert not sound.broken.any()
    assert not sound.outlier.any()
    assert sound.broken.shape == sound.outlier.shape == (24, 32)


@pytest.mark.parametrize("words", [np.zeros(831, np.uint16), np.zeros((1, 832), np.uint16), []])
def test_a_dump_of_another_length_is_refused(words):
    assert "832" in diagnosis(words)


def test_words_that_do_not_fit_16_bits_are_refused(eeprom):
    assert "16-bit" in diagnosis(eeprom.astype(np.int64) - 70_000)
    assert "16-bit" in diagnosis(eeprom.astype(np.float64))


def test_a_dump_may_come_as_a_list_and_is_not_modified(eeprom):
    before = eeprom.copy()
    from_array = Calibration.from_eeprom(eeprom)
    from_list = Calibration.from_eeprom(eeprom.tolist())
    assert np.array_equal(eeprom, before)
    assert np.array_equal(from_array.alpha, from_list.alpha)
    assert from_array.gain == from_list.gain


def test_an_unknown_mode_is_refused(eeprom):
    with pytest.raises(ValueError, match="vendor"):
        Calibration.from_eeprom(eeprom, mode="exact")


def test_a_calibration_cannot_be_changed_by_accident(eeprom):
    calibration = Calibration.from_eeprom(eeprom)
    arrays = [getattr(calibration, each.name) for each in fields(calibration)]
    for array in (array for array in arrays if isinstance(array, np.ndarray)):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


@pytest.mark.parametrize("mode", ["datasheet", "vendor"])
def test_a_zero_kv_word_which_hangs_the_vendors_library_decodes_at_once(eeprom, mode):
    eeprom[52] = 0
    assert "Kv is zero" in diagnosis(eeprom)
    assert not Calibration.from_eeprom(eeprom, mode=mode, strict=False).kv.any()


def mutations(eeprom, rng):
    """Endless damage of the kinds that buses and hands do: flips, swaps, stripes, shifts, cuts, noise."""
    while True:
        words = eeprom.copy()
        kind = rng.integers(7)
        if kind == 0:
            places = rng.integers(0, 832, rng.integers(1, 20))
            words[places] ^= np.uint16(1) << rng.integers(0, 16, len(places)).astype(np.uint16)
        elif kind == 1:
            one, other = rng.integers(0, 832, 2)
            words[[one, other]] = words[[other, one]]
        elif kind == 2:
            words[rng.integers(0, 64) :: rng.integers(2, 64)] = rng.choice([0, 0xFFFF, 0x8000, 0x7FFF])
        elif kind == 3:
            words = np.roll(words, rng.integers(-40, 40))
        elif kind == 4:
            words[rng.integers(0, 832) :] = rng.integers(0, 1 << 16)
        elif kind == 5:
            words[16:64][rng.integers(0, 48, rng.integers(1, 48))] = rng.choice([0, 0xFFFF, 0x8000])
        else:
            words[16:64] = rng.integers(0, 1 << 16, 48)
        yield words


@pytest.mark.parametrize("mode", ["datasheet", "vendor"])
def test_no_damaged_dump_hangs_or_raises_anything_but_a_calibration_error(melexis, mode):
    rng = np.random.default_rng(20240)
    rows = np.concatenate([case.subpages for case in melexis])
    accepted = 0
    refusals: list[str] = []
    for _, words in zip(range(400), mutations(melexis[0].eeprom, rng), strict=False):
        started_s = time.monotonic()
        try:
            calibration = Calibration.from_eeprom(words, mode=mode, strict=bool(rng.integers(2)))
        except CalibrationError as refusal:
            refusals.append(str(refusal))
        else:
            accepted += 1
            noise = rng.integers(0, 1 << 16, rows.shape, dtype=np.uint16)
            noise[:, 833] &= 1
            for words_of_rows in (rows, noise):
                assert not np.isinf(object_c(calibration, words_of_rows)).any()
        assert time.monotonic() - started_s < 1
    assert accepted > 40
    assert len(refusals) > 40
    assert all(";" in refusal for refusal in refusals), "a refusal says what happened; and what to do"
