"""A recording opened as a link answers like the gate it was made of."""

import asyncio
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from doumen.client import connect
from doumen.config import Settings
from doumen.errors import DeviceRefused, LinkEnded, LinkNotFound
from doumen.recording import RecordingWriter
from doumen.service import Lost, News, Service
from doumen.store import Store

GATE = "9a7e000000000001"


def sensor(name: str) -> tuple[np.ndarray, np.ndarray]:
    with resources.files("doumen.simulator").joinpath("data", "sensors.npz").open("rb") as file:
        stored = np.load(file)
        return stored[f"{name}_eeprom"], stored[f"{name}_subpages"]


@pytest.fixture
def recording(tmp_path: Path) -> str:
    """Two starts: six subpages of one sensor, 10 ms apart, then four of another."""
    path = tmp_path / "two.dmr"
    eeprom, subpages = sensor("melexis_example")
    other, others = sensor("signaloid")
    with RecordingWriter(path, GATE, eeprom, "1.2.3") as writer:
        for i in range(6):
            writer.append(1_000_000 + 10 * i, 500 + 10 * i, i, subpages[i % 2])
        writer.start(other, "1.2.4")
        for i in range(4):
            writer.append(2_000_000 + 10 * i, 70 + 10 * i, i, others[i % 2])
    return f"replay:{path}"


def test_a_recording_identifies_itself_and_streams_what_was_recorded(recording: str) -> None:
    async def listen() -> None:
        eeprom, subpages = sensor("melexis_example")
        async with await connect(recording) as client:
            assert client.identity.device_id == GATE
            assert client.identity.role == "gate"
            assert client.identity.firmware == "1.2.3"
            assert np.array_equal(await client.eeprom(), eeprom)
            await client.stream(True)
            for i in range(6):
                subpage = await client.subpage(5)
                assert subpage.sequence == i
                assert subpage.ticks_ms == 500 + 10 * i
                assert np.array_equal(subpage.words, subpages[i % 2])
            with pytest.raises(LinkEnded, match="end"):
                await client.subpage(5)

    asyncio.run(listen())


def test_a_later_start_is_another_address(recording: str) -> None:
    async def listen() -> None:
        eeprom, _ = sensor("signaloid")
        async with await connect(f"{recording}?start=1") as client:
            assert np.array_equal(await client.eeprom(), eeprom)
            assert client.identity.boots == 2

    asyncio.run(listen())


def test_what_a_recording_cannot_do_is_refused_by_name(recording: str) -> None:
    async def ask(store: Store) -> None:
        async with await connect(recording) as client:
            with pytest.raises(DeviceRefused, match="no such thing"):
                await client.sync(store)

    with Store(f"sqlite:///{Path(recording[7:]).parent}/doumen.db") as store:
        asyncio.run(ask(store))


@pytest.mark.parametrize("address", ["{}?start=7", "{}?start=-1", "{}?start=x", "{}.missing"])
def test_a_recording_or_start_that_is_not_there_is_not_found(recording: str, address: str) -> None:
    with pytest.raises(LinkNotFound):
        asyncio.run(connect(address.format(recording)))


def test_a_service_ends_with_the_recording_it_attends_to(recording: str, tmp_path: Path) -> None:
    news: list[News] = []
    with Store(f"sqlite:///{tmp_path}/doumen.db") as store:
        service = Service(Settings(), store, news.append)
        asyncio.run(asyncio.wait_for(service.run([recording]), 10))
    assert service.devices[recording].subpages == 6
    assert isinstance(news[-1], Lost)
    assert "end" in news[-1].why
