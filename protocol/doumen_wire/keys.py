"""Keys: HMAC and HKDF with SHA-256, and what both sides derive from one secret at adoption (SPEC.md, Sealing).

ESP32's MicroPython has hashlib and no hmac. Source: RFC 2104, RFC 5869.
"""

import hashlib
import struct

from doumen_wire.errors import OutOfRangeError

# What a device key is stretched into, one label each.
SESSION = b"doumen/1 session"
DUTY = b"doumen/1 duty"
WIPE = b"doumen/1 wipe"
NONCE = b"doumen/1 nonce"

_BLOCK = 64
_DIGEST = 32
_INNER = int.from_bytes(b"\x36" * _BLOCK, "big")
_OUTER = int.from_bytes(b"\x5c" * _BLOCK, "big")


def hmac(key: bytes, *parts: bytes) -> bytes:
    """HMAC-SHA256 of the parts, joined: 32 bytes."""
    if len(key) > _BLOCK:
        key = hashlib.sha256(key).digest()
    padded = int.from_bytes(key + bytes(_BLOCK - len(key)), "big")
    inner = hashlib.sha256((padded ^ _INNER).to_bytes(_BLOCK, "big"))
    for part in parts:
        inner.update(part)
    outer = hashlib.sha256((padded ^ _OUTER).to_bytes(_BLOCK, "big"))
    outer.update(inner.digest())
    return outer.digest()


def extract(salt: bytes, secret: bytes) -> bytes:
    """HKDF's first step: a key of 32 bytes from a secret."""
    return hmac(salt, secret)


def expand(key: bytes, label: bytes, size: int) -> bytes:
    """HKDF's second step: so many bytes for one purpose. Raises OutOfRangeError beyond 255 digests."""
    if not 0 <= size <= 255 * _DIGEST:
        raise OutOfRangeError(f"{size} bytes of key")
    block = out = b""
    number = 0
    while len(out) < size:
        number += 1
        block = hmac(key, block, label, bytes([number]))
        out += block
    return out[:size]


def provision(secret: bytes, device_id: bytes, epoch: int) -> "tuple[bytes, bytes, bytes]":
    """(device key, first key of the log's chain, first key of the badge id's chain) of one epoch.

    secret: 32 random bytes that both sides forget after this call. device_id: 8 bytes.
    Raises OutOfRangeError.
    """
    if len(secret) != 32 or len(device_id) != 8 or not 0 <= epoch <= 0xFFFF:
        raise OutOfRangeError("a secret of 32 bytes, a device id of 8 and an epoch below 65536 are due")
    key = extract(device_id + struct.pack("<H", epoch), secret)
    return (
        expand(key, b"doumen/1 device", 32),
        expand(key, b"doumen/1 log", 32),
        expand(key, b"doumen/1 badge-id", 32),
    )


def derived(device_key: bytes, label: bytes) -> bytes:
    """The device key's own key for SESSION, DUTY, WIPE or NONCE."""
    return expand(device_key, label, 32)


def provisioned_proof(device_key: bytes) -> bytes:
    """16 bytes by which a device shows that it took the keys."""
    return hmac(derived(device_key, SESSION), b"provisioned")[:16]


def rotation_proof(new_device_key: bytes, transcript: bytes) -> bytes:
    """16 bytes by which a device shows that it holds the next epoch's key; good in this session only."""
    return hmac(derived(new_device_key, SESSION), b"rotate", transcript)[:16]


def session_keys(session_secret: bytes, transcript: bytes) -> "tuple[bytes, bytes, bytes, bytes]":
    """(key of commands, key of replies, key of live data, key of the device's proof) of one handshake."""
    keys = expand(extract(transcript, session_secret), b"doumen/1 keys", 80)
    return keys[:16], keys[16:32], keys[32:48], keys[48:]


def same(one: bytes, other: bytes) -> bool:
    """Whether two byte strings are equal, in a time that depends on nothing but their length."""
    if len(one) != len(other):
        return False
    difference = 0
    for i in range(len(one)):
        difference |= one[i] ^ other[i]
    return difference == 0
