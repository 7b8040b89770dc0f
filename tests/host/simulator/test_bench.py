"""The bench: the real firmware in the real VM, with a world that can pull its plug and hurry its clock."""

import asyncio
import importlib.util
import os
import signal
import time
from collections.abc import Callable
from importlib import resources

import numpy as np
import pytest
import serial

from doumen.client import Client, connect
from doumen.errors import LinkError, SimulatorError
from doumen.simulator.bench import Bench
from doumen.simulator.board import SimulatedBoard
from doumen.simulator.chips import Mlx90640
from doumen.simulator.receiver import Receiver
from doumen.simulator.sights import Recorded
from doumen_wire import records

DATA = resources.files("doumen.simulator").joinpath("data")
GENEROUS_S = 15.0
HOUR_US = 3_600_000_000


def gate(**settings: object) -> Bench:
    with DATA.joinpath("sensors.npz").open("rb") as file:
        stored = np.load(file)
        subpages, eeprom = stored["melexis_example_subpages"], stored["melexis_example_eeprom"]
    sensor = Mlx90640(eeprom, Recorded(subpages), control=int(subpages[0, 832]))
    return Bench(
        SimulatedBoard(bytes.fromhex("9a7e000000000001"), {"role": "gate", **settings}, sensor=sensor)
    )


def living_badge() -> Bench:
    """A badge whose receiver has a fix every ten seconds, for ever, on a clock that runs free."""
    log = b"".join(_rmc(second) for second in range(0, 86_400, 10))
    board = SimulatedBoard(
        bytes.fromhex("bad0000000000001"),
        {"role": "badge", "receiver_baud": 115_200, "block_age_ms": 600_000},
        receiver=Receiver(log, baud=115_200, repeat=True),
    )
    return Bench(board, free=True)


def _rmc(second: int) -> bytes:
    at = f"{second // 3600:02}{second // 60 % 60:02}{second % 60:02}.00"
    body = f"GNRMC,{at},A,3000.0000,N,120{second % 60:02}.0000,E,0.0,0.0,010826,,,A".encode()
    check = 0
    for byte in body:
        check ^= byte
    return b"$%s*%02X\r\n" % (body, check)


async def connected(bench: Bench) -> Client:
    for _ in range(4):
        try:
            return await connect(bench.port)
        except LinkError:
            continue
    return await connect(bench.port)


def ask_status(bench: Bench) -> dict[str, int]:
    async def ask() -> dict[str, int]:
        async with await connected(bench) as client:
            return await client.status()

    return asyncio.run(ask())


def wait_for(what: Callable[[], bool]) -> None:
    end_s = time.monotonic() + GENEROUS_S
    while not what():
        assert time.monotonic() < end_s, "it never happened"
        time.sleep(0.02)


def test_a_device_says_that_it_is_unsealed_when_it_starts() -> None:
    with gate() as bench, serial.Serial(bench.port, timeout=GENEROUS_S) as port:
        assert b"UNSEALED" in port.read_until(b"\n")
    assert bench.problems == []


def test_a_device_whose_plug_is_pulled_comes_back_with_one_boot_more_and_says_why() -> None:
    with gate() as bench:
        first = ask_status(bench)
        assert (first["boots"], first["cause"]) == (1, records.CAUSE_POWER)
        changed: list[str] = []
        bench.power_cut(0.1, lambda: changed.append("sensor"))
        assert changed == ["sensor"]
        assert not any(bench.board.pins.values())
        wait_for(lambda: bench.restarts == 1)
        second = ask_status(bench)
        assert (second["boots"], second["cause"]) == (2, records.CAUSE_POWER)
        assert second["uptime_ms"] < 1000 * GENEROUS_S
    assert bench.problems == []


def test_a_firmware_that_ends_by_itself_is_started_again_and_told_of() -> None:
    with gate() as bench:
        assert ask_status(bench)["boots"] == 1
        assert bench.pid is not None
        os.kill(bench.pid, signal.SIGKILL)
        wait_for(lambda: bench.restarts == 1)
        assert ask_status(bench)["boots"] == 2
    assert ["ended by itself" in problem for problem in bench.problems] == [True]


def test_a_firmware_that_hangs_is_restarted_by_its_watchdog() -> None:
    with gate(watchdog_ms=2000) as bench:
        assert ask_status(bench)["boots"] == 1
        assert bench.pid is not None
        os.kill(bench.pid, signal.SIGSTOP)
        wait_for(lambda: bench.restarts == 1)
        status = ask_status(bench)
        assert (status["boots"], status["cause"]) == (2, records.CAUSE_WATCHDOG)
    assert bench.problems == []


def test_a_long_power_cut_is_no_starved_watchdog() -> None:
    with gate(watchdog_ms=2000) as bench:
        assert ask_status(bench)["boots"] == 1
        bench.power_cut(2.5)
        wait_for(lambda: bench.restarts == 1)
        assert ask_status(bench)["cause"] == records.CAUSE_POWER


def _live(bench: Bench, hours: int) -> None:
    until_us = hours * HOUR_US
    bench.run_until(until_us)
    assert bench.now_us() == until_us
    status = ask_status(bench)
    # The device may not yet have been told of the last moments, in which nothing happened to it.
    assert until_us // 1000 - 1500 <= status["uptime_ms"] <= until_us // 1000
    assert abs(status["fixes"] - hours * 360) <= 2
    assert status["fixes"] - status["log_records"] <= records.FIXES_A_BLOCK  # the open block is in memory
    assert (status["bad_sentences"], status["flash_errors"], status["boots"]) == (0, 0, 1)


def test_an_hour_of_a_badge_passes_in_far_less_and_is_in_its_log() -> None:
    began_s = time.monotonic()
    with living_badge() as bench:
        _live(bench, 1)
    assert bench.problems == []
    assert time.monotonic() - began_s < 180


@pytest.mark.slow
def test_a_whole_day_of_a_badge_passes_in_minutes_and_is_in_its_log() -> None:
    began_s = time.monotonic()
    with living_badge() as bench:
        _live(bench, 6)
        _live(bench, 24)
    assert bench.problems == []
    assert time.monotonic() - began_s < 600


def test_a_free_clock_stands_where_it_was_told_to_and_goes_on_when_asked() -> None:
    with living_badge() as bench:
        bench.run_until(60_000_000)
        time.sleep(0.3)
        assert bench.now_us() == 60_000_000
        bench.run_until(120_000_000)
        assert bench.now_us() == 120_000_000


def test_a_world_that_cannot_get_there_says_where_it_stands() -> None:
    with living_badge() as bench, pytest.raises(SimulatorError, match="were asked"):
        bench.run_until(1 << 59, timeout_s=0.5)


def test_without_the_vm_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SimulatorError, match="pip install 'doumen\\[simulator\\]'") as raised, gate():
        pytest.fail("nothing can run here")
    assert "\n" not in str(raised.value)


def test_a_bench_that_is_never_switched_on_holds_nothing() -> None:
    bench = gate()
    assert bench.pid is None
    del bench  # a socket or file left open would be a ResourceWarning, which fails the test
