"""Positionfixes as GeoJSON (RFC 7946), written as they come.

Coordinates are longitude, latitude in WGS 84, with exactly the digits of the receiver's 1e-7 degrees.
"""

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import TextIO

from doumen.model import Positionfix

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HDOP_UNKNOWN = 0xFFFF
_HALF_TURN_E7 = 1_800_000_000


def write_geojson(
    file: TextIO,
    device_id: str,
    fixes: Iterable[Positionfix],
    *,
    gap_ms: int = 120_000,
    points: bool = True,
) -> int:
    """Write a FeatureCollection: a LineString a stretch and a Point a fix. Returns how many fixes there were.

    fixes: in the order of time. A stretch ends where the next fix is more than gap_ms later, or earlier, for
    nothing is known of the way between, and at the antimeridian (§3.1.9). One of a single fix has no line.
    points: whether each fix becomes a Point with time, hdop, satellites and quality.
    Memory grows with the longest stretch. Raises whatever writing to the file does.
    """
    file.write('{"type":"FeatureCollection","features":[')
    separator = "\n"
    count = 0
    stretch: list[Positionfix] = []

    def write_stretch() -> None:
        nonlocal separator
        features = [_line(device_id, stretch)] if len(stretch) > 1 else []
        if points:
            features += [_point(device_id, fix) for fix in stretch]
        for feature in features:
            file.write(separator + feature)
            separator = ",\n"

    for fix in fixes:
        if stretch and _is_apart(stretch[-1], fix, gap_ms):
            write_stretch()
            stretch = []
        stretch.append(fix)
        count += 1
    write_stretch()
    file.write("\n]}\n")
    return count


def degrees(e7: int) -> str:
    """1e-7 degrees as the shortest exact decimal number."""
    whole, fraction = divmod(abs(e7), 10_000_000)
    digits = f"{whole}.{fraction:07d}".rstrip("0").rstrip(".")
    return f"-{digits}" if e7 < 0 else digits


def rfc3339(time_ms: int) -> str:
    """Milliseconds since 1970 as 2026-03-01T07:00:00.250Z."""
    # Not fromtimestamp: its float would round some milliseconds away.
    time = _EPOCH + timedelta(milliseconds=time_ms)
    return time.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def _is_apart(before: Positionfix, fix: Positionfix, gap_ms: int) -> bool:
    across = abs(fix.lon_e7 - before.lon_e7) > _HALF_TURN_E7
    return across or not 0 <= fix.time_ms - before.time_ms <= gap_ms


def _line(device_id: str, stretch: list[Positionfix]) -> str:
    properties = {
        "device": device_id,
        "from": rfc3339(stretch[0].time_ms),
        "to": rfc3339(stretch[-1].time_ms),
        "fixes": len(stretch),
    }
    places = ",".join(_place(fix) for fix in stretch)
    return _feature("LineString", f"[{places}]", json.dumps(properties, ensure_ascii=False))


def _point(device_id: str, fix: Positionfix) -> str:
    properties = {
        "device": device_id,
        "time": rfc3339(fix.time_ms),
        # Two decimals at most: a float of that prints as it was.
        "hdop": None if fix.hdop_c == _HDOP_UNKNOWN else fix.hdop_c / 100,
        "satellites": fix.satellites,
        "quality": fix.quality,
    }
    return _feature("Point", _place(fix), json.dumps(properties, ensure_ascii=False))


def _place(fix: Positionfix) -> str:
    return f"[{degrees(fix.lon_e7)},{degrees(fix.lat_e7)}]"


def _feature(kind: str, coordinates: str, properties: str) -> str:
    geometry = f'{{"type":"{kind}","coordinates":{coordinates}}}'
    return f'{{"type":"Feature","geometry":{geometry},"properties":{properties}}}'
