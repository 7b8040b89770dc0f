"""Write protocol/vectors/sealing.json.

python tools/make_sealing_vectors.py [--check]

Nothing of doumen_wire or doumen is imported: the values come from `hmac`, `hashlib` and `cryptography`'s own AES-CCM,
and those of RFC 3610 and RFC 5869 are held against the RFCs. --check only compares.
"""

import argparse
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESCCM
from rfc_vectors import RFC3610, RFC5869
from sealing_reference import COMMAND, LIVE, REPLY, device_keys, expand, mac, of_device, seal, session_of

FILE = Path(__file__).parents[1] / "protocol" / "vectors" / "sealing.json"
Case = dict[str, Any]
LIMIT = 1 << 20

SECRET, DEVICE_ID, EPOCH = bytes(range(32)), bytes(range(0x40, 0x48)), 1
CHECK = "cc136a48944d87a5f65e669d2bc5754cb3a38a2abac075a0160d863271ef12cd"
BOOTS, HANDSHAKES, RANDOM = 17, 3, bytes(range(0xB0, 0xC0))
HOST_NONCE = bytes(range(1, 17))
TIME_MS = 1_700_000_000_123


def main() -> int:
    parser = argparse.ArgumentParser(description="Write protocol/vectors/sealing.json.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if the file would change")
    check = parser.parse_args().check
    parts = {
        "rfc3610": rfc3610(),
        "rfc5869": rfc5869(),
        "provisioning": provisioning(),
        "rotate": rotate(),
        "handshake": [handshake()],
        "wrong_hellos": wrong_hellos(),
        "wrong_welcomes": wrong_welcomes(),
        "wrong_confirms": wrong_confirms(),
        "right": right(),
        "wrong": wrong(),
        "sequences": sequences(),
    }
    lines = []
    for part, cases in parts.items():
        rows = ",\n".join("  " + json.dumps(case) for case in cases)
        lines.append(f'"{part}": [\n{rows}\n]')
    text = "{\n" + ",\n".join(lines) + "\n}\n"
    if FILE.exists() and FILE.read_text() == text:
        return 0
    print(f"{FILE.name} {'differs' if check else 'written'}")
    if not check:
        FILE.write_text(text)
    return 1 if check else 0


# --- keys --------------------------------------------------------------------------------------------------


DEVICE_KEY = device_keys(SECRET, DEVICE_ID, EPOCH)[0]
OTHER_KEY = device_keys(SECRET, bytes(range(0x50, 0x58)), EPOCH)[0]


def rfc3610() -> list[Case]:
    cases = []
    for number, (key, nonce, header, text, sealed) in enumerate(RFC3610, 1):
        size = (len(sealed) - len(text)) // 2
        made = AESCCM(bytes.fromhex(key), size).encrypt(
            bytes.fromhex(nonce), bytes.fromhex(text), bytes.fromhex(header)
        )
        assert made.hex() == sealed, number
        cases.append(
            {
                "name": f"packet vector {number}",
                "key": key,
                "nonce": nonce,
                "header": header,
                "text": text,
                "tag": size,
                "sealed": sealed,
            }
        )
    return cases


def rfc5869() -> list[Case]:
    cases = []
    for number, (secret, salt, label, size, key, out) in enumerate(RFC5869, 1):
        assert mac(bytes.fromhex(salt), bytes.fromhex(secret)).hex() == key, number
        assert expand(bytes.fromhex(key), bytes.fromhex(label), size).hex() == out, number
        cases.append(
            {
                "name": f"test case {number}",
                "secret": secret,
                "salt": salt,
                "label": label,
                "size": size,
                "key": key,
                "out": out,
            }
        )
    return cases


def provisioning() -> list[Case]:
    cases = []
    for name, secret, device_id, epoch in (
        ("the check value", SECRET, DEVICE_ID, EPOCH),
        ("the next epoch", SECRET, DEVICE_ID, 2),
        ("the last epoch, of another device", bytes(reversed(SECRET)), bytes(range(0x50, 0x58)), 0xFFFF),
    ):
        device_key, chain_key, id_key = device_keys(secret, device_id, epoch)
        session = of_device(device_key, "session")
        cases.append(
            {
                "name": name,
                "secret": secret.hex(),
                "device_id": device_id.hex(),
                "epoch": epoch,
                "device_key": device_key.hex(),
                "chain_key": chain_key.hex(),
                "id_key": id_key.hex(),
                "session": session.hex(),
                "duty": of_device(device_key, "duty").hex(),
                "wipe": of_device(device_key, "wipe").hex(),
                "nonce": of_device(device_key, "nonce").hex(),
                "proof": mac(session, b"provisioned")[:16].hex(),
            }
        )
    assert cases[0]["device_key"] == CHECK
    return cases


def rotate() -> list[Case]:
    fresh = bytes(range(0x80, 0xA0))
    device_key = device_keys(fresh, DEVICE_ID, EPOCH + 1)[0]
    transcript = bytes.fromhex(handshake()["transcript"])
    proof = mac(of_device(device_key, "session"), b"rotate" + transcript)[:16]
    return [
        {
            "name": "epoch 2 in the session of the handshake",
            "secret": fresh.hex(),
            "device_id": DEVICE_ID.hex(),
            "epoch": EPOCH + 1,
            "device_key": device_key.hex(),
            "transcript": transcript.hex(),
            "proof": proof.hex(),
        }
    ]


# --- handshake ---------------------------------------------------------------------------------------------


def hello(min_version: int = 1, max_version: int = 1, suites: int = 1) -> bytes:
    return bytes([min_version, max_version, suites]) + HOST_NONCE


def welcome_head(version: int = 1, suite: int = 1, reserved: int = 0) -> bytes:
    seed = BOOTS.to_bytes(4, "little") + HANDSHAKES.to_bytes(4, "little") + RANDOM
    return bytes([version, suite, reserved]) + mac(of_device(DEVICE_KEY, "nonce"), seed)[:16]


def handshake() -> Case:
    transcript, keys, proof = session_of(DEVICE_KEY, hello(), welcome_head())
    return {
        "name": "a host and the device of the check value",
        "device_key": DEVICE_KEY.hex(),
        "host_nonce": HOST_NONCE.hex(),
        "boots": BOOTS,
        "handshakes": HANDSHAKES,
        "random": RANDOM.hex(),
        "hello": hello().hex(),
        "welcome": (welcome_head() + proof).hex(),
        "transcript": transcript.hex(),
        "command_key": keys[0].hex(),
        "reply_key": keys[1].hex(),
        "live_key": keys[2].hex(),
        "time_ms": TIME_MS,
        "confirm": seal(keys[0], COMMAND, 0, TIME_MS.to_bytes(8, "little")).hex(),
    }


def wrong_hellos() -> list[Case]:
    return [
        {"name": name, "hello": data.hex(), "error": error}
        for name, data, error in (
            ("only newer versions", hello(2, 3), "VersionError"),
            ("only an older version", hello(0, 0), "VersionError"),
            ("the suite is not offered", hello(suites=0x80), "SealError"),
            ("no suite at all", hello(suites=0), "SealError"),
            ("a byte short", hello()[:-1], "TruncatedError"),
            ("nothing", b"", "TruncatedError"),
        )
    ]


def wrong_welcomes() -> list[Case]:
    """What the host of the handshake above must not take; right in itself where the name says so."""

    def proven(key: bytes, offer: bytes, head: bytes) -> bytes:
        return head + session_of(key, offer, head)[2]

    good = proven(DEVICE_KEY, hello(), welcome_head())
    other_offer = hello()[:3] + bytes(reversed(HOST_NONCE))
    cases = [
        ("a bit of the device's nonce", flip(good, 3, 0), "SealError"),
        ("a bit of the proof", flip(good, 34, 7), "SealError"),
        ("a proof of zeros", good[:19] + bytes(16), "SealError"),
        ("the hello's own nonce for a proof", good[:19] + HOST_NONCE, "SealError"),
        ("another device's key", proven(OTHER_KEY, hello(), welcome_head()), "SealError"),
        ("an answer to another hello", proven(DEVICE_KEY, other_offer, welcome_head()), "SealError"),
        (
            "the host's highest version was taken away",
            proven(DEVICE_KEY, hello(0, 1), welcome_head()),
            "SealError",
        ),
        (
            "the offered suites were changed",
            proven(DEVICE_KEY, hello(suites=0x81), welcome_head()),
            "SealError",
        ),
        (
            "an older version than was offered",
            proven(DEVICE_KEY, hello(), welcome_head(version=0)),
            "VersionError",
        ),
        (
            "a newer version than was offered",
            proven(DEVICE_KEY, hello(), welcome_head(version=2)),
            "VersionError",
        ),
        ("an unsealed session", proven(DEVICE_KEY, hello(), welcome_head(suite=0x80)), "SealError"),
        ("both suites", proven(DEVICE_KEY, hello(), welcome_head(suite=0x81)), "SealError"),
        (
            "the reserved byte is used",
            proven(DEVICE_KEY, hello(), welcome_head(reserved=1)),
            "OutOfRangeError",
        ),
        ("a byte short", good[:-1], "TruncatedError"),
        ("a byte too long", good + b"\0", "TruncatedError"),
        ("the hello, reflected", hello(), "TruncatedError"),
    ]
    return [{"name": name, "welcome": data.hex(), "error": error} for name, data, error in cases]


def wrong_confirms() -> list[Case]:
    """What does not make the device of the handshake above obey."""
    _, keys, _ = session_of(DEVICE_KEY, hello(), welcome_head())
    foreign = session_of(DEVICE_KEY, hello()[:3] + bytes(16), welcome_head())[1]
    now = TIME_MS.to_bytes(8, "little")
    good = seal(keys[0], COMMAND, 0, now)
    cases = [
        ("a bit flipped", 0, flip(good, 0, 0)),
        ("counter 1", 1, seal(keys[0], COMMAND, 1, now)),
        ("counter 0 said, 1 sealed", 0, seal(keys[0], COMMAND, 1, now)),
        ("a reply's type", 0, seal(keys[0], REPLY, 0, now)),
        ("the key of replies", 0, seal(keys[1], COMMAND, 0, now)),
        ("another session's", 0, seal(foreign[0], COMMAND, 0, now)),
        ("another device's", 0, seal(session_of(OTHER_KEY, hello(), welcome_head())[1][0], COMMAND, 0, now)),
        ("nothing but a tag", 0, good[8:]),
        ("nothing", 0, b""),
    ]
    return [
        {"name": name, "counter": counter, "sealed": data.hex(), "error": "SealError"}
        for name, counter, data in cases
    ]


# --- packets -----------------------------------------------------------------------------------------------

KEYS = {COMMAND: bytes(range(0x10, 0x20)), REPLY: bytes(range(0x30, 0x40)), LIVE: bytes(range(0x60, 0x70))}


def flip(data: bytes, at: int, bit: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :]


def text(size: int) -> bytes:
    return (hashlib.sha256(b"doumen").digest() * (size // 32 + 1))[:size]


def right() -> list[Case]:
    def case(name: str, kind: int, counter: int, payload: bytes) -> Case:
        return {
            "name": name,
            "type": kind,
            "key": KEYS[kind].hex(),
            "counter": counter,
            "payload": payload.hex(),
            "sealed": seal(KEYS[kind], kind, counter, payload).hex(),
        }

    longest = 1792 - 5
    cases = [
        case("identify", COMMAND, 1, bytes.fromhex("010201")),
        case("a reply without payload", REPLY, 0, b""),
        case("live without payload", LIVE, 0, b""),
        case("all bytes of the counter differ", REPLY, 0x0A0B0C, text(20)),
        case("the last counter of a key", LIVE, LIMIT - 1, text(3)),
        case("the longest reply", REPLY, 5, text(longest - 16)),
        case("the longest live message", LIVE, 6, text(longest - 8)),
    ]
    # Around the places where whole blocks and pieces of 256 bytes end, with and without what stands in front.
    sizes = (1, 15, 16, 17, 31, 32, 223, 224, 225, 239, 240, 241, 255, 256, 257, 480, 496, 512, 752)
    return cases + [case(f"{size} bytes", REPLY, size, text(size)) for size in sizes]


def wrong() -> list[Case]:
    payload, counter = text(37), 300
    good = seal(KEYS[REPLY], REPLY, counter, payload)

    def case(name: str, kind: int, at: int, sealed: bytes) -> Case:
        return {
            "name": name,
            "type": kind,
            "key": KEYS[kind].hex(),
            "counter": at,
            "sealed": sealed.hex(),
            "error": "SealError",
        }

    foreign = session_of(DEVICE_KEY, hello(), welcome_head())[1][1]
    live = seal(KEYS[LIVE], LIVE, counter, payload)
    return [
        case("the first bit of the ciphertext", REPLY, counter, flip(good, 0, 0)),
        case("the last bit of the ciphertext", REPLY, counter, flip(good, 36, 7)),
        case("the first bit of the tag", REPLY, counter, flip(good, 37, 0)),
        case("the last bit of the tag", REPLY, counter, flip(good, 52, 7)),
        case("a bit of the counter", REPLY, counter ^ 1, good),
        case("the counter's highest bit in use", REPLY, counter ^ 1 << 19, good),
        case("a bit of the type: a reply as live", LIVE, counter, good),
        case("live as a reply", REPLY, counter, live),
        case("a byte short", REPLY, counter, good[:-1]),
        case("the first byte cut off", REPLY, counter, good[1:]),
        case("a byte too long", REPLY, counter, good + b"\0"),
        case("a byte in front", REPLY, counter, b"\0" + good),
        case("half of the tag", REPLY, counter, good[:-8]),
        case("only the tag", REPLY, counter, good[37:]),
        case("a byte less than a tag", REPLY, counter, good[-15:]),
        case("nothing", REPLY, counter, b""),
        case("zeros", REPLY, counter, bytes(53)),
        case("the payload, unsealed", REPLY, counter, payload),
        case("longer than any packet", REPLY, counter, seal(KEYS[REPLY], REPLY, counter, text(1793))),
        case(
            "a tag of 8 where 16 are due",
            REPLY,
            counter,
            AESCCM(KEYS[REPLY], 8).encrypt(
                b"\x81" + bytes(8) + counter.to_bytes(4, "big"),
                payload,
                b"\x81" + counter.to_bytes(4, "little"),
            ),
        ),
        case("a command, reflected", REPLY, counter, seal(KEYS[COMMAND], COMMAND, counter, payload)),
        case("a command's type under this key", REPLY, counter, seal(KEYS[REPLY], COMMAND, counter, payload)),
        case("this type under a command's key", REPLY, counter, seal(KEYS[COMMAND], REPLY, counter, payload)),
        case("another session's", REPLY, counter, seal(foreign, REPLY, counter, payload)),
        case("more packets than a key may seal", REPLY, LIMIT, seal(KEYS[REPLY], REPLY, LIMIT, payload)),
        case("the counter of another packet", REPLY, counter, seal(KEYS[REPLY], REPLY, counter + 1, payload)),
    ]


def sequences() -> list[Case]:
    """Packets in the order of their arrival; payload null: it must not open. lost, failed: counts at the end."""

    def case(name: str, lost: int, failed: int, *steps: tuple[int, str]) -> Case:
        rows = []
        for counter, what in steps:
            payload = b"packet %d" % counter
            sealed = seal(KEYS[REPLY], REPLY, counter, payload)
            rows.append(
                {
                    "counter": counter,
                    "sealed": (flip(sealed, 2, 3) if what == "forged" else sealed).hex(),
                    "payload": payload.hex() if what == "opens" else None,
                }
            )
        return {
            "name": name,
            "type": REPLY,
            "key": KEYS[REPLY].hex(),
            "steps": rows,
            "lost": lost,
            "failed": failed,
        }

    return [
        case("one after the other", 0, 0, (0, "opens"), (1, "opens"), (2, "opens")),
        case("gaps", 5 + 999 + 1, 0, (5, "opens"), (6, "opens"), (1006, "opens"), (1008, "opens")),
        case("a replay", 0, 1, (0, "opens"), (0, "refused"), (1, "opens")),
        case("an old packet again, later", 0, 1, (0, "opens"), (1, "opens"), (2, "opens"), (0, "refused")),
        case("two that changed places", 1, 1, (0, "opens"), (2, "opens"), (1, "refused"), (3, "opens")),
        case(
            "a forged high counter moves nothing",
            0,
            1,
            (0, "opens"),
            (LIMIT - 1, "forged"),
            (1, "opens"),
        ),
        case("a forgery, then the packet itself", 0, 1, (0, "opens"), (1, "forged"), (1, "opens")),
        case("many forgeries", 0, 4, *[(0, "forged")] * 4, (0, "opens")),
    ]


if __name__ == "__main__":
    sys.exit(main())
