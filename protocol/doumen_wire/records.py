"""Records: what devices log or stream."""

import binascii
import struct

from doumen_wire.errors import CrcError, OutOfRangeError, TruncatedError, UnknownTypeError, VersionError
from doumen_wire.layout import Layout

GATE = 1
BADGE = 2

IDENTITY = Layout(
    "identity",
    ("role", "B", GATE, BADGE),
    ("device_id", "Q"),  # a radio's factory number, six or eight bytes, big-endian
    ("major", "B"),
    ("minor", "B"),
    ("patch", "B"),
    ("sealed", "B", 0, 1),
    ("epoch", "H"),
    ("boots", "I"),
)

# The sensor's words stay as they come off its bus: big-endian.
EEPROM_WORDS = 832
EEPROM_BYTES = 2 * EEPROM_WORDS
SUBPAGE_WORDS = 832  # 768 pixels, RAM 0x0400, and 64 auxiliary words, RAM 0x0700
SUBPAGE_BYTES = 2 * SUBPAGE_WORDS
SUBPAGE_HEAD = Layout(
    "subpage",
    ("sequence", "I"),
    ("ticks_ms", "I", 0, 0x3FFFFFFF),  # MicroPython's ticks_ms wraps at 2**30
    ("control", "H"),  # control register 1, 0x800D
    ("status", "H"),  # status register, 0x8000, that announced the subpage: bits 2:0 are its number
)

OUT_OF_SERVICE = 0
IN_SERVICE = 1

CAUSE_POWER = 1
CAUSE_RESET = 2
CAUSE_WATCHDOG = 3
CAUSE_SLEEP = 4
CAUSE_SOFT = 5

STATUS = Layout(
    "status",
    ("role", "B", GATE, BADGE),
    ("service", "B", OUT_OF_SERVICE, IN_SERVICE),
    ("cause", "B", 0, CAUSE_SOFT),  # of the last restart; 0: the board cannot tell
    ("boots", "I"),
    ("uptime_ms", "Q"),
    ("clock_ms", "Q"),  # 0: not known yet
    ("heap_free", "I"),
    ("crc_errors", "I"),  # rejected on the way in
    ("packets_lost", "I"),  # gaps in the host's counter
    ("refused", "I"),
    ("live_dropped", "I"),  # subpages that a newer one overtook
    ("subpages", "I"),
    ("torn", "I"),
    ("stale", "I"),
    ("sensor_errors", "I"),
    ("verdicts", "I"),
    ("sentences", "I"),
    ("bad_sentences", "I"),
    ("fixes", "I"),
    ("flash_errors", "I"),
    ("log_epoch", "H"),
    ("log_oldest", "I"),
    ("log_next", "I"),
    ("log_records", "I"),  # fixes that reached the flash in this epoch
    ("log_dropped", "I"),  # files given up since the start because there was no room
)

FIX = Layout(
    "fix",
    ("time_ms", "Q", 0, 4102444800000),  # to the year 2100
    ("lat_e7", "i", -900000000, 900000000),
    ("lon_e7", "i", -1800000000, 1800000000),
    ("hdop_c", "H"),  # hundredths; 0xFFFF: unknown
    ("satellites", "B"),
    ("quality", "B", 1, 8),  # NMEA GGA field 6; a fix has never 0
)
HDOP_UNKNOWN = 0xFFFF

# A block: one page of a device's log, on flash and on the wire alike.
BLOCK_BYTES = 512
KIND_FIX = 1
_BLOCK_PLAIN = 0x00
_BLOCK_HEAD = Layout(
    "block head", ("format", "B"), ("epoch_low", "B"), ("length", "H", 0, BLOCK_BYTES - 12), ("seq", "I")
)
_BODY_HEAD = Layout("block body", ("kind", "B"), ("count", "B", 1, 255), ("boots", "I"))
FIXES_A_BLOCK = (BLOCK_BYTES - _BLOCK_HEAD.size - 4 - _BODY_HEAD.size) // FIX.size


def pack_block(epoch: int, seq: int, boots: int, fixes: "list[bytes]") -> bytes:
    """One block of packed FIX records.

    Raises OutOfRangeError if there is none, more than fit, or one of another length.
    """
    packed = b"".join(fixes)
    if not 1 <= len(fixes) <= FIXES_A_BLOCK or len(packed) != len(fixes) * FIX.size:
        raise OutOfRangeError(f"block of {len(fixes)} fixes, {len(packed)} bytes")
    body = _BODY_HEAD.pack(kind=KIND_FIX, count=len(fixes), boots=boots) + packed
    head = _BLOCK_HEAD.pack(format=_BLOCK_PLAIN, epoch_low=epoch & 0xFF, length=len(body), seq=seq)
    return head + body + struct.pack("<I", binascii.crc32(body, binascii.crc32(head)))


def block_seq(block: "bytes | bytearray | memoryview", epoch: int) -> "tuple[int, int]":
    """(sequence number, total length) of the block at the start of these bytes, its check sum verified.

    Raises TruncatedError, CrcError, VersionError, or OutOfRangeError if it belongs to another epoch.
    """
    head = _BLOCK_HEAD.unpack(block, exact=False)
    total = _BLOCK_HEAD.size + head["length"] + 4
    if len(block) < total:
        raise TruncatedError(f"block has {total} bytes, not {len(block)}")
    if binascii.crc32(block[: total - 4]) != struct.unpack_from("<I", block, total - 4)[0]:
        raise CrcError(f"block {head['seq']}")
    if head["format"] != _BLOCK_PLAIN:
        raise VersionError(f"block format {head['format']}")
    if head["epoch_low"] != epoch & 0xFF:
        raise OutOfRangeError("block of another epoch")
    return head["seq"], total


def block_count(block: bytes | bytearray | memoryview) -> int:
    """How many records a block holds whose check sum has been verified."""
    return _BODY_HEAD.unpack(block, _BLOCK_HEAD.size, exact=False)["count"]


def unpack_block(block: bytes, epoch: int) -> "tuple[int, int, list[dict[str, int]]]":
    """(sequence number, boots, fixes) of exactly one block.

    Raises what block_seq raises, and UnknownTypeError for a kind of record that we do not know.
    """
    seq, total = block_seq(block, epoch)
    if total != len(block):
        raise TruncatedError(f"block {seq}: {len(block) - total} bytes follow it")
    body = memoryview(block)[_BLOCK_HEAD.size : total - 4]
    head = _BODY_HEAD.unpack(body, exact=False)
    if head["kind"] != KIND_FIX:
        raise UnknownTypeError(f"log record of kind {head['kind']}")
    if len(body) != _BODY_HEAD.size + head["count"] * FIX.size:
        raise TruncatedError(f"block {seq}: {head['count']} fixes do not fill it")
    fixes = [FIX.unpack(body, _BODY_HEAD.size + i * FIX.size, False) for i in range(head["count"])]
    return seq, head["boots"], fixes
