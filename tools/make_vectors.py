"""Write the golden vectors under protocol/vectors/.

python tools/make_vectors.py [--check]

Nothing of doumen_wire is imported: COBS is done byte by byte, numbers by int.to_bytes, and the layouts stand
here a second time. A change of the wire is made in both places or the tests fail. --check only compares.
"""

import argparse
import json
import sys
import zlib
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1] / "protocol" / "vectors"
Case = dict[str, Any]

# record or message: its fields in order, u and i with a number of bits, x with a number of raw bytes
LAYOUTS = {
    "identity": "role u8 device_id u64 major u8 minor u8 patch u8 sealed u8 epoch u16 boots u32",
    "subpage": "sequence u32 ticks_ms u32 control u16 status u16",
    "fix": "time_ms u64 lat_e7 i32 lon_e7 i32 hdop_c u16 satellites u8 quality u8",
    "status": "role u8 service u8 cause u8 boots u32 uptime_ms u64 clock_ms u64 heap_free u32 crc_errors u32 "
    "packets_lost u32 refused u32 live_dropped u32 subpages u32 torn u32 stale u32 sensor_errors u32 "
    "verdicts u32 sentences u32 bad_sentences u32 fixes u32 flash_errors u32 log_epoch u16 log_oldest u32 "
    "log_next u32 log_records u32 log_dropped u32",
    "hello": "min_version u8 max_version u8 suites u8 nonce x16",
    "welcome": "version u8 suite u8 reserved u8 nonce x16 proof x16",
    "refuse": "code u8 min_version u8 max_version u8",
    "nothing": "",
    "read": "epoch u16 cursor u32 credits u16",
    "ack": "epoch u16 cursor u32",
    "stream": "on u8",
    "verdict": "verdict u8 passage u32 hold_ms u16",
    "time": "host_ms u64",
    "time is": "ticks_ms u32 boots u32",
    "end": "count u16 next_cursor u32 log_next u32",
    "refused": "code u8 kind u8 min_version u8 max_version u8",
}


def main() -> int:
    parser = argparse.ArgumentParser(description="Write the golden vectors under protocol/vectors/.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a file would change")
    check = parser.parse_args().check
    changed = 0
    files = {"packets": packets(), "records": records(), "messages": messages(), "blocks": blocks()}
    for name, content in files.items():
        path = FOLDER / f"{name}.json"
        lines = []
        for part, cases in content.items():
            rows = ",\n".join("  " + json.dumps(case) for case in cases)
            lines.append(f'"{part}": [\n{rows}\n]')
        text = "{\n" + ",\n".join(lines) + "\n}\n"
        if not path.exists() or path.read_text() != text:
            changed += 1
            print(f"{path.name} {'differs' if check else 'written'}")
            if not check:
                path.parent.mkdir(exist_ok=True)
                path.write_text(text)
    return 1 if check and changed else 0


# --- bytes -------------------------------------------------------------------------------------------------


def names(layout: str) -> list[str]:
    return LAYOUTS[layout].split()[::2]


def packed(layout: str, fields: Case) -> bytes:
    assert list(fields) == names(layout), layout
    out = b""
    for value, kind in zip(fields.values(), LAYOUTS[layout].split()[1::2], strict=True):
        size = int(kind[1:])
        if kind[0] == "x":
            out += bytes.fromhex(value)
        else:
            out += value.to_bytes(size // 8, "little", signed=kind[0] == "i")
    return out


def cobs(data: bytes) -> bytes:
    out, group = bytearray(), bytearray()
    full = False
    for byte in data:
        full = False
        if byte:
            group.append(byte)
        if not byte or len(group) == 254:
            out += bytes([len(group) + 1]) + group
            full = byte != 0
            group.clear()
    return bytes(out if full else out + bytes([len(group) + 1]) + group)


def with_crc(data: bytes) -> bytes:
    return data + zlib.crc32(data).to_bytes(4, "little")


def packet(body: bytes) -> bytes:
    return b"\0" + cobs(with_crc(body)) + b"\0"


def counted(kind: int, counter: int, payload: bytes) -> bytes:
    return bytes([kind]) + counter.to_bytes(4, "little") + payload


def without_zeros(size: int) -> bytes:
    """A payload with which the whole packet, check sum included, has that many bytes and no zero."""
    for first in range(1, 256):
        payload = bytes([first]) + bytes(1 + i % 255 for i in range(size - 10))
        if 0 not in with_crc(counted(0x40, 0x01010101, payload)):
            return payload
    raise AssertionError(size)


# --- packets -----------------------------------------------------------------------------------------------


def packets() -> dict[str, list[Case]]:
    right: list[Case] = []

    def add(name: str, kind: int, counter: int | None, payload: bytes) -> bytes:
        body = bytes([kind]) + payload if counter is None else counted(kind, counter, payload)
        data = packet(body)
        right.append(
            {"name": name, "type": kind, "counter": counter, "payload": payload.hex(), "bytes": data.hex()}
        )
        return data

    add("a hello without payload", 0x01, None, b"")
    add("a type that does not exist yet carries no counter that we know of", 0x7F, None, b"\x01\x02")
    add("a command, counter 0", 0x40, 0, bytes.fromhex("010100"))
    add("a reply, highest counter", 0x41, 0xFFFFFFFF, bytes.fromhex("860100"))
    add("live data, payload empty", 0x42, 1, b"")
    add("zeros only", 0x40, 0, bytes(20))
    for size in (253, 254, 255, 256, 507, 508, 509, 762, 763):
        add(f"{size} bytes before COBS, none of them zero", 0x40, 0x01010101, without_zeros(size))
    for place in (252, 253, 254, 255):
        payload = bytearray(without_zeros(600))
        payload[place - 5] = 0
        add(f"the first zero is byte {place}", 0x40, 0x01010101, bytes(payload))
    add("the longest payload", 0x42, 7, bytes(i * 7 % 256 for i in range(1787)))

    good = packet(counted(0x40, 5, bytes.fromhex("030200")))
    seven = packet(counted(0x40, 7, b"\x04\x03\0" + bytes(range(40))))
    wrong = [
        ("one bit of the payload flipped", good[:10] + bytes([good[10] ^ 0x10]) + good[11:], 1),
        ("one bit of the first COBS code flipped", good[:1] + bytes([good[1] ^ 1]) + good[2:], 1),
        ("the last byte missing", good[:-2] + b"\0", 1),
        ("cut in the middle", seven[: len(seven) // 2] + b"\0", 1),
        ("a byte too many", good[:-1] + b"\x11\0", 1),
        ("a COBS code that points past the end", b"\0\x09\x01\x02\0", 1),
        ("a check sum without a packet", b"\0" + cobs(bytes(4)) + b"\0", 1),
        ("counted, but without a counter", packet(b"\x40\x01\x02"), 1),
        ("one byte longer than a packet may be", packet(counted(0x42, 7, bytes(1788))), 1),
        ("no end in sight", b"\0" + b"\x55" * 4000 + b"\0", 1),
        ("text of a boot loader", b"\0rst:0x1 (POWERON_RESET),boot:0x13\r\n\0", 1),
        ("only zeros", bytes(9), 0),
    ]
    first, second = right[2], right[3]
    a, b = bytes.fromhex(first["bytes"]), bytes.fromhex(second["bytes"])
    streams = [
        ("two packets", a + b, [first, second], 0),
        ("two packets with one zero between", a + b[1:], [first, second], 0),
        ("many zeros", bytes(5) + a + bytes(5) + b, [first, second], 0),
        ("noise before", b"ets Jul 29 2019 12:21:46\r\n" + a, [first], 1),
        ("noise between", a + b"\xffnoise" + b, [first, second], 1),
        ("a cut packet before a good one", a[:9] + b, [second], 1),
        ("the first zero lost", a[1:] + b, [first, second], 0),
        ("the last zero still missing", a + b[:-1], [first], 0),
        ("the same packet twice", a + a, [first, first], 0),
    ]
    return {
        "right": right,
        "wrong": [
            {"name": name, "bytes": data.hex(), "error": "rejected", "rejected": count}
            for name, data, count in wrong
        ],
        "streams": [
            {
                "name": name,
                "bytes": data.hex(),
                "packets": [case["name"] for case in found],
                "rejected": count,
            }
            for name, data, found, count in streams
        ],
        "not_packed": [
            {"name": "counter below 0", "type": 0x40, "counter": -1, "size": 3, "error": "OutOfRangeError"},
            {
                "name": "counter too high",
                "type": 0x40,
                "counter": 1 << 32,
                "size": 3,
                "error": "OutOfRangeError",
            },
            {"name": "counter missing", "type": 0x42, "counter": None, "size": 3, "error": "OutOfRangeError"},
            {
                "name": "payload too long",
                "type": 0x42,
                "counter": 0,
                "size": 1788,
                "error": "OutOfRangeError",
            },
            {"name": "type too high", "type": 256, "counter": None, "size": 3, "error": "OutOfRangeError"},
            {"name": "type below 0", "type": -1, "counter": None, "size": 3, "error": "OutOfRangeError"},
        ],
    }


# --- records -----------------------------------------------------------------------------------------------

IDENTITY = {
    "role": 2,
    "device_id": 0x0000A4CF12345678,
    "major": 0,
    "minor": 1,
    "patch": 0,
    "sealed": 0,
    "epoch": 0xBEEF,
    "boots": 17,
}
FIX = {
    "time_ms": 1700000000123,
    "lat_e7": 312345678,
    "lon_e7": -1213456789,
    "hdop_c": 95,
    "satellites": 12,
    "quality": 1,
}
SOUTH = {
    "time_ms": 4102444800000,
    "lat_e7": -900000000,
    "lon_e7": 1800000000,
    "hdop_c": 0xFFFF,
    "satellites": 0,
    "quality": 8,
}
SUBPAGE = {"sequence": 70000, "ticks_ms": 0x3FFFFFFF, "control": 0x1A01, "status": 0x0039}
STATUS = {name: 1000 + i for i, name in enumerate(names("status"))} | {"role": 1, "service": 1, "cause": 3}


def _right(layout: str, fields: Case) -> Case:
    return {"layout": layout, "fields": fields, "bytes": packed(layout, fields).hex()}


def _wrong(layout: str, name: str, data: bytes, error: str = "OutOfRangeError") -> Case:
    return {"layout": layout, "name": name, "bytes": data.hex(), "error": error}


def _altered(layout: str, fields: Case, **values: int) -> Case:
    (name, value), *_ = values.items()
    return _wrong(layout, f"{name} = {value}", packed(layout, fields | values))


def _refused(layout: str, fields: Case, error: str = "OutOfRangeError", **values: Any) -> Case:
    return {"layout": layout, "fields": fields | values, "error": error}


def records() -> dict[str, list[Case]]:
    fix = packed("fix", FIX)
    identity = packed("identity", IDENTITY)
    return {
        "right": [
            _right("identity", IDENTITY),
            _right("identity", IDENTITY | {"role": 1, "device_id": 0xFFFFFFFFFFFFFFFF, "epoch": 0}),
            _right("subpage", SUBPAGE),
            _right("status", STATUS),
            _right("fix", FIX),
            _right("fix", SOUTH),
            _right("fix", FIX | {"lat_e7": 0, "lon_e7": 0}),
        ],
        "wrong": [
            _wrong("fix", "empty", b"", "TruncatedError"),
            _wrong("fix", "a byte short", fix[:-1], "TruncatedError"),
            _wrong("fix", "a byte too long", fix + b"\0", "TruncatedError"),
            _altered("fix", FIX, quality=0),
            _altered("fix", FIX, quality=9),
            _altered("fix", FIX, lat_e7=900000001),
            _altered("fix", FIX, lat_e7=-900000001),
            _altered("fix", FIX, lon_e7=1800000001),
            _altered("fix", FIX, lon_e7=-1800000001),
            _altered("fix", FIX, time_ms=4102444800001),
            _wrong(
                "fix", "one bit: the highest of the latitude", fix[:11] + bytes([fix[11] ^ 0x80]) + fix[12:]
            ),
            _wrong("identity", "cut", identity[:9], "TruncatedError"),
            _altered("identity", IDENTITY, role=0),
            _altered("identity", IDENTITY, role=3),
            _altered("identity", IDENTITY, sealed=2),
            _altered("subpage", SUBPAGE, ticks_ms=0x40000000),
            _altered("status", STATUS, cause=6),
            _altered("status", STATUS, service=2),
        ],
        "not_packed": [
            _refused("fix", FIX, time_ms=-1),
            _refused("fix", FIX, hdop_c=65536),
            _refused("fix", FIX, satellites=256),
            _refused("fix", FIX, lat_e7=900000001),
            _refused("fix", FIX, lon_e7=-1800000001),
            _refused("fix", FIX, lat_e7=31.25),
            _refused("fix", FIX, lat_e7=None),
            _refused("identity", IDENTITY, epoch=65536),
            _refused("identity", IDENTITY, device_id=1 << 64),
            _refused("status", STATUS, heap_free=1 << 32),
            _refused("status", STATUS, "TypeError", no_such_field=1),
            _refused("hello", {"min_version": 1, "max_version": 1, "suites": 128, "nonce": "00" * 15}),
            {
                "layout": "fix",
                "fields": {k: v for k, v in FIX.items() if k != "quality"},
                "error": "TypeError",
            },
        ],
    }


# --- messages ----------------------------------------------------------------------------------------------

NONCE, PROOF = bytes(range(1, 17)).hex(), bytes(range(0xA0, 0xB0)).hex()
HELLO = {"min_version": 1, "max_version": 1, "suites": 0x80, "nonce": NONCE}
WELCOME = {"version": 1, "suite": 0x80, "reserved": 0, "nonce": PROOF, "proof": NONCE}
READ = {"epoch": 0xBEEF, "cursor": 4711, "credits": 16}
VERDICT = {"verdict": 3, "passage": 42, "hold_ms": 3000}


def _message(name: str, kind: int, request: int, layout: str, fields: Case, more: bytes = b"") -> Case:
    data = bytes([kind]) + request.to_bytes(2, "little") + packed(layout, fields) + more
    return {
        "name": name,
        "kind": kind,
        "request": request,
        "layout": layout,
        "fields": fields,
        "more": more.hex(),
        "bytes": data.hex(),
    }


def messages() -> dict[str, list[Case]]:
    def command(name: str, kind: int, layout: str, fields: Case) -> Case:
        return _message(name, kind, 0x0102, layout, fields)

    def refused(name: str, data: str, code: str) -> Case:
        return {"name": name, "bytes": data, "refused": code}

    def hello(name: str, data: bytes, answer: str) -> Case:
        return {"name": name, "bytes": data.hex(), "answer": answer}

    read = packed("read", READ)
    verdict = packed("verdict", VERDICT)
    first = packed("hello", HELLO)
    return {
        "handshake": [
            _right("hello", HELLO),
            _right("welcome", WELCOME),
            _right("refuse", {"code": 2, "min_version": 1, "max_version": 1}),
        ],
        "hellos": [
            hello("ours", first, "WELCOME"),
            hello("also newer ones", packed("hello", HELLO | {"max_version": 9}), "WELCOME"),
            hello("also sealed", packed("hello", HELLO | {"suites": 0x81}), "WELCOME"),
            hello("a newer one that says more", first + b"more", "WELCOME"),
            hello(
                "newer versions only",
                packed("hello", HELLO | {"min_version": 2, "max_version": 9}),
                "REFUSE_VERSION",
            ),
            hello(
                "newer versions only, and more to say",
                packed("hello", HELLO | {"min_version": 2, "max_version": 9}) + b"more",
                "REFUSE_VERSION",
            ),
            hello(
                "older versions only",
                packed("hello", HELLO | {"min_version": 0, "max_version": 0}),
                "REFUSE_VERSION",
            ),
            hello(
                "upside down", packed("hello", HELLO | {"min_version": 2, "max_version": 0}), "REFUSE_VERSION"
            ),
            hello("sealed only", packed("hello", HELLO | {"suites": 1}), "REFUSE_SUITE"),
            hello("no suite", packed("hello", HELLO | {"suites": 0}), "REFUSE_SUITE"),
            hello("a byte short", first[:-1], "REFUSE_MALFORMED"),
            hello("empty", b"", "REFUSE_MALFORMED"),
        ],
        "right": [
            command("identify", 0x01, "nothing", {}),
            command("get EEPROM", 0x02, "nothing", {}),
            command("get status", 0x03, "nothing", {}),
            command("read", 0x04, "read", READ),
            command("read as many as possible", 0x04, "read", READ | {"credits": 256}),
            command("ack", 0x05, "ack", {"epoch": 0xBEEF, "cursor": 4727}),
            command("stream on", 0x06, "stream", {"on": 1}),
            command("stream off", 0x06, "stream", {"on": 0}),
            command("verdict", 0x07, "verdict", VERDICT),
            command("time", 0x08, "time", {"host_ms": 1700000000000}),
            command("identity is", 0x81, "identity", IDENTITY),
            command("status is", 0x83, "status", STATUS),
            command("end", 0x85, "end", {"count": 16, "next_cursor": 4727, "log_next": 4800}),
            command("done", 0x86, "nothing", {}),
            command("time is", 0x88, "time is", {"ticks_ms": 123456, "boots": 17}),
            command(
                "refused", 0xFF, "refused", {"code": 1, "kind": 0x20, "min_version": 1, "max_version": 1}
            ),
            _message("subpage", 0xC0, 0, "subpage", SUBPAGE, bytes(i * 5 % 251 for i in range(1664))),
        ],
        "truncated": [{"bytes": data, "error": "TruncatedError"} for data in ("", "01", "0100")],
        "refused": [
            refused("unknown kind", "200100", "UNKNOWN_KIND"),
            refused("unknown kind with fields", "20010001020304", "UNKNOWN_KIND"),
            refused("a reply is no command", "860100", "UNKNOWN_KIND"),
            refused("kind 0", "000100", "UNKNOWN_KIND"),
            refused("identify with a field", "01010000", "MALFORMED"),
            refused("read, a byte short", "040100" + read[:-1].hex(), "MALFORMED"),
            refused("read, a byte too long", "040100" + read.hex() + "00", "MALFORMED"),
            refused("read without fields", "040100", "MALFORMED"),
            refused("no credits", "040100" + packed("read", READ | {"credits": 0}).hex(), "OUT_OF_RANGE"),
            refused(
                "too many credits", "040100" + packed("read", READ | {"credits": 257}).hex(), "OUT_OF_RANGE"
            ),
            refused("stream neither on nor off", "06010002", "OUT_OF_RANGE"),
            refused("no such verdict: 0", "070100" + "00" + verdict[1:].hex(), "OUT_OF_RANGE"),
            refused("no such verdict: 4", "070100" + "04" + verdict[1:].hex(), "OUT_OF_RANGE"),
            refused(
                "a verdict for ever",
                "070100" + packed("verdict", VERDICT | {"hold_ms": 0}).hex(),
                "OUT_OF_RANGE",
            ),
            refused(
                "a time after 2099", "080100" + (4102444800001).to_bytes(8, "little").hex(), "OUT_OF_RANGE"
            ),
        ],
    }


# --- blocks ------------------------------------------------------------------------------------------------


def block(epoch: int, seq: int, boots: int, fixes: bytes, count: int, kind: int = 1, form: int = 0) -> bytes:
    body = bytes([kind, count]) + boots.to_bytes(4, "little") + fixes
    return with_crc(
        bytes([form, epoch & 0xFF]) + len(body).to_bytes(2, "little") + seq.to_bytes(4, "little") + body
    )


def blocks() -> dict[str, list[Case]]:
    epoch, seq, boots = 0xBEEF, 4711, 17
    one = packed("fix", FIX)
    many = [FIX | {"time_ms": FIX["time_ms"] + 1000 * i, "lat_e7": FIX["lat_e7"] - i} for i in range(24)]

    def right(name: str, fixes: list[Case]) -> Case:
        data = block(epoch, seq, boots, b"".join(packed("fix", fix) for fix in fixes), len(fixes))
        return {"name": name, "epoch": epoch, "seq": seq, "boots": boots, "fixes": fixes, "bytes": data.hex()}

    def wrong(name: str, data: bytes, error: str) -> Case:
        return {"name": name, "epoch": epoch, "bytes": data.hex(), "error": error}

    good = block(epoch, seq, boots, one, 1)
    return {
        "right": [right("one fix", [FIX]), right("two fixes", [FIX, SOUTH]), right("a full block", many)],
        "wrong": [
            wrong("empty", b"", "TruncatedError"),
            wrong("head only", good[:8], "TruncatedError"),
            wrong("a byte short", good[:-1], "TruncatedError"),
            wrong("a byte too long", good + b"\0", "TruncatedError"),
            wrong("a bit of a fix flipped", good[:20] + bytes([good[20] ^ 4]) + good[21:], "CrcError"),
            wrong("a bit of the number flipped", good[:4] + bytes([good[4] ^ 1]) + good[5:], "CrcError"),
            wrong("a bit of the check sum flipped", good[:-1] + bytes([good[-1] ^ 0x80]), "CrcError"),
            wrong("a newer format", block(epoch, seq, boots, one, 1, form=1), "VersionError"),
            wrong("another epoch", block(epoch + 1, seq, boots, one, 1), "OutOfRangeError"),
            wrong("flash that was never written", b"\xff" * 512, "OutOfRangeError"),
            wrong("a page of zeros", bytes(512), "CrcError"),
            wrong(
                "a kind of record that is not known",
                block(epoch, seq, boots, one, 1, kind=2),
                "UnknownTypeError",
            ),
            wrong("count 0", block(epoch, seq, boots, b"", 0), "OutOfRangeError"),
            wrong("more counted than there are", block(epoch, seq, boots, one, 2), "TruncatedError"),
            wrong("fewer counted than there are", block(epoch, seq, boots, one + one, 1), "TruncatedError"),
            wrong("no body", with_crc(bytes([0, 0xEF, 0, 0, 1, 0, 0, 0])), "TruncatedError"),
            wrong(
                "a fix out of range",
                block(epoch, seq, boots, packed("fix", FIX | {"quality": 0}), 1),
                "OutOfRangeError",
            ),
        ],
        "not_packed": [
            {"name": "no fix", "epoch": epoch, "seq": 0, "boots": 0, "sizes": [], "error": "OutOfRangeError"},
            {
                "name": "too many",
                "epoch": epoch,
                "seq": 0,
                "boots": 0,
                "sizes": [20] * 25,
                "error": "OutOfRangeError",
            },
            {
                "name": "a short fix",
                "epoch": epoch,
                "seq": 0,
                "boots": 0,
                "sizes": [19],
                "error": "OutOfRangeError",
            },
            {
                "name": "seq too high",
                "epoch": epoch,
                "seq": 1 << 32,
                "boots": 0,
                "sizes": [20],
                "error": "OutOfRangeError",
            },
            {
                "name": "boots below 0",
                "epoch": epoch,
                "seq": 0,
                "boots": -1,
                "sizes": [20],
                "error": "OutOfRangeError",
            },
        ],
    }


if __name__ == "__main__":
    sys.exit(main())
