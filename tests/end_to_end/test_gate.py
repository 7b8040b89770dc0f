"""A gate in its VM: what it streams, what it shows, and what it does when sensor or host fail it."""

import asyncio
from collections.abc import Callable

import numpy as np
import pytest

from doumen.client import Client
from doumen.errors import DeviceRefused
from doumen.model import Verdict
from doumen.simulator.bench import Bench

from .devices import connected, gate, real_sensor, running, sensor_words

PATIENCE_S = 10


async def until(condition: Callable[[], bool], client: Client | None = None) -> None:
    """Wait for it, keeping the gate company if a client is given; a test that waits in vain fails."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            if client is not None:
                await client.status()
            await asyncio.sleep(0.02)


def colours(bench: Bench, since_us: int) -> set[str]:
    """Which LEDs were lit since then."""
    return {
        pin
        for time_us, pin, level in bench.board.history
        if time_us >= since_us and level and pin in ("green", "red")
    }


def test_subpages_arrive_word_for_word_at_16_hz() -> None:
    bench = gate(real_sensor(), speed=0.4)  # in slow motion: a busy machine must not be taken for a slow gate
    subpages, eeprom = sensor_words("melexis_example")

    async def watch() -> None:
        async with await connected(bench) as client:
            assert np.array_equal(await client.eeprom(), eeprom)
            await client.stream(True)
            got = [await client.subpage(2) for _ in range(17)]
            assert client.counts.lost == 0
        for subpage in got:
            number = int(subpage.words[833])
            assert np.array_equal(subpage.words[:832], subpages[number][:832])
            assert subpage.words[832] == 0x1A81, "chess, 18 bit, 16 Hz"
        assert [s.sequence for s in got] == list(range(got[0].sequence, got[0].sequence + 17))
        numbers = [int(s.words[833]) for s in got]
        assert numbers == [(numbers[0] + i) % 2 for i in range(17)], "subpages alternate"
        ticks = [s.ticks_ms for s in got]
        assert (ticks[-1] - ticks[0]) / 16 == pytest.approx(62.5, abs=2)

    with running(bench):
        asyncio.run(watch())


def test_a_gate_without_a_host_is_out_of_service_and_its_door_in_the_fail_state() -> None:
    for fail, energised in (("closed", 0), ("open", 1)):
        bench = gate(real_sensor(), relay_fail=fail)
        with running(bench):
            asyncio.run(until(lambda bench=bench: bench.board.pins.get("red") == 1))
            assert bench.board.pins["relay"] == energised
            assert bench.board.pins["green"] == 0


def test_a_host_that_falls_silent_puts_the_gate_out_of_service_within_three_seconds() -> None:
    bench = gate(real_sensor())

    async def fall_silent() -> None:
        async with await connected(bench) as client:
            await client.stream(True)
            await until(lambda: bench.board.pins["red"] == 0, client)
            assert (await client.status())["service"] == 1
            silent_us = bench.now_us()
            await asyncio.sleep(2.5)
            assert colours(bench, silent_us) == set(), "it gave up too early"
            await until(lambda: bench.board.pins["red"] == 1)
            assert bench.now_us() - silent_us < 4_000_000
            # Whoever comes back finds it at once.
            await client.status()
            await until(lambda: bench.board.pins["red"] == 0, client)

    with running(bench):
        asyncio.run(fall_silent())


def test_verdicts_are_seen_heard_and_open_the_door_only_for_a_pass() -> None:
    bench = gate(real_sensor())

    async def show() -> None:
        async with await connected(bench) as client:
            await client.stream(True)
            await until(lambda: bench.board.pins["red"] == 0, client)
            await client.show(Verdict.PASS, 1, 700)
            await until(lambda: bench.board.pins["relay"] == bench.board.pins["green"] == 1, client)
            await until(lambda: bench.board.pins["relay"] == 0, client)
            for verdict, lit in ((Verdict.LOOK_AGAIN, {"green", "red"}), (Verdict.ELEVATED, {"red"})):
                since_us = bench.now_us()
                await client.show(verdict, 2, 900)
                await asyncio.sleep(0.6)
                assert colours(bench, since_us) == lit
                assert bench.board.pins["relay"] == 0
            assert (await client.status())["verdicts"] == 3
        tones = [level for _, pin, level in bench.board.history if pin == "buzzer" and level]
        assert tones == [1800, 1200, 700]

    with running(bench):
        asyncio.run(show())


def test_a_verdict_never_opens_the_door_of_a_gate_that_is_out_of_service() -> None:
    bench = gate(real_sensor())

    async def show() -> None:
        async with await connected(bench) as client:  # which does not stream: nobody screens here
            await client.show(Verdict.PASS, 1, 3000)
            await asyncio.sleep(0.2)
            assert bench.board.pins["relay"] == 0
            assert (await client.status())["service"] == 0

    with running(bench):
        asyncio.run(show())


def test_a_sensor_that_stops_answering_is_a_state_and_comes_back() -> None:
    sensor = real_sensor()
    bench = gate(sensor)

    async def unplug() -> None:
        async with await connected(bench) as client:
            await client.stream(True)
            await client.subpage(2)
            sensor.present = False
            await until(lambda: bench.board.pins["red"] == 1, client)
            status = await client.status()
            assert status["service"] == 0
            assert status["sensor_errors"] > 0
            with pytest.raises(DeviceRefused, match="does not answer"):
                await client.eeprom()
            sensor.present = True
            await until(lambda: bench.board.pins["red"] == 0, client)
            received = client.counts.subpages
            await until(lambda: client.counts.subpages > received + 3, client)
            assert (await client.status())["boots"] == 1

    with running(bench):
        asyncio.run(unplug())


def test_a_sensor_that_answers_but_measures_no_more_puts_the_gate_out_of_service() -> None:
    sensor = real_sensor()
    bench = gate(sensor)

    async def freeze() -> None:
        async with await connected(bench) as client:
            await client.stream(True)
            await client.subpage(2)
            await until(lambda: bench.board.pins["red"] == 0, client)
            sensor.frozen = True
            await until(lambda: bench.board.pins["red"] == 1, client)
            sensor.frozen = False
            await until(lambda: bench.board.pins["red"] == 0, client)
            received = client.counts.subpages
            await until(lambda: client.counts.subpages > received + 3, client)

    with running(bench):
        asyncio.run(freeze())


def test_one_missed_acknowledge_is_counted_and_costs_a_moment() -> None:
    sensor = real_sensor()
    bench = gate(sensor)

    async def disturb() -> None:
        async with await connected(bench) as client:
            await client.stream(True)
            await client.subpage(2)
            sensor.nacks = 1
            await until(lambda: sensor.nacks == 0, client)
            await asyncio.sleep(0.8)
            before = await client.status()
            await client.subpage(2)
            await asyncio.sleep(0.5)
            after = await client.status()
            assert after["sensor_errors"] == 1
            assert after["subpages"] > before["subpages"]

    with running(bench):
        asyncio.run(disturb())


def test_the_same_subpage_twice_is_stale_and_not_streamed() -> None:
    sensor = real_sensor()
    bench = gate(sensor)

    async def stick() -> None:
        async with await connected(bench) as client:
            await client.stream(True)
            await client.subpage(2)
            sensor.stuck = True
            await asyncio.sleep(0.6)
            sensor.stuck = False
            status = await client.status()
            assert status["stale"] > 0
            first = await client.subpage(2)
            second = await client.subpage(2)
            assert second.sequence == first.sequence + 1

    with running(bench):
        asyncio.run(stick())


def test_a_subpage_stored_during_the_read_is_torn_and_not_streamed() -> None:
    class Striped:
        """Every measurement fills all words with its own number: a mixture shows."""

        count = 0

        def measure(self, number: int, control: int, time_s: float) -> np.ndarray:
            self.count += 1
            return np.full(832, self.count, np.uint16)

    sensor = real_sensor()
    sensor.scene = Striped()
    # A read at 400 kHz takes 38 ms, a 32 Hz sensor measures every 31 ms: hardly any read is whole.
    bench = gate(sensor, refresh_hz=32)

    async def watch() -> None:
        async with await connected(bench) as client:
            await client.stream(True)
            await asyncio.sleep(1.5)
            status = await client.status()
            assert status["torn"] + status["stale"] > 10
            for _ in range(client.counts.subpages):
                words = (await client.subpage(1)).words[:832]
                assert len(set(words.tolist())) == 1, "a torn subpage got through"

    with running(bench):
        asyncio.run(watch())
