"""Hello, questions and answers: what is lost is asked again, what is wrong has a name, nothing waits for ever."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest

from doumen.client import Client, Identity
from doumen.errors import DeviceRefused, LinkError, LinkLost
from doumen.model import Verdict
from doumen_wire import messages, packets, records

from .scripted_device import EPOCH, ScriptedDevice, status, welcome


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("doumen.client._ANSWER_S", 0.12)


def converse(
    device: Callable[[], ScriptedDevice], what: Callable[[Client, ScriptedDevice], Awaitable[None]]
) -> None:
    """Say hello and do something; then the link must have been closed."""

    async def run() -> None:
        link = device()
        async with Client(link) as client:
            await client.hello()
            await what(client, link)
        assert link.closed == 1

    asyncio.run(run())


def hello(device: Callable[[], ScriptedDevice]) -> Client:
    """A client after its hello, already closed."""

    async def run() -> Client:
        async with Client(device()) as client:
            await client.hello()
            return client

    return asyncio.run(run())


def asks_status() -> ScriptedDevice:
    return ScriptedDevice(replies={messages.GET_STATUS: lambda _: [(messages.STATUS_IS, status(boots=3))]})


def test_hello_tells_who_the_device_is() -> None:
    assert hello(ScriptedDevice).identity == Identity("bad0000000000001", "badge", "0.1.0", EPOCH, 3)


@pytest.mark.parametrize("way", ["lose_in", "lose_out", "damage_out"])
def test_a_hello_or_welcome_that_is_lost_or_damaged_is_said_again_with_another_nonce(way: str) -> None:
    async def run() -> None:
        link = ScriptedDevice()
        setattr(link, way, lambda kind, nth: kind in (packets.HELLO, packets.WELCOME) and nth == 1)
        async with Client(link) as client:
            await client.hello()
        assert len(set(link.hellos)) == 2

    asyncio.run(run())


def test_a_welcome_to_an_earlier_hello_is_ignored() -> None:
    async def run() -> None:
        stale = b"\x55" * 16
        answers = [[*welcome(stale)], [*welcome(stale), *welcome(stale)]]
        link = ScriptedDevice()
        link.welcome = lambda nonce: answers.pop(0) if answers else welcome(nonce)
        async with Client(link) as client:
            await client.hello()
            assert client.identity.boots == 3
        assert len(link.hellos) == 3

    asyncio.run(run())


def test_a_welcome_that_is_cut_short_is_ignored() -> None:
    async def run() -> None:
        link = ScriptedDevice()
        link.welcome = lambda nonce: [(packets.WELCOME, b"\x01"), *welcome(nonce)]
        async with Client(link) as client:
            await client.hello()
        assert len(link.hellos) == 1

    asyncio.run(run())


def test_noise_before_and_between_packets_is_counted_and_harms_nothing() -> None:
    async def what(client: Client, link: ScriptedDevice) -> None:
        link.say_bytes(b"ets Jun  8 2016 00:22:57\r\nrst:0x1 (POWERON_RESET)\r\n")
        assert (await client.status())["boots"] == 3
        link.say_bytes(b"\x00garbage\x00")
        assert (await client.status())["boots"] == 3
        assert client.counts.rejected == 2

    converse(asks_status, what)


@pytest.mark.parametrize("way", ["lose_in", "lose_out", "damage_out"])
def test_a_request_or_reply_that_is_lost_or_damaged_is_asked_again(way: str) -> None:
    async def what(client: Client, link: ScriptedDevice) -> None:
        setattr(link, way, lambda kind, nth: kind in (messages.GET_STATUS, messages.STATUS_IS) and nth <= 2)
        assert (await client.status())["boots"] == 3
        assert link.commands.count(messages.GET_STATUS) == 3
        assert link.counters == sorted(set(link.counters))

    converse(asks_status, what)


def test_a_reply_that_comes_twice_does_not_answer_the_next_question() -> None:
    async def what(client: Client, link: ScriptedDevice) -> None:
        link.twice_out = lambda kind, nth: True
        boots = iter((5, 6))
        link.replies[messages.GET_STATUS] = lambda _: [(messages.STATUS_IS, status(boots=next(boots)))]
        assert (await client.status())["boots"] == 5
        assert (await client.status())["boots"] == 6

    converse(ScriptedDevice, what)


def test_questions_of_several_tasks_wait_for_each_other() -> None:
    async def what(client: Client, link: ScriptedDevice) -> None:
        results = await asyncio.gather(*(client.status() for _ in range(5)))
        assert [result["boots"] for result in results] == [3] * 5

    converse(asks_status, what)


def test_a_device_that_never_answers_is_given_up_in_bounded_time() -> None:
    def mute() -> ScriptedDevice:
        return ScriptedDevice(lose_in=lambda kind, nth: True)

    began_s = time.monotonic()
    with pytest.raises(LinkLost, match="scripted: nobody answers"):
        hello(mute)
    assert time.monotonic() - began_s < 10


def test_a_device_that_stops_answering_is_given_up_after_some_tries() -> None:
    async def what(client: Client, link: ScriptedDevice) -> None:
        link.lose_out = lambda kind, nth: True
        with pytest.raises(LinkLost, match="stopped answering"):
            await client.status()
        assert link.commands.count(messages.GET_STATUS) == 4

    converse(asks_status, what)


def test_a_device_that_has_restarted_in_the_middle_is_a_lost_link() -> None:
    async def what(client: Client, link: ScriptedDevice) -> None:
        link.lose_in = lambda kind, nth: True
        asking = asyncio.create_task(client.status())
        await asyncio.sleep(0.01)
        link.refuse(messages.REFUSE_NO_SESSION)
        with pytest.raises(LinkLost, match="scripted: it has restarted"):
            await asking
        with pytest.raises(LinkLost):
            await client.subpage(5)

    converse(asks_status, what)


def test_a_port_that_is_unplugged_ends_every_wait() -> None:
    async def what(client: Client, link: ScriptedDevice) -> None:
        waiting = asyncio.create_task(client.subpage(60))
        await asyncio.sleep(0.01)
        link.unplug()
        with pytest.raises(LinkLost, match="unplugged"):
            await waiting
        with pytest.raises(LinkLost, match="unplugged"):
            await client.status()

    converse(asks_status, what)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (messages.REFUSE_VERSION, "versions; update"),
        (messages.REFUSE_SUITE, "cipher suites; update"),
        (99, "reason 99, which this host does not know; update"),
    ],
)
def test_a_device_that_refuses_a_hello_says_why_and_what_to_do(code: int, words: str) -> None:
    def refusing() -> ScriptedDevice:
        fields = messages.REFUSE_FIELDS.pack(code=code, min_version=2, max_version=3)
        return ScriptedDevice(welcome=lambda _: [(packets.REFUSE, fields)])

    with pytest.raises(DeviceRefused, match=f"scripted: .*{words}") as raised:
        hello(refusing)
    assert raised.value.code == code
    assert "\n" not in str(raised.value)


def test_a_refusal_of_an_earlier_session_does_not_end_a_hello() -> None:
    fields = messages.REFUSE_FIELDS.pack(code=messages.REFUSE_NO_SESSION, min_version=1, max_version=1)

    def device() -> ScriptedDevice:
        return ScriptedDevice(welcome=lambda nonce: [(packets.REFUSE, fields), *welcome(nonce)])

    assert hello(device).identity.role == "badge"


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (messages.UNKNOWN_KIND, "older than this host"),
        (messages.SENSOR_SILENT, "check SDA"),
        (77, "reason 77"),
    ],
)
def test_a_command_that_is_refused_says_why_and_is_not_asked_again(code: int, words: str) -> None:
    async def what(client: Client, link: ScriptedDevice) -> None:
        refused = messages.REFUSED_FIELDS.pack(code=code, kind=2, min_version=1, max_version=1)
        link.replies[messages.GET_EEPROM] = lambda _: [(messages.REFUSED, refused)]
        with pytest.raises(DeviceRefused, match=words) as raised:
            await client.eeprom()
        assert raised.value.code == code
        assert link.commands.count(messages.GET_EEPROM) == 1

    converse(ScriptedDevice, what)


@pytest.mark.parametrize("size", [0, 1, -1])
def test_a_status_of_another_length_asks_for_an_update(size: int) -> None:
    async def what(client: Client, link: ScriptedDevice) -> None:
        data = (status() + b"\0")[: records.STATUS.size + size if size else 0]
        link.replies[messages.GET_STATUS] = lambda _: [(messages.STATUS_IS, data)]
        with pytest.raises(LinkError, match="update this host or the firmware"):
            await client.status()

    converse(ScriptedDevice, what)


def test_an_eeprom_of_another_length_asks_for_an_update() -> None:
    async def what(client: Client, link: ScriptedDevice) -> None:
        link.replies[messages.GET_EEPROM] = lambda _: [(messages.EEPROM_IS, bytes(1662))]
        with pytest.raises(LinkError, match="1662 bytes; update"):
            await client.eeprom()

    converse(ScriptedDevice, what)


def test_replies_and_packets_that_this_host_does_not_know_are_counted() -> None:
    async def what(client: Client, link: ScriptedDevice) -> None:
        link.replies[messages.GET_STATUS] = lambda _: [(0xA7, b"new"), (messages.STATUS_IS, status(boots=3))]
        assert (await client.status())["boots"] == 3
        assert client.counts.unknown == 1
        link.say(packets.LIVE, messages.pack_message(0xC7, 0, b"new"))
        link.say(packets.REPLY, b"\x01")
        link.say(0x70, b"a packet type of the future")
        assert (await client.status())["boots"] == 3
        assert client.counts.unknown == 5

    converse(ScriptedDevice, what)


def test_a_verdict_and_the_time_reach_the_device_as_they_were_given() -> None:
    async def what(client: Client, link: ScriptedDevice) -> None:
        heard: list[bytes] = []

        def note(kind: int) -> Callable[[bytes], list[tuple[int, bytes]]]:
            return lambda body: [(kind, heard.append(body) or b"")]

        link.replies = {messages.VERDICT: note(messages.DONE), messages.TIME: note(messages.TIME_IS)}
        await client.show(Verdict.ELEVATED, 70_000, 3000)
        await client.set_time(1_785_000_000_123)
        assert messages.VERDICT_FIELDS.unpack(heard[0]) == {"verdict": 3, "passage": 70_000, "hold_ms": 3000}
        assert messages.TIME_FIELDS.unpack(heard[1]) == {"host_ms": 1_785_000_000_123}

    converse(lambda: ScriptedDevice(role=records.GATE), what)


def test_closing_twice_is_no_error() -> None:
    async def run() -> None:
        client = Client(ScriptedDevice())
        await client.close()
        await client.close()

    asyncio.run(run())
