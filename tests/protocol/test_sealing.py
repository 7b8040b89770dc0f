"""Sealed packets against the golden vectors, with this Python's AES: that of cryptolib or of `cryptography`."""

from golden import Noise, cases, error_of
from sealing_tools import Aes, unhexed

from doumen_wire.errors import SealError
from doumen_wire.sealing import HEADER, LIVE_TAG, MAX_COUNT, TAG, Ccm, Opener, Scratch, Sealer

KEY = bytes(range(16))


def sealer(case, scratch=None):
    return Sealer(case["type"], bytes.fromhex(case["key"]), Aes, scratch or Scratch())


def opener(case, scratch=None):
    return Opener(case["type"], bytes.fromhex(case["key"]), Aes, scratch or Scratch())


def said_by(call, *arguments):
    """The arguments of the SealError that the call raises, or None."""
    try:
        call(*arguments)
    except SealError as error:
        return error.args
    return None


def test_ccm_gives_what_its_rfc_prints():
    for case in cases("sealing", "rfc3610"):
        key, nonce, header, text, sealed = unhexed(case, "key", "nonce", "header", "text", "sealed")
        ccm = Ccm(Aes(key), Scratch())
        for _ in range(2):  # the chain of the first packet must not reach into the second
            buffer = bytearray(text + bytes(case["tag"]))
            assert ccm.seal(nonce, header, buffer, 0, len(text), case["tag"]) == len(sealed)
            assert buffer == sealed, case["name"]
            assert ccm.open(nonce, header, buffer, 0, len(buffer), case["tag"]) == len(text)
            assert buffer[: len(text)] == text, case["name"]


def test_packets_are_sealed_into_the_golden_bytes():
    scratch = Scratch()
    for case in cases("sealing", "right"):
        payload, sealed = unhexed(case, "payload", "sealed")
        one = sealer(case, scratch)
        one.counter = case["counter"]
        assert one.seal(payload) == (case["counter"], sealed), case["name"]
        assert one.counter == case["counter"] + 1


def test_golden_packets_open():
    scratch = Scratch()
    for case in cases("sealing", "right"):
        payload, sealed = unhexed(case, "payload", "sealed")
        assert opener(case, scratch).open(case["counter"], sealed) == payload, case["name"]


def test_what_must_not_open_does_not_and_tells_nothing():
    for case in cases("sealing", "wrong"):
        one = opener(case)
        assert said_by(one.open, case["counter"], bytes.fromhex(case["sealed"])) == (
            "a packet does not open",
        ), case["name"]
        assert (one.last, one.lost, one.failed) == (-1, 0, 1), case["name"]


def test_order_gaps_and_replays_are_as_in_the_vectors():
    for case in cases("sealing", "sequences"):
        one = opener(case)
        for step in case["steps"]:
            sealed = bytes.fromhex(step["sealed"])
            if step["payload"] is None:
                assert error_of(one.open, step["counter"], sealed) == "SealError", (case["name"], step)
            else:
                assert one.open(step["counter"], sealed) == bytes.fromhex(step["payload"]), case["name"]
        assert (one.lost, one.failed) == (case["lost"], case["failed"]), case["name"]


def test_a_packet_is_sealed_in_place_behind_whatever_stands_there():
    for case in cases("sealing", "right"):
        payload, sealed = unhexed(case, "payload", "sealed")
        one = sealer(case)
        one.counter = case["counter"]
        start = 3
        buffer = bytearray(b"abc" + bytes(HEADER) + payload + bytes(one.tag) + b"xyz")
        end = one.seal_in(buffer, start, start + HEADER + len(payload))
        header = bytes([case["type"]]) + case["counter"].to_bytes(4, "little")
        assert buffer[start:end] == header + sealed, case["name"]
        assert (buffer[:start], buffer[end:]) == (b"abc", b"xyz")


def test_nothing_unauthenticated_stays_in_a_buffer():
    ccm = Ccm(Aes(KEY), Scratch())
    buffer = bytearray(b"where somebody was" + bytes(TAG))
    end = ccm.seal(bytes(13), b"head", buffer, 0, 18, TAG)
    buffer[end - 1] ^= 1
    assert error_of(ccm.open, bytes(13), b"head", buffer, 0, end, TAG) == "SealError"
    assert buffer[:18] == bytes(18)


def test_live_packets_have_the_shorter_tag():
    for packet_type, tag in ((0x80, TAG), (0x81, TAG), (0x82, LIVE_TAG)):
        assert len(Sealer(packet_type, KEY, Aes, Scratch()).seal(b"abc")[1]) == 3 + tag


def test_a_key_seals_its_share_and_no_packet_more():
    one = Sealer(0x81, KEY, Aes, Scratch())
    one.counter = MAX_COUNT - 1
    counter, sealed = one.seal(b"the last")
    assert Opener(0x81, KEY, Aes, Scratch()).open(counter, sealed) == b"the last"
    assert error_of(one.seal, b"one more") == "SealError"


def test_a_counter_is_spent_even_if_sealing_fails():
    one = Sealer(0x81, KEY, Aes, Scratch())
    assert error_of(one.seal, bytes(1793)) == "OutOfRangeError"
    assert one.counter == 1
    assert error_of(one.seal_in, bytearray(HEADER + 3 + TAG - 1), 0, HEADER + 3) == "OutOfRangeError"
    assert one.seal(b"abc")[0] == 2


def test_keys_of_one_scratch_do_not_disturb_each_other():
    scratch = Scratch()
    ends = [(Sealer(kind, KEY, Aes, scratch), Opener(kind, KEY, Aes, scratch)) for kind in (0x80, 0x81, 0x82)]
    noise = Noise(7)
    for _ in range(60):
        one, other = ends[noise.below(3)]
        payload = noise.take(noise.below(600))
        assert other.open(*one.seal(payload)) == payload
        assert error_of(other.open, one.counter, noise.take(noise.below(40))) == "SealError"


def test_neither_end_shows_its_key():
    for end in (Sealer(0x81, KEY, Aes, Scratch()), Opener(0x81, KEY, Aes, Scratch())):
        assert repr(end) == type(end).__name__ + "(0x81)"


class Failing(Aes):
    """An AES that fails once, as a device does whose memory has run out between two pieces of a packet."""

    calls_left = 1000

    def xor(self, target, at, source, start, count):
        Failing.calls_left -= 1
        if Failing.calls_left == 0:
            raise MemoryError
        super().xor(target, at, source, start, count)


def test_a_key_goes_on_after_memory_ran_out_in_the_middle_of_a_packet():
    # Calls 3 and 4, 6 and 7 ... keep the end of the chain after each piece: there nothing is allocated, nothing fails.
    for call in (1, 2, 5, 8, 17, 20, 21, 24):
        one = Sealer(0x81, KEY, Failing, Scratch())
        other = Opener(0x81, KEY, Aes, Scratch())
        assert other.open(*one.seal(bytes(100))) == bytes(100)
        text = bytes(range(250)) * 6
        Failing.calls_left = call
        assert error_of(one.seal, text) == "MemoryError", call
        Failing.calls_left = 1000
        assert other.open(*one.seal(text)) == text, call
        assert other.lost == 1, call
