"""The handshake against the golden vectors, and what neither side lets itself be talked into."""

from golden import cases, error_of
from sealing_tools import Aes, both_sides, golden_device, unhexed

from doumen_wire.handshake import DeviceHandshake, transcript_of
from doumen_wire.host_handshake import HostHandshake
from doumen_wire.sealing import Opener, Scratch

OTHER = bytes(range(32))


def test_both_sides_say_the_golden_bytes():
    case, device = golden_device()
    hello, welcome, nonce, random, device_key = unhexed(
        case, "hello", "welcome", "host_nonce", "random", "device_key"
    )
    host = HostHandshake(nonce, Aes)
    assert host.hello == hello
    assert device.on_hello(hello, random) == welcome
    assert host.read_welcome(welcome, [OTHER, device_key]) == 1
    session, counter, sealed = host.confirm(case["time_ms"])
    assert (counter, sealed) == (0, bytes.fromhex(case["confirm"]))
    established, time_ms = device.on_confirm(counter, sealed)
    assert time_ms == case["time_ms"]
    transcript = bytes.fromhex(case["transcript"])
    assert session.transcript == established.transcript == transcript == transcript_of(hello, welcome)


def test_each_stream_has_the_golden_key_of_its_direction():
    case, device = golden_device()
    device.on_hello(*unhexed(case, "hello", "random"))
    session, _ = device.on_confirm(0, bytes.fromhex(case["confirm"]))
    for stream, name in ((session.replies, "reply_key"), (session.live, "live_key")):
        fresh = Opener(stream.type, bytes.fromhex(case[name]), Aes, Scratch())
        assert fresh.open(*stream.seal(b"abc")) == b"abc", name
    command_key = bytes.fromhex(case["command_key"])
    assert Opener(0x80, command_key, Aes, Scratch()).open(0, bytes.fromhex(case["confirm"]))


def test_a_session_carries_packets_both_ways():
    host, device = both_sides()
    for i in range(3):
        assert device.commands.open(*host.commands.seal(b"read")) == b"read"
        assert host.replies.open(*device.replies.seal(b"block")) == b"block"
        assert host.live.open(*device.live.seal(b"subpage")) == b"subpage"
        assert (host.commands.counter, device.replies.counter) == (i + 2, i + 1)


def test_wrong_hellos_are_refused_and_leave_an_attempt_alone():
    case, device = golden_device()
    device.on_hello(*unhexed(case, "hello", "random"))
    for wrong in cases("sealing", "wrong_hellos"):
        assert error_of(device.on_hello, bytes.fromhex(wrong["hello"]), bytes(16)) == wrong["error"], wrong[
            "name"
        ]
    assert device.on_confirm(0, bytes.fromhex(case["confirm"]))[1] == case["time_ms"]


def test_wrong_welcomes_are_refused_and_the_right_one_still_counts():
    case, _ = golden_device()
    device_key, nonce, welcome = unhexed(case, "device_key", "host_nonce", "welcome")
    host = HostHandshake(nonce, Aes)
    for wrong in cases("sealing", "wrong_welcomes"):
        error = error_of(host.read_welcome, bytes.fromhex(wrong["welcome"]), [device_key])
        assert error == wrong["error"], wrong["name"]
        assert error_of(host.confirm, 0) == "SealError", wrong["name"]
    assert host.read_welcome(welcome, [device_key]) == 0


def test_wrong_confirms_make_nobody_obey_and_the_right_one_still_counts():
    case, device = golden_device()
    device.on_hello(*unhexed(case, "hello", "random"))
    for wrong in cases("sealing", "wrong_confirms"):
        error = error_of(device.on_confirm, wrong["counter"], bytes.fromhex(wrong["sealed"]))
        assert error == wrong["error"], wrong["name"]
        assert device.is_pending, wrong["name"]
    assert device.on_confirm(0, bytes.fromhex(case["confirm"]))[1] == case["time_ms"]


def test_every_flipped_bit_of_hello_or_welcome_ends_the_handshake():
    case, _ = golden_device()
    device_key, nonce, hello, welcome, random = unhexed(
        case, "device_key", "host_nonce", "hello", "welcome", "random"
    )
    device = DeviceHandshake(device_key, 1, Aes, Scratch())
    for bit in range(8 * len(hello)):
        flipped = bytearray(hello)
        flipped[bit // 8] ^= 1 << bit % 8
        host = HostHandshake(nonce, Aes)
        try:
            answer = device.on_hello(bytes(flipped), random)
        except Exception:  # noqa: BLE001  # refused: as good
            continue
        assert error_of(host.read_welcome, answer, [device_key]) == "SealError", bit
    host = HostHandshake(nonce, Aes)
    for bit in range(8 * len(welcome)):
        flipped = bytearray(welcome)
        flipped[bit // 8] ^= 1 << bit % 8
        error = error_of(host.read_welcome, bytes(flipped), [device_key])
        assert error in ("SealError", "VersionError", "OutOfRangeError"), bit


def test_a_confirm_is_taken_once():
    case, device = golden_device()
    confirm = bytes.fromhex(case["confirm"])
    assert error_of(device.on_confirm, 0, confirm) == "SealError"
    device.on_hello(*unhexed(case, "hello", "random"))
    session, _ = device.on_confirm(0, confirm)
    assert not device.is_pending
    assert error_of(device.on_confirm, 0, confirm) == "SealError"
    assert error_of(session.commands.open, 0, confirm) == "SealError"


def test_the_host_confirms_once_and_only_a_device_that_proved_itself():
    host = HostHandshake(bytes(16), Aes)
    assert error_of(host.confirm, 0) == "SealError"
    device = DeviceHandshake(OTHER, 1, Aes, Scratch())
    host.read_welcome(device.on_hello(host.hello, bytes(16)), [OTHER])
    assert error_of(host.confirm, 4102444800001) == "OutOfRangeError"
    assert host.confirm(0)[1] == 0
    assert error_of(host.confirm, 1) == "SealError"


def test_the_session_before_goes_on_until_a_new_one_is_confirmed():
    key = bytes(32)
    device = DeviceHandshake(key, 1, Aes, Scratch())
    first = HostHandshake(bytes(16), Aes)
    first.read_welcome(device.on_hello(first.hello, bytes(16)), [key])
    host, counter, sealed = first.confirm(1)
    session, _ = device.on_confirm(counter, sealed)
    device.on_hello(HostHandshake(b"a stranger there", Aes).hello, bytes(16))
    assert session.commands.open(*host.commands.seal(b"still")) == b"still"
    device.drop()
    assert not device.is_pending
    assert host.replies.open(*session.replies.seal(b"here")) == b"here"


def test_an_attempt_that_was_replaced_or_dropped_can_not_be_confirmed():
    key = bytes(32)
    device = DeviceHandshake(key, 1, Aes, Scratch())
    old = HostHandshake(bytes(16), Aes)
    old.read_welcome(device.on_hello(old.hello, bytes(16)), [key])
    new = HostHandshake(bytes(16), Aes)
    new.read_welcome(device.on_hello(new.hello, bytes(16)), [key])
    assert error_of(device.on_confirm, *old.confirm(1)[1:]) == "SealError"
    device.drop()
    assert error_of(device.on_confirm, *new.confirm(1)[1:]) == "SealError"


def test_the_device_never_says_a_nonce_twice_even_without_randomness():
    said = set()
    for boots in range(4):
        device = DeviceHandshake(bytes(32), boots, Aes, Scratch())
        for _ in range(4):
            said.add(device.on_hello(HostHandshake(bytes(16), Aes).hello, bytes(16))[3:19])
    assert len(said) == 16


def test_a_minimum_version_that_was_stored_is_kept_to():
    device = DeviceHandshake(bytes(32), 1, Aes, Scratch(), min_version=2)
    assert error_of(device.on_hello, HostHandshake(bytes(16), Aes).hello, bytes(16)) == "VersionError"
