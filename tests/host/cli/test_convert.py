"""`doumen convert`: every form holds what was recorded, and an output is whole or not there."""

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from doumen.recording import Recording, RecordingWriter
from doumen.thermal.calibration import Calibration
from doumen.thermal.temperature import object_c

from .calling import GATE, call, sensor_words

Capture = pytest.CaptureFixture[str]
SUBPAGES = 40


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """Two starts with two sensors, 20 subpages each, 16 a second."""
    path = tmp_path / "two.dmr"
    writer: RecordingWriter | None = None
    for start, name in enumerate(("melexis_example", "signaloid")):
        eeprom, subpages = sensor_words(name)
        if writer is None:
            writer = RecordingWriter(path, GATE, eeprom, "0.1.0")
        else:
            writer.start(eeprom, "0.1.0")
        for i in range(SUBPAGES // 2):
            time_ms = 1_000_000 + 5_000 * start + round(62.5 * i)
            writer.append(time_ms, round(62.5 * i), i, subpages[i % 2])
    assert writer is not None
    writer.close()
    return path


def test_an_archive_is_smaller_and_gives_the_same_bytes_back(
    recording: Path, tmp_path: Path, capsys: Capture
) -> None:
    packed, again = tmp_path / "two.dmr.xz", tmp_path / "again.dmr"
    assert call(capsys, "convert", recording, packed).status == 0
    assert packed.stat().st_size < recording.stat().st_size / 3
    assert call(capsys, "convert", packed, again).status == 0
    assert again.read_bytes() == recording.read_bytes()


def test_arrays_hold_words_and_temperatures_of_each_start(
    recording: Path, tmp_path: Path, capsys: Capture
) -> None:
    assert call(capsys, "convert", recording, tmp_path / "two.npz").status == 0
    with np.load(tmp_path / "two.npz") as arrays:
        for number, (eeprom, subpages) in enumerate(Recording.open(recording)):
            assert np.array_equal(arrays[f"eeprom_{number}"], eeprom)
            assert np.array_equal(arrays[f"subpages_{number}"], subpages)
            expected = object_c(Calibration.from_eeprom(eeprom), subpages, emissivity=0.98)
            assert np.allclose(arrays[f"object_c_{number}"], expected, equal_nan=True)


def test_a_table_has_a_row_for_each_full_frame(recording: Path, tmp_path: Path, capsys: Capture) -> None:
    assert call(capsys, "convert", recording, tmp_path / "two.csv").status == 0
    with (tmp_path / "two.csv").open(newline="", encoding="utf-8") as file:
        head, *rows = csv.reader(file)
    assert head[:5] == ["time_ms", "ticks_ms", "sequence", "ambient_c", "supply_v"]
    assert len(head) == 5 + 768
    assert len(rows) == SUBPAGES - 2, "the first subpage of a start makes no frame"
    assert 25 < float(rows[0][5]) < 36
    assert float(rows[0][3]) == pytest.approx(33.99, abs=0.2)


def test_a_picture_shows_one_frame_and_a_moving_one_shows_them_all(
    recording: Path, tmp_path: Path, capsys: Capture
) -> None:
    assert call(capsys, "convert", recording, tmp_path / "one.png", "--at", 5.5).status == 0
    with Image.open(tmp_path / "one.png") as picture:
        assert picture.width >= 32 * 4
    for ending in ("gif", "webp"):
        assert call(capsys, "convert", recording, tmp_path / f"all.{ending}").status == 0
        with Image.open(tmp_path / f"all.{ending}") as moving:
            # Two starts of 1.25 s, eight pictures a second.
            assert 2 <= moving.n_frames <= 22


def test_what_cannot_be_written_is_one_line_and_nothing_stays(
    recording: Path, tmp_path: Path, capsys: Capture
) -> None:
    before = sorted(path.name for path in tmp_path.iterdir())
    assert "not known" in call(capsys, "convert", recording, tmp_path / "two.mp3").complaint
    assert "shorter" in call(capsys, "convert", recording, tmp_path / "two.png", "--at", 60).complaint
    assert "name another" in call(capsys, "convert", recording, tmp_path / "none" / "two.csv").complaint
    assert call(capsys, "convert", tmp_path / "missing.dmr", tmp_path / "two.csv").complaint
    (tmp_path / "noise.xz").write_bytes(b"no archive")
    assert ".xz" in call(capsys, "convert", tmp_path / "noise.xz", tmp_path / "two2.dmr").complaint
    (tmp_path / "noise.xz").unlink()
    assert sorted(path.name for path in tmp_path.iterdir()) == before
