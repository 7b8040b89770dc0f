"""Each fix exactly once, whatever the schedule of blocks, and the questions asked of them."""

import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import event

from doumen.errors import StoreError
from doumen.model import Positionfix
from doumen.store import Cursor, Ingested, Store, StoredBlock

START_MS = 1_760_000_000_000


def _fix(seconds: int) -> Positionfix:
    return Positionfix(START_MS + 1000 * seconds, 318_244_620 + seconds, 1_215_874_383 - seconds, 120, 9, 1)


def _block(seq: int, epoch: int = 1, count: int = 3) -> StoredBlock:
    fixes = [_fix(100_000 * epoch + 100 * seq + index) for index in range(count)]
    return StoredBlock(epoch, seq, 7, fixes)


def _fixes(blocks: Sequence[StoredBlock]) -> list[Positionfix]:
    return [fix for block in blocks for fix in block.fixes]


def _stored(store: Store, device_id: str = "badge-1") -> list[Positionfix]:
    return list(store.positionfixes.between(device_id))


def test_fixes_come_back_in_order_with_their_integers(store: Store) -> None:
    blocks = [_block(0), _block(1)]
    assert store.positionfixes.ingest("badge-1", blocks, Cursor(1, 2)) == Ingested(6, 0)
    assert _stored(store) == _fixes(blocks)
    assert all(type(getattr(fix, name)) is int for fix in _stored(store) for name in Positionfix.__slots__)
    assert store.positionfixes.cursor("badge-1", 1) == 2


def test_the_ends_of_every_range_are_kept(store: Store) -> None:
    ends = [
        Positionfix(0, -900_000_000, -1_800_000_000, 0, 0, 0),
        Positionfix(253_402_300_799_999, 900_000_000, 1_800_000_000, 0xFFFF, 255, 255),
    ]
    block = StoredBlock(0xFFFF, 0xFFFF_FFFF, 0xFFFF_FFFF, ends)
    store.positionfixes.ingest("badge-1", [block], Cursor(0xFFFF, 1 << 32))
    assert _stored(store) == ends
    assert store.positionfixes.cursor("badge-1", 0xFFFF) == 1 << 32


def test_integers_of_numpy_are_stored_as_integers(store: Store) -> None:
    fix = Positionfix(*(np.int64(value) for value in (START_MS, 1, 2, 3, 4, 5)))  # type: ignore[arg-type]
    store.positionfixes.ingest("badge-1", [StoredBlock(np.uint16(1), np.uint32(0), 7, [fix])], Cursor(1, 1))  # type: ignore[arg-type]
    assert _stored(store) == [Positionfix(START_MS, 1, 2, 3, 4, 5)]


def test_a_repeated_block_is_counted_and_changes_nothing(store: Store) -> None:
    blocks = [_block(0), _block(1)]
    store.positionfixes.ingest("badge-1", blocks, Cursor(1, 2))
    assert store.positionfixes.ingest("badge-1", [_block(1), _block(2)], Cursor(1, 3)) == Ingested(3, 3)
    assert store.positionfixes.ingest("badge-1", [_block(3)] * 2, Cursor(1, 4)) == Ingested(3, 3)
    assert _stored(store) == _fixes([_block(seq) for seq in range(4)])


def test_the_same_fix_in_two_blocks_is_two_fixes(store: Store) -> None:
    blocks = [StoredBlock(1, 0, 7, [_fix(1), _fix(1)]), StoredBlock(1, 1, 7, [_fix(1)])]
    assert store.positionfixes.ingest("badge-1", blocks, Cursor(1, 2)) == Ingested(3, 0)
    assert _stored(store) == [_fix(1)] * 3


@pytest.mark.parametrize(
    "clone",
    [
        StoredBlock(1, 1, 7, [_fix(1)]),
        StoredBlock(1, 1, 8, _block(1).fixes),
        StoredBlock(1, 1, 7, _block(1).fixes[:2]),
        StoredBlock(1, 1, 7, _block(1).fixes[::-1]),
        StoredBlock(1, 1, 7, []),
        StoredBlock(1, 1, 7, [replace(_block(1).fixes[0], quality=2), *_block(1).fixes[1:]]),
    ],
)
def test_a_block_with_another_content_is_refused_with_all_that_came_along(
    store: Store, clone: StoredBlock
) -> None:
    store.positionfixes.ingest("badge-1", [_block(0), _block(1)], Cursor(1, 2))
    with pytest.raises(StoreError, match="block 1 of epoch 1 is known with another content"):
        store.positionfixes.ingest("badge-1", [clone, _block(2)], Cursor(1, 3))
    assert _stored(store) == _fixes([_block(0), _block(1)])
    assert store.positionfixes.cursor("badge-1", 1) == 2


def test_two_contents_of_one_block_in_one_call_are_refused(store: Store) -> None:
    with pytest.raises(StoreError, match="another content"):
        store.positionfixes.ingest("badge-1", [_block(0), _block(0, count=2)], Cursor(1, 1))
    assert store.devices.all() == []


def test_an_empty_block_is_known_afterwards(store: Store) -> None:
    empty = StoredBlock(1, 0, 7, [])
    assert store.positionfixes.ingest("badge-1", [empty], Cursor(1, 1)) == Ingested(0, 0)
    with pytest.raises(StoreError, match="another content"):
        store.positionfixes.ingest("badge-1", [_block(0)], Cursor(1, 1))


def test_a_cursor_never_moves_back(store: Store) -> None:
    store.positionfixes.ingest("badge-1", [_block(5)], Cursor(1, 6))
    store.positionfixes.ingest("badge-1", [], Cursor(1, 2))
    assert store.positionfixes.cursor("badge-1", 1) == 6
    store.positionfixes.ingest("badge-1", [], Cursor(1, 9))
    assert store.positionfixes.cursor("badge-1", 1) == 9


def test_a_block_behind_the_cursor_that_was_never_seen_is_stored(store: Store) -> None:
    store.positionfixes.ingest("badge-1", [_block(5)], Cursor(1, 6))
    assert store.positionfixes.ingest("badge-1", [_block(4)], Cursor(1, 5)) == Ingested(3, 0)
    assert _stored(store) == _fixes([_block(4), _block(5)])
    assert store.positionfixes.cursor("badge-1", 1) == 6


def test_a_new_epoch_has_its_own_cursor_and_hides_nothing(store: Store) -> None:
    old, new = [_block(0), _block(1)], [_block(0, epoch=2)]
    store.positionfixes.ingest("badge-1", old, Cursor(1, 2))
    assert store.positionfixes.ingest("badge-1", new, Cursor(2, 1)) == Ingested(3, 0)
    assert (store.positionfixes.cursor("badge-1", 1), store.positionfixes.cursor("badge-1", 2)) == (2, 1)
    assert _stored(store) == _fixes([*old, *new])


def test_a_block_of_another_epoch_than_the_cursor_is_refused(store: Store) -> None:
    with pytest.raises(StoreError, match="epoch 2"):
        store.positionfixes.ingest("badge-1", [_block(0), _block(0, epoch=2)], Cursor(1, 1))
    assert store.positionfixes.counts() == {}


def test_devices_do_not_meet(store: Store) -> None:
    store.positionfixes.ingest("badge-1", [_block(0)], Cursor(1, 1))
    store.positionfixes.ingest("badge-2", [_block(0, count=1)], Cursor(1, 1))
    assert store.positionfixes.counts() == {"badge-1": 3, "badge-2": 1}
    assert _stored(store, "badge-2") == [_fix(100_000)]
    assert store.positionfixes.cursor("badge-3", 1) == 0


def test_nothing_is_known_of_a_device_that_never_came(store: Store) -> None:
    assert _stored(store) == []
    assert store.positionfixes.last("badge-1") is None
    assert store.positionfixes.counts() == {}
    assert store.positionfixes.cursor("badge-1", 1) == 0


@pytest.mark.parametrize(
    "change",
    [
        {"time_ms": -1},
        {"time_ms": 253_402_300_800_000},
        {"time_ms": float(START_MS)},
        {"lat_e7": 900_000_001},
        {"lat_e7": 1 << 40},
        {"lon_e7": -1_800_000_001},
        {"hdop_c": 0x10000},
        {"satellites": -1},
        {"quality": 256},
        {"quality": None},
    ],
)
def test_a_number_out_of_its_range_is_refused(store: Store, change: dict[str, Any]) -> None:
    block = StoredBlock(1, 0, 7, [_fix(0), replace(_fix(1), **change)])
    with pytest.raises(StoreError, match="out of its range"):
        store.positionfixes.ingest("badge-1", [block], Cursor(1, 1))
    assert _stored(store) == []


@pytest.mark.parametrize("place", [(0x10000, 0), (-1, 0), (1, 1 << 32), (1, -1)])
def test_a_block_number_out_of_its_range_is_refused(store: Store, place: tuple[int, int]) -> None:
    epoch, seq = place
    with pytest.raises(StoreError):
        store.positionfixes.ingest("badge-1", [StoredBlock(epoch, seq, 7, [])], Cursor(epoch, 1))


def test_fixes_between_two_times_exclude_the_second(store: Store) -> None:
    store.positionfixes.ingest(
        "badge-1", [StoredBlock(1, 0, 7, [_fix(n) for n in (3, 1, 2, 0)])], Cursor(1, 1)
    )
    between = store.positionfixes.between
    assert list(between("badge-1", _fix(1).time_ms, _fix(3).time_ms)) == [_fix(1), _fix(2)]
    assert list(between("badge-1", to_ms=_fix(1).time_ms)) == [_fix(0)]
    assert list(between("badge-1", from_ms=_fix(3).time_ms)) == [_fix(3)]
    assert store.positionfixes.last("badge-1") == _fix(3)


def test_a_long_route_is_read_in_pages_even_when_all_times_are_equal(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("doumen.store.positionfixes._PAGE", 4)
    for epoch in (1, 2):
        blocks = [
            StoredBlock(epoch, seq, 7, [Positionfix(START_MS, seq, index, 0, 0, 1) for index in range(3)])
            for seq in range(4)
        ]
        store.positionfixes.ingest("badge-1", blocks, Cursor(epoch, 4))
    expected = [(seq, index) for seq in range(4) for index in range(3)] * 2
    assert [(fix.lat_e7, fix.lon_e7) for fix in _stored(store)] == expected


def test_a_route_that_is_only_half_read_does_not_keep_others_from_writing(url: str) -> None:
    with Store(url, busy_timeout_ms=50) as store:
        store.positionfixes.ingest("badge-1", [_block(0)], Cursor(1, 1))
        route = store.positionfixes.between("badge-1")
        next(route)
        store.positionfixes.ingest("badge-1", [_block(1)], Cursor(1, 2))
        assert len(list(route)) == 2


def test_a_thousand_blocks_in_one_call_are_stored_once(store: Store) -> None:
    blocks = [_block(seq, count=1) for seq in range(1_200)]
    assert store.positionfixes.ingest("badge-1", blocks, Cursor(1, 1_200)) == Ingested(1_200, 0)
    assert store.positionfixes.ingest("badge-1", blocks, Cursor(1, 1_200)) == Ingested(0, 1_200)


def test_a_full_disk_stores_and_acks_nothing_and_says_what_to_do(store: Store) -> None:
    store.positionfixes.ingest("badge-1", [_block(0)], Cursor(1, 1))
    with store._engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    big = [_block(seq, count=100) for seq in range(1, 100)]
    with pytest.raises(StoreError, match="the disk is full; make room"):
        store.positionfixes.ingest("badge-1", big, Cursor(1, 100))
    assert store.positionfixes.cursor("badge-1", 1) == 1
    assert _stored(store) == _fixes([_block(0)])
    with store._engine.connect() as connection:
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 1_000_000}")
    assert store.positionfixes.ingest("badge-1", big, Cursor(1, 100)) == Ingested(9_900, 0)


def test_a_database_that_turns_read_only_stores_and_acks_nothing(store: Store) -> None:
    with store._engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA query_only = ON")
    with pytest.raises(StoreError, match="cannot be written; allow writing"):
        store.positionfixes.ingest("badge-1", [_block(0)], Cursor(1, 1))
    assert store.positionfixes.cursor("badge-1", 1) == 0


def test_threads_ingest_for_their_devices_at_the_same_time(store: Store) -> None:
    errors: list[StoreError] = []

    def ingest(device_id: str) -> None:
        try:
            for seq in range(40):
                store.positionfixes.ingest(
                    device_id, [_block(max(seq - 1, 0)), _block(seq)], Cursor(1, seq + 1)
                )
        except StoreError as error:
            errors.append(error)

    names = [f"badge-{number}" for number in range(4)]
    threads = [threading.Thread(target=ingest, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        # A page asks while devices write.
        store.positionfixes.counts()
    for thread in threads:
        thread.join()
    assert errors == []
    assert store.positionfixes.counts() == dict.fromkeys(names, 120)
    assert all(_stored(store, name) == _fixes([_block(seq) for seq in range(40)]) for name in names)


def test_two_threads_with_the_same_device_store_each_fix_once(store: Store) -> None:
    results: list[Ingested] = []

    def ingest() -> None:
        for seq in range(30):
            results.append(store.positionfixes.ingest("badge-1", [_block(seq)], Cursor(1, seq + 1)))

    threads = [threading.Thread(target=ingest) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(result.stored for result in results) == sum(result.duplicated for result in results) == 90
    assert _stored(store) == _fixes([_block(seq) for seq in range(30)])


class _Crash(BaseException):
    """Stands for the process dying inside a transaction."""


# One step: epoch, the first block, how many, and before which statement the process dies (0: it lives).
_STEPS = st.lists(
    st.tuples(st.integers(1, 2), st.integers(0, 9), st.integers(0, 5), st.integers(0, 12)), max_size=12
)


@settings(max_examples=60, derandomize=True, deadline=None, database=None)
@given(steps=_STEPS)
def test_any_schedule_of_repeats_overlaps_and_crashes_stores_each_fix_once(
    steps: list[tuple[int, int, int, int]],
) -> None:
    acked: dict[tuple[int, int], StoredBlock] = {}
    cursors = {1: 0, 2: 0}
    with TemporaryDirectory() as folder, Store(f"sqlite:///{Path(folder) / 'doumen.db'}") as store:
        countdown = -1

        def maybe_crash(*_: object) -> None:
            nonlocal countdown
            countdown -= 1
            if countdown == 0:
                raise _Crash

        event.listen(store._engine, "before_cursor_execute", maybe_crash)
        event.listen(store._engine, "commit", maybe_crash)
        for epoch, first, count, crash_before in steps:
            blocks = [_block(seq, epoch, count=seq % 4) for seq in range(first, first + count)]
            countdown = crash_before
            try:
                store.positionfixes.ingest("badge-1", blocks, Cursor(epoch, first + count))
            except _Crash:
                continue
            finally:
                countdown = -1
            acked.update({(epoch, block.seq): block for block in blocks})
            cursors[epoch] = max(cursors[epoch], first + count)
        assert _stored(store) == _fixes([acked[place] for place in sorted(acked)])
        assert {epoch: store.positionfixes.cursor("badge-1", epoch) for epoch in cursors} == cursors
