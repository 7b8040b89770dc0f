"""The host's AES, and the file that holds every device's keys.

    keys = KeyFile(path)
    keys.add("4041424344454647", 1, EpochKeys(device_key, log=(0, chain_key), ids=(day, id_key)))
    which = handshake.read_welcome(welcome, [each.device_key for each in keys.candidates()])

A lost file means badges that nobody can read any more: see `doumen.key_backup`. Nothing here shows a key in
a repr, a message or a traceback. One program at a time may write the file.
"""

import json
import os
import secrets
import stat
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from doumen.errors import ConfigError
from doumen_wire import sealing

_FORMAT = 1
# Windows knows no such modes; there a file in the user's profile is the user's.
_HAS_MODES = os.name != "nt"


class Aes(sealing.Aes):
    """AES-128 of `cryptography` as the wire's CCM wants it."""

    def __init__(self, key: bytes) -> None:
        self._ecb = Cipher(algorithms.AES128(key), modes.ECB()).encryptor()
        self._cbc = Cipher(algorithms.AES128(key), modes.CBC(bytes(16))).encryptor()

    def ecb(self, source: memoryview, target: bytearray) -> None:
        target[: len(source)] = self._ecb.update(source)

    def cbc(self, source: memoryview, target: bytearray) -> None:
        target[: len(source)] = self._cbc.update(source)

    def xor(self, target: bytearray, at: int, source: bytes | bytearray, start: int, count: int) -> None:
        one = int.from_bytes(target[at : at + count], "little")
        other = int.from_bytes(source[start : start + count], "little")
        target[at : at + count] = (one ^ other).to_bytes(count, "little")


@dataclass(frozen=True, slots=True, repr=False)
class EpochKeys:
    """What the host keeps of one epoch of a device.

    log: (number of a block, the chain's key at that block); ids: (day since 1970, the badge id's key of that day).
    Both are checkpoints: older keys can not be computed from them.
    """

    device_key: bytes
    log: tuple[int, bytes]
    ids: tuple[int, bytes]

    def __post_init__(self) -> None:
        if {len(self.device_key), len(self.log[1]), len(self.ids[1])} != {32}:
            raise ConfigError("a key has 32 bytes")
        if not (0 <= self.log[0] <= 0xFFFFFFFF and 0 <= self.ids[0] <= 0xFFFF):
            raise ConfigError("a checkpoint's number is out of range")

    def __repr__(self) -> str:
        return f"EpochKeys(device_key=***, log=({self.log[0]}, ***), ids=({self.ids[0]}, ***))"


class Candidate(NamedTuple):
    """A device key that a handshake may turn out to be made with."""

    device_id: str
    epoch: int
    device_key: bytes

    def __repr__(self) -> str:
        return f"Candidate({self.device_id!r}, {self.epoch}, ***)"


Devices = dict[str, dict[int, EpochKeys]]


class KeyFile:
    """The keys of all devices in one file that only its owner may read, replaced whole or not at all.

    Every method reads the file anew and raises ConfigError if it is open to others or damaged.
    device_id: 16 hexadecimal digits.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def __repr__(self) -> str:
        return f"KeyFile({str(self._path)!r})"

    def load(self) -> Devices:
        """Epochs by device; nothing if there is no file yet."""
        try:
            with self._path.open("rb") as file:
                self._refuse_other_modes(os.fstat(file.fileno()))
                content = file.read()
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise ConfigError(f"{self._path}: {error.strerror}") from error
        try:
            return _parse(content)
        except (ValueError, TypeError, KeyError, AttributeError, ConfigError):
            # The cause stays out of it: a traceback must not quote the file.
            raise ConfigError(
                f"{self._path}: not a key file of this version; restore it from its backup"
            ) from None

    def save(self, devices: Devices) -> None:
        """Replace the file: after a power cut there is the old one or the new one."""
        if self._path.exists():
            self._refuse_other_modes(self._path.stat())
        new = self._path.with_name(f".{self._path.name}.{secrets.token_hex(4)}")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(_written(devices))
                file.flush()
                os.fsync(file.fileno())
            new.replace(self._path)
            self._sync_folder()
        except OSError as error:
            raise ConfigError(f"{self._path}: cannot be written: {error.strerror}") from error
        finally:
            with suppress(OSError):
                new.unlink(missing_ok=True)

    def candidates(self, first: Sequence[str] = ()) -> list[Candidate]:
        """Every device key, newest epochs first, those of the devices `first` before all others."""
        devices = self.load()
        ordered = [name for name in first if name in devices]
        ordered += [name for name in devices if name not in ordered]
        return [
            Candidate(name, epoch, devices[name][epoch].device_key)
            for name in ordered
            for epoch in sorted(devices[name], reverse=True)
        ]

    def add(self, device_id: str, epoch: int, keys: EpochKeys) -> None:
        """Keep a new epoch beside the old ones. Raises ConfigError rather than overwrite another key."""
        devices = self.load()
        known = devices.setdefault(_device_id(device_id), {}).setdefault(_epoch(epoch), keys)
        if known.device_key != keys.device_key:
            raise ConfigError(
                f"{device_id}: there is another key of epoch {epoch}; adopt it with the next epoch or forget it"
            )
        self.save(devices)

    def advance(
        self,
        device_id: str,
        epoch: int,
        *,
        log: tuple[int, bytes] | None = None,
        ids: tuple[int, bytes] | None = None,
    ) -> None:
        """Move checkpoints forward; the keys before them are forgotten. Raises ConfigError for a step back."""
        devices = self.load()
        known = devices.get(device_id, {}).get(epoch)
        if known is None:
            raise ConfigError(f"{device_id}: there is no key of epoch {epoch}")
        moved = replace(known, log=log or known.log, ids=ids or known.ids)
        if moved.log[0] < known.log[0] or moved.ids[0] < known.ids[0]:
            raise ConfigError(f"{device_id}: a checkpoint never goes back")
        devices[device_id][epoch] = moved
        self.save(devices)

    def forget(self, device_id: str, epoch: int | None = None) -> None:
        """Forget a device or one epoch of it: what it sealed and was not read is lost. Unknown ones: no error."""
        devices = self.load()
        if epoch is not None:
            devices.get(device_id, {}).pop(epoch, None)
        if epoch is None or not devices.get(device_id):
            devices.pop(device_id, None)
        self.save(devices)

    def _refuse_other_modes(self, found: os.stat_result) -> None:
        mode = stat.S_IMODE(found.st_mode)
        if _HAS_MODES and mode != 0o600:
            raise ConfigError(f"{self._path}: its mode is {mode:o}, others may have read it; chmod 600 it")

    def _sync_folder(self) -> None:
        if _HAS_MODES:
            folder = os.open(self._path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)


def _device_id(text: str) -> str:
    if len(text) != 16 or not set(text) <= set("0123456789abcdef"):
        raise ConfigError(f"{text}: a device id has 16 hexadecimal digits")
    return text


def _epoch(number: int) -> int:
    if not 0 <= number <= 0xFFFF:
        raise ConfigError(f"epoch {number} is out of range")
    return number


def _written(devices: Devices) -> bytes:
    content = {
        name: {
            str(epoch): {
                "device_key": keys.device_key.hex(),
                "log": [keys.log[0], keys.log[1].hex()],
                "ids": [keys.ids[0], keys.ids[1].hex()],
            }
            for epoch, keys in epochs.items()
        }
        for name, epochs in devices.items()
    }
    return json.dumps({"format": _FORMAT, "devices": content}, indent=1).encode()


def _parse(content: bytes) -> Devices:
    read: Any = json.loads(content)
    if read["format"] != _FORMAT:
        raise ValueError("format")
    devices: Devices = {}
    for name, epochs in read["devices"].items():
        kept = devices.setdefault(_device_id(name), {})
        for epoch, keys in epochs.items():
            kept[_epoch(int(epoch))] = EpochKeys(
                bytes.fromhex(keys["device_key"]),
                (int(keys["log"][0]), bytes.fromhex(keys["log"][1])),
                (int(keys["ids"][0]), bytes.fromhex(keys["ids"][1])),
            )
    return devices
