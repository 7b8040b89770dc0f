"""From satellite sentences to stored positions: what gpsd decodes, the host holds."""

import asyncio
import json
from datetime import datetime
from pathlib import Path

import pytest

from doumen.model import Positionfix
from doumen.simulator.receiver import Receiver, retalk
from doumen.store import Store

from .devices import BADGE_ID, badge, connected, recorded_log, running

TPV = Path(__file__).parents[1] / "data" / "nmea"
Place = tuple[int, int]


def positions_of_gpsd(name: str) -> tuple[set[Place], set[tuple[int, int, int]]]:
    """Distinct positions, and (time, position) where gpsd gives a time; 1e-7 degrees, ms."""
    places: set[Place] = set()
    dated: set[tuple[int, int, int]] = set()
    for line in (TPV / f"{name}.tpv.jsonl").read_text().splitlines():
        report = json.loads(line)
        if "lat" not in report:
            continue
        place = (round(report["lat"] * 1e7), round(report["lon"] * 1e7))
        places.add(place)
        if "time" in report:
            moment = datetime.fromisoformat(report["time"])
            dated.add((round(moment.timestamp() * 1000), *place))
    return places, dated


def close_to(place: Place, places: set[Place]) -> bool:
    """Within one unit, 1e-7 degrees: gpsd computes in floating point, the badge in integers."""
    lat, lon = place
    return any((lat + i, lon + j) in places for i in (0, -1, 1) for j in (0, -1, 1))


def stored_positions(log: bytes, tmp_path: Path, seconds: float) -> list[Positionfix]:
    """Let a badge hear the log, hand its fixes over, and read them back from the database."""

    async def take_over(store: Store) -> None:
        async with await connected(bench) as client:
            await client.sync(store)
            status = await client.status()
        assert status["fixes"] == status["log_records"], "a fix was understood but not logged"
        assert status["flash_errors"] == 0

    bench = badge(Receiver(log, baud=115200), free=True)
    with running(bench), Store(f"sqlite:///{tmp_path}/doumen.db") as store:
        bench.run_until(round(seconds * 1e6))
        bench.release()
        asyncio.run(take_over(store))
        return list(store.positionfixes.between(BADGE_ID))


@pytest.mark.parametrize("talker", [None, b"BD", b"GB", b"GN", b"GP"])
@pytest.mark.parametrize(("name", "seconds"), [("quectel-l76k-nmea", 33), ("beidou-bd", 13)])
def test_stored_positions_are_those_of_gpsd_whatever_the_talker(
    name: str, seconds: float, talker: bytes | None, tmp_path: Path
) -> None:
    log = recorded_log(name)
    fixes = stored_positions(log if talker is None else retalk(log, talker), tmp_path, seconds)
    places, dated = positions_of_gpsd(name)
    assert places
    ours = {(fix.lat_e7, fix.lon_e7) for fix in fixes}
    assert [place for place in ours if not close_to(place, places)] == [], "positions that gpsd does not have"
    assert [place for place in places if not close_to(place, ours)] == [], (
        "positions that gpsd has and we lack"
    )
    by_time = {fix.time_ms: {(fix.lat_e7, fix.lon_e7)} for fix in fixes}
    assert len(by_time) == len(fixes), "two fixes of one moment"
    missing = [(t, lat, lon) for t, lat, lon in dated if not close_to((lat, lon), by_time.get(t, set()))]
    assert missing == []
