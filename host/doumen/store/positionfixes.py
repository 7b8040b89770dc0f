"""Positionfixes, each exactly once, and how far each device has been read.

Devices hand over blocks, numbered per device by (epoch, seq); an epoch begins when a device is wiped and
adopted anew. Rows and cursor are committed together; the host acks after that, so a device deletes only what
is safe here.
"""

import hashlib
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, Engine, func, insert, select, tuple_, update

from doumen.errors import StoreConflict, StoreError
from doumen.model import Positionfix
from doumen.store import schema
from doumen.store.devices import find_device, lock_device
from doumen.store.engines import reading, writing

_fixes = schema.positionfixes
_blocks = schema.blocks
_cursors = schema.cursors
_FIX = (
    _fixes.c.time_ms,
    _fixes.c.lat_e7,
    _fixes.c.lon_e7,
    _fixes.c.hdop_c,
    _fixes.c.satellites,
    _fixes.c.quality,
)
_PLACE = (_fixes.c.time_ms, _fixes.c.epoch, _fixes.c.seq, _fixes.c.index_in_block)

# A packed fix and a packed head of a block: what the digest is made of, and the check of types and ranges.
_PACKED_FIX = struct.Struct("<qiiHBB")
_PACKED_HEAD = struct.Struct("<HII")
_LAST_MS = 253_402_300_799_999  # the end of the year 9999, where calendars in Python end
_MAX_CURSOR = 1 << 32
_SEQS_A_QUERY = 500  # databases limit the parameters of one statement
_PAGE = 5_000


@dataclass(frozen=True, slots=True)
class StoredBlock:
    """A block as a device keeps it: epoch (u16), seq (u32), count of boots (u32), fixes in their order."""

    epoch: int
    seq: int
    boots: int
    fixes: Sequence[Positionfix]


@dataclass(frozen=True, slots=True)
class Cursor:
    """The next block to read from a device, in one of its epochs."""

    epoch: int
    next_seq: int


@dataclass(frozen=True, slots=True)
class Ingested:
    """How many fixes were stored, and how many were here already."""

    stored: int
    duplicated: int


@dataclass(frozen=True, slots=True)
class _Checked:
    """A block whose numbers are plain integers in their ranges."""

    seq: int
    boots: int
    digest: bytes
    rows: list[tuple[int, ...]]


class Positionfixes:
    """The positionfixes of a store; safe to use from several threads."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def ingest(self, device_id: str, blocks: Sequence[StoredBlock], cursor: Cursor) -> Ingested:
        """Store blocks of one epoch and move its cursor, in one transaction.

        A block that is here already changes nothing, and a cursor that is behind the stored one neither: any
        schedule of repeats ends with each fix once.
        Raises StoreError, and stores nothing, if a block has another content than the one known by its number
        (two devices claim to be one), a number is out of range, or the database refuses.
        """
        if not (0 <= cursor.epoch <= 0xFFFF and 0 <= cursor.next_seq <= _MAX_CURSOR):
            raise StoreError(f"{device_id}: no block can have the cursor {cursor}; read the device again")
        offered = _by_seq(device_id, blocks, cursor.epoch)
        offered_fixes = sum(len(block.fixes) for block in blocks)
        with writing(self._engine) as connection:
            device = lock_device(connection, device_id)
            known = _known_digests(connection, device, cursor.epoch, sorted(offered))
            for seq, digest in known.items():
                if offered[seq].digest != digest:
                    raise _clone(device_id, cursor.epoch, seq)
            new = [block for seq, block in offered.items() if seq not in known]
            _insert_blocks(connection, device, cursor.epoch, new)
            _advance(connection, device, cursor)
        stored = sum(len(block.rows) for block in new)
        return Ingested(stored, offered_fixes - stored)

    def cursor(self, device_id: str, epoch: int) -> int:
        """The seq of the next block to read in an epoch; 0 when nothing is known of it."""
        query = select(_cursors.c.next_seq).join(schema.devices)
        with reading(self._engine) as connection:
            next_seq = connection.execute(
                query.where(schema.devices.c.device_id == device_id, _cursors.c.epoch == epoch)
            ).scalar_one_or_none()
        return next_seq or 0

    def between(
        self, device_id: str, from_ms: int | None = None, to_ms: int | None = None
    ) -> Iterator[Positionfix]:
        """The fixes of a device with from_ms <= time < to_ms in the order of time; None is no limit.

        It reads page by page: memory stays small, and nothing is held open in the database meanwhile.
        """
        with reading(self._engine) as connection:
            device = find_device(connection, device_id)
        if device is None:
            return
        asked: list[ColumnElement[bool]] = [_fixes.c.device == device]
        if from_ms is not None:
            asked.append(_fixes.c.time_ms >= from_ms)
        if to_ms is not None:
            asked.append(_fixes.c.time_ms < to_ms)
        after: list[ColumnElement[bool]] = []
        while True:
            page = select(*_PLACE, *_FIX[1:]).where(*asked, *after).order_by(*_PLACE).limit(_PAGE)
            with reading(self._engine) as connection:
                rows = connection.execute(page).all()
            for time_ms, _epoch, _seq, _index, *rest in rows:
                yield Positionfix(time_ms, *rest)
            if len(rows) < _PAGE:
                return
            after = [tuple_(*_PLACE) > tuple_(*rows[-1][: len(_PLACE)])]

    def last(self, device_id: str) -> Positionfix | None:
        """The fix of a device with the latest time; None if it has none."""
        latest_first = [column.desc() for column in _PLACE]
        with reading(self._engine) as connection:
            device = find_device(connection, device_id)
            row = connection.execute(
                select(*_FIX).where(_fixes.c.device == device).order_by(*latest_first).limit(1)
            ).one_or_none()
        return None if row is None else Positionfix(*row)

    def counts(self) -> dict[str, int]:
        """How many fixes each device has handed over, by device id; devices without any are left out."""
        counted = (
            select(_fixes.c.device, func.count().label("fixes")).group_by(_fixes.c.device).subquery("counted")
        )
        query = select(schema.devices.c.device_id, counted.c.fixes).join(
            counted, counted.c.device == schema.devices.c.key
        )
        with reading(self._engine) as connection:
            return {row.device_id: row.fixes for row in connection.execute(query)}


def _by_seq(device_id: str, blocks: Sequence[StoredBlock], epoch: int) -> dict[int, _Checked]:
    offered: dict[int, _Checked] = {}
    for block in blocks:
        if block.epoch != epoch:
            raise StoreError(
                f"{device_id}: a block of epoch {block.epoch} came with a cursor of epoch {epoch}; "
                "read the device again"
            )
        checked = _check(device_id, block)
        if offered.setdefault(checked.seq, checked).digest != checked.digest:
            raise _clone(device_id, epoch, checked.seq)
    return offered


def _check(device_id: str, block: StoredBlock) -> _Checked:
    try:
        head = _PACKED_HEAD.pack(block.epoch, block.seq, block.boots)
        packed = b"".join(
            _PACKED_FIX.pack(fix.time_ms, fix.lat_e7, fix.lon_e7, fix.hdop_c, fix.satellites, fix.quality)
            for fix in block.fixes
        )
    except struct.error as error:
        raise _out_of_range(device_id, block, str(error)) from error
    rows = list(_PACKED_FIX.iter_unpack(packed))
    for time_ms, lat_e7, lon_e7, *_ in rows:
        if not (0 <= time_ms <= _LAST_MS and abs(lat_e7) <= 900_000_000 and abs(lon_e7) <= 1_800_000_000):
            raise _out_of_range(
                device_id, block, f"time {time_ms} ms, position {lat_e7}, {lon_e7} e-7 degrees"
            )
    _epoch, seq, boots = _PACKED_HEAD.unpack(head)
    return _Checked(seq, boots, hashlib.sha256(head + packed).digest()[:16], rows)


def _known_digests(connection: Connection, device: int, epoch: int, seqs: list[int]) -> dict[int, bytes]:
    known: dict[int, bytes] = {}
    for start in range(0, len(seqs), _SEQS_A_QUERY):
        query = select(_blocks.c.seq, _blocks.c.digest).where(
            _blocks.c.device == device,
            _blocks.c.epoch == epoch,
            _blocks.c.seq.in_(seqs[start : start + _SEQS_A_QUERY]),
        )
        known.update({seq: bytes(digest) for seq, digest in connection.execute(query)})
    return known


def _insert_blocks(connection: Connection, device: int, epoch: int, new: list[_Checked]) -> None:
    numbered = [{"device": device, "epoch": epoch, "seq": block.seq, "boots": block.boots} for block in new]
    heads = [{**head, "digest": block.digest} for head, block in zip(numbered, new, strict=True)]
    names = [column.name for column in _FIX]
    rows = [
        {
            "device": device,
            "epoch": epoch,
            "seq": block.seq,
            "index_in_block": index,
            **dict(zip(names, row, strict=True)),
        }
        for block in new
        for index, row in enumerate(block.rows)
    ]
    if heads:
        connection.execute(insert(_blocks), heads)
    if rows:
        connection.execute(insert(_fixes), rows)


def _advance(connection: Connection, device: int, cursor: Cursor) -> None:
    here = (_cursors.c.device == device) & (_cursors.c.epoch == cursor.epoch)
    known = connection.execute(select(_cursors.c.next_seq).where(here)).scalar_one_or_none()
    if known is None:
        row = {"device": device, "epoch": cursor.epoch, "next_seq": cursor.next_seq}
        connection.execute(insert(_cursors).values(row))
    elif cursor.next_seq > known:
        connection.execute(update(_cursors).where(here).values(next_seq=cursor.next_seq))


def _clone(device_id: str, epoch: int, seq: int) -> StoreConflict:
    return StoreConflict(
        f"{device_id}: block {seq} of epoch {epoch} is known with another content, as if two devices were "
        "one; nothing was stored. Adopt this device again, under its own id"
    )


def _out_of_range(device_id: str, block: StoredBlock, what: str) -> StoreConflict:
    return StoreConflict(
        f"{device_id}: block {block.seq} of epoch {block.epoch} holds a number out of its range ({what}); "
        "nothing was stored. Check the version of the device's firmware"
    )
