"""A conversation over a link that is a script: who is answered how, and when nobody is there."""

from fakes import PERIOD, Clock, Counters, Link, LinkClosed, packed, run_until_closed

from device import session as session_module
from device.session import Refusal, Session
from doumen_wire import messages, packets

NONCE = bytes(range(1, 17))


def hello(lowest=1, highest=1, suites=0x80, more=b""):
    fields = messages.HELLO_FIELDS.pack(min_version=lowest, max_version=highest, suites=suites, nonce=NONCE)
    return packed(packets.HELLO, None, fields + more)


def command(counter, kind=messages.IDENTIFY, request=1, fields=b""):
    return packed(packets.COMMAND, counter, messages.pack_message(kind, request, fields))


class Scene:
    """A session whose only handlers are for identify, stream and time; obeyed is what they were told."""

    def __init__(self):
        self.clock = Clock(session_module)
        self.counters = Counters()
        self.link = Link()
        self.obeyed = []
        handlers = dict.fromkeys((messages.IDENTIFY, messages.STREAM, messages.TIME), self._obey)
        handlers[messages.GET_EEPROM] = self._refuse
        self.session = Session(self.link, handlers, self.counters)

    async def _obey(self, session, request, fields):
        self.obeyed.append((request, fields))
        await session.reply(messages.DONE, request)

    async def _refuse(self, session, request, fields):
        raise Refusal(messages.SENSOR_SILENT)

    def say(self, *pieces):
        """The host says this; the packets that come back."""
        self.link.pieces = list(pieces)
        run_until_closed(self.session.receive())
        return self.link.packets()

    def refusals(self, *pieces):
        """The codes of the REFUSE packets that come back, and nothing else may."""
        found = self.say(*pieces)
        assert all(packet.type == packets.REFUSE for packet in found)
        fields = [messages.REFUSE_FIELDS.unpack(packet.payload) for packet in found]
        assert all((each["min_version"], each["max_version"]) == (1, 1) for each in fields)
        return [each["code"] for each in fields]

    def refused(self, *pieces):
        """(request, code, kind) of each REFUSED that comes back, and nothing else may."""
        found = []
        for packet in self.say(*pieces):
            assert packet.type == packets.REPLY
            kind, request, body = messages.unpack_message(packet.payload)
            assert kind == messages.REFUSED
            fields = messages.REFUSED_FIELDS.unpack(body)
            found.append((request, fields["code"], fields["kind"]))
        return found


def opened():
    scene = Scene()
    assert [packet.type for packet in scene.say(hello())] == [packets.WELCOME]
    return scene


def test_a_hello_is_welcomed_with_its_own_nonce_as_receipt():
    found = Scene().say(hello())
    assert len(found) == 1
    fields = messages.WELCOME_FIELDS.unpack_mixed(found[0].payload)
    assert fields["version"] == messages.VERSION
    assert fields["suite"] == messages.SUITE_PLAIN
    assert fields["proof"] == NONCE
    assert fields["nonce"] != NONCE


def test_a_hello_of_a_newer_host_that_also_speaks_ours_is_welcomed():
    assert [packet.type for packet in Scene().say(hello(1, 7, 0x81, b"newer fields"))] == [packets.WELCOME]


def test_other_versions_and_suites_are_refused_by_name():
    assert Scene().refusals(hello(2, 7)) == [messages.REFUSE_VERSION]
    assert Scene().refusals(hello(2, 7, 0x80, b"newer fields")) == [messages.REFUSE_VERSION]
    assert Scene().refusals(hello(0, 0)) == [messages.REFUSE_VERSION]
    assert Scene().refusals(hello(suites=0x01)) == [messages.REFUSE_SUITE]
    assert Scene().refusals(packed(packets.HELLO, None, b"short")) == [messages.REFUSE_MALFORMED]


def test_a_refused_hello_leaves_the_session_before_it_alone():
    scene = opened()
    assert scene.refusals(hello(2, 7)) == [messages.REFUSE_VERSION]
    assert len(scene.say(command(0))) == 1
    assert scene.obeyed == [(1, {})]


def test_commands_before_a_hello_are_refused():
    scene = Scene()
    assert scene.refusals(command(0), command(1)) == [messages.REFUSE_NO_SESSION] * 2
    assert scene.obeyed == []
    assert scene.counters.refused == 2


def test_a_command_is_obeyed_and_its_request_number_comes_back():
    scene = opened()
    found = scene.say(command(0, messages.STREAM, 0xFFFF, b"\1"))
    assert scene.obeyed == [(0xFFFF, {"on": 1})]
    assert [packet.counter for packet in found] == [0]
    assert messages.unpack_message(found[0].payload) == (messages.DONE, 0xFFFF, b"")


def test_unknown_malformed_and_outrageous_commands_are_refused_by_name():
    scene = opened()
    assert scene.refused(
        command(0, 0x20, 7),
        command(1, messages.IDENTIFY, 8, b"\0"),
        command(2, messages.STREAM, 9, b"\2"),
        command(3, messages.ACK, 10, bytes(6)),
        command(4, messages.GET_EEPROM, 11),
    ) == [
        (7, messages.UNKNOWN_KIND, 0x20),
        (8, messages.MALFORMED, messages.IDENTIFY),
        (9, messages.OUT_OF_RANGE, messages.STREAM),
        (10, messages.WRONG_ROLE, messages.ACK),
        (11, messages.SENSOR_SILENT, messages.GET_EEPROM),
    ]
    assert scene.obeyed == []
    assert scene.counters.refused == 5


def test_a_message_without_a_head_is_refused():
    assert opened().refusals(packed(packets.COMMAND, 0, b"\1\0")) == [messages.REFUSE_MALFORMED]


def test_packet_types_that_a_device_does_not_take_are_refused():
    scene = opened()
    for packet_type, counter in ((0x00, None), (0x7F, None), (0x80, None), (packets.WELCOME, None)):
        assert scene.refusals(packed(packet_type, counter, b"")) == [messages.REFUSE_TYPE], packet_type
    for packet_type in (packets.REPLY, packets.LIVE):
        assert scene.refusals(packed(packet_type, 0, b"\x86\1\0")) == [messages.REFUSE_TYPE], packet_type


def test_a_refusal_is_never_answered():
    """Or two devices, or one and its echo, would refuse each other for ever."""
    scene = Scene()
    assert scene.say(packed(packets.REFUSE, None, b"\4\1\1")) == []
    assert scene.say(packed(packets.REFUSE, None, b"")) == []


def test_old_and_repeated_counters_are_ignored():
    scene = opened()
    assert len(scene.say(command(5, request=1))) == 1
    assert scene.say(command(5, request=2), command(4, request=3), command(0, request=4)) == []
    assert len(scene.say(command(6, request=5))) == 1
    assert [request for request, _ in scene.obeyed] == [1, 5]


def test_gaps_in_the_counter_are_counted_as_lost():
    scene = opened()
    scene.say(command(0), command(1), command(4), command(5), command(105))
    assert scene.counters.packets_lost == 2 + 99


def test_the_highest_counter_is_the_last_one():
    scene = opened()
    assert len(scene.say(command(0xFFFFFFFF))) == 1
    assert scene.say(command(0)) == []
    scene.say(hello())
    assert len(scene.say(command(0))) == 1


def test_a_new_hello_begins_again():
    scene = opened()
    scene.session.streaming = True
    scene.say(command(0), command(1))
    assert [packet.type for packet in scene.say(hello())] == [packets.WELCOME]
    assert not scene.session.streaming
    assert [packet.counter for packet in scene.say(command(0), command(1))] == [0, 1]
    assert scene.counters.packets_lost == 0


def test_noise_is_counted_and_costs_nothing_else():
    scene = Scene()
    noise = b"ets Jul 29 2019\r\n\0" + b"\xff" * 3000
    found = scene.say(noise, hello()[:9], hello()[9:], command(0)[:4], command(1), noise, command(2))
    assert [packet.type for packet in found] == [packets.WELCOME, packets.REPLY, packets.REPLY]
    assert scene.counters.crc_errors == 5
    assert scene.counters.packets_lost == 1


def test_a_host_is_present_while_it_speaks():
    scene = Scene()
    assert not scene.session.host_present()
    scene.say(hello())
    assert scene.session.host_present()
    scene.clock.now += 2999
    assert scene.session.host_present()
    scene.say(command(0))
    scene.clock.now += 2999
    assert scene.session.host_present()
    scene.clock.now += 1
    assert not scene.session.host_present()
    scene.say(command(1))
    assert scene.session.host_present()


def test_noise_and_old_packets_do_not_make_a_host_present():
    scene = opened()
    scene.say(command(5))
    scene.clock.now += 3000
    scene.say(command(4), b"noise\0", packed(packets.REPLY, 9, b""))
    assert not scene.session.host_present()


def test_a_silent_host_stays_silent_after_the_ticks_have_wrapped():
    scene = opened()
    for _ in range(4000):
        scene.clock.now += PERIOD // 1000
        assert not scene.session.host_present()


class Live:
    """Live data that ends after so many messages."""

    def __init__(self, *messages):
        self._messages = list(messages)

    async def take(self):
        if not self._messages:
            raise LinkClosed
        return self._messages.pop(0)


def streamed(scene, *payloads):
    """The live packets that a session makes of these."""
    scene.session._live = Live(*[(b"head", payload) for payload in payloads])
    run_until_closed(scene.session.stream())
    return scene.link.packets()


def test_live_data_goes_out_with_counters_and_request_0():
    scene = opened()
    scene.session.streaming = True
    found = streamed(scene, b"one", b"two")
    assert [(packet.type, packet.counter) for packet in found] == [(packets.LIVE, 0), (packets.LIVE, 1)]
    assert messages.unpack_message(found[1].payload) == (messages.SUBPAGE, 0, b"headtwo")
    assert [packet.counter for packet in streamed(scene, b"three")] == [2]
    scene.say(hello())
    scene.session.streaming = True
    assert [packet.counter for packet in streamed(scene, b"four")] == [0]


def test_live_data_stays_here_unless_a_host_listens():
    scene = opened()
    assert streamed(scene, b"nobody asked") == []
    scene.session.streaming = True
    scene.clock.now += 3000
    assert streamed(scene, b"nobody is there") == []
    scene.say(command(0))
    assert len(streamed(scene, b"welcome back")) == 1
