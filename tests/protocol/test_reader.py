"""The reader under every cut, slice, flipped bit and flood: the good packet after it always arrives."""

from golden import Noise

from doumen_wire.packets import MAX_PACKET, PacketReader, PacketWriter


def packet(counter, payload):
    return bytes(PacketWriter().pack(0x40, counter, payload))


def counters(packets):
    return [packet.counter for packet in packets]


def stream():
    """Five packets of all sorts of lengths, and their payloads."""
    noise = Noise(1)
    payloads = [b"", b"\0\0\0", noise.take(30), b"\x07" * 300, noise.take(60)]
    return b"".join(packet(i, payload) for i, payload in enumerate(payloads)), payloads


def test_a_stream_cut_once_anywhere_gives_the_same_packets():
    data, payloads = stream()
    for cut in range(len(data) + 1):
        reader = PacketReader()
        found = reader.feed(data[:cut]) + reader.feed(data[cut:])
        assert [each.payload for each in found] == payloads, cut
        assert reader.rejected == 0


def test_a_stream_in_slices_of_any_size_gives_the_same_packets():
    data, payloads = stream()
    for size in (1, 2, 3, 7, 64, 255, len(data)):
        reader = PacketReader()
        found = []
        for start in range(0, len(data), size):
            found += reader.feed(data[start : start + size])
        assert [each.payload for each in found] == payloads, size
        assert counters(found) == [0, 1, 2, 3, 4]
        assert reader.rejected == 0


def test_nothing_comes_out_of_nothing():
    reader = PacketReader()
    assert reader.feed(b"") == []
    assert reader.feed(bytes(1000)) == []
    assert reader.rejected == 0


def test_every_flipped_bit_costs_its_packet_and_no_other():
    before, after = packet(1, b"before"), packet(3, b"after")
    good = packet(2, b"\x01\x00\x00 some payload \x00\xff" + b"\x55" * 20)
    for bit in range(8 * len(good)):
        bad = bytearray(good)
        bad[bit // 8] ^= 1 << bit % 8
        reader = PacketReader()
        assert counters(reader.feed(before + bytes(bad) + after)) == [1, 3], bit
        assert reader.rejected >= 1


def test_a_flipped_bit_in_a_long_run_without_zeros_costs_its_packet():
    good = packet(2, bytes(1 + i % 255 for i in range(520)))
    after = packet(3, b"after")
    for bit in range(0, 8 * len(good), 7):
        bad = bytearray(good)
        bad[bit // 8] ^= 1 << bit % 8
        found = counters(PacketReader().feed(bytes(bad) + after))
        # A last 00 that became 01 right after a group of 254 adds an empty group: the same packet still.
        assert found in ([3], [2, 3]), bit
        assert found == [3] or bit // 8 == len(good) - 1, bit


def test_a_packet_cut_at_any_byte_costs_only_itself():
    data, after = packet(1, b"\x01\x02\x00\x03" + b"\x55" * 30), packet(2, b"after")
    for cut in range(len(data) - 1):
        reader = PacketReader()
        assert counters(reader.feed(data[:cut] + after)) == [2], cut
        assert reader.rejected == (1 if cut > 1 else 0), cut
    reader = PacketReader()
    assert counters(reader.feed(data[:-1] + after)) == [1, 2]


def test_a_packet_whose_beginning_is_lost_costs_only_itself():
    data, after = packet(1, b"\x01\x02\x00\x03" + b"\x55" * 30), packet(2, b"after")
    for cut in range(2, len(data)):
        assert counters(PacketReader().feed(data[cut:] + after)) == [2], cut


def test_after_64_kilobytes_of_noise_the_next_packet_arrives():
    noise = Noise(64)
    reader = PacketReader()
    assert counters(reader.feed(packet(1, b"before"))) == [1]
    for _ in range(256):
        assert reader.feed(noise.take(256)) == []
    assert reader.rejected > 100
    assert counters(reader.feed(packet(2, b"after"))) == [2]


def test_after_64_kilobytes_without_a_zero_the_next_packet_arrives():
    reader = PacketReader()
    for _ in range(64):
        assert reader.feed(b"\xff" * 1024) == []
    assert counters(reader.feed(packet(2, b"after"))) == [2]
    assert reader.rejected == 1


def test_a_flood_is_not_kept_in_memory():
    reader = PacketReader()
    most = 0
    for _ in range(100):
        reader.feed(b"\x55" * 700)
        most = max(most, len(reader._held))
    assert most <= MAX_PACKET + 4 + 8


def test_the_longest_packet_arrives_however_it_is_sliced():
    longest = bytes(1 + i % 255 for i in range(MAX_PACKET - 5))
    data = packet(9, longest)
    for size in (1, 512, 1792, len(data)):
        reader = PacketReader()
        found = []
        for start in range(0, len(data), size):
            found += reader.feed(data[start : start + size])
        assert [each.payload for each in found] == [longest], size
        assert reader.rejected == 0


def test_a_byte_more_than_the_longest_is_rejected_in_whole():
    data = bytearray(packet(9, bytes(1 + i % 255 for i in range(MAX_PACKET - 5))))
    data[-1:] = b"\x01\x01\0"
    reader = PacketReader()
    assert reader.feed(bytes(data)) == []
    assert reader.rejected == 1


def test_a_packet_keeps_its_bytes_when_the_reader_goes_on():
    reader = PacketReader()
    first = reader.feed(packet(1, b"first"))[0]
    reader.feed(packet(2, b"other"))
    assert first.payload == b"first"
