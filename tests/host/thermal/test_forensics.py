"""Every way in which a dump goes wrong is called by its name, on every real sensor at hand."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doumen.thermal.diagnosis import Pattern, Severity
from doumen.thermal.forensics import diagnose, fingerprint

PIXELS_FROM = 64
SENSORS = ("melexis_example/", "signaloid/", "cswank_zig/")


@pytest.fixture(params=SENSORS)
def eeprom(request, real_sensors):
    return real_sensors[request.param][0].eeprom.copy()


def first(words, **options):
    return diagnose(words, **options).findings[0]


def test_real_sensors_have_nothing_wrong(eeprom):
    assert diagnose(eeprom).findings == ()
    assert diagnose(eeprom).is_usable


def test_the_datasheets_example_passes_only_when_not_strict(golden):
    words = golden["datasheet_example/frame0/em1.0"].eeprom
    assert diagnose(words, strict=False).findings == ()
    assert not diagnose(words).is_usable


@pytest.mark.parametrize("value", [0xFFFF, 0x0000])
def test_an_empty_dump(value):
    finding = first(np.full(832, value, np.uint16))
    assert finding.pattern == Pattern.EMPTY
    assert "400 kHz" in finding.to_do


@pytest.mark.parametrize("value", [0xFFFF, 0x0000])
@pytest.mark.parametrize("place", [20, 64, 300, 820])
def test_a_transfer_that_broke_off(eeprom, place, value):
    eeprom[place:] = value
    finding = first(eeprom)
    assert finding.pattern == Pattern.CUT_OFF
    assert f"word {place} on" in finding.what


@pytest.mark.parametrize("place", [0, 16, 400])
def test_a_piece_that_is_missing(eeprom, place):
    eeprom[place : place + 16] = 0xFFFF
    finding = first(eeprom)
    assert finding.pattern == Pattern.GAP
    assert f"from word {place} to {place + 15}" in finding.what


@pytest.mark.parametrize("shift", [1, -1, 2, -2, 5, -5])
def test_a_shifted_dump_with_its_direction(eeprom, shift):
    finding = first(np.roll(eeprom, shift))
    assert finding.pattern == Pattern.SHIFTED
    assert f"every word comes {abs(shift)} {'late' if shift > 0 else 'early'}" in finding.what


def test_a_dump_that_lost_or_doubled_a_word_at_its_start(eeprom):
    doubled = np.concatenate([eeprom[:1], eeprom[:-1]])
    lost = np.concatenate([eeprom[1:], eeprom[-1:]])
    assert "1 late" in first(doubled).what
    assert "1 early" in first(lost).what


@pytest.mark.parametrize(("shift", "way"), [(1, "1 late"), (-1, "1 early")])
def test_a_dump_shifted_by_a_byte(eeprom, shift, way):
    octets = np.roll(np.frombuffer(eeprom.astype(">u2").tobytes(), np.uint8), shift)
    finding = first(octets.view(">u2").astype(np.uint16))
    assert finding.pattern == Pattern.SHIFTED
    assert f"every byte comes {way}" in finding.what


def test_a_byte_swapped_dump(eeprom):
    assert first(eeprom.byteswap()).pattern == Pattern.BYTE_SWAPPED
    assert "shifted" in first(np.roll(eeprom.byteswap(), 1)).what


@pytest.mark.parametrize("value", [0xFFFF, 0x0000, 0x8000, 0x7FFF])
@pytest.mark.parametrize("period", [2, 3, 8, 16, 31, 32, 64])
def test_stripes_with_their_distance(eeprom, period, value):
    eeprom[5::period] = value
    finding = first(eeprom)
    assert finding.pattern == Pattern.STRIPES
    assert f"every {period} words" in finding.what
    assert f"{value:#06x}" in finding.what


def test_stripes_among_the_pixels_only(eeprom):
    eeprom[PIXELS_FROM + 7 :: 32] = 0xFFFF
    assert first(eeprom).pattern == Pattern.STRIPES


def test_blocks_in_which_the_address_stood_still(eeprom):
    finding = first(np.resize(eeprom[:16], 832))
    assert finding.pattern == Pattern.STRIPES
    assert "the same 16 words" in finding.what.lower()


@pytest.mark.parametrize("is_inserted", [True, False])
def test_a_lost_repeated_start(eeprom, is_inserted):
    if is_inserted:
        eeprom[1:] = eeprom[:-1].copy()
    eeprom[0] = 0x0009
    finding = first(eeprom)
    assert finding.pattern == Pattern.LOST_REPEATED_START
    assert "driver" in finding.to_do


def as_mlx90641_word(data):
    """The 11 data bits with the five check bits of melexis/mlx90641-library."""
    word = data
    for bit, mask in ((11, 0x055B), (12, 0x066D), (13, 0x078E), (14, 0x07F0), (15, 0x7FFF)):
        word |= ((word & mask).bit_count() & 1) << bit
    return word


def test_an_mlx90641(eeprom):
    marked = eeprom.copy()
    marked[10] |= 0x0040
    assert first(marked).pattern == Pattern.MLX90641
    assert first(marked, strict=False).pattern == Pattern.MLX90641
    rng = np.random.default_rng(1)
    coded = np.array([as_mlx90641_word(int(data)) for data in rng.integers(0, 2048, 832)], np.uint16)
    assert first(coded).pattern == Pattern.MLX90641
    assert first(coded).to_do == "connect an MLX90640"


def test_an_overwritten_eeprom(eeprom):
    eeprom[[12, 34, 57, 200, 411, 612]] = 0xFFFF
    finding = first(eeprom)
    assert finding.pattern == Pattern.ERASED_WORDS
    assert "5 words" in finding.what
    assert "EE[34]" in finding.what


@pytest.mark.parametrize("index", [3, 5, 6])
def test_damaged_identification(eeprom, index):
    eeprom[index] ^= 0x0110
    assert first(eeprom).pattern == Pattern.UNIDENTIFIED
    assert f"EE[{index}]" in first(eeprom).what


@pytest.mark.parametrize(
    ("index", "mask", "value", "name"),
    [
        (51, 0xFF00, 0, "K_Vdd is zero"),
        (51, 0xFF00, 0x1C00, "K_Vdd reads 28 and must be negative"),
        (50, 0x03FF, 0, "Kt_PTAT is zero"),
        (50, 0x03FF, 0x0300, "Kt_PTAT reads -256"),
        (49, 0xFFFF, 0, "V_PTAT25 is zero"),
        (49, 0xFFFF, 0x8000, "V_PTAT25 reads -32768"),
        (48, 0xFFFF, 0, "gain is zero"),
        (48, 0xFFFF, 0x9000, "gain reads"),
        (33, 0xFFFF, 0, "(alpha_ref) is zero"),
        (33, 0xFFFF, 1, "no sensitivity (alpha <= 0)"),
        (52, 0xFFFF, 0, "Kv is zero"),
        (57, 0x03FF, 0, "(alpha_CP) is zero"),
        (63, 0x000F, 0, "KsTo lets sensitivity fall to zero"),
        (63, 0x3000, 0, "corner temperatures are out of order: 0, 0, 0 °C"),
        (63, 0x00F0, 0, "corner temperatures are out of order: 0, 0, "),
        (63, 0x0F00, 0, "corner temperatures are out of order: 0, "),
    ],
)
def test_an_impossible_constant_with_its_name(eeprom, index, mask, value, name):
    eeprom[index] = (int(eeprom[index]) & ~mask) | value
    finding = first(eeprom)
    assert finding.pattern == Pattern.IMPOSSIBLE_CONSTANT
    assert name in finding.what
    assert finding.severity == Severity.FATAL


def test_an_unusual_resolution_is_only_a_warning(eeprom):
    eeprom[56] ^= 0x3000
    diagnosis = diagnose(eeprom)
    assert [finding.pattern for finding in diagnosis.findings] == [Pattern.UNUSUAL_CONSTANT]
    assert "17 bits" in diagnosis.findings[0].what
    assert diagnosis.is_usable


def test_more_than_four_deviating_pixels(eeprom):
    places = PIXELS_FROM + np.array([3, 100, 205, 300, 431])
    eeprom[places[:4]] |= 1
    assert diagnose(eeprom).is_usable, "four are within the specification"
    eeprom[places[4]] = 0
    finding = first(eeprom)
    assert finding.pattern == Pattern.MANY_DEVIATING_PIXELS
    assert "1 broken and 4 outlier" in finding.what


@pytest.mark.parametrize("apart", [1, 31, 32, 33])
@pytest.mark.parametrize("is_broken", [True, False])
def test_two_neighbours_that_deviate(eeprom, apart, is_broken):
    places = PIXELS_FROM + np.array([200, 200 + apart])
    eeprom[places] = 0 if is_broken else eeprom[places] | 1
    finding = first(eeprom)
    assert finding.pattern == Pattern.ADJACENT_DEVIATING_PIXELS
    assert "(6, 8)" in finding.what


def test_the_end_of_a_row_does_not_touch_the_start_of_the_next(eeprom):
    eeprom[PIXELS_FROM + np.array([31, 32])] |= 1
    assert diagnose(eeprom).findings == ()


def test_a_fingerprint_is_short_and_names_the_device(eeprom):
    device_id, _, content = fingerprint(eeprom).partition("-")
    assert device_id == "".join(f"{word:04x}" for word in eeprom[7:10])
    assert len(content) == 12
    assert diagnose(eeprom, known=fingerprint(eeprom)).findings == ()


def test_a_fingerprint_is_that_of_yesterday(melexis):
    assert fingerprint(melexis[0].eeprom) == "1710a2240185-41180cb8f7e8"


def test_a_fingerprint_outlives_another_address_and_start_value(eeprom):
    before = fingerprint(eeprom)
    eeprom[12], eeprom[15] = 0x1A81, 0xBE34
    assert fingerprint(eeprom) == before


def test_the_same_sensor_with_other_constants_is_altered(eeprom):
    known = fingerprint(eeprom)
    eeprom[200] ^= 0x0010
    finding = first(eeprom, known=known)
    assert finding.pattern == Pattern.ALTERED
    assert finding.severity == Severity.FATAL


def test_another_sensor_is_a_warning(real_sensors):
    one, other = (real_sensors[name][0].eeprom for name in SENSORS[:2])
    diagnosis = diagnose(one, known=fingerprint(other))
    assert diagnosis.findings[0].pattern == Pattern.OTHER_SENSOR
    assert diagnosis.is_usable


@pytest.mark.parametrize(
    "words",
    [[], np.zeros(831, int), np.zeros((1, 832), int), np.zeros(832), np.full(832, 70000), "words", None],
)
def test_what_is_no_dump_at_all_is_named_too(words):
    diagnosis = diagnose(words)
    assert [finding.pattern for finding in diagnosis.findings] == [Pattern.NOT_A_DUMP]
    assert diagnosis.fingerprint == ""


words_of_any_kind = st.one_of(
    st.binary(min_size=1664, max_size=1664),
    st.tuples(st.binary(min_size=1, max_size=64), st.just(1664)).map(lambda it: (it[0] * 1664)[: it[1]]),
)


@given(words_of_any_kind, st.booleans())
@settings(derandomize=True, max_examples=300, deadline=1000)
def test_any_832_words_are_diagnosed(octets, strict):
    words = np.frombuffer(octets, ">u2").astype(np.uint16)
    diagnosis = diagnose(words, strict=strict)
    assert all(finding.what and finding.to_do for finding in diagnosis.findings)


def test_a_diagnosis_takes_a_few_milliseconds(eeprom):
    started_s = time.monotonic()
    for _ in range(20):
        diagnose(eeprom)
    assert (time.monotonic() - started_s) / 20 < 0.05
