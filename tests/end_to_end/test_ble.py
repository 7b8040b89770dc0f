"""The air between real firmware and the real bleak API: everything a cable carries, and what only the air does."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from doumen.client import Client, connect
from doumen.errors import DoumenError, LinkError, LinkLost
from doumen.links import open_link
from doumen.links.ble import BleLink, scan, use_backends
from doumen.simulator.air import Air
from doumen.simulator.air_backend import backends
from doumen.simulator.bench import Bench
from doumen.simulator.board import SimulatedBoard
from doumen.simulator.radio import Radio
from doumen.simulator.receiver import Receiver
from doumen.store import Store
from doumen_wire import air as on_air
from doumen_wire import messages, packets

from .devices import BADGE_ID, GATE_ID, connected, real_sensor, recorded_log, running

CONNECTION = {"interval_s": 0.03, "packets": 4}  # what a laptop and an ESP32 commonly settle on


@dataclass
class OnAir:
    """A bench whose board has a radio."""

    bench: Bench
    radio: Radio

    @property
    def url(self) -> str:
        return f"ble:{self.radio.address}"


def badge_on(air: Air, number: int = 1, position_m: tuple[float, float] = (2.0, 0.0)) -> OnAir:
    """Many small blocks, written as they come."""
    settings = {
        "role": "badge",
        "ble": True,
        "receiver_baud": 115200,
        "interval_ms": 200,
        "block_age_ms": 200,
    }
    radio = Radio(air, position_m)
    receiver = Receiver(recorded_log("quectel-l76k-nmea"), baud=115200)
    identity = bytes.fromhex(BADGE_ID)[:-1] + bytes((number,))
    return OnAir(Bench(SimulatedBoard(identity, settings, receiver=receiver, radio=radio)), radio)


def gate_on(air: Air) -> OnAir:
    radio = Radio(air)
    board = SimulatedBoard(
        bytes.fromhex(GATE_ID), {"role": "gate", "ble": True}, sensor=real_sensor(), radio=radio
    )
    return OnAir(Bench(board), radio)


async def met(device: OnAir, tries: int = 5) -> Client:
    """A client of this device over the air, which may be starting or just have been cut off."""
    for _ in range(tries - 1):
        with suppress(LinkError):
            while not device.radio.address:
                await asyncio.sleep(0.05)
            return await connect(device.url)
    return await connect(device.url)


def run_on(air: Air, work: Callable[[], Awaitable[None]], *devices: OnAir) -> None:
    with running(*(device.bench for device in devices)), use_backends(*backends(air)):
        asyncio.run(asyncio.wait_for(work(), 50))


async def settled(device: OnAir, store: Store) -> int:
    """Take over what is left until nothing comes any more; how many fixes the device says it logged."""
    async with await met(device) as client:
        logged = -1
        while True:
            await client.sync(store)
            before, logged = logged, (await client.status())["log_records"]
            if logged == before:
                return logged


async def watch_for_ever(client: Client, other: Client | None = None) -> None:
    while True:
        with suppress(TimeoutError):
            await client.subpage(0.2)
        if other is not None:
            await other.status()


def assert_each_fix_once(store: Store, logged: int, badge_id: str = BADGE_ID) -> None:
    assert logged > 0
    fixes = list(store.positionfixes.between(badge_id))
    assert len(fixes) == logged
    assert len({fix.time_ms for fix in fixes}) == len(fixes)


def test_a_badge_hands_over_its_log_through_a_paced_air_exactly_once(tmp_path: Path) -> None:
    with Air(**CONNECTION) as air, Store(f"sqlite:///{tmp_path}/doumen.db") as store:
        badge = badge_on(air)

        async def sync() -> None:
            async with await met(badge) as client:
                assert (client.identity.device_id, client.identity.role) == (BADGE_ID, "badge")
                await asyncio.sleep(2)
                await client.sync(store)
                status = await client.status()
                assert status["crc_errors"] == status["packets_lost"] == 0
                assert status["heap_free"] > 16 * 1024
            assert_each_fix_once(store, await settled(badge, store))

        run_on(air, sync, badge)


@pytest.mark.slow
def test_every_twentieth_notification_lost_costs_time_and_no_fix(tmp_path: Path) -> None:
    with Air(**CONNECTION, lost=0.05, seed=1) as air, Store(f"sqlite:///{tmp_path}/doumen.db") as store:
        badge = badge_on(air)

        async def sync() -> None:
            logged = 0
            for _ in range(3):
                await asyncio.sleep(0.5)
                logged = await settled(badge, store)
            assert air.dropped > 5
            assert_each_fix_once(store, logged)

        run_on(air, sync, badge)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_connections_cut_at_any_moment_lose_no_fix_and_double_none(seed: int, tmp_path: Path) -> None:
    draw = random.Random(seed)
    with Air(**CONNECTION) as air, Store(f"sqlite:///{tmp_path}/doumen.db") as store:
        badge = badge_on(air)

        async def sync_while_cut() -> None:
            cuts = 0
            while cuts < 10:
                await asyncio.sleep(draw.uniform(0, 0.3))  # it logs some more
                with suppress(DoumenError):
                    async with await met(badge) as client:
                        syncing = asyncio.create_task(client.sync(store, blocks_at_once=1))
                        await asyncio.wait({syncing}, timeout=draw.uniform(0, 0.25))
                        if not syncing.done():
                            badge.radio.cut()
                            cuts += 1
                        await syncing
            assert_each_fix_once(store, await settled(badge, store))

        run_on(air, sync_while_cut, badge)


@pytest.mark.slow
def test_a_badge_that_loses_power_on_the_air_is_met_again_under_another_address(tmp_path: Path) -> None:
    with Air(**CONNECTION) as air, Store(f"sqlite:///{tmp_path}/doumen.db") as store:
        badge = badge_on(air)

        async def cut_power() -> None:
            addresses: set[str] = set()
            for _ in range(3):
                async with await met(badge) as client:
                    await asyncio.sleep(0.4)
                    syncing = asyncio.create_task(client.sync(store, blocks_at_once=1))
                    await asyncio.sleep(0.05)
                    addresses.add(badge.radio.address)
                    badge.bench.power_cut(0.05)
                    with suppress(DoumenError):
                        await syncing
                await asyncio.sleep(0.5)  # until it is up, it cannot have drawn its new address
            addresses.add(badge.radio.address)
            assert len(addresses) == 4
            assert_each_fix_once(store, await settled(badge, store))

        run_on(air, cut_power, badge)


@pytest.mark.slow
def test_three_badges_sync_at_once(tmp_path: Path) -> None:
    with Air(**CONNECTION, lost=0.02, seed=3) as air, Store(f"sqlite:///{tmp_path}/doumen.db") as store:
        badges = [badge_on(air, number, (number, 1.0)) for number in (1, 2, 3)]

        async def sync_all() -> None:
            clients = await asyncio.gather(*(met(badge) for badge in badges))
            assert len({client.identity.device_id for client in clients}) == 3
            await asyncio.sleep(1)
            await asyncio.gather(*(client.sync(store) for client in clients))
            for client in clients:
                await client.close()
            for badge in badges:
                logged = await settled(badge, store)
                assert_each_fix_once(store, logged, badge.bench.board.device_id.hex())

        run_on(air, sync_all, *badges)


@pytest.mark.slow
def test_a_gate_streams_over_the_air_as_well_as_it_can_and_whole_over_the_cable() -> None:
    # 16 subpages a second are 27 kB/s: two packets an interval carry about half of that.
    with Air(interval_s=0.03, packets=2) as air:
        gate = gate_on(air)

        async def stream() -> None:
            async with await met(gate) as over_air, await connected(gate.bench) as over_cable:
                await over_air.stream(True)
                await over_cable.stream(True)
                for _ in range(4):
                    await asyncio.sleep(0.5)
                    status = await over_air.status()
                    await over_cable.status()
                assert over_air.counts.subpages >= 10
                assert over_air.counts.lost == over_air.counts.rejected == 0
                assert status["live_dropped"] > 0, "a slow link drops what is old; it does not queue"
                assert over_cable.counts.subpages > 1.5 * over_air.counts.subpages
                assert over_cable.counts.lost == 0
                assert status["service"] == 1

        run_on(air, stream, gate)


def test_a_new_connection_inherits_nothing_of_the_one_before() -> None:
    with Air() as air:
        gate = gate_on(air)

        async def take_over() -> None:
            client = await met(gate)
            await client.stream(True)
            await client.subpage(5)
            half = bytes(packets.PacketWriter().pack(packets.COMMAND, 90, bytes(200)))[:100]
            await client._link.write(half)
            gate.radio.cut()
            with pytest.raises(LinkLost, match="broke off"):
                await watch_for_ever(client)
            await client.close()

            link = await open_link(gate.url)
            command = messages.pack_message(messages.GET_STATUS, 1)
            await link.write(bytes(packets.PacketWriter().pack(packets.COMMAND, 91, command)))
            reader = packets.PacketReader()
            heard = reader.feed(await asyncio.wait_for(link.read(), 5))
            assert [packet.type for packet in heard] == [packets.REFUSE]
            assert reader.rejected == 0
            with pytest.raises(TimeoutError):  # nor does anything stream to whoever comes next
                await asyncio.wait_for(link.read(), 0.5)
            await link.close()

        run_on(air, take_over, gate)


def test_a_flood_of_garbage_faster_than_the_device_reads_spoils_nothing_but_itself() -> None:
    noise = random.Random(7)
    with Air() as air:
        badge = badge_on(air)

        async def flood() -> None:
            async with await met(badge) as client:
                for _ in range(4):
                    await client._link.write(noise.randbytes(20_000))
                    status = await client.status()
                assert status["crc_errors"] > 10
                assert status["boots"] == 1
                assert status["heap_free"] > 16 * 1024

        run_on(air, flood, badge)


def test_before_its_first_word_a_host_learns_versions_and_a_random_id_only() -> None:
    with Air() as air:
        badge = badge_on(air, position_m=(10.0, 0.0))

        async def look() -> None:
            shown: set[bytes] = set()
            for _ in range(2):
                heard: list[object] = []
                while not heard:
                    heard = await scan(0.4)
                [each] = await scan(0.4)
                assert len(on_air.pack_advertisement(each.shown)) == 29
                assert each.rssi == -79, "ten metres away"
                shown.add(each.shown)
                link = await open_link("ble:")
                assert isinstance(link, BleLink)
                assert link.name == badge.url
                assert await link.info() == bytes((messages.VERSION, messages.VERSION, 0, 1, 0))
                named = [str(c) for service in link._client.services for c in service.characteristics]
                assert len([name for name in named if "fdc73207" in name]) == 3
                await link.close()
                badge.bench.power_cut(0.05)
                await asyncio.sleep(0.3)
            assert len(shown) == 2
            assert all(BADGE_ID[-12:] not in each.hex() for each in shown)

        run_on(air, look, badge)


@pytest.mark.slow
def test_whoever_connects_and_takes_nothing_is_put_out_and_the_cable_never_notices() -> None:
    with Air() as air:
        gate = gate_on(air)

        async def block() -> None:
            async with await met(gate) as stuck, await connected(gate.bench) as client:
                await stuck.stream(True)
                await client.stream(True)
                await stuck.subpage(5)
                air.interval_s = 60.0  # from now on nothing leaves the device's buffers
                with pytest.raises(LinkLost, match="broke off"):
                    await watch_for_ever(stuck, client)
                assert client.counts.lost == 0
                assert client.counts.subpages > 50

        run_on(air, block, gate)
