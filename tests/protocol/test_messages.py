"""Messages and the handshake against the golden vectors."""

from golden import cases, error_of, fields, layouts

from doumen_wire import messages
from doumen_wire.messages import COMMAND_FIELDS, choose_version, pack_message, unpack_message


def test_messages_are_packed_into_the_golden_bytes():
    for case in cases("messages", "right"):
        layout = layouts()[case["layout"]]
        body = layout.pack(**fields(layout, case["fields"])) + bytes.fromhex(case["more"])
        assert pack_message(case["kind"], case["request"], body) == bytes.fromhex(case["bytes"]), case["name"]


def test_golden_bytes_are_unpacked_into_messages():
    for case in cases("messages", "right"):
        layout = layouts()[case["layout"]]
        kind, request, body = unpack_message(bytes.fromhex(case["bytes"]))
        assert (kind, request) == (case["kind"], case["request"]), case["name"]
        assert layout.unpack(body, exact=not case["more"]) == case["fields"], case["name"]
        assert body[layout.size :] == bytes.fromhex(case["more"]), case["name"]


def test_the_handshake_is_packed_and_unpacked():
    for case in cases("messages", "handshake"):
        layout = layouts()[case["layout"]]
        values = fields(layout, case["fields"])
        assert layout.pack(**values) == bytes.fromhex(case["bytes"]), case
        assert layout.unpack_mixed(bytes.fromhex(case["bytes"])) == values, case


def test_every_command_is_among_the_golden_ones():
    assert {case["kind"] for case in cases("messages", "right")} >= set(COMMAND_FIELDS)
    for case in cases("messages", "right"):
        if case["kind"] in COMMAND_FIELDS:
            assert COMMAND_FIELDS[case["kind"]].name == case["layout"], case["name"]


def test_a_message_without_a_head_is_truncated():
    for case in cases("messages", "truncated"):
        assert error_of(unpack_message, bytes.fromhex(case["bytes"])) == case["error"]


def test_commands_that_make_no_sense_are_told_apart():
    """As a device does it: the kind first, then the length, then the ranges."""
    codes = {"TruncatedError": "MALFORMED", "OutOfRangeError": "OUT_OF_RANGE"}
    for case in cases("messages", "refused"):
        kind, _, body = unpack_message(bytes.fromhex(case["bytes"]))
        layout = COMMAND_FIELDS.get(kind)
        found = "UNKNOWN_KIND" if layout is None else codes.get(error_of(layout.unpack, body))
        assert found == case["refused"], case["name"]


def test_kind_and_request_are_checked_when_packed():
    assert pack_message(255, 65535) == b"\xff\xff\xff"
    assert pack_message(0, 0) == b"\0\0\0"
    for kind, request in ((-1, 0), (256, 0), (1, -1), (1, 65536)):
        assert error_of(pack_message, kind, request) == "OutOfRangeError", (kind, request)


def test_a_version_that_both_speak_is_chosen():
    assert choose_version(1, 1) == 1
    assert choose_version(0, 200) == 1


def test_no_common_version_is_an_error_by_name():
    for lowest, highest in ((0, 0), (2, 2), (2, 255), (2, 0)):
        assert error_of(choose_version, lowest, highest) == "VersionError", (lowest, highest)


def test_kinds_are_used_once():
    kinds = list(COMMAND_FIELDS)
    kinds += [messages.IDENTITY_IS, messages.EEPROM_IS, messages.STATUS_IS, messages.BLOCK, messages.END]
    kinds += [messages.DONE, messages.TIME_IS, messages.SUBPAGE, messages.REFUSED]
    assert len(set(kinds)) == len(kinds)
    assert all(kind < 0x80 for kind in COMMAND_FIELDS)
