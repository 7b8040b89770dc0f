"""The datasheet's worked example, §11.2.2, constant by constant: pixel (12, 16), counted from 1."""

import numpy as np
import pytest

from doumen.thermal.calibration import Calibration
from doumen.thermal.conditions import conditions
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
    assert [cal.cp_kta, cal.cp_kv] == [0.00457763671875, 0.5]
    assert cal.ks_to[1] == -0.00080108642578125
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
