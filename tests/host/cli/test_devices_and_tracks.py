"""`doumen devices` and `doumen tracks export` on databases, full and empty."""

import json
from pathlib import Path

import pytest

from doumen.model import Positionfix
from doumen.store import Cursor, Store, StoredBlock

from .calling import BADGE, call, start

Capture = pytest.CaptureFixture[str]
START_MS = 1_785_900_000_000  # 2026-08-05T03:20:00Z
FIX_COUNT = 5


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'doumen.db'}"


@pytest.fixture
def full(url: str) -> str:
    """A database that knows one badge with five fixes, one a minute."""
    fixes = [
        Positionfix(START_MS + 60_000 * i, 300_000_000 + i, 1_200_000_000, 90, 9, 1) for i in range(FIX_COUNT)
    ]
    with Store(url) as store:
        store.devices.seen(BADGE, START_MS, "badge", "0.1.0")
        store.positionfixes.ingest(BADGE, [StoredBlock(1, 0, 1, fixes)], Cursor(1, 1))
    return url


def test_an_empty_database_knows_no_device_and_says_how_to_meet_one(capsys: Capture, url: str) -> None:
    called = call(capsys, "devices", "--db", url)
    assert (called.status, called.out) == (0, "")
    assert "knows no device yet; `doumen serve PORT`" in called.err
    assert call(capsys, "devices", "--db", url, "--json").json() == []


def test_known_devices_are_listed(capsys: Capture, full: str) -> None:
    (row,) = call(capsys, "devices", "--db", full, "--json").json()
    assert (row["device"], row["role"], row["firmware"]) == (BADGE, "badge", "0.1.0")
    assert (row["fixes"], row["passages"]) == (FIX_COUNT, 0)
    table = call(capsys, "devices", "--db", full)
    assert BADGE in table.out
    assert max(len(line) for line in table.out.splitlines()) <= 80


def test_ports_are_listed_as_a_table_or_json(capsys: Capture) -> None:
    assert call(capsys, "devices", "--ports").status == 0
    assert isinstance(call(capsys, "devices", "--ports", "--json").json(), list)


def test_the_track_of_a_badge_goes_to_standard_output_or_a_file(
    capsys: Capture, full: str, tmp_path: Path
) -> None:
    printed = call(capsys, "tracks", "export", BADGE, "--db", full)
    assert (printed.status, printed.err) == (0, "")
    file = tmp_path / "day.geojson"
    written = call(capsys, "tracks", "export", BADGE, "--db", full, "-o", file)
    assert (written.status, written.out) == (0, "")
    assert written.err == f"{FIX_COUNT} fixes written to {file}\n"
    assert file.read_text() == printed.out
    points = [f for f in json.loads(printed.out)["features"] if f["geometry"]["type"] == "Point"]
    assert [point["geometry"]["coordinates"] for point in points][:2] == [[120, 30], [120, 30.0000001]]


def test_the_track_between_two_moments_of_local_time(
    capsys: Capture, full: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "UTC")
    window = ["--from", "2026-08-05T03:21", "--to", "2026-08-05T03:23:00"]
    track = call(capsys, "tracks", "export", BADGE, "--db", full, *window).json()
    assert isinstance(track, dict)
    times = [f["properties"]["time"] for f in track["features"] if f["geometry"]["type"] == "Point"]
    assert times[0] == "2026-08-05T03:21:00.000Z"
    assert times[-1] < "2026-08-05T03:23:00.001Z"
    assert len(times) in (2, 3)


def test_a_shorter_gap_cuts_the_line_into_pieces(capsys: Capture, full: str) -> None:
    def lines(gap: str) -> int:
        track = call(capsys, "tracks", "export", BADGE, "--db", full, "--gap", gap).json()
        assert isinstance(track, dict)
        return sum(feature["geometry"]["type"] == "LineString" for feature in track["features"])

    assert (lines("120"), lines("59")) == (1, 0)


def test_an_unknown_badge_is_one_line(capsys: Capture, full: str) -> None:
    complaint = call(capsys, "tracks", "export", "nobody", "--db", full).complaint
    assert complaint == "no device nobody in this database; `doumen devices` lists those it knows"


def test_a_file_that_cannot_be_written_is_one_line(capsys: Capture, full: str, tmp_path: Path) -> None:
    file = tmp_path / "no" / "such" / "folder.geojson"
    assert "name another file" in call(capsys, "tracks", "export", BADGE, "--db", full, "-o", file).complaint


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a disk that is always full")
def test_a_track_that_does_not_fit_through_standard_output_is_one_line(full: str) -> None:
    with start("tracks", "export", BADGE, "--db", full, stdout="/dev/full") as process:
        assert process.wait(60) == 1
        assert process.stderr is not None
        said = process.stderr.read()
    assert said == "doumen: standard output: No space left on device; name another file\n"


def test_a_sensor_that_was_stored_wrongly_can_be_forgotten(capsys: Capture, url: str) -> None:
    with Store(url) as store:
        store.devices.seen("9a7e000000000001", 1_000, "gate")
        store.devices.has_sensor("9a7e000000000001", "17-42")
    called = call(capsys, "sensor", "accept", "9a7e000000000001", "--db", url, "--json")
    assert called.json() == {"device": "9a7e000000000001", "forgotten": "17-42"}
    with Store(url) as store:
        known = store.devices.get("9a7e000000000001")
    assert known is not None
    assert known.sensor is None
    assert "doumen devices" in call(capsys, "sensor", "accept", "0", "--db", url).complaint
