"""Noise, torn packets and pulled plugs cost live subpages in flight at most; a stored fix is never lost or doubled."""

import asyncio
import random
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from doumen.client import Client
from doumen.errors import DoumenError
from doumen.links import open_link
from doumen.simulator.bench import Bench
from doumen.simulator.board import OPS
from doumen.simulator.flash import NorFlash
from doumen.simulator.receiver import Receiver
from doumen.store import Store
from doumen_wire import messages, packets

from .devices import BADGE_ID, badge, connected, gate, real_sensor, recorded_log, running


async def sync_in_spite_of(
    bench: Bench, store: Store, disturb: Callable[[], None], times: int, seed: int
) -> int:
    """Sync again and again while something is done to the device at random moments; then once in peace.

    Returns how many fixes the device says it logged.
    """
    draw = random.Random(seed)
    for _ in range(times):
        await asyncio.sleep(draw.uniform(0.2, 0.8))  # it logs some more
        with suppress(DoumenError):
            async with await connected(bench) as client:
                later = asyncio.create_task(_after(draw.uniform(0, 0.03), disturb))
                await client.sync(store, blocks_at_once=1)
                await later
    return await settled(bench, store)


async def settled(bench: Bench, store: Store) -> int:
    """Take over what is left until nothing comes any more; how many fixes the device says it logged."""
    async with await connected(bench) as client:
        logged = -1
        while True:
            await client.sync(store)
            before, logged = logged, (await client.status())["log_records"]
            if logged == before:
                return logged


async def _after(seconds: float, disturb: Callable[[], None]) -> None:
    await asyncio.sleep(seconds)
    await asyncio.to_thread(disturb)


async def ask_for_ever(client: Client) -> None:
    while True:
        await client.status()


def assert_each_fix_once(store: Store, logged: int) -> None:
    assert logged > 0
    fixes = list(store.positionfixes.between(BADGE_ID))
    assert len(fixes) == logged
    assert len({fix.time_ms for fix in fixes}) == len(fixes)


def logging_badge(**settings: object) -> Bench:
    """Half a minute of log in many small blocks, written as they come."""
    return badge(Receiver(recorded_log("quectel-l76k-nmea"), baud=115200), block_age_ms=200, **settings)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_killing_the_badge_at_any_moment_loses_no_stored_fix(seed: int, tmp_path: Path) -> None:
    bench = logging_badge()
    with running(bench), Store(f"sqlite:///{tmp_path}/doumen.db") as store:
        logged = asyncio.run(
            sync_in_spite_of(bench, store, lambda: bench.power_cut(0.05), times=10, seed=seed)
        )
        assert bench.restarts == 10
        assert logged > 20
        assert_each_fix_once(store, logged)


@pytest.mark.slow
def test_a_host_that_dies_at_any_moment_loses_no_stored_fix(tmp_path: Path) -> None:
    bench = logging_badge()
    draw = random.Random(3)

    async def die_often(store: Store) -> int:
        for _ in range(25):
            async with await connected(bench) as client:
                with suppress(TimeoutError):
                    await asyncio.wait_for(client.sync(store, blocks_at_once=1), draw.uniform(0.001, 0.08))
                await asyncio.sleep(0.1)
        return await settled(bench, store)

    with running(bench), Store(f"sqlite:///{tmp_path}/doumen.db") as store:
        logged = asyncio.run(die_often(store))
        assert_each_fix_once(store, logged)


def test_64_kib_of_garbage_between_packets_changes_nothing(tmp_path: Path) -> None:
    bench = logging_badge()
    noise = random.Random(4)

    async def talk_through_noise(store: Store) -> int:
        async with await connected(bench) as client:
            for _ in range(4):
                await asyncio.sleep(0.4)
                await client._link.write(noise.randbytes(65_536))
                await client.sync(store)
            status = await client.status()
        assert status["crc_errors"] > 0, "the noise did not arrive"
        assert status["boots"] == 1
        return await settled(bench, store)

    with running(bench), Store(f"sqlite:///{tmp_path}/doumen.db") as store:
        assert_each_fix_once(store, asyncio.run(talk_through_noise(store)))


def test_a_packet_cut_at_every_byte_is_rejected_and_the_next_one_understood() -> None:
    bench = badge(Receiver(recorded_log("beidou-bd")), receiver_baud=9600)

    async def cut() -> None:
        async with await connected(bench) as client:
            request = messages.pack_message(
                messages.READ, 9, messages.READ_FIELDS.pack(epoch=1, cursor=2, credits=3)
            )
            whole = bytes(packets.PacketWriter().pack(packets.COMMAND, 1, request))
            for size in range(1, len(whole)):
                await client._link.write(whole[:size])
                assert (await client.status())["boots"] == 1
            # All but the empty pieces at both ends were noise to the device: the last lacks nothing but its end.
            assert (await client.status())["crc_errors"] >= len(whole) - 4

    with running(bench):
        asyncio.run(cut())


def test_a_gate_goes_on_streaming_through_garbage() -> None:
    bench = gate(real_sensor())

    async def stream() -> None:
        async with await connected(bench) as client:
            await client.stream(True)
            for _ in range(10):
                await client._link.write(bytes(range(256)) * 16)
                await client.subpage(2)
            assert client.counts.lost == 0
            assert (await client.status())["crc_errors"] > 0

    with running(bench):
        asyncio.run(stream())


def test_a_device_that_restarted_says_so_and_is_met_again() -> None:
    bench = gate(real_sensor())

    async def restart() -> None:
        client = await connected(bench)
        bench.power_cut(0.05)
        with pytest.raises(DoumenError, match=r"restarted|stopped answering"):
            await ask_for_ever(client)
        await client.close()
        async with await connected(bench) as again:
            assert again.identity.boots == 2

    with running(bench):
        asyncio.run(restart())


def test_unknown_commands_and_newer_versions_are_refused_by_name() -> None:
    bench = badge(Receiver(recorded_log("beidou-bd")), receiver_baud=9600)

    async def ask() -> None:
        async with await connected(bench) as client:
            with pytest.raises(DoumenError, match="does not know this command"):
                await client.ask(0x6F, b"", messages.DONE)
            with pytest.raises(DoumenError, match="wrong length"):
                await client.ask(messages.READ, b"\1", messages.END)
            with pytest.raises(DoumenError, match="out of range"):
                await client.ask(messages.STREAM, b"\7", messages.DONE)
            with pytest.raises(DoumenError, match="no such thing"):
                await client.eeprom()
            other = client.identity.epoch ^ 1
            with pytest.raises(DoumenError, match="epoch"):
                await client.ask(messages.ACK, messages.ACK_FIELDS.pack(epoch=other, cursor=0), messages.DONE)
        assert await refusal_of_version(9) == messages.REFUSE_VERSION

    async def refusal_of_version(version: int) -> int:
        link = await open_link(bench.port)
        try:
            hello = messages.HELLO_FIELDS.pack(
                min_version=version, max_version=version, suites=messages.SUITE_PLAIN, nonce=bytes(16)
            )
            await link.write(bytes(packets.PacketWriter().pack(packets.HELLO, None, hello)))
            reader = packets.PacketReader()
            while True:
                for packet in reader.feed(await asyncio.wait_for(link.read(), 5)):
                    if packet.type == packets.REFUSE:
                        return messages.REFUSE_FIELDS.unpack(packet.payload)["code"]
        finally:
            await link.close()

    with running(bench):
        asyncio.run(ask())


class _SlowFlash(NorFlash):
    """A full log on a real chip takes seconds to read; so does this one as long as `delay_s` says so."""

    delay_s = 0.0

    def read(self, block: int, offset: int, size: int) -> bytes:
        time.sleep(self.delay_s)
        return super().read(block, offset, size)


def test_a_log_that_takes_longer_to_read_than_the_watchdog_waits_is_no_endless_restart() -> None:
    flash = _SlowFlash(OPS["FLASH_BLOCKS"], OPS["FLASH_BLOCK_BYTES"])
    bench = logging_badge(watchdog_ms=2000)
    bench.board.flash = flash

    async def logged() -> int:
        async with await connected(bench) as client:
            while (records := (await client.status())["log_records"]) < 20:
                await asyncio.sleep(0.2)
            return records

    async def start_slowly() -> None:
        bench.power_cut(0.05, lambda: setattr(flash, "delay_s", 0.012))
        async with await connected(bench) as client:
            assert (await client.status())["boots"] == 2
            assert (await client.status())["log_records"] >= records

    with running(bench):
        records = asyncio.run(logged())
        asyncio.run(start_slowly())
        assert bench.restarts == 1
