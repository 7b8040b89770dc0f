"""A recorded session under a stranger's hands: every bit flipped, cut, repeated, mixed up, sent back, moved."""

from golden import Noise, error_of
from sealing_tools import Aes, both_sides

from doumen_wire.sealing import HEADER, Opener, Scratch, Sealer

STREAMS = ("commands", "replies", "live")


def recorded(seed=0):
    """(fresh openers by stream's name, packets by stream's name) of one session; packets are whole, with header."""
    host, device = both_sides(seed=seed)
    noise = Noise(seed + 1)
    packets = {}
    for name, sender in (("commands", host.commands), ("replies", device.replies), ("live", device.live)):
        packets[name] = []
        for size in (0, 3, 20, 41):
            counter, sealed = sender.seal(noise.take(size))
            packets[name].append(bytes([sender.type]) + counter.to_bytes(4, "little") + sealed)
    return {"commands": device.commands, "replies": host.replies, "live": host.live}, packets


def deliver(openers, packet):
    """What becomes of a packet's bytes at a receiver that tells streams by the type in front."""
    if len(packet) < HEADER:
        return "SealError"
    for name in STREAMS:
        if openers[name].type == packet[0]:
            return error_of(openers[name].open, int.from_bytes(packet[1:HEADER], "little"), packet[HEADER:])
    return "SealError"


def untouched(openers):
    return [openers[name].last for name in STREAMS]


def test_no_flipped_bit_is_accepted():
    openers, packets = recorded()
    before = untouched(openers)
    tried = 0
    for name in STREAMS:
        for packet in packets[name]:
            for bit in range(8 * len(packet)):
                flipped = bytearray(packet)
                flipped[bit // 8] ^= 1 << bit % 8
                assert deliver(openers, bytes(flipped)) == "SealError", (name, bit)
                tried += 1
    assert tried == 3296
    assert untouched(openers) == before
    for name in STREAMS:
        for packet in packets[name]:
            assert deliver(openers, packet) is None


def test_no_packet_is_accepted_cut_at_either_end_or_made_longer():
    openers, packets = recorded()
    before = untouched(openers)
    for name in STREAMS:
        for packet in packets[name]:
            for cut in range(1, len(packet) - HEADER + 1):
                assert deliver(openers, packet[: len(packet) - cut]) == "SealError"
                assert deliver(openers, packet[:HEADER] + packet[HEADER + cut :]) == "SealError"
            for more in (b"\0", b"\xff", bytes(16)):
                assert deliver(openers, packet + more) == "SealError"
    assert untouched(openers) == before


def test_no_packet_is_accepted_twice_or_late():
    openers, packets = recorded()
    for name in STREAMS:
        for i in range(len(packets[name])):
            assert deliver(openers, packets[name][i]) is None
            for old in packets[name][: i + 1]:
                assert deliver(openers, old) == "SealError"


def test_no_packet_is_accepted_in_another_stream_or_under_another_type():
    openers, packets = recorded()
    before = untouched(openers)
    for name in STREAMS:
        for packet in packets[name]:
            counter = int.from_bytes(packet[1:HEADER], "little")
            for other in STREAMS:
                if other != name:
                    assert error_of(openers[other].open, counter, packet[HEADER:]) == "SealError"
    assert untouched(openers) == before


def test_no_type_can_be_had_with_the_key_of_another():
    key = bytes(range(16))
    for one in (0x80, 0x81, 0x82):
        counter, sealed = Sealer(one, key, Aes, Scratch()).seal(b"abc")
        for other in (0x80, 0x81, 0x82):
            error = error_of(Opener(other, key, Aes, Scratch()).open, counter, sealed)
            assert error == (None if one == other else "SealError")


def test_no_packet_of_another_session_is_accepted():
    openers, _ = recorded(seed=0)
    _, foreign = recorded(seed=2)
    before = untouched(openers)
    for name in STREAMS:
        for packet in foreign[name]:
            assert deliver(openers, packet) == "SealError"
    assert untouched(openers) == before


def test_noise_is_never_accepted():
    openers, _ = recorded()
    before = untouched(openers)
    noise = Noise(99)
    for _ in range(1000):
        packet = (
            bytes([0x80 + noise.below(3)])
            + noise.below(50).to_bytes(4, "little")
            + noise.take(noise.below(60))
        )
        assert deliver(openers, packet) == "SealError"
    assert untouched(openers) == before
