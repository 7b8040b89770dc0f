"""The handshake of a sealed session, the device's side and what both share; `host_handshake` is the other side.

Without input and output, clock or randomness: these are the caller's.

    host    hello   = HostHandshake(16 random bytes, Aes).hello                    -> HELLO
    device  welcome = DeviceHandshake(...).on_hello(hello, 16 random bytes)        -> WELCOME
    host    which = read_welcome(welcome, device_keys); session, counter, sealed = confirm(now)   -> 0x80
    device  session, time_ms = on_confirm(counter, sealed)

The device names nobody: the host tries its keys. Until CONFIRM opens, the device has no new session, obeys
nothing of it and keeps the one before; the caller drops an attempt after five seconds.
"""

import hashlib
import struct

from doumen_wire import keys, messages, sealing
from doumen_wire.errors import OutOfRangeError, SealError, TruncatedError, VersionError
from doumen_wire.layout import Layout

SUITE_SEALED = 0x01  # bit 0: AES-128-CCM, HKDF-SHA256
CONFIRM_FIELDS = Layout("confirm", ("time_ms", "Q", 0, 4102444800000))

_LABEL = b"doumen/1 hello"
_HELLO = b"\x01"  # the types of the two packets are part of the transcript
_WELCOME = b"\x02"
PROVEN = 19  # version, suite, reserved, nonce: what stands before the proof in a WELCOME


class DeviceSession:
    """What a device opens and seals with; commands, replies and live have the other side's types."""

    def __init__(
        self,
        session_keys: "tuple[bytes, ...]",
        transcript: bytes,
        new_aes: "type[sealing.Aes]",
        scratch: sealing.Scratch,
    ) -> None:
        self.transcript = transcript
        self.commands = sealing.Opener(sealing.SEALED_COMMAND, session_keys[0], new_aes, scratch)
        self.replies = sealing.Sealer(sealing.SEALED_REPLY, session_keys[1], new_aes, scratch)
        self.live = sealing.Sealer(sealing.SEALED_LIVE, session_keys[2], new_aes, scratch)


def transcript_of(hello: bytes, welcome: bytes) -> bytes:
    """32 bytes that cover all that was offered and chosen: payloads of HELLO and WELCOME, the proof left out."""
    return hashlib.sha256(_LABEL + _HELLO + hello + _WELCOME + welcome[:PROVEN]).digest()


class DeviceHandshake:
    """A device's side: at most one attempt stands beside the session that there is.

    boots: starts of the device, which with its own count of handshakes makes nonces that cannot come twice
    even where randomness is weak (an ESP32 whose radio is off).
    """

    def __init__(
        self,
        device_key: bytes,
        boots: int,
        new_aes: "type[sealing.Aes]",
        scratch: sealing.Scratch,
        min_version: int = messages.VERSION,
    ) -> None:
        self._secret = keys.derived(device_key, keys.SESSION)
        self._nonce_key = keys.derived(device_key, keys.NONCE)
        self._boots = boots
        self._handshakes = 0
        self._new_aes = new_aes
        self._scratch = scratch
        self._min_version = min_version
        self._pending: DeviceSession | None = None

    @property
    def is_pending(self) -> bool:
        """Whether a host has still to confirm."""
        return self._pending is not None

    def drop(self) -> None:
        """Give the attempt up: nobody confirmed it in time."""
        self._pending = None

    def on_hello(self, hello: bytes, random: bytes) -> bytes:
        """The WELCOME's payload. random: 16 bytes, as good as the device has them.

        The attempt before it is dropped, the session is not. A hello that is refused changes nothing.
        Raises VersionError, SealError if it does not offer this suite, TruncatedError.
        """
        fields = messages.HELLO_FIELDS.unpack(hello, exact=False)
        version = messages.choose_version(fields["min_version"], fields["max_version"])
        if version < self._min_version:
            raise VersionError(f"version {version} is not spoken any more")
        if not fields["suites"] & SUITE_SEALED:
            raise SealError("no suite in common")
        nonce = keys.hmac(self._nonce_key, struct.pack("<II", self._boots, self._handshakes), random)[:16]
        self._handshakes += 1
        head = bytes([version, SUITE_SEALED, 0]) + nonce
        transcript = transcript_of(hello, head)
        session_keys = keys.session_keys(self._secret, transcript)
        self._pending = DeviceSession(session_keys, transcript, self._new_aes, self._scratch)
        return head + keys.hmac(session_keys[3], b"device")[:16]

    def on_confirm(self, counter: int, sealed: bytes) -> "tuple[DeviceSession, int]":
        """(the session that now takes the place of the one before, the host's time).

        To be called with every 0x80 packet of counter 0: the session before has had its own.
        Raises SealError; what does not open leaves the attempt as it is, for anybody can send it.
        """
        session = self._pending
        if session is None or counter != 0:
            raise SealError("a packet does not open")
        text = session.commands.open(counter, sealed)
        self._pending = None
        time_ms = None
        try:
            time_ms = CONFIRM_FIELDS.unpack(text)["time_ms"]
        except (TruncatedError, OutOfRangeError):
            pass
        if time_ms is None:
            raise SealError("a packet does not open")
        return session, time_ms
