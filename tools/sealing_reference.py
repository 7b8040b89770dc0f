"""Keys and sealed packets a second time, from `hmac` and `cryptography`: what the golden vectors are made with."""

import hashlib
import hmac

from cryptography.hazmat.primitives.ciphers.aead import AESCCM

COMMAND, REPLY, LIVE = 0x80, 0x81, 0x82


def mac(key: bytes, message: bytes) -> bytes:
    return hmac.new(key, message, hashlib.sha256).digest()


def expand(key: bytes, label: bytes, size: int) -> bytes:
    out = block = b""
    for number in range(1, -(-size // 32) + 1):
        block = mac(key, block + label + bytes([number]))
        out += block
    return out[:size]


def device_keys(secret: bytes, device_id: bytes, epoch: int) -> tuple[bytes, bytes, bytes]:
    key = mac(device_id + epoch.to_bytes(2, "little"), secret)
    return (
        expand(key, b"doumen/1 device", 32),
        expand(key, b"doumen/1 log", 32),
        expand(key, b"doumen/1 badge-id", 32),
    )


def of_device(device_key: bytes, purpose: str) -> bytes:
    return expand(device_key, b"doumen/1 " + purpose.encode(), 32)


def session_of(device_key: bytes, hello: bytes, welcome_head: bytes) -> tuple[bytes, list[bytes], bytes]:
    """(transcript, keys of commands, replies and live data, proof); both without their packets' type."""
    transcript = hashlib.sha256(b"doumen/1 hello\x01" + hello + b"\x02" + welcome_head).digest()
    keys = expand(mac(transcript, of_device(device_key, "session")), b"doumen/1 keys", 80)
    return transcript, [keys[:16], keys[16:32], keys[32:48]], mac(keys[48:], b"device")[:16]


def seal(key: bytes, kind: int, counter: int, payload: bytes) -> bytes:
    header = bytes([kind]) + counter.to_bytes(4, "little")
    nonce = bytes([kind]) + bytes(8) + counter.to_bytes(4, "big")
    return AESCCM(key, 8 if kind == LIVE else 16).encrypt(nonce, payload, header)
