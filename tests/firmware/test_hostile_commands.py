"""Every wrong command and every hello of the golden vectors, said to a session."""

import json
import os

from fakes import Counters, Link, packed, run_until_closed

from device.session import Session
from doumen_wire import messages, packets


def cases(part):
    with open(os.getenv("DOUMEN_VECTORS") + "/messages.json") as file:
        return json.load(file)[part]


def answers(*said):
    link = Link(*said)

    async def obey(session, request, fields):
        await session.reply(messages.DONE, request)

    handlers = dict.fromkeys(messages.COMMAND_FIELDS, obey)
    run_until_closed(Session(link, handlers, Counters()).receive())
    return link.packets()


def opening():
    return packed(packets.HELLO, None, bytes.fromhex(cases("hellos")[0]["bytes"]))


def test_every_hello_has_its_answer():
    for case in cases("hellos"):
        found = answers(packed(packets.HELLO, None, bytes.fromhex(case["bytes"])))
        assert len(found) == 1, case["name"]
        if case["answer"] == "WELCOME":
            assert found[0].type == packets.WELCOME, case["name"]
        else:
            assert found[0].type == packets.REFUSE, case["name"]
            code = messages.REFUSE_FIELDS.unpack(found[0].payload)["code"]
            assert code == getattr(messages, case["answer"]), case["name"]


def test_every_wrong_command_is_refused_by_name():
    for case in cases("refused"):
        data = bytes.fromhex(case["bytes"])
        found = answers(opening(), packed(packets.COMMAND, 0, data))
        assert [packet.type for packet in found] == [packets.WELCOME, packets.REPLY], case["name"]
        kind, request, body = messages.unpack_message(found[1].payload)
        assert (kind, request) == (messages.REFUSED, 1), case["name"]
        fields = messages.REFUSED_FIELDS.unpack(body)
        assert fields["code"] == getattr(messages, case["refused"]), case["name"]
        assert fields["kind"] == data[0], case["name"]
        assert (fields["min_version"], fields["max_version"]) == (messages.VERSION, messages.VERSION)


def test_every_right_command_is_obeyed():
    for case in cases("right"):
        if case["kind"] in messages.COMMAND_FIELDS:
            found = answers(opening(), packed(packets.COMMAND, 0, bytes.fromhex(case["bytes"])))
            reply = messages.unpack_message(found[1].payload)
            assert reply == (messages.DONE, case["request"], b""), case["name"]


def test_a_truncated_command_is_refused():
    for case in cases("truncated"):
        found = answers(opening(), packed(packets.COMMAND, 0, bytes.fromhex(case["bytes"])))
        assert found[1].type == packets.REFUSE
        assert messages.REFUSE_FIELDS.unpack(found[1].payload)["code"] == messages.REFUSE_MALFORMED
