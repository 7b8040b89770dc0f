"""The demo, as a newcomer starts it; and that its judgement can be a bad one."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from doumen.cli.demo import BadgeResult
from doumen.model import Passage, Verdict
from doumen.service import DeviceState
from doumen.simulator.demo_world import SHORTEST_S, Visitor


@pytest.mark.slow
def test_the_demo_ends_well_and_leaves_database_and_tracks(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "from doumen.cli import main; main()", "demo", "--json"]
    real_database = tmp_path / "doumen.db"
    real_database.write_bytes(b"real")
    done = subprocess.run(
        [*command, "--seconds", str(SHORTEST_S), "--output", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads(done.stdout)
    assert result["ok"]
    assert result["problems"] == []
    gate = result["gate"]
    assert gate["sensors"] == 3, "Melexis' sensor, Signaloid's, and the one that people pass"
    assert gate["subpages"] > 10 * SHORTEST_S
    febrile = [visitor for visitor in gate["visitors"] if visitor["oral_c"] >= 38]
    healthy = [visitor for visitor in gate["visitors"] if visitor["oral_c"] < 38]
    assert len(febrile) == 1
    assert len(healthy) >= 2
    assert febrile[0]["passages"][-1]["verdict"] != "pass"
    assert all(visitor["passages"][-1]["verdict"] != "elevated" for visitor in healthy)
    cut, beidou = result["badges"]
    assert cut["connections"] >= 2, "it was not cut off"
    assert cut["recorded"] == cut["handed_over"] == cut["stored"] > 50
    assert beidou["stored"] == 5
    assert cut["duplicated"] == beidou["duplicated"] == 0
    assert Path(result["database"]).stat().st_size > 0
    assert real_database.read_bytes() == b"real"
    for badge in (cut, beidou):
        points = [
            f
            for f in json.loads(Path(badge["track"]).read_text())["features"]
            if f["geometry"]["type"] == "Point"
        ]
        assert len(points) == badge["stored"]


def passage(verdict: Verdict) -> Passage:
    return Passage(0, 1000, verdict, None)


@pytest.mark.parametrize(
    ("oral_c", "verdicts", "is_wrong"),
    [
        (39.0, [Verdict.ELEVATED], False),
        (39.0, [Verdict.LOOK_AGAIN], False),
        (39.0, [Verdict.PASS], True),
        (39.0, [Verdict.PASS, Verdict.ELEVATED], True),
        (39.0, [], True),
        (36.8, [Verdict.PASS], False),
        (36.8, [Verdict.LOOK_AGAIN], False),
        (36.8, [Verdict.ELEVATED], True),
        (36.8, [Verdict.ELEVATED, Verdict.PASS], True),
        (36.8, [], True),
    ],
)
def test_the_demo_fails_when_the_febrile_passed_or_the_healthy_were_stopped(
    oral_c: float, verdicts: list[Verdict], is_wrong: bool
) -> None:
    visitor = Visitor("someone", oral_c, 0, 1000, tuple(passage(verdict) for verdict in verdicts))
    assert visitor.is_wrong == is_wrong


def test_the_demo_fails_when_a_fix_was_lost_or_came_twice_or_none_was_there() -> None:
    good = BadgeResult(DeviceState("port"), Path("track"), recorded=9, stored=9)
    assert not good.is_wrong
    assert replace(good, stored=8).is_wrong
    assert replace(good, recorded=8).is_wrong
    assert replace(good, recorded=0, stored=0).is_wrong
    assert replace(good, device=DeviceState("port", duplicated=1)).is_wrong
