"""The VM's `bluetooth` against conversations that real radios had (tests/data/ble/README.md says whose)."""

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest
from bleak import BleakClient, BleakScanner

from doumen.simulator import vm
from doumen.simulator.air import Air
from doumen.simulator.air_backend import backends
from doumen.simulator.bench import Bench
from doumen.simulator.board import SimulatedBoard
from doumen.simulator.radio import Radio

DATA = Path(__file__).parents[2] / "data" / "ble"
CONVERSATIONS = json.loads((DATA / "nimble_events.json").read_text())
UUIDS = [f"0000000{2 + i}-1111-2222-3333-444444444444" for i in range(3)]


def run_in_place_of_the_firmware(script: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = vm.command
    monkeypatch.setattr(vm, "command", lambda heap, *_: command(heap, str(script)))


def said_until_over(port: int) -> list[str]:
    text = ""
    while "over" not in text:
        text += os.read(port, 4096).decode()
    lines = [line.strip() for line in text.splitlines()]
    return [line.removeprefix("event ") for line in lines if line and line != "over"]


@pytest.mark.parametrize("conversation", CONVERSATIONS, ids=lambda each: each["name"])
def test_the_interrupts_are_those_of_a_real_radio(
    conversation: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    run_in_place_of_the_firmware(DATA / "peripheral.py", monkeypatch)
    settings = {"role": "badge", "ble": True, "conversation": conversation["name"]}
    with Air() as air:
        scanner, client = backends(air)
        board = SimulatedBoard(bytes(8), settings, radio=Radio(air))
        heard: list[str] = []

        async def talk() -> None:
            device = await BleakScanner.find_device_by_filter(lambda *_: True, 10, backend=scanner)
            assert device is not None
            async with BleakClient(device, backend=client) as connection:
                for step, *arguments in conversation["host"]:
                    uuid = UUIDS[arguments[0]] if arguments and step != "hear" else ""
                    if step == "subscribe":
                        await connection.start_notify(uuid, lambda _, data: heard.append(data.decode()))
                    elif step == "unsubscribe":
                        await connection.stop_notify(uuid)
                    elif step == "read":
                        assert (await connection.read_gatt_char(uuid)).decode() == arguments[1]
                    elif step == "write":
                        await connection.write_gatt_char(uuid, arguments[1].encode(), response=arguments[2])
                    elif step == "pause":
                        await asyncio.sleep(0.2)
                    elif step == "hear":
                        while len(heard) < arguments[0]:
                            await asyncio.sleep(0.01)

        with Bench(board) as bench:
            port = os.open(bench.port, os.O_RDONLY | os.O_NOCTTY)
            try:
                asyncio.run(asyncio.wait_for(talk(), 20))
                assert said_until_over(port) == conversation["device"]
            finally:
                os.close(port)
            assert heard == conversation["host_hears"]
            assert bench.problems == []


FULL = """
import errno, time, bluetooth
ble = bluetooth.BLE()
ble.active(True)
state = []
ble.irq(lambda event, data: state.append((event, data[0] if data else None)))
chars = ((bluetooth.UUID(0x2A37), bluetooth.FLAG_WRITE | bluetooth.FLAG_NOTIFY),)
((handle,),) = ble.gatts_register_services(((bluetooth.UUID(0x180D), chars),))
try:
    ble.gatts_notify(0, handle, b"x")
except OSError as error:
    print("event without", error.errno == 107)
before = ble.config("mac")
ble.config(addr_mode=1)
print("event drawn", ble.config("mac") != before, ble.config("mac")[0])
ble.gap_advertise(20000, b"")
before = ble.config("mac")
ble.config(addr_mode=1)
print("event busy", ble.config("mac") == before)
while not any(event == 3 for event, _ in state):
    time.sleep_ms(5)
print("event cut", len(ble.gatts_read(handle)))
sent = 0
try:
    while True:
        ble.gatts_notify(0, handle, b"x")
        sent += 1
except OSError as error:
    print("event full", error.errno == errno.ENOMEM, 0 < sent < 50)
while not any(event == 2 for event, _ in state):
    time.sleep_ms(5)
print("over")
while True:
    time.sleep(1)
"""


def test_what_a_real_radio_refuses_cuts_or_ignores_in_silence_so_does_this(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "full.py"
    script.write_text(FULL)
    run_in_place_of_the_firmware(script, monkeypatch)
    with Air(interval_s=0.02) as air:
        scanner, client = backends(air)
        board = SimulatedBoard(bytes(8), {"role": "badge", "ble": True}, radio=Radio(air))

        async def talk() -> None:
            device = await BleakScanner.find_device_by_filter(lambda *_: True, 10, backend=scanner)
            assert device is not None
            async with BleakClient(device, backend=client) as connection:
                [found] = [
                    c for service in connection.services for c in service.characteristics if "2a37" in c.uuid
                ]
                await connection.write_gatt_char(found, bytes(100), response=True)
                await asyncio.sleep(0.2)

        with Bench(board) as bench:
            port = os.open(bench.port, os.O_RDONLY | os.O_NOCTTY)
            try:
                asyncio.run(asyncio.wait_for(talk(), 20))
                said = said_until_over(port)
            finally:
                os.close(port)
        assert said == ["without True", "drawn True 1", "busy True", "cut 20", "full True True"]
