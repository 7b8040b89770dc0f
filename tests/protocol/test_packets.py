"""Packets against the golden vectors: what is written, what is read, what is refused."""

from golden import Noise, cases, error_of

from doumen_wire.packets import MAX_PACKET, PacketReader, PacketWriter, stuff, unstuff


def same(packet, case):
    return (packet.type, packet.counter, packet.payload) == (
        case["type"],
        case["counter"],
        bytes.fromhex(case["payload"]),
    )


def test_the_writer_makes_the_golden_bytes():
    writer = PacketWriter()
    for case in cases("packets", "right"):
        view = writer.pack(case["type"], case["counter"], bytes.fromhex(case["payload"]))
        assert bytes(view) == bytes.fromhex(case["bytes"]), case["name"]


def test_the_parts_of_a_payload_are_joined():
    writer = PacketWriter()
    for case in cases("packets", "right"):
        payload = bytes.fromhex(case["payload"])
        cut = len(payload) // 3
        parts = (payload[:cut], bytearray(payload[cut:-1]), memoryview(payload)[max(cut, len(payload) - 1) :])
        assert bytes(writer.pack(case["type"], case["counter"], *parts)) == bytes.fromhex(case["bytes"])


def test_the_reader_finds_the_golden_packets():
    reader = PacketReader()
    for case in cases("packets", "right"):
        found = reader.feed(bytes.fromhex(case["bytes"]))
        assert len(found) == 1, case["name"]
        assert same(found[0], case), case["name"]
    assert reader.rejected == 0


def test_the_reader_rejects_and_counts_what_is_no_packet():
    good = cases("packets", "right")[2]
    for case in cases("packets", "wrong"):
        assert case["error"] == "rejected"
        reader = PacketReader()
        assert reader.feed(bytes.fromhex(case["bytes"])) == [], case["name"]
        assert reader.rejected == case["rejected"], case["name"]
        found = reader.feed(bytes.fromhex(good["bytes"]))
        assert [same(packet, good) for packet in found] == [True], case["name"]


def test_streams_give_their_packets():
    by_name = {case["name"]: case for case in cases("packets", "right")}
    for case in cases("packets", "streams"):
        reader = PacketReader()
        found = reader.feed(bytes.fromhex(case["bytes"]))
        assert len(found) == len(case["packets"]), case["name"]
        for i, name in enumerate(case["packets"]):
            assert same(found[i], by_name[name]), case["name"]
        assert reader.rejected == case["rejected"], case["name"]


def test_the_writer_refuses_what_does_not_fit():
    writer = PacketWriter()
    for case in cases("packets", "not_packed"):
        error = error_of(writer.pack, case["type"], case["counter"], bytes(case["size"]))
        assert error == case["error"], case["name"]


def test_a_writer_for_short_payloads_refuses_longer_ones():
    writer = PacketWriter(max_payload=8)
    assert len(writer.pack(0x40, 0, bytes(8)))
    assert error_of(writer.pack, 0x40, 0, bytes(8), b"!") == "OutOfRangeError"


def test_a_writer_goes_on_after_a_refusal():
    writer = PacketWriter()
    error_of(writer.pack, 0x40, 0, bytes(MAX_PACKET))
    case = cases("packets", "right")[2]
    assert bytes(writer.pack(case["type"], case["counter"], bytes.fromhex(case["payload"]))) == bytes.fromhex(
        case["bytes"]
    )


def plain_cobs(data):
    """COBS as its paper has it, a byte at a time."""
    out = bytearray(b"\1")
    code = 0
    for i, byte in enumerate(data):
        if byte:
            out.append(byte)
            out[code] += 1
        if not byte or (out[code] == 255 and i + 1 < len(data)):
            code = len(out)
            out.append(1)
    return bytes(out)


def test_stuffing_agrees_with_the_paper_at_every_length_and_place_of_a_zero():
    for size in (0, 1, 2, 252, 253, 254, 255, 256, 507, 508, 509, 510, 762, 763):
        for zero in {0, 1, size // 2, 252, 253, 254, 255, 256, 507, 508, 509, size - 1, -1}:
            data = bytearray(b"\x2a" * size)
            if 0 <= zero < size:
                data[zero] = 0
            buffer = bytearray(1) + data + bytearray(4)
            end = stuff(buffer, 0, 1 + size)
            assert bytes(buffer[:end]) == plain_cobs(data), (size, zero)
            assert bytes(buffer[: unstuff(buffer, end)]) == data, (size, zero)


def test_stuffing_agrees_with_the_paper_on_noise():
    noise = Noise(3)
    for _ in range(100):
        data = bytes(0 if noise.below(100) == 0 else 1 + noise.below(255) for _ in range(noise.below(700)))
        buffer = bytearray(1) + data + bytearray(4)
        end = stuff(buffer, 0, 1 + len(data))
        assert bytes(buffer[:end]) == plain_cobs(data)
        assert bytes(buffer[: unstuff(buffer, end)]) == data
