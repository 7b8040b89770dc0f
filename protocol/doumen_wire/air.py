"""What a device shows on the air, and where its byte pipe is: SPEC.md, "On the air".

A service UUID list does not fit beside the service data in 31 bytes, so hosts scan unfiltered.
"""

SERVICE = "fdc73207-dd08-4347-9e5b-5c2902969800"
RX = "fdc73207-dd08-4347-9e5b-5c2902969801"  # host to device: write, write without response
TX = "fdc73207-dd08-4347-9e5b-5c2902969802"  # device to host: notifications
INFO = "fdc73207-dd08-4347-9e5b-5c2902969803"  # read: versions, nothing that identifies a device

MTU = 247  # one packet of the radio's then carries one notification
MAX_CHUNK = MTU - 3
ID_BYTES = 8
INFO_BYTES = 5  # lowest and highest version of the wire, firmware version in three numbers

_FLAGS = b"\x02\x01\x06"  # general discoverable, no classic Bluetooth
_SERVICE_DATA = 0x21  # 128-bit UUID


def uuid_bytes(uuid: str) -> bytes:
    """A UUID as it goes over the air: last byte first."""
    number = int(uuid.replace("-", ""), 16)
    return number.to_bytes(16, "little")


def pack_advertisement(badge_id: bytes) -> bytes:
    """The 29 bytes of an advertisement that shows this id."""
    data = uuid_bytes(SERVICE) + badge_id
    return _FLAGS + bytes((len(data) + 1, _SERVICE_DATA)) + data
