"""The datasheet's worked example, §11.2.2, constant by constant: pixel (12, 16), counted from 1."""

from pathlib import Path

import numpy as np
import pytest

from doumen.thermal.calibration import Calibration
from doumen.thermal.conditions import conditions
from doumen.thermal.pixels import subpage_mask
from doumen.thermal.tables import table_of
from doumen.thermal.temperature import ambient_c, object_c, supply_v

PIXEL = (11, 15)
PLACE = 11 * 32 + 15
CHESS_SUBPAGE_0 = 1


@pytest.fixture
def example(golden):
    return golden["datasheet_example/frame0/em1.0"]


@pytest.fixture
def calibration(example):
    return Calibration.from_eeprom(example.eeprom, strict=False)


def numbers(text):
    """Values that share a cell of the table, such as "-75 / -77" or "1.03;1;0.87"."""
    return [float(part) for part in text.replace("/", ";").split(";")]


def test_every_restored_constant_has_the_datasheets_value(calibration, worked_example):
    cal = calibration
    restored = {
        "K_Vdd": [cal.k_vdd],
        "Vdd25": [cal.vdd_25],
        "KvPTAT": [cal.kv_ptat],
        "KtPTAT": [cal.kt_ptat],
        "VPTAT25": [cal.v_ptat_25],
        "AlphaPTAT": [cal.alpha_ptat],
        "GAIN": [cal.gain],
        "pix_OS_ref": [cal.offset[PIXEL]],
        "KTa(12;16)": [cal.kta[PIXEL]],
        "Kv(12;16)": [cal.kv[PIXEL]],
        "Off_CP_SP0 / SP1": list(cal.cp_offset),
        "TGC": [cal.tgc],
        "alpha_CP_SP0": [cal.cp_alpha[0]],
        "alpha_CP_SP1": [cal.cp_alpha[1]],
        "KsTa": [cal.ks_ta],
        "alpha(12;16)": [cal.alpha[PIXEL]],
        "Alpha_corr 1..4": list(cal.range_gain),
    }
    for quantity, values in restored.items():
        assert values == pytest.approx(numbers(worked_example[quantity]), rel=1e-6), quantity
    assert cal.corner_c == (-40, 0, 160, 320)


def test_supply_ambient_and_gain_have_the_datasheets_value(calibration, example, worked_example):
    exact = {key: numbers(worked_example[key])[0] for key in ("Vdd", "Ta", "Kgain")}
    assert supply_v(calibration, example.subpages)[0] == pytest.approx(exact["Vdd"], rel=1e-6)
    assert ambient_c(calibration, example.subpages)[0] == pytest.approx(exact["Ta"], rel=1e-6)
    now = conditions(calibration, example.subpages)
    gain, scale = now.factors[0, :2]
    assert gain / scale == pytest.approx(exact["Kgain"], rel=1e-6)


@pytest.mark.parametrize("subpage", [0, 1])
def test_the_compensation_pixel_of_each_subpage_has_the_datasheets_value(
    calibration, example, worked_example, subpage
):
    rows = example.subpages.copy()
    rows[0, 833] = subpage
    now = conditions(calibration, rows)
    compensation = now.factors[0, 5] / now.factors[0, 1] / calibration.tgc
    exact = numbers(worked_example[f"pix_OS_CP_SP{subpage}"])[0]
    assert compensation == pytest.approx(exact, rel=1e-6)


def test_pixel_offset_and_compensated_signal_have_the_datasheets_value(calibration, example, worked_example):
    now = conditions(calibration, example.subpages)
    table = table_of(calibration, CHESS_SUBPAGE_0, np.dtype(np.float64))
    place = np.flatnonzero(table.places == PLACE)[0]
    scale = now.factors[0, 1]
    alpha_comp = 1 / (table.inverse_alpha[place] * scale)
    raw = float(example.subpages[0, PLACE])
    pix_gain = raw * now.factors[0, 0] / scale
    offset = now.factors[0, 1:5] @ table.offset_terms[:4, place] * alpha_comp
    taken_away = now.factors[0, 1:] @ table.offset_terms[:, place] * alpha_comp

    assert pix_gain == pytest.approx(numbers(worked_example["pix_gain"])[0], rel=1e-6)
    assert pix_gain - offset == pytest.approx(numbers(worked_example["pix_OS"])[0], rel=1e-6)
    assert pix_gain - taken_away == pytest.approx(numbers(worked_example["V_IR_compensated"])[0], rel=1e-6)
    assert alpha_comp == pytest.approx(numbers(worked_example["alpha_comp"])[0], rel=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_object_is_80_2164_degrees_with_the_extended_range(calibration, example, worked_example, dtype):
    exact_c = numbers(worked_example["To extended"])[0]
    assert exact_c == pytest.approx(80.2164, abs=1e-4)
    # The example reflects 8 K below ambient at emissivity 1, where reflection adds nothing.
    image_c = object_c(calibration, example.subpages, emissivity=1.0, dtype=dtype)[0]
    assert image_c[PIXEL] == pytest.approx(exact_c, abs=1e-3)


def test_what_lies_between_the_constants_has_the_datasheets_value(calibration, example, worked_example):
    """Steps that the code merges: taken apart again, from its results and the recorded words."""
    cal, words = calibration, example.subpages[0].astype(np.int64)
    words -= (words > 0x7FFF) << 16
    words[[832, 833]] = example.subpages[0, 832:834]
    exact = {quantity: numbers(text) for quantity, text in worked_example.items()}
    for quantity, place in {
        "RAM[0x072A]": 810,
        "RAM[0x0720] VPTAT": 800,
        "RAM[0x0700] VBE": 768,
        "RAM[0x070A]": 778,
        "RAM[0x056F] pixel (12;16)": PLACE,
    }.items():
        assert [words[place]] == exact[quantity], quantity

    resolution = 2.0**cal.resolution / 2.0 ** (words[832] >> 10 & 3)
    assert [resolution] == exact["Resolution_corr"]
    vdd, ta = supply_v(cal, example.subpages)[0], ambient_c(cal, example.subpages)[0]
    art = ((ta - 25) * cal.kt_ptat + cal.v_ptat_25) * (1 + cal.kv_ptat * (vdd - 3.3))
    assert art == pytest.approx(exact["VPTAT_art"][0], rel=1e-6)
    now = conditions(cal, example.subpages)
    gain = now.factors[0, 0] / now.factors[0, 1]
    for subpage, place in enumerate((776, 808)):
        assert words[place] * gain == pytest.approx(exact[f"pix_gain_CP_SP{subpage}"][0], rel=1e-6)
    assert [cal.cp_kta, cal.cp_kv] == exact["KTaCP / KvCP"]
    assert [cal.ks_to[1]] == exact["KsTo2"]
    assert subpage_mask(True, int(exact["Pattern chess pixel 368"][0]))[PIXEL]

    # §11.2.2.9 without the extended range, from the compensated signal and sensitivity that the tests above hold.
    signal, alpha = exact["V_IR_compensated"][0], exact["alpha_comp"][0]
    kelvin4 = (ta + 273.15) ** 4
    slope = cal.ks_to[1]
    around = slope * (alpha**3 * signal + alpha**4 * kelvin4) ** 0.25
    basic_c = (signal / (alpha * (1 - slope * 273.15) + around) + kelvin4) ** 0.25 - 273.15
    assert basic_c == pytest.approx(exact["To basic"][0], rel=1e-6)


def test_no_value_of_the_worked_example_is_left_out(worked_example):
    source = Path(__file__).read_text(encoding="utf-8")
    subpages = {f"pix_{what}_CP_SP{i}" for what in ("gain", "OS") for i in (0, 1)}
    missing = [name for name in worked_example if f'"{name}"' not in source and name not in subpages]
    assert missing == []
