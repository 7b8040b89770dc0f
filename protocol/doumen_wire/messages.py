"""Messages: the handshake, and commands with their replies.

A message is the payload of a counted packet: kind u8 | request u16 | fields. A reply repeats the request's
number; a live message has request 0. An unknown kind is answered by REFUSED, never by silence.
"""

import struct

from doumen_wire.errors import OutOfRangeError, TruncatedError, VersionError
from doumen_wire.layout import Layout

VERSION = 1
SUITE_PLAIN = 0x80  # unsealed; bit 0 is left for AES-128-CCM

HELLO_FIELDS = Layout("hello", ("min_version", "B"), ("max_version", "B"), ("suites", "B"), ("nonce", "16s"))
# Unsealed, the proof is the nonce of the hello that is answered: no more than a receipt.
WELCOME_FIELDS = Layout(
    "welcome", ("version", "B"), ("suite", "B"), ("reserved", "B", 0, 0), ("nonce", "16s"), ("proof", "16s")
)
REFUSE_FIELDS = Layout("refuse", ("code", "B"), ("min_version", "B"), ("max_version", "B"))

# Codes of REFUSE: why there is no conversation.
REFUSE_NO_KEY = 1
REFUSE_VERSION = 2
REFUSE_SUITE = 3
REFUSE_NO_SESSION = 4
REFUSE_TYPE = 5
REFUSE_MALFORMED = 6

# Commands.
IDENTIFY = 0x01
GET_EEPROM = 0x02
GET_STATUS = 0x03
READ = 0x04
ACK = 0x05
STREAM = 0x06
VERDICT = 0x07
TIME = 0x08
# Replies.
IDENTITY_IS = 0x81
EEPROM_IS = 0x82
STATUS_IS = 0x83
BLOCK = 0x84
END = 0x85
DONE = 0x86
TIME_IS = 0x88
REFUSED = 0xFF
# Live.
SUBPAGE = 0xC0

VERDICT_PASS = 1
VERDICT_LOOK_AGAIN = 2
VERDICT_ELEVATED = 3

_NOTHING = Layout("nothing")
READ_FIELDS = Layout("read", ("epoch", "H"), ("cursor", "I"), ("credits", "H", 1, 256))
ACK_FIELDS = Layout("ack", ("epoch", "H"), ("cursor", "I"))
STREAM_FIELDS = Layout("stream", ("on", "B", 0, 1))
VERDICT_FIELDS = Layout(
    "verdict", ("verdict", "B", VERDICT_PASS, VERDICT_ELEVATED), ("passage", "I"), ("hold_ms", "H", 1, 0xFFFF)
)
TIME_FIELDS = Layout("time", ("host_ms", "Q", 0, 4102444800000))
TIME_IS_FIELDS = Layout("time is", ("ticks_ms", "I", 0, 0x3FFFFFFF), ("boots", "I"))
BLOCK_FIELDS = Layout("block", ("index", "H"))  # and the block itself
END_FIELDS = Layout("end", ("count", "H"), ("next_cursor", "I"), ("log_next", "I"))
REFUSED_FIELDS = Layout("refused", ("code", "B"), ("kind", "B"), ("min_version", "B"), ("max_version", "B"))

COMMAND_FIELDS = {
    IDENTIFY: _NOTHING,
    GET_EEPROM: _NOTHING,
    GET_STATUS: _NOTHING,
    READ: READ_FIELDS,
    ACK: ACK_FIELDS,
    STREAM: STREAM_FIELDS,
    VERDICT: VERDICT_FIELDS,
    TIME: TIME_FIELDS,
}

# Codes of REFUSED: why a command was not obeyed.
UNKNOWN_KIND = 1
MALFORMED = 2
OUT_OF_RANGE = 3
WRONG_ROLE = 4
OTHER_EPOCH = 5
SENSOR_SILENT = 6
FLASH_FAILED = 7

_MESSAGE_HEAD = 3


def pack_message(kind: int, request: int, fields: bytes = b"") -> bytes:
    """kind, request number and packed fields. Raises OutOfRangeError if one of the numbers does not fit."""
    if not (0 <= kind <= 0xFF and 0 <= request <= 0xFFFF):
        raise OutOfRangeError(f"message {kind}, request {request}")
    return struct.pack("<BH", kind, request) + fields


def unpack_message(payload: bytes) -> "tuple[int, int, bytes]":
    """(kind, request, packed fields). Raises TruncatedError if there is no head."""
    if len(payload) < _MESSAGE_HEAD:
        raise TruncatedError(f"message of {len(payload)} bytes")
    kind, request = struct.unpack_from("<BH", payload, 0)
    return kind, request, payload[_MESSAGE_HEAD:]


def choose_version(min_version: int, max_version: int) -> int:
    """The version to speak with someone who speaks min_version to max_version. Raises VersionError."""
    if not min_version <= VERSION <= max_version:
        raise VersionError(f"versions {min_version} to {max_version}; this side speaks {VERSION}")
    return VERSION
