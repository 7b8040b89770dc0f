"""GeoJSON as RFC 7946 has it, with the receiver's digits."""

import io
import json
import re
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from doumen.model import Positionfix
from doumen.tracks.geojson import degrees, write_geojson

START_MS = 1_772_348_400_250


def _fix(
    seconds: float, lat_e7: int = 318_244_620, lon_e7: int = 1_215_874_383, hdop_c: int = 120
) -> Positionfix:
    return Positionfix(START_MS + int(1000 * seconds), lat_e7, lon_e7, hdop_c, 9, 1)


def _written(fixes: list[Positionfix], **options: Any) -> tuple[str, dict[str, Any]]:
    file = io.StringIO()
    assert write_geojson(file, "badge-1", iter(fixes), **options) == len(fixes)
    return file.getvalue(), json.loads(file.getvalue())


def _features(collection: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [feature for feature in collection["features"] if feature["geometry"]["type"] == kind]


def test_nothing_is_a_valid_empty_collection() -> None:
    assert _written([])[1] == {"type": "FeatureCollection", "features": []}


def test_longitude_comes_first_with_the_digits_of_the_receiver() -> None:
    text, _ = _written([_fix(0)])
    assert '"coordinates":[121.5874383,31.824462]' in text


def test_degrees_are_exact_and_short() -> None:
    assert [degrees(e7) for e7 in (0, 1, -1, 10_000_000, -1_800_000_000, 900_000_000, -5_000_000)] == [
        "0", "0.0000001", "-0.0000001", "1", "-180", "90", "-0.5",
    ]  # fmt: skip


@settings(max_examples=300, derandomize=True, database=None)
@given(st.integers(-1_800_000_000, 1_800_000_000))
def test_degrees_read_back_are_the_same_integer(e7: int) -> None:
    assert Decimal(degrees(e7)) * 10_000_000 == e7
    assert json.loads(degrees(e7)) * 10_000_000 == float(Decimal(degrees(e7))) * 10_000_000
    assert re.fullmatch(r"-?\d{1,3}(\.\d{0,6}[1-9])?", degrees(e7))


def test_a_point_tells_time_and_quality() -> None:
    _, collection = _written([_fix(0), _fix(1, hdop_c=0xFFFF)])
    first, second = (feature["properties"] for feature in _features(collection, "Point"))
    assert first == {
        "device": "badge-1",
        "time": "2026-03-01T07:00:00.250Z",
        "hdop": 1.2,
        "satellites": 9,
        "quality": 1,
    }
    assert (second["time"], second["hdop"]) == ("2026-03-01T07:00:01.250Z", None)


def test_a_line_joins_the_fixes_and_tells_its_span() -> None:
    _, collection = _written([_fix(0, 0, 1), _fix(10, 2, 3), _fix(20, 4, 5)])
    (line,) = _features(collection, "LineString")
    assert line["geometry"]["coordinates"] == [[1e-7, 0], [3e-7, 2e-7], [5e-7, 4e-7]]
    assert line["properties"] == {
        "device": "badge-1",
        "from": "2026-03-01T07:00:00.250Z",
        "to": "2026-03-01T07:00:20.250Z",
        "fixes": 3,
    }


def test_a_gap_longer_than_the_setting_ends_a_line() -> None:
    fixes = [_fix(0), _fix(30), _fix(60.001), _fix(70), _fix(200)]
    _, collection = _written(fixes, gap_ms=30_000)
    assert [line["properties"]["fixes"] for line in _features(collection, "LineString")] == [2, 2]
    assert len(_features(collection, "Point")) == 5


def test_a_single_fix_is_a_point_and_no_line() -> None:
    _, collection = _written([_fix(0)])
    assert [feature["geometry"]["type"] for feature in collection["features"]] == ["Point"]


def test_a_clock_that_jumps_back_ends_a_line() -> None:
    _, collection = _written([_fix(100), _fix(110), _fix(0), _fix(10)])
    assert [line["properties"]["fixes"] for line in _features(collection, "LineString")] == [2, 2]


def test_a_line_does_not_run_around_the_world_at_the_antimeridian() -> None:
    west, east = -1_799_999_000, 1_799_999_000
    _, collection = _written([_fix(0, 0, east - 9), _fix(1, 0, east), _fix(2, 0, west), _fix(3, 0, west + 9)])
    assert [line["properties"]["fixes"] for line in _features(collection, "LineString")] == [2, 2]


def test_points_can_be_left_out() -> None:
    _, collection = _written([_fix(0), _fix(1)], points=False)
    assert [feature["geometry"]["type"] for feature in collection["features"]] == ["LineString"]
    assert _written([_fix(0)], points=False)[1]["features"] == []


def test_a_device_of_any_name_stays_valid_json() -> None:
    file = io.StringIO()
    write_geojson(file, '"斗"\\\n', [_fix(0)])
    assert json.loads(file.getvalue())["features"][0]["properties"]["device"] == '"斗"\\\n'


def test_a_stretch_is_written_before_the_next_one_is_read() -> None:
    file = io.StringIO()
    seen: list[int] = []

    def fixes() -> Any:
        for seconds in (0, 1, 1000, 1001, 2000):
            yield _fix(seconds)
            seen.append(file.getvalue().count('"Feature"'))

    write_geojson(file, "badge-1", fixes())
    assert seen == [0, 0, 3, 3, 6]
