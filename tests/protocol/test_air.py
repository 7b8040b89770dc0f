"""What goes over the air: SPEC.md's words, the advertisement's bytes."""

from doumen_wire import air


def test_an_advertisement_is_29_bytes_flags_and_service_data():
    shown = air.pack_advertisement(b"8 bytes.")
    assert len(shown) == 29 <= 31
    assert shown[:3] == b"\x02\x01\x06"
    assert shown[3:5] == b"\x19\x21"
    assert shown[5:21].hex() == "00989602295c5b9e4743" + "08dd0732c7fd"
    assert shown[21:] == b"8 bytes."


def test_the_characteristics_differ_from_the_service_in_their_last_byte_only():
    for number, uuid in enumerate((air.RX, air.TX, air.INFO), 1):
        assert uuid == air.SERVICE[:-2] + f"{number:02d}"
    assert air.MAX_CHUNK == air.MTU - 3 == 244
