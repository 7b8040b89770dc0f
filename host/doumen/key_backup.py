"""Keys on paper: printable lines, sealed under a passphrase, each with a check of its own.

    1/8 ABCD EFGH ... MNOP-QRST

Blob: 01 | log2 of scrypt's n u8 | salt 16 | nonce 12 | AES-256-GCM of the epochs, 112 bytes each. A typing mistake
is found by its line; letters and digits are those of RFC 4648's base32, which has neither 0, 1, 8 nor 9.
"""

import base64
import os
import struct
import unicodedata
import zlib

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from doumen.errors import ConfigError
from doumen.keys import Devices, EpochKeys

_LABEL = b"doumen/1 backup"
_FORMAT = 1
_COST = 16  # scrypt with n = 2^16, r = 8: 64 MiB and a quarter of a second for each guess
_HEAD = 1 + 1 + 16 + 12
_EPOCH = struct.Struct("<8sH32sI32sH32s")
_LINE = 30
_SHORTEST_PASSPHRASE = 8


def backup(devices: Devices, passphrase: str) -> list[str]:
    """Lines to print. Raises ConfigError if the passphrase is too short to be one."""
    if len(passphrase) < _SHORTEST_PASSPHRASE:
        raise ConfigError(
            f"a passphrase has at least {_SHORTEST_PASSPHRASE} characters; several words are best"
        )
    plain = b"".join(
        _EPOCH.pack(bytes.fromhex(name), epoch, keys.device_key, *keys.log, *keys.ids)
        for name, epochs in devices.items()
        for epoch, keys in epochs.items()
    )
    head = bytes([_FORMAT, _COST]) + os.urandom(28)
    blob = head + AESGCM(_key(passphrase, head[2:18], _COST)).encrypt(head[18:], plain, _LABEL + head)
    pieces = [blob[at : at + _LINE] for at in range(0, len(blob), _LINE)]
    return [_line(number, len(pieces), piece) for number, piece in enumerate(pieces, 1)]


def restore(lines: list[str], passphrase: str) -> Devices:
    """What was backed up; empty lines, order and upper or lower case do not matter.

    Raises ConfigError: which line is wrong or missing, or that the passphrase does not fit.
    """
    pieces: dict[int, bytes] = {}
    total = 0
    for line in filter(None, (line.strip() for line in lines)):
        number, of, piece = _read(line)
        if total not in (0, of):
            raise ConfigError(f"line {number}/{of} belongs to another backup")
        pieces[number], total = piece, of
    missing = [str(number) for number in range(1, total + 1) if number not in pieces]
    if missing or not total:
        raise ConfigError(f"lines are missing: {', '.join(missing) or 'all'}")
    blob = b"".join(pieces[number] for number in range(1, total + 1))
    head = blob[:_HEAD]
    if len(blob) < _HEAD or head[0] != _FORMAT or head[1] != _COST:
        raise ConfigError("this backup was made by another version; restore it with that one")
    try:
        key = _key(passphrase, head[2:18], head[1])
        plain = AESGCM(key).decrypt(head[18:], blob[_HEAD:], _LABEL + head)
    except InvalidTag:
        raise ConfigError("the passphrase does not fit these lines; mind upper and lower case") from None
    devices: Devices = {}
    for device_id, epoch, device_key, seq, chain_key, day, id_key in _EPOCH.iter_unpack(plain):
        keys = EpochKeys(device_key, (seq, chain_key), (day, id_key))
        devices.setdefault(device_id.hex(), {})[epoch] = keys
    return devices


def _key(passphrase: str, salt: bytes, cost: int) -> bytes:
    # One spelling of every character: keyboards compose ü in two ways.
    spelt = unicodedata.normalize("NFKC", passphrase).encode()
    return Scrypt(salt=salt, length=32, n=1 << cost, r=8, p=1).derive(spelt)


def _check(number: int, total: int, piece: bytes) -> str:
    checked = zlib.crc32(struct.pack("<HH", number, total) + piece)
    return base64.b32encode(struct.pack("<I", checked))[:4].decode()


def _line(number: int, total: int, piece: bytes) -> str:
    letters = base64.b32encode(piece).decode().rstrip("=")
    groups = " ".join(letters[at : at + 4] for at in range(0, len(letters), 4))
    return f"{number}/{total} {groups}-{_check(number, total, piece)}"


def _read(line: str) -> tuple[int, int, bytes]:
    label, _, rest = line.partition(" ")
    letters, _, check = rest.upper().replace(" ", "").rpartition("-")
    try:
        number, total = (int(part) for part in label.split("/"))
        piece = base64.b32decode(letters + "=" * (-len(letters) % 8))
        is_right = 1 <= number <= total <= 0xFFFF and _check(number, total, piece) == check
    except ValueError:
        is_right, number, total, piece = False, 0, 0, b""
    if not is_right:
        raise ConfigError(f"line {label} is mistyped; compare it letter by letter with the paper")
    return number, total, piece
