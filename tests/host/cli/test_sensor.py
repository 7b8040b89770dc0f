"""`doumen sensor`: what it says of sound and of damaged EEPROMs, and the pictures it paints."""

import io
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from doumen.cli.picture import UPPER_HALF, Scale, draw_frame, print_frame, save_animation, save_picture
from doumen.errors import DoumenError
from doumen.recording import RecordingWriter
from doumen.simulator.bench import Bench
from doumen.thermal.palette import NOTHING, PALETTE

from .calling import GATE, badge, call, gate, sensor_words

Capture = pytest.CaptureFixture[str]
FINGERPRINT = "1710a2240185-41180cb8f7e8"


@pytest.fixture
def dump(tmp_path: Path) -> Path:
    file = tmp_path / "dump.bin"
    file.write_bytes(sensor_words()[0].astype("<u2").tobytes())
    return file


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """Two starts of a gate: a sound sensor for a second, then with a broken pixel; one subpage is missing."""
    file = tmp_path / "morning.dmr"
    eeprom, subpages = sensor_words()
    with RecordingWriter(file, GATE, eeprom, "1.0.0") as writer:
        for number in (0, 1, 2, 4, 5, *range(6, 16)):
            writer.append(
                0, (1 << 30) - 200 + number * 62 & (1 << 30) - 1, number, subpages[number % 2].copy()
            )
        other = eeprom.copy()
        other[64 + 5 * 32 + 7] = 0
        writer.start(other, "1.0.0")
        for number in range(4):
            words = subpages[number % 2].copy()
            words[810] = 0xCA00
            writer.append(0, 5000 + number * 62, number, words)
    return file


@pytest.fixture(scope="module")
def a_gate() -> Iterator[Bench]:
    with gate() as bench:
        yield bench
    assert bench.problems == []


def test_a_sound_dump_is_sound(capsys: Capture, dump: Path) -> None:
    called = call(capsys, "sensor", "diagnose", dump)
    assert called.status == 0
    assert f"{dump}: sound" in called.out
    assert FINGERPRINT in called.out
    assert re.search(r"gain +5580", called.out)
    assert re.search(r"bad pixels +none", called.out)


def test_a_sound_dump_as_json(capsys: Capture, dump: Path) -> None:
    report = call(capsys, "sensor", "diagnose", dump, "--json", "--known", FINGERPRINT).json()
    assert report["ok"] is True
    (eeprom,) = report["eeproms"]
    assert eeprom["findings"] == []
    assert eeprom["fingerprint"] == FINGERPRINT
    assert eeprom["constants"]["resolution_bits"] == 18


def test_a_damaged_dump_is_named_with_what_to_do_and_exit_status_1(capsys: Capture, tmp_path: Path) -> None:
    file = tmp_path / "forum.txt"
    words = np.roll(sensor_words()[0], 1)
    file.write_text("My sensor shows nan:\n" + ", ".join(f"0x{word:04x}" for word in words))
    called = call(capsys, "sensor", "diagnose", file)
    assert called.status == 1
    assert called.err == ""
    assert f"{file}: not usable" in called.out
    assert "shifted" in called.out
    assert "What to do: slow the bus to 400 kHz" in called.out
    called = call(capsys, "sensor", "diagnose", file, "--json")
    assert called.status == 1
    report = called.json()
    assert report["ok"] is False
    (finding,) = report["eeproms"][0]["findings"]
    assert (finding["name"], finding["severity"]) == ("shifted", "fatal")


def test_another_sensor_than_the_known_one_is_told(capsys: Capture, dump: Path) -> None:
    called = call(capsys, "sensor", "diagnose", dump, "--known", "1710a2240186-000000000000")
    assert called.status == 0
    assert "other_sensor" in called.out
    called = call(capsys, "sensor", "diagnose", dump, "--known", "1710a2240185-000000000000")
    assert called.status == 1
    assert "altered" in called.out


def test_a_dump_comes_through_a_pipe(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    text = " ".join(f"{word:04X}" for word in sensor_words()[0])
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    assert "standard input: sound" in call(capsys, "sensor", "diagnose", "-").out


def test_every_sensor_of_a_recording_is_diagnosed(capsys: Capture, recording: Path) -> None:
    report = call(capsys, "sensor", "diagnose", recording, "--json").json()
    assert [each["constants"]["bad_pixels"] for each in report["eeproms"]] == ["none", ["(5, 7)"]]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"one two three", "0 words"),
        (b"\0" * 700, "700 bytes"),
        (b"\x89DMR\r\n\x1a\nnonsense", "not a recording"),
    ],
)
@pytest.mark.parametrize("command", ["diagnose", "show"])
def test_a_file_of_something_else_is_one_line(
    capsys: Capture, tmp_path: Path, command: str, content: bytes, says: str
) -> None:
    file = tmp_path / "file"
    file.write_bytes(content)
    complaint = call(capsys, "sensor", command, file).complaint
    assert complaint.startswith(str(file))
    assert says in complaint or command == "show"


@pytest.mark.parametrize("command", ["diagnose", "show"])
def test_a_port_that_is_not_there_is_one_line(capsys: Capture, command: str) -> None:
    assert "no such port" in call(capsys, "sensor", command, "/dev/no-such-port").complaint


def test_a_gates_sensor_is_diagnosed_and_shown_over_its_port(capsys: Capture, a_gate: Bench) -> None:
    called = call(capsys, "sensor", "diagnose", a_gate.port)
    assert called.status == 0
    assert FINGERPRINT in called.out
    frame = call(capsys, "sensor", "show", a_gate.port, "--json").json()
    assert frame["max_c"] == pytest.approx(35.04, abs=0.3)
    assert frame["bad_pixels"] == []


def test_a_badge_has_no_thermal_sensor(capsys: Capture) -> None:
    with badge() as bench:
        for command in ("diagnose", "show"):
            assert "a badge has no thermal sensor" in call(capsys, "sensor", command, bench.port).complaint


def test_a_frame_of_a_recording_is_shown_in_letters_where_there_are_no_colours(
    capsys: Capture, recording: Path
) -> None:
    called = call(capsys, "sensor", "show", recording)
    assert called.status == 0
    lines = called.out.splitlines()
    assert [len(line) for line in lines[:24]] == [64] * 24
    assert "@@" in lines[12]
    assert lines[24].startswith("27.2 °C")
    assert lines[24].endswith("35.0 °C")
    assert lines[25] == "min 27.2 °C at (8, 31)   max 35.0 °C at (12, 9)   mean 29.6 °C"
    assert lines[26] == "Ta 34.0 °C   Vdd 3.29 V   no bad pixels"


def test_a_later_frame_is_found_across_a_wrapping_clock_and_a_new_start(
    capsys: Capture, recording: Path
) -> None:
    called = call(capsys, "sensor", "show", recording, "--at", 1.0)
    assert "(5, 7) broken" in called.out
    assert "look out: supply out of range" in called.out
    frame = call(capsys, "sensor", "show", recording, "--at", 1.0, "--json").json()
    assert frame["bad_pixels"] == [{"row": 5, "column": 7, "why": ["broken"]}]
    assert frame["warnings"] == ["supply out of range"]
    assert np.shape(frame["frame_c"]) == (24, 32)
    assert frame["frame_c"][5][7] == pytest.approx(29, abs=3), "repaired from its neighbours"


def test_a_time_after_the_end_is_one_line(capsys: Capture, recording: Path) -> None:
    assert (
        "no whole frame after 60 s; it is 1."
        in call(capsys, "sensor", "show", recording, "--at", 60).complaint
    )


def test_a_png_shows_the_frame_its_scale_and_its_words(
    capsys: Capture, recording: Path, tmp_path: Path
) -> None:
    file = tmp_path / "face.png"
    assert call(capsys, "sensor", "show", recording, "--png", file, "--pixels", "--range", 20, 40).status == 0
    with Image.open(file) as picture:
        assert picture.format == "PNG"
        assert picture.width == 640
        assert picture.height > 520
        rgb = np.asarray(picture)
    frame = np.array(call(capsys, "sensor", "show", recording, "--json").json()["frame_c"])
    expected = PALETTE[np.rint((frame - 20) / 20 * 255).astype(int)].astype(int)
    assert np.abs(rgb[10:480:20, 10::20].astype(int) - expected).max() <= 6
    assert np.abs(rgb[495, [8, 631]].astype(int) - PALETTE[[0, -1]]).max() <= 12, "the scale"
    assert (rgb[500:] > 200).all(axis=2).any(), "the words"


def test_a_png_that_cannot_be_written_is_one_line(capsys: Capture, recording: Path, tmp_path: Path) -> None:
    complaint = call(capsys, "sensor", "show", recording, "--png", tmp_path / "no" / "x.png").complaint
    assert "check the path" in complaint


def test_a_range_the_wrong_way_round_is_a_wrong_call(capsys: Capture, recording: Path) -> None:
    called = call(capsys, "sensor", "show", recording, "--range", 40, 20)
    assert called.status == 2
    assert "lower temperature first" in called.err


def painted(frame_c: np.ndarray, zoom: int) -> np.ndarray:
    """The pixels that a terminal with all colours would show."""
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, color_system="truecolor", width=300)
    print_frame(console, frame_c, Scale(20, 40), zoom)
    rows = []
    for line in out.getvalue().splitlines():
        cells = re.findall(r"38;2;(\d+);(\d+);(\d+);48;2;(\d+);(\d+);(\d+)m" + UPPER_HALF, line)
        if cells:
            rows += [[cell[:3] for cell in cells], [cell[3:] for cell in cells]]
    return np.array(rows, int)


@pytest.mark.parametrize("zoom", [1, 2, 3])
def test_half_blocks_show_two_pixels_each_in_true_colour(zoom: int) -> None:
    frame_c = np.linspace(20, 40, 768).reshape(24, 32)
    frame_c[3, 4] = np.nan
    got = painted(frame_c, zoom)
    assert got.shape == (24 * zoom + 2, 32 * zoom, 3), "and two rows of scale"
    picture = got[:-2:zoom, ::zoom]
    assert tuple(picture[3, 4]) == NOTHING
    assert tuple(picture[0, 0]) == tuple(PALETTE[0])
    assert tuple(picture[-1, -1]) == tuple(PALETTE[-1])
    assert np.array_equal(got[-1, [0, -1]], PALETTE[[0, -1]])


def test_a_frame_without_one_temperature_is_still_a_picture(tmp_path: Path) -> None:
    nothing = np.full((24, 32), np.nan)
    scale = Scale.of(nothing)
    assert set(map(tuple, painted(nothing, 1)[:24].reshape(-1, 3).tolist())) == {NOTHING}
    picture = draw_frame(nothing, scale, ["nothing"], smooth=True)
    assert picture.getpixel((300, 200)) == NOTHING
    with pytest.raises(DoumenError, match="check the path"):
        save_picture(tmp_path / "no" / "x.png", picture)


def test_long_captions_are_wrapped_into_more_lines() -> None:
    nothing = np.full((24, 32), np.nan)
    short = draw_frame(nothing, Scale(20, 40), ["words"], smooth=True)
    long = draw_frame(nothing, Scale(20, 40), ["words " * 40], smooth=True)
    assert long.width == short.width
    assert long.height > short.height


@pytest.mark.parametrize("kind", ["gif", "webp"])
def test_frames_become_a_moving_picture(tmp_path: Path, kind: str) -> None:
    file = tmp_path / f"day.{kind}"
    frames = (np.full((24, 32), 20.0 + 5 * number) for number in range(4))
    save_animation(file, (draw_frame(each, Scale(20, 40), [], smooth=True) for each in frames), kind, 8)
    with Image.open(file) as picture:
        assert getattr(picture, "n_frames", 1) == 4
    with pytest.raises(DoumenError):
        save_animation(
            tmp_path / "no" / "x.gif",
            [draw_frame(np.zeros((24, 32)), Scale(20, 40), [], smooth=False)],
            "gif",
            8,
        )


def test_a_flat_scene_is_not_painted_as_a_fire() -> None:
    scale = Scale.of(np.array([21.9, 22.1]))
    assert (scale.low_c, scale.high_c) == pytest.approx((20, 24))
