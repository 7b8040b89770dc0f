"""Raw recordings of a gate (`.dmr`): what the sensor said, word for word, for any calibration to come.

Everything is little-endian. A file is a header of 128 bytes, then records of 1,728 bytes each.

| header | type | meaning |
|---|---|---|
| 0 | 8 bytes | 89 44 4D 52 0D 0A 1A 0A: a transfer that changes line ends shows here |
| 8, 10, 12 | u16 each | version of this format: 1; size of the header: 128; size of a record: 1728 |
| 14 | u16 | 0 |
| 16 | i64 | when the recording was begun, ms since 1970 UTC; 0: not known |
| 24 | 64 bytes | id of the gate, UTF-8, zeros behind it |
| 88 | 36 bytes | 0 |
| 124 | u32 | CRC-32 (as in zlib) of bytes 0 to 123 |

| record | type | meaning |
|---|---|---|
| 0 | u16 | 0x4D44, the letters DM |
| 2 | u16 | 1: EEPROM, written whenever the gate starts; 2: subpage |
| 4 | u32 | number of this record in the file, from 0 |
| 8 | u32 | number of the EEPROM record that this one belongs to (its own, if it is one) |
| 12 | u32 | clock of the gate, ms; it wraps at 2**30 |
| 16 | i64 | clock of the host, ms since 1970 UTC; 0: not known |
| 24 | u32 | the gate's sequence number of the subpage; a gap is a subpage that was lost |
| 28 | 848 u16 | the words, see below |
| 1724 | u32 | CRC-32 of bytes 0 to 1723 |

Words of an EEPROM: the sensor's 832 words from 0x2400, then 32 bytes with the version of the gate's
firmware, UTF-8, zeros behind it. Words of a subpage: 768 pixels (RAM 0x0400), 64 auxiliary words (RAM
0x0700), control register 1 (0x800D), number of the subpage (0 or 1), then 14 words of 0.

Who appends drops a record at the end that is not whole. Who reads passes over every record whose marker,
number or CRC is wrong, and over subpages whose EEPROM is not readable.
"""

import os
import struct
import zlib
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from doumen.errors import RecordingError

SUFFIX = ".dmr"
EEPROM_WORDS = 832
SUBPAGE_WORDS = 834
HEADER_BYTES = 128
RECORD_BYTES = 1728

_MAGIC = b"\x89DMR\r\n\x1a\n"
_VERSION = 1
_HEADER = struct.Struct("<8sHHHHq64s36x")
_MARKER = 0x4D44
_EEPROM, _SUBPAGE = 1, 2
_RECORD_HEAD = struct.Struct("<HHIIIqI")
_CRC = struct.Struct("<I")
_RECORD = np.dtype(
    [
        ("marker", "<u2"),
        ("kind", "<u2"),
        ("number", "<u4"),
        ("start", "<u4"),
        ("ticks_ms", "<u4"),
        ("time_ms", "<i8"),
        ("sequence", "<u4"),
        ("words", "<u2", (848,)),
        ("crc32", "<u4"),
    ]
)

Words = NDArray[np.uint16]


class RecordingWriter:
    """Writes a recording, or goes on with one; every record is with the operating system when a call returns.

    It begins with the EEPROM of the gate as it is now; `start` adds another one when the gate starts again.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        device_id: str,
        eeprom: Words,
        firmware: str,
        *,
        time_ms: int = 0,
        ticks_ms: int = 0,
    ) -> None:
        """Create `path`, or go on at its end; a record there that is not whole is cut off first.

        eeprom, firmware, time_ms, ticks_ms: as in `start`.
        Raises RecordingError if the path cannot be written, or holds something else, or another gate's words.
        """
        self._path = Path(path)
        self._count = 0
        self._start = 0
        with _errors_named(self._path):
            # Unbuffered, so that a killed process loses nothing that it has appended.
            mode = "r+b" if self._path.exists() else "x+b"
            self._file = open(self._path, mode, buffering=0)  # noqa: SIM115 (closed by `close`)
        try:
            with _errors_named(self._path):
                self._begin(device_id, time_ms)
            self.start(eeprom, firmware, time_ms=time_ms, ticks_ms=ticks_ms)
        except BaseException:
            self._file.close()
            raise

    def start(self, eeprom: Words, firmware: str, *, time_ms: int = 0, ticks_ms: int = 0) -> None:
        """Note that the gate has started; later subpages belong to this EEPROM.

        eeprom: (832,) uint16. firmware: its version. time_ms, ticks_ms: clocks of host and gate; 0: unknown.
        Raises RecordingError as `append` does.
        """
        body = _words("an EEPROM", eeprom, EEPROM_WORDS) + _text("a version", firmware, 32).ljust(32, b"\0")
        self._write(_EEPROM, self._count, ticks_ms, time_ms, 0, body)
        self._start = self._count - 1

    def append(self, time_ms: int, ticks_ms: int, sequence: int, words: Words) -> None:
        """Add a subpage: (834,) uint16, laid out as told above; clocks and sequence number likewise.

        Raises RecordingError if the array has another shape or type, a number is out of range, or the disk
        refuses; what was recorded before stays whole.
        """
        body = _words("a subpage", words, SUBPAGE_WORDS)
        self._write(_SUBPAGE, self._start, ticks_ms, time_ms, sequence, body)

    def close(self) -> None:
        """Wait until everything is on the disk, and close; closing twice is no error."""
        if not self._file.closed:
            with _errors_named(self._path), self._file:
                os.fsync(self._file.fileno())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _begin(self, device_id: str, created_ms: int) -> None:
        name = _text("a device id", device_id, 64)
        head = self._file.read(HEADER_BYTES)
        if len(head) < HEADER_BYTES and _MAGIC.startswith(head[: len(_MAGIC)]):
            # New, or cut before it held anything.
            sizes = (HEADER_BYTES, RECORD_BYTES)
            self._put(0, _sealed(_pack(_HEADER, _MAGIC, _VERSION, *sizes, 0, created_ms, name)))
            return
        recorded, _created_ms = _parse_header(self._path, head)
        if recorded != device_id:
            raise RecordingError(f"{self._path} is a recording of {recorded}; give {device_id} another file")
        self._count = (os.fstat(self._file.fileno()).st_size - HEADER_BYTES) // RECORD_BYTES
        while self._count and not self._is_whole(self._count - 1):
            self._count -= 1
        self._file.truncate(_offset(self._count))

    def _is_whole(self, number: int) -> bool:
        self._file.seek(_offset(number))
        return _kind_and_start(self._file.read(RECORD_BYTES), number)[0] != 0

    def _write(self, kind: int, start: int, ticks_ms: int, time_ms: int, sequence: int, body: bytes) -> None:
        head = _pack(_RECORD_HEAD, _MARKER, kind, self._count, start, ticks_ms, time_ms, sequence)
        with _errors_named(self._path):
            self._put(_offset(self._count), _sealed((head + body).ljust(RECORD_BYTES - _CRC.size, b"\0")))
        self._count += 1

    def _put(self, offset: int, data: bytes) -> None:
        self._file.seek(offset)
        if self._file.write(data) != len(data):
            # The next record is written over this piece.
            raise RecordingError(f"{self._path}: the disk is full; make room, what was recorded is whole")


@dataclass(frozen=True, eq=False, slots=True)
class Segment:
    """Subpages that follow each other without a damaged record, all after one start of the gate.

    eeprom: (832,) uint16. subpages: (N, 834) uint16, laid out as told above. time_ms: (N,) int64, the host's
    clock. ticks_ms, sequence: (N,) uint32, the gate's. Views of the file, not to be written.
    """

    firmware: str
    eeprom: Words
    subpages: Words
    time_ms: NDArray[np.int64]
    ticks_ms: NDArray[np.uint32]
    sequence: NDArray[np.uint32]


class Recording:
    """A recording, mapped into memory and checked record by record.

    device_id: of the gate. created_ms: when it was begun, 0 if not known. segments: in their order.
    damaged: how many records were passed over, a piece of one at the end included.
    """

    def __init__(self, device_id: str, created_ms: int, segments: tuple[Segment, ...], damaged: int) -> None:
        self.device_id = device_id
        self.created_ms = created_ms
        self.segments = segments
        self.damaged = damaged

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Self:
        """Open a recording, which may still be growing: what comes later is not seen.

        Raises RecordingError if it cannot be read, is none, is of a newer format, or holds no whole EEPROM.
        """
        path = Path(path)
        with _errors_named(path), open(path, "rb") as file:
            device_id, created_ms = _parse_header(path, file.read(HEADER_BYTES))
            count, rest = divmod(os.fstat(file.fileno()).st_size - HEADER_BYTES, RECORD_BYTES)
            if count == 0:
                raise RecordingError(f"{path} ends before its first record; record again")
            records = np.memmap(file, _RECORD, "r", HEADER_BYTES, (count,))
        runs, damaged = _runs(records.view(np.uint8).data, count)
        if not runs:
            raise RecordingError(f"{path}: no EEPROM in it is readable; record again")
        segments = tuple(_segment(records, *run) for run in runs)
        return cls(device_id, created_ms, segments, damaged + (rest > 0))

    @property
    def firmware(self) -> str:
        """Version of the gate's firmware at the first start."""
        return self.segments[0].firmware

    @property
    def eeprom(self) -> Words:
        """(832,) uint16, of the first start; when the gate started again, ask the segments."""
        return self.segments[0].eeprom

    @property
    def subpages(self) -> Words:
        """(N, 834) uint16 of all segments: a view of the file if there is but one, else a copy."""
        return _joined([segment.subpages for segment in self.segments])

    @property
    def time_ms(self) -> NDArray[np.int64]:
        """(N,) int64, the host's clock at each subpage, ms since 1970 UTC."""
        return _joined([segment.time_ms for segment in self.segments])

    @property
    def ticks_ms(self) -> NDArray[np.uint32]:
        """(N,) uint32, the gate's clock at each subpage, ms; it wraps at 2**30."""
        return _joined([segment.ticks_ms for segment in self.segments])

    @property
    def sequence(self) -> NDArray[np.uint32]:
        """(N,) uint32, the gate's number of each subpage."""
        return _joined([segment.sequence for segment in self.segments])

    def __len__(self) -> int:
        """How many subpages there are."""
        return sum(len(segment.subpages) for segment in self.segments)

    def __iter__(self) -> Iterator[tuple[Words, Words]]:
        """(EEPROM, subpages) of each segment: what a calibration takes at once."""
        return ((segment.eeprom, segment.subpages) for segment in self.segments)


def _runs(data: memoryview, count: int) -> tuple[list[tuple[int, int, int]], int]:
    """(number of the EEPROM, first subpage, one past the last) of each segment; count of damaged records."""
    runs: list[tuple[int, int, int]] = []
    eeproms: set[int] = set()
    damaged = 0
    for number in range(count):
        offset = number * RECORD_BYTES
        kind, start = _kind_and_start(data[offset : offset + RECORD_BYTES], number)
        if kind == _EEPROM:
            eeproms.add(number)
            runs.append((number, number + 1, number + 1))
        elif kind == _SUBPAGE and start in eeproms:
            if runs[-1][0] == start and runs[-1][2] == number:
                runs[-1] = (start, runs[-1][1], number + 1)
            else:
                runs.append((start, number, number + 1))
        else:
            damaged += 1
    return runs, damaged


def _segment(records: NDArray[np.void], start: int, first: int, stop: int) -> Segment:
    words: Words = records["words"]
    firmware = words[start, EEPROM_WORDS:].tobytes().rstrip(b"\0").decode("utf-8", "replace")
    block = records[first:stop]
    return Segment(
        firmware,
        words[start, :EEPROM_WORDS],
        words[first:stop, :SUBPAGE_WORDS],
        block["time_ms"],
        block["ticks_ms"],
        block["sequence"],
    )


def _joined(parts: list[NDArray[Any]]) -> NDArray[Any]:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _kind_and_start(record: bytes | memoryview, number: int) -> tuple[int, int]:
    """What a record is and which EEPROM it belongs to; (0, 0) if it is damaged or has another number."""
    if len(record) != RECORD_BYTES:
        return 0, 0
    marker, kind, own_number, start, *_ = _RECORD_HEAD.unpack_from(record)
    if (
        marker != _MARKER
        or own_number != number
        or _CRC.unpack_from(record, RECORD_BYTES - _CRC.size)[0] != zlib.crc32(record[: -_CRC.size])
    ):
        return 0, 0
    return kind, start


def _parse_header(path: Path, head: bytes) -> tuple[str, int]:
    """(device id, created_ms)."""
    if not head.startswith(_MAGIC) or len(head) < HEADER_BYTES:
        raise RecordingError(f"{path} is not a recording of a gate; give a {SUFFIX} file")
    _magic, version, header_bytes, record_bytes, _zero, created_ms, name = _HEADER.unpack_from(head)
    if version > _VERSION:
        raise RecordingError(f"{path} has format {version} and this Doumen knows {_VERSION}; update Doumen")
    sizes = (version, header_bytes, record_bytes)
    if sizes != (_VERSION, HEADER_BYTES, RECORD_BYTES) or _sealed(head[: -_CRC.size]) != head:
        raise RecordingError(f"{path} has a damaged header; restore the file from a copy")
    return name.rstrip(b"\0").decode("utf-8", "replace"), created_ms


def _offset(number: int) -> int:
    return HEADER_BYTES + number * RECORD_BYTES


def _sealed(data: bytes) -> bytes:
    return data + _CRC.pack(zlib.crc32(data))


def _pack(layout: struct.Struct, *values: object) -> bytes:
    try:
        return layout.pack(*values)
    except struct.error as error:
        raise RecordingError(f"a number does not fit into a recording ({error}); report this") from error


def _words(what: str, words: NDArray[Any], count: int) -> bytes:
    # Converting would be silent about an array that was cut to 16 bits somewhere, or is not raw at all.
    if words.dtype != np.uint16 or words.shape != (count,):
        raise RecordingError(f"{what} is ({count},) uint16, not {words.shape} {words.dtype}; pass raw words")
    return words.astype("<u2").tobytes()


def _text(what: str, text: str, size: int) -> bytes:
    encoded = text.encode()
    if len(encoded) > size or "\0" in text:
        raise RecordingError(f"{what} of {len(encoded)} bytes does not fit into {size}; shorten it")
    return encoded


@contextmanager
def _errors_named(path: Path) -> Generator[None]:
    try:
        yield
    except OSError as error:
        raise RecordingError(f"{path}: {error.strerror or error}; check the path and the disk") from error
