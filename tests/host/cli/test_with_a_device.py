"""Commands that talk to a device: real firmware in the real VM."""

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from doumen.recording import HEADER_BYTES, RECORD_BYTES, Recording
from doumen.simulator.bench import Bench
from doumen.store import Store

from .calling import BADGE, GATE, badge, call, gate, sensor_words, start

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def a_gate() -> Iterator[Bench]:
    with gate() as bench:
        yield bench
    assert bench.problems == []


@pytest.fixture(scope="module")
def a_badge() -> Iterator[Bench]:
    with badge() as bench:
        yield bench
    assert bench.problems == []


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'doumen.db'}"


def test_a_device_at_a_port_says_who_it_is_and_how_it_does(capsys: Capture, a_gate: Bench) -> None:
    (row,) = call(capsys, "devices", a_gate.port, "--json").json()
    assert row["port"] == a_gate.port
    assert (row["device"], row["role"], row["sealed"], row["boots"]) == (GATE, "gate", False, 1)
    assert row["heap_free"] > 0
    words = call(capsys, "devices", a_gate.port).out
    assert f"device  {GATE}" in words
    assert "uptime_ms" in words


def test_a_port_at_which_nobody_is_does_not_hide_the_others(capsys: Capture, a_gate: Bench) -> None:
    called = call(capsys, "devices", "/dev/no-such-port", a_gate.port, "--json")
    assert called.complaint.startswith("/dev/no-such-port: no such port")
    (row,) = called.json()
    assert row["device"] == GATE


def test_what_a_gate_sends_is_recorded_word_for_word_and_can_be_replayed(
    capsys: Capture, a_gate: Bench, tmp_path: Path
) -> None:
    file = tmp_path / "morning.dmr"
    facts = call(capsys, "record", a_gate.port, file, "--seconds", "2", "--json").json()
    assert isinstance(facts, dict)
    assert facts["file"] == str(file)
    assert facts["subpages"] >= 10
    recording = Recording.open(file)
    assert (recording.device_id, recording.firmware, len(recording)) == (GATE, "0.1.0", facts["subpages"])
    assert recording.damaged == 0
    eeprom, sent = sensor_words()
    np.testing.assert_array_equal(recording.eeprom, eeprom)
    for words in recording.subpages:
        np.testing.assert_array_equal(words[:832], sent[words[833], :832])
    numbers = np.diff(recording.sequence.astype(np.int64))
    assert numbers.min() >= 1
    assert numbers.sum() == len(numbers) + facts["lost"] or facts["lost"] == 0

    *events, last = call(capsys, "replay", file, "--json").out.splitlines()
    assert json.loads(last)["event"] == "replayed"
    assert json.loads(last)["subpages"] == facts["subpages"]
    assert json.loads(last)["passages"] == sum(json.loads(e)["event"] == "passage_ended" for e in events)
    spoken = call(capsys, "replay", file)
    assert f"{facts['subpages']} subpages, 0 damaged, " in spoken.out

    again = call(capsys, "record", a_gate.port, file, "--seconds", "0.5")
    assert again.status == 0
    assert "subpages written to" in again.out
    assert len(Recording.open(file).segments) == 2


def test_recording_a_badge_or_syncing_a_gate_names_the_mistake(
    capsys: Capture, a_gate: Bench, a_badge: Bench, tmp_path: Path, url: str
) -> None:
    complaint = call(capsys, "record", a_badge.port, tmp_path / "x.dmr").complaint
    assert complaint == f"{a_badge.port}: a badge has no thermal sensor; name a gate's port"
    complaint = call(capsys, "sync", a_gate.port, "--db", url).complaint
    assert complaint == f"{a_gate.port}: a gate logs no positions; name a badge's port"


def _until_logged(capsys: Capture, bench: Bench) -> int:
    """Wait for all fixes of the short log to be on the flash; how many there are."""
    end_s = time.monotonic() + 30
    while time.monotonic() < end_s:
        (row,) = call(capsys, "devices", bench.port, "--json").json()
        if row["log_records"] == 5:
            return 5
        time.sleep(0.2)
    pytest.fail("the fixes never reached the flash")


def test_syncing_twice_stores_every_fix_once(capsys: Capture, a_badge: Bench, url: str) -> None:
    logged = _until_logged(capsys, a_badge)
    first, second = (call(capsys, "sync", a_badge.port, "--db", url, "--json").json() for _ in range(2))
    row = {"port": a_badge.port, "device": BADGE}
    assert first == [row | {"stored": logged, "duplicated": 0}]
    assert second == [row | {"stored": 0, "duplicated": 0}]
    spoken = call(capsys, "sync", a_badge.port, "--db", url)
    assert spoken.out == f"badge {BADGE}: 0 fixes stored, 0 were here already\n"
    with Store(url) as store:
        assert len(list(store.positionfixes.between(BADGE))) == logged
    (known,) = call(capsys, "devices", "--db", url, "--json").json()
    assert (known["device"], known["fixes"]) == (BADGE, logged)
    track = call(capsys, "tracks", "export", BADGE, "--db", url).json()
    assert isinstance(track, dict)
    assert sum(feature["geometry"]["type"] == "Point" for feature in track["features"]) == logged


def test_a_badge_that_is_away_keeps_no_other_from_being_synced(
    capsys: Capture, a_badge: Bench, a_gate: Bench, url: str
) -> None:
    called = call(capsys, "sync", "/dev/no-such-port", a_badge.port, a_gate.port, "--db", url, "--json")
    assert called.status == 1
    assert called.err.splitlines() == [
        "doumen: /dev/no-such-port: no such port; `doumen devices --ports` lists those that are there",
        f"doumen: {a_gate.port}: a gate logs no positions; name a badge's port",
    ]
    (row,) = called.json()
    assert (row["port"], row["device"]) == (a_badge.port, BADGE)


def test_a_gate_that_restarts_ends_a_recording_whose_words_are_kept(capsys: Capture, tmp_path: Path) -> None:
    file = tmp_path / "cut.dmr"
    with gate() as bench, start("record", bench.port, file, "--seconds", "30") as process:
        _until_there_are(file, 5)
        bench.power_cut(0.1)
        assert process.wait(30) == 1
        assert process.stderr is not None
        said = process.stderr.read()
    assert said.endswith(f"it has restarted; what came before is whole in {file}, record again to go on\n")
    assert said.count("\n") == 1
    assert Recording.open(file).damaged == 0


def test_a_recording_that_is_stopped_says_where_its_words_are(a_gate: Bench, tmp_path: Path) -> None:
    file = tmp_path / "stopped.dmr"
    with start("record", a_gate.port, file, "--seconds", "30") as process:
        _until_there_are(file, 5)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
        assert process.stderr is not None
        assert process.stderr.read().strip() == f"stopped; what came before is whole in {file}"
    assert len(Recording.open(file)) >= 5


def _until_there_are(file: Path, subpages: int) -> None:
    end_s = time.monotonic() + 30
    while not file.exists() or file.stat().st_size < HEADER_BYTES + (1 + subpages) * RECORD_BYTES:
        assert time.monotonic() < end_s, "nothing is recorded"
        time.sleep(0.05)


def test_serving_prints_json_lines_until_ctrl_c_and_another_program_is_told(
    capsys: Capture, a_gate: Bench, url: str
) -> None:
    with start("serve", a_gate.port, "--db", url, "--json") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        connected = json.loads(process.stdout.readline())
        assert connected == {
            "url": a_gate.port,
            "device": GATE,
            "role": "gate",
            "event": "connected",
            "firmware": "0.1.0",
            "sealed": False,
        }
        assert "another program uses it" in call(capsys, "devices", a_gate.port).complaint
        process.send_signal(signal.SIGINT)
        assert process.wait(30) in (0, 130)
        assert process.stderr.read().strip() == ""
        for line in process.stdout:
            assert json.loads(line)["url"] == a_gate.port
    (known,) = call(capsys, "devices", "--db", url, "--json").json()
    assert (known["device"], known["role"]) == (GATE, "gate")
