"""Temperatures against the vendor's C library, and what `object_c` promises about its arguments."""

import numpy as np
import pytest

from doumen.thermal.calibration import Calibration
from doumen.thermal.temperature import ambient_c, measure, object_c, supply_v

HOT_C = 400.0
SENSOR_RANGE_FROM_C = -40.0


def compute(case, mode, dtype):
    calibration = Calibration.from_eeprom(case.eeprom, mode=mode, strict=not case.is_datasheet_example)
    settings = {"emissivity": case.emissivity, "reflected_c": case.reflected_c}
    return object_c(calibration, case.subpages, dtype=dtype, **settings)[0]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_vendor_mode_agrees_with_the_vendors_library_on_all_golden_cases(golden, dtype):
    assert len(golden) == 68
    for case in golden.values():
        image_c = compute(case, "vendor", dtype)
        expected_c = case.object_c
        assert image_c.dtype == dtype
        assert np.array_equal(np.isnan(image_c), np.isnan(expected_c)), case.name
        # At -150 °C one float32 digit of the library's own chain is already 1 mK.
        cold = expected_c < SENSOR_RANGE_FROM_C
        allowed_k = np.where(cold, 2e-3, np.where(expected_c > HOT_C, 1e-3, 1e-4))
        error_k = np.abs(image_c - expected_c)[~np.isnan(expected_c)]
        assert np.all(error_k <= allowed_k[~np.isnan(expected_c)]), f"{case.name}: {error_k.max()}"


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_datasheet_mode_differs_from_the_library_by_two_millikelvin_at_most_on_real_sensors(golden, dtype):
    cases = [case for case in golden.values() if case.is_unaltered_sensor]
    assert len(cases) == 30
    for case in cases:
        error_k = np.abs(compute(case, "datasheet", dtype) - case.object_c)
        assert np.nanmax(error_k) <= 2e-3, case.name


def test_ambient_and_supply_agree_with_the_library_at_every_adc_resolution(golden):
    for case in golden.values():
        calibration = Calibration.from_eeprom(case.eeprom, strict=not case.is_datasheet_example)
        assert ambient_c(calibration, case.subpages)[0] == pytest.approx(case.ambient_c, abs=1e-4), case.name
        assert supply_v(calibration, case.subpages)[0] == pytest.approx(case.supply_v, abs=1e-5), case.name


def test_float32_is_within_a_tenth_of_a_millikelvin_of_float64_up_to_400_degrees(golden):
    for case in golden.values():
        exact_c = compute(case, "datasheet", np.float64)
        usual = (exact_c > SENSOR_RANGE_FROM_C) & (exact_c <= HOT_C)
        error_k = np.abs(compute(case, "datasheet", np.float32) - exact_c)
        assert error_k[usual].max(initial=0) <= 1e-4, case.name


def test_no_reflected_temperature_means_eight_kelvin_below_ambient(melexis):
    calibration = Calibration.from_eeprom(melexis[0].eeprom)
    ambient = ambient_c(calibration, melexis[0].subpages)
    implied = object_c(calibration, melexis[0].subpages)
    given = object_c(calibration, melexis[0].subpages, reflected_c=ambient - 8)
    np.testing.assert_allclose(implied, given, atol=1e-4)


def test_a_batch_gives_what_its_rows_give_one_by_one(golden):
    rng = np.random.default_rng(1)
    names = [name for name in golden if name.startswith(("melexis_example", "interleaved", "shift", "adc"))]
    calibration = Calibration.from_eeprom(golden[names[0]].eeprom)
    rows = np.concatenate([golden[name].subpages for name in names])[rng.integers(0, len(names), 300)]
    batch_c = object_c(calibration, rows)
    for row, image_c in zip(rows, batch_c, strict=True):
        np.testing.assert_allclose(image_c, object_c(calibration, row[np.newaxis])[0], atol=2e-4)
    few_c, many_c = ambient_c(calibration, rows[:3]), ambient_c(calibration, rows)
    np.testing.assert_array_equal(few_c, many_c[:3])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("prefix", ["melexis_example", "interleaved", "shift", "adc"])
def test_a_frame_a_subpage_and_many_of_them_give_the_same(golden, prefix, dtype):
    cases = [case for name, case in golden.items() if name.startswith(prefix)]
    calibration = Calibration.from_eeprom(cases[0].eeprom)
    rows = np.concatenate([case.subpages for case in cases if np.array_equal(case.eeprom, cases[0].eeprom)])
    rows = rows[[int(np.flatnonzero(rows[:, 833] == subpage)[0]) for subpage in (0, 1)]]
    settings = {"emissivity": 0.93, "reflected_c": 18.0, "dtype": dtype}
    many_c = object_c(calibration, np.concatenate([rows] * 70), **settings)
    for order in ([0, 1], [1, 0], [0], [1], [0, 0]):
        few_c = object_c(calibration, rows[order], **settings)
        np.testing.assert_allclose(few_c, many_c[order], atol=2e-4)
    # One subpage got lost: from there on 1 comes before 0, and the last is alone.
    lost_c = object_c(calibration, np.concatenate([rows[:1], *[rows] * 70])[1:-1], **settings)
    np.testing.assert_allclose(lost_c, many_c[:139], atol=2e-4)


def test_measure_gives_what_the_three_functions_give(melexis):
    calibration = Calibration.from_eeprom(melexis[0].eeprom)
    rows = np.concatenate([case.subpages for case in melexis])
    for count in (0, 1, 2, 5):
        some = np.concatenate([rows] * 3)[:count]
        together = measure(calibration, some, emissivity=0.9)
        np.testing.assert_array_equal(together.object_c, object_c(calibration, some, emissivity=0.9))
        np.testing.assert_allclose(together.ambient_c, ambient_c(calibration, some), rtol=1e-12)
        np.testing.assert_allclose(together.supply_v, supply_v(calibration, some), rtol=1e-12)


@pytest.mark.parametrize("copies", [1, 9])
@pytest.mark.parametrize(
    "settings",
    [
        {"emissivity": 0},
        {"emissivity": float("nan")},
        {"emissivity": 5e-324},
        {"reflected_c": float("nan")},
        {"reflected_c": 1e200},
    ],
)
def test_settings_without_sense_give_nan_and_no_warning(melexis, settings, copies):
    rows = np.concatenate([case.subpages for case in melexis] * copies)
    assert np.isnan(object_c(Calibration.from_eeprom(melexis[0].eeprom), rows, **settings)).all()


def test_one_rows_senseless_setting_spares_its_neighbours(melexis):
    rows = np.concatenate([case.subpages for case in melexis] * 2)
    calibration = Calibration.from_eeprom(melexis[0].eeprom)
    for one in ({"emissivity": [0.95, 0, 0.95, 0.95]}, {"reflected_c": [20, float("nan"), 20, 20]}):
        for other in ({}, {"reflected_c": np.full((24, 32), 20.0)}, {"emissivity": np.full((24, 32), 0.95)}):
            image_c = object_c(calibration, rows, **(other | one))
            assert np.isnan(image_c[1]).all()
            assert np.all(np.isfinite(image_c[[0, 2, 3]]).sum(axis=(1, 2)) == 384)


def test_a_map_of_equal_values_gives_what_the_number_gives(melexis):
    calibration = Calibration.from_eeprom(melexis[0].eeprom)
    rows = np.concatenate([case.subpages for case in melexis] * 7)
    number_c = object_c(calibration, rows, emissivity=0.9, reflected_c=21.0)
    full = np.ones((24, 32))
    for emissivity, reflected_c in (
        (full * 0.9, full * 21),
        (full * 0.9, 21.0),
        (0.9, full * 21),
        (np.full(len(rows), 0.9), np.full(len(rows), 21.0)),
        (full * 0.9, np.full(len(rows), 21.0)),
    ):
        mapped_c = object_c(calibration, rows, emissivity=emissivity, reflected_c=reflected_c)
        np.testing.assert_allclose(mapped_c, number_c, atol=1e-4)


def test_each_row_uses_its_own_emissivity(melexis):
    calibration = Calibration.from_eeprom(melexis[0].eeprom)
    rows = np.concatenate([melexis[0].subpages] * 2)
    together_c = object_c(calibration, rows, emissivity=[0.98, 0.6])
    np.testing.assert_allclose(together_c[0], object_c(calibration, rows[:1], emissivity=0.98)[0], atol=1e-4)
    np.testing.assert_allclose(together_c[1], object_c(calibration, rows[:1], emissivity=0.6)[0], atol=1e-4)


def test_arguments_are_never_modified_and_may_be_read_only(melexis):
    calibration = Calibration.from_eeprom(melexis[0].eeprom)
    rows = np.concatenate([case.subpages for case in melexis])
    before = rows.copy()
    emissivity = np.full((24, 32), 0.95)
    for array in (rows, emissivity):
        array.flags.writeable = False
    object_c(calibration, rows, emissivity=emissivity)
    object_c(calibration, rows)
    assert np.array_equal(rows, before)
    assert np.all(emissivity == 0.95)


def test_no_subpages_give_no_images(melexis):
    calibration = Calibration.from_eeprom(melexis[0].eeprom)
    nothing = np.empty((0, 834), np.uint16)
    assert object_c(calibration, nothing).shape == (0, 24, 32)
    assert ambient_c(calibration, nothing).shape == (0,)


@pytest.mark.parametrize(
    "subpages", [np.zeros(834, np.uint16), np.zeros((1, 832), np.uint16), np.zeros((1, 834), np.int32)]
)
def test_words_of_another_shape_or_kind_are_refused(melexis, subpages):
    with pytest.raises(ValueError, match="834"):
        object_c(Calibration.from_eeprom(melexis[0].eeprom), subpages)


def test_a_map_of_another_shape_is_refused(melexis):
    with pytest.raises(ValueError, match="emissivity"):
        object_c(
            Calibration.from_eeprom(melexis[0].eeprom), melexis[0].subpages, emissivity=np.ones((32, 24))
        )


@pytest.mark.parametrize(("word", "value"), [(778, 0), (833, 2), (833, 0x8000)])
def test_a_row_without_gain_or_subpage_is_nan_and_spares_its_neighbours(melexis, word, value):
    calibration = Calibration.from_eeprom(melexis[0].eeprom)
    for copies in (1, 9):
        rows = np.concatenate([case.subpages for case in melexis] * copies)
        good_c = object_c(calibration, rows)
        rows[0, word] = value
        bad_c = object_c(calibration, rows)
        assert np.isnan(bad_c[0]).all()
        np.testing.assert_allclose(bad_c[1:], good_c[1:], atol=1e-4)


def test_all_zero_words_have_no_ambient_temperature(melexis):
    calibration = Calibration.from_eeprom(melexis[0].eeprom)
    for rows in (1, 20):
        assert np.isnan(ambient_c(calibration, np.zeros((rows, 834), np.uint16))).all()


def test_random_frames_give_finite_temperatures_or_nan(melexis):
    rng = np.random.default_rng(2)
    calibration = Calibration.from_eeprom(melexis[0].eeprom)
    rows = rng.integers(0, 1 << 16, (500, 834), dtype=np.uint16)
    rows[:, 833] &= 1
    for dtype in (np.float32, np.float64):
        assert not np.isinf(object_c(calibration, rows, dtype=dtype)).any()


def test_what_a_calibration_keeps_does_not_grow_with_use(melexis):
    calibration = Calibration.from_eeprom(melexis[0].eeprom)
    rows = np.concatenate([case.subpages for case in melexis])
    rows = np.concatenate([rows, rows & np.where(np.arange(834) == 832, 0xEFFF, 0xFFFF).astype(np.uint16)])
    for dtype in (np.float32, np.float64):
        for _ in range(50):
            object_c(calibration, rows, dtype=dtype)
            object_c(calibration, np.concatenate([rows, rows, rows[:1]]), dtype=dtype)
    assert len(calibration.tables) == 4, "one a reading pattern and precision"
