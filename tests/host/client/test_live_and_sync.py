"""Live subpages and the hand-over of a log, over links that lose, repeat and damage packets."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import numpy as np
import pytest

from doumen.client import Client, Subpage
from doumen.errors import DeviceRefused, LinkError, LinkLost
from doumen.store import Ingested, Store
from doumen_wire import messages, packets, records

from .scripted_device import EPOCH, Reply, ScriptedDevice, status

DEVICE = "bad0000000000001"
FIXES = 3


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("doumen.client._ANSWER_S", 0.12)


def converse(
    link: Callable[[], ScriptedDevice], what: Callable[[Client, ScriptedDevice], Awaitable[None]]
) -> None:
    async def run() -> None:
        device = link()
        async with Client(device) as client:
            await client.hello()
            await what(client, device)

    asyncio.run(run())


def subpage(sequence: int, ticks_ms: int = 1000) -> bytes:
    head = records.SUBPAGE_HEAD.pack(
        sequence=sequence, ticks_ms=ticks_ms, control=0x1A81, status=8 | sequence & 1
    )
    return head + (np.arange(832) + sequence).astype(">u2").tobytes()


def block(seq: int) -> bytes:
    fixes = [
        records.FIX.pack(
            time_ms=1_785_000_000_000 + 1000 * (FIXES * seq + i),
            lat_e7=seq,
            lon_e7=i,
            hdop_c=100,
            satellites=9,
            quality=1,
        )
        for i in range(FIXES)
    ]
    return records.pack_block(EPOCH, seq, 3, fixes)


def logging_device(blocks: int, **faults: Callable[[int, int], bool]) -> ScriptedDevice:
    """A badge with so many blocks; `acks` and `reads` are on it afterwards."""
    device = ScriptedDevice(**faults)  # type: ignore[arg-type]

    def read(body: bytes) -> list[Reply]:
        asked = messages.READ_FIELDS.unpack(body)
        assert asked["epoch"] == EPOCH
        seqs = range(asked["cursor"], min(blocks, asked["cursor"] + asked["credits"]))
        found = [(messages.BLOCK, messages.BLOCK_FIELDS.pack(index=i) + block(s)) for i, s in enumerate(seqs)]
        end = messages.END_FIELDS.pack(count=len(seqs), next_cursor=seqs.stop, log_next=blocks)
        return [*found, (messages.END, end)]

    device.replies[messages.READ] = read
    return device


async def sync(client: Client, store: Store, at_once: int = 4) -> tuple[Ingested, list[int]]:
    """What was stored, and the cursors after each acknowledged step."""
    cursors: list[int] = []
    got = await client.sync(store, lambda cursor, end, total: cursors.append(cursor), blocks_at_once=at_once)
    return got, cursors


@pytest.fixture
def store(tmp_path: Path) -> Store:
    with Store(f"sqlite:///{tmp_path / 'doumen.db'}") as opened:
        yield opened  # type: ignore[misc]


def stored(store: Store) -> list[tuple[int, int]]:
    return [(fix.lat_e7, fix.lon_e7) for fix in store.positionfixes.between(DEVICE)]


def all_of(blocks: int) -> list[tuple[int, int]]:
    return [(seq, i) for seq in range(blocks) for i in range(FIXES)]


def test_a_subpage_arrives_word_for_word() -> None:
    async def what(client: Client, link: ScriptedDevice) -> None:
        link.say_live(0, subpage(5, ticks_ms=0x3FFFFFFF))
        got = await client.subpage(5)
        assert (got.sequence, got.ticks_ms) == (5, 0x3FFFFFFF)
        assert got.words.dtype == np.uint16
        assert got.words.tolist() == [*range(5, 837), 0x1A81, 1]

    converse(ScriptedDevice, what)


def test_gaps_between_subpages_are_counted_and_repeats_are_not() -> None:
    async def what(client: Client, link: ScriptedDevice) -> None:
        for counter in (10, 11, 14, 14, 15, 20):
            link.say_live(counter, subpage(counter))
        seen: list[Subpage] = [await client.subpage(5) for _ in range(6)]
        assert [page.sequence for page in seen] == [10, 11, 14, 14, 15, 20]
        assert client.counts.lost == 2 + 4
        assert client.counts.subpages == 6

    converse(ScriptedDevice, what)


def test_of_subpages_that_nobody_fetches_the_newest_are_kept() -> None:
    async def what(client: Client, link: ScriptedDevice) -> None:
        for counter in range(40):
            link.say_live(counter, subpage(counter))
        await client.status()
        assert client.counts.overtaken == 8
        assert [(await client.subpage(5)).sequence for _ in range(32)] == list(range(8, 40))

    converse(
        lambda: ScriptedDevice(replies={messages.GET_STATUS: lambda _: [(messages.STATUS_IS, status())]}),
        what,
    )


@pytest.mark.parametrize(
    "body", [b"", subpage(1)[:-1], subpage(1) + b"\0", subpage(1)[:4] + b"\xff" * 4 + subpage(1)[8:]]
)
def test_a_subpage_that_makes_no_sense_is_counted_and_dropped(body: bytes) -> None:
    async def what(client: Client, link: ScriptedDevice) -> None:
        link.say_live(0, body)
        link.say_live(1, subpage(7))
        assert (await client.subpage(5)).sequence == 7
        assert client.counts.unknown == 1

    converse(ScriptedDevice, what)


def test_waiting_for_a_subpage_that_does_not_come_times_out() -> None:
    async def what(client: Client, link: ScriptedDevice) -> None:
        with pytest.raises(TimeoutError):
            await client.subpage(0.05)
        link.say_live(0, subpage(1))
        assert (await client.subpage(5)).sequence == 1

    converse(ScriptedDevice, what)


def test_a_log_is_taken_over_in_steps_and_each_is_acknowledged(store: Store) -> None:
    async def what(client: Client, link: ScriptedDevice) -> None:
        got, cursors = await sync(client, store)
        assert got == Ingested(30, 0)
        assert cursors == [4, 8, 10]
        assert link.commands.count(messages.ACK) == 3

    converse(lambda: logging_device(10), what)
    assert stored(store) == all_of(10)


def test_an_empty_log_is_no_error(store: Store) -> None:
    async def what(client: Client, link: ScriptedDevice) -> None:
        assert (await sync(client, store))[0] == Ingested(0, 0)

    converse(lambda: logging_device(0), what)


def test_of_a_read_with_a_lost_block_only_the_blocks_before_it_are_taken_and_it_goes_on_from_there(
    store: Store,
) -> None:
    async def what(client: Client, link: ScriptedDevice) -> None:
        got, cursors = await sync(client, store)
        assert got == Ingested(30, 0)
        assert cursors == [2, 6, 10]

    # The third block of the first read gets lost: seq 2.
    converse(lambda: logging_device(10, lose_out=lambda kind, nth: kind == messages.BLOCK and nth == 3), what)
    assert stored(store) == all_of(10)


def test_a_block_that_comes_twice_is_stored_once(store: Store) -> None:
    async def what(client: Client, link: ScriptedDevice) -> None:
        assert (await sync(client, store))[0] == Ingested(30, 0)

    converse(
        lambda: logging_device(10, twice_out=lambda kind, nth: kind == messages.BLOCK and nth % 3 == 0), what
    )
    assert stored(store) == all_of(10)


@pytest.mark.parametrize("period", [2, 3, 7])
@pytest.mark.parametrize("fault", ["lose_in", "lose_out", "damage_out"])
def test_whatever_gets_lost_or_damaged_every_fix_is_stored_once(
    store: Store, fault: str, period: int
) -> None:
    def unlucky(kind: int, nth: int) -> bool:
        return nth % period == 1 and kind in (
            messages.READ,
            messages.BLOCK,
            messages.END,
            messages.ACK,
            messages.DONE,
        )

    async def what(client: Client, link: ScriptedDevice) -> None:
        assert (await sync(client, store))[0].stored == 18

    converse(lambda: logging_device(6, **{fault: unlucky}), what)
    assert stored(store) == all_of(6)


def test_blocks_that_never_get_through_end_the_sync_in_bounded_time(store: Store) -> None:
    async def what(client: Client, link: ScriptedDevice) -> None:
        with pytest.raises(LinkLost, match="do not get through"):
            await sync(client, store)
        assert link.commands.count(messages.READ) == 8

    converse(lambda: logging_device(10, lose_out=lambda kind, nth: kind == messages.BLOCK), what)
    assert stored(store) == []


def test_a_sync_that_broke_off_goes_on_where_the_store_stands(store: Store) -> None:
    async def breaks(client: Client, link: ScriptedDevice) -> None:
        with pytest.raises(LinkLost):
            await sync(client, store)

    async def goes_on(client: Client, link: ScriptedDevice) -> None:
        got, cursors = await sync(client, store)
        assert cursors[0] > 4
        assert got.duplicated == 0

    # The acknowledgement of the first step never arrives, but its rows are stored.
    converse(lambda: logging_device(10, lose_in=lambda kind, nth: kind == messages.ACK), breaks)
    assert stored(store) == all_of(4)
    converse(lambda: logging_device(10), goes_on)
    assert stored(store) == all_of(10)


def test_a_block_that_makes_no_sense_is_told_and_nothing_of_its_step_is_stored(store: Store) -> None:
    def broken(body: bytes) -> list[Reply]:
        damaged = bytearray(block(0))
        damaged[-1] ^= 1
        end = messages.END_FIELDS.pack(count=1, next_cursor=1, log_next=1)
        return [(messages.BLOCK, messages.BLOCK_FIELDS.pack(index=0) + damaged), (messages.END, end)]

    async def what(client: Client, link: ScriptedDevice) -> None:
        link.replies[messages.READ] = broken
        with pytest.raises(LinkError, match="makes no sense"):
            await sync(client, store)
        assert messages.ACK not in link.commands

    converse(lambda: logging_device(1), what)
    assert stored(store) == []


def test_a_gate_has_no_log_to_sync(store: Store) -> None:
    refused = messages.REFUSED_FIELDS.pack(code=messages.WRONG_ROLE, kind=4, min_version=1, max_version=1)

    async def what(client: Client, link: ScriptedDevice) -> None:
        with pytest.raises(DeviceRefused, match="no such thing; name another port"):
            await sync(client, store)

    converse(
        lambda: ScriptedDevice(
            role=records.GATE, replies={messages.READ: lambda _: [(messages.REFUSED, refused)]}
        ),
        what,
    )


def test_a_read_whose_blocks_never_end_is_given_up(store: Store) -> None:
    def endless(body: bytes) -> list[Reply]:
        return [(messages.BLOCK, messages.BLOCK_FIELDS.pack(index=0) + block(0))] * 2000

    async def what(client: Client, link: ScriptedDevice) -> None:
        link.replies[messages.READ] = endless
        with pytest.raises(LinkError, match="no end"):
            await sync(client, store)

    converse(lambda: logging_device(1), what)
    assert stored(store) == []


def test_answers_that_nobody_asked_for_do_not_pile_up(store: Store) -> None:
    async def what(client: Client, link: ScriptedDevice) -> None:
        for _ in range(3000):
            link.say(packets.REPLY, messages.pack_message(messages.DONE, 0xFFFF))
        await asyncio.sleep(0.1)
        assert client._answers.qsize() < 2000
        got, _ = await sync(client, store)
        assert got.stored == FIXES

    converse(lambda: logging_device(1), what)
