"""The host's side of a handshake; `handshake` has the other side and says how they meet. No device imports it."""

from doumen_wire import keys, messages
from doumen_wire.errors import SealError, VersionError
from doumen_wire.handshake import CONFIRM_FIELDS, PROVEN, SUITE_SEALED, transcript_of
from doumen_wire.sealing import SEALED_COMMAND, SEALED_LIVE, SEALED_REPLY, Aes, Opener, Scratch, Sealer


class HostSession:
    """What a host seals and opens with. transcript: what rotation proofs are bound to."""

    def __init__(self, session_keys: "tuple[bytes, ...]", transcript: bytes, new_aes: "type[Aes]") -> None:
        scratch = Scratch()
        self.transcript = transcript
        self.commands = Sealer(SEALED_COMMAND, session_keys[0], new_aes, scratch)
        self.replies = Opener(SEALED_REPLY, session_keys[1], new_aes, scratch)
        self.live = Opener(SEALED_LIVE, session_keys[2], new_aes, scratch)


class HostHandshake:
    """One attempt of a host. nonce: 16 random bytes, new for each. min_version: the lowest it still accepts."""

    def __init__(self, nonce: bytes, new_aes: "type[Aes]", min_version: int = messages.VERSION) -> None:
        self._new_aes = new_aes
        self._min_version = min_version
        self._session: HostSession | None = None
        self.hello = messages.HELLO_FIELDS.pack(
            min_version=min_version, max_version=messages.VERSION, suites=SUITE_SEALED, nonce=nonce
        )

    def read_welcome(self, welcome: bytes, device_keys: "list[bytes]") -> int:
        """Which of these device keys proved itself, by its place; the likeliest first saves time.

        A welcome that is wrong changes nothing: the right one may still come.
        Raises SealError if it is nobody's, VersionError, TruncatedError, OutOfRangeError.
        """
        fields = messages.WELCOME_FIELDS.unpack_mixed(welcome)
        version = fields["version"]
        if not isinstance(version, int) or not self._min_version <= version <= messages.VERSION:
            raise VersionError(f"version {version} was not offered")
        if fields["suite"] != SUITE_SEALED:
            raise SealError("an unsealed session was not offered")
        transcript = transcript_of(self.hello, welcome)
        for place in range(len(device_keys)):
            secret = keys.derived(device_keys[place], keys.SESSION)
            session_keys = keys.session_keys(secret, transcript)
            if keys.same(keys.hmac(session_keys[3], b"device")[:16], welcome[PROVEN:]):
                self._session = HostSession(session_keys, transcript, self._new_aes)
                return place
        raise SealError("no key of ours fits this device")

    def confirm(self, time_ms: int) -> "tuple[HostSession, int, bytes]":
        """(session, counter and payload of the CONFIRM packet). If no answer comes: a new handshake.

        Raises SealError before a welcome was read, OutOfRangeError.
        """
        fields = CONFIRM_FIELDS.pack(time_ms=time_ms)
        session = self._session
        if session is None:
            raise SealError("nobody has proved a key yet")
        self._session = None  # one CONFIRM a session: a second one would seal another time under counter 1
        counter, sealed = session.commands.seal(fields)
        return session, counter, sealed
