"""Links: any pyserial URL is a byte pipe both ways; what cannot be opened or is gone has a name and a remedy."""

import asyncio
import os
import socket
import threading
import tty
from collections.abc import Iterator
from contextlib import suppress

import pytest

from doumen.errors import LinkError, LinkLost, LinkNotFound
from doumen.links import Link, open_link

EVERY_BYTE = bytes(range(256)) * 9


class Terminal:
    """A pseudo-terminal: `port` is opened by the host, `device` is the other end's file."""

    def __init__(self) -> None:
        self.device, self._cable = os.openpty()
        tty.setraw(self._cable)
        self.port = os.ttyname(self._cable)
        self._is_open = True

    def unplug(self) -> None:
        if self._is_open:
            self._is_open = False
            os.close(self.device)
            os.close(self._cable)


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    terminal = Terminal()
    yield terminal
    terminal.unplug()


async def read_exactly(link: Link, size: int) -> bytes:
    data = b""
    async with asyncio.timeout(20):
        while len(data) < size:
            data += await link.read()
    return data


def device_reads(file: int, size: int) -> bytes:
    data = b""
    while len(data) < size:
        data += os.read(file, size - len(data))
    return data


def opening_fails(url: str) -> LinkError:
    with pytest.raises(LinkError) as raised:
        asyncio.run(open_link(url))
    assert "\n" not in str(raised.value)
    assert str(raised.value).startswith(url)
    return raised.value


def test_every_byte_value_passes_a_terminal_both_ways(terminal: Terminal) -> None:
    async def run() -> None:
        link = await open_link(terminal.port)
        assert link.name == terminal.port
        await link.write(EVERY_BYTE)
        assert await asyncio.to_thread(device_reads, terminal.device, len(EVERY_BYTE)) == EVERY_BYTE
        await asyncio.to_thread(os.write, terminal.device, EVERY_BYTE)
        assert await read_exactly(link, len(EVERY_BYTE)) == EVERY_BYTE
        await link.close()

    asyncio.run(run())


def test_a_megabyte_comes_in_whole_while_the_reader_is_slow(terminal: Terminal) -> None:
    data = os.urandom(1 << 20)

    def send() -> None:
        sent = 0
        while sent < len(data):
            sent += os.write(terminal.device, data[sent : sent + 4096])

    async def run() -> None:
        link = await open_link(terminal.port)
        sending = asyncio.create_task(asyncio.to_thread(send))
        await asyncio.sleep(0.2)
        assert await read_exactly(link, len(data)) == data
        await sending
        await link.close()

    asyncio.run(run())


def test_a_socket_url_is_a_link_too() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        host, port = server.getsockname()

        def echo() -> None:
            connection, _ = server.accept()
            with connection:
                while data := connection.recv(4096):
                    connection.sendall(data)

        device = threading.Thread(target=echo)
        device.start()

        async def run() -> None:
            link = await open_link(f"socket://{host}:{port}")
            await link.write(EVERY_BYTE)
            assert await read_exactly(link, len(EVERY_BYTE)) == EVERY_BYTE
            await link.close()

        asyncio.run(run())
        device.join(10)


def test_a_socket_where_nobody_listens_is_told_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        host, port = server.getsockname()
    assert "switched on?" in str(opening_fails(f"socket://{host}:{port}"))


def test_a_socket_whose_other_end_closes_is_a_lost_link() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        host, port = server.getsockname()

        async def run() -> None:
            link = await open_link(f"socket://{host}:{port}")
            server.accept()[0].close()
            with pytest.raises(LinkLost, match="plugged in"):
                await read_exactly(link, 1)
            await link.close()

        asyncio.run(run())


def test_a_port_that_is_not_there_is_not_found_and_the_line_says_how_to_list_them() -> None:
    error = opening_fails("/dev/doumen-has-no-such-port")
    assert isinstance(error, LinkNotFound)
    assert "doumen devices --ports" in str(error)


@pytest.mark.parametrize(
    "url", ["nonsense://x", "ble://badge", "i2c://1", "BLE:badge", "replay:/no/such.dmr"]
)
def test_a_url_that_means_nothing_here_is_not_found(url: str) -> None:
    with pytest.raises(LinkNotFound) as raised:
        asyncio.run(open_link(url))
    assert "\n" not in str(raised.value)
    assert ";" in str(raised.value)


def test_a_file_that_is_no_port_is_told_in_one_line(tmp_path: object) -> None:
    opening_fails(f"{tmp_path}")


def test_a_port_that_another_program_uses_is_told(terminal: Terminal) -> None:
    async def run() -> None:
        link = await open_link(terminal.port)
        with pytest.raises(LinkError, match="another program uses it; close that first"):
            await open_link(terminal.port)
        await link.close()
        again = await open_link(terminal.port)
        await again.close()

    asyncio.run(run())


def test_a_port_that_vanishes_is_a_lost_link_for_everyone_who_asks(terminal: Terminal) -> None:
    async def run() -> None:
        link = await open_link(terminal.port)
        waiting = asyncio.create_task(link.read())
        await asyncio.sleep(0.05)
        terminal.unplug()
        for reading in (waiting, link.read()):
            with pytest.raises(LinkLost, match="is it still plugged in"):
                async with asyncio.timeout(10):
                    await reading
        with pytest.raises(LinkLost):
            await link.write(b"hello")
        await link.close()

    asyncio.run(run())


def test_closing_twice_is_no_error_and_ends_a_read_that_waits(terminal: Terminal) -> None:
    async def run() -> None:
        link = await open_link(terminal.port)
        waiting = asyncio.create_task(link.read())
        await asyncio.sleep(0.05)
        await link.close()
        await link.close()
        with pytest.raises(LinkLost):
            async with asyncio.timeout(10):
                await waiting
        with pytest.raises(LinkLost):
            await link.write(b"too late")

    asyncio.run(run())


def test_a_link_that_nobody_reads_can_be_closed(terminal: Terminal) -> None:
    async def run() -> None:
        link = await open_link(terminal.port)
        os.set_blocking(terminal.device, False)
        for _ in range(300):
            with suppress(BlockingIOError):
                os.write(terminal.device, bytes(1024))
            await asyncio.sleep(0.001)
        async with asyncio.timeout(10):
            await link.close()

    asyncio.run(run())
