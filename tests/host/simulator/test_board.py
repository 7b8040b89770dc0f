"""The world's end of a board: what the VM's `machine` asks for, over the wire format of boards/simulated/ops.py."""

import errno
import json
import struct

import numpy as np
import pytest

from doumen.errors import SimulatorError
from doumen.simulator.board import HARD_RESET, OPS, POWER_ON, WATCHDOG_RESET, SimulatedBoard
from doumen.simulator.chips import Mlx90640
from doumen.simulator.receiver import Receiver, sentence_check
from doumen.simulator.sights import Recorded

ID = bytes.fromhex("d0e0000000000001")
MLX, CONTROL, EEPROM = 0x33, 0x800D, 0x2400


def gate() -> SimulatedBoard:
    eeprom = np.arange(832, dtype=np.uint16)
    return SimulatedBoard(
        ID, {"role": "gate"}, sensor=Mlx90640(eeprom, Recorded(np.zeros((2, 834), np.uint16)))
    )


def i2c_read(board: SimulatedBoard, register: int, size: int, address: int = MLX) -> tuple[int, bytes]:
    answer = board.handle(OPS["I2C_READ"], struct.pack("<BHH", address, register, size), 0)
    assert answer is not None
    return answer.status, answer.data


def i2c_write(board: SimulatedBoard, register: int, *words: int, address: int = MLX) -> tuple[int, int]:
    payload = struct.pack("<BH", address, register) + struct.pack(f">{len(words)}H", *words)
    answer = board.handle(OPS["I2C_WRITE"], payload, 0)
    assert answer is not None
    assert answer.data == b""
    return answer.status, answer.ready_us


def test_hello_tells_the_board_who_it_is_and_why_it_starts() -> None:
    board = gate()
    board.speed = 0.0
    board.power_on(WATCHDOG_RESET)
    answer = board.handle(OPS["HELLO"], b"", 5)
    assert answer is not None
    assert json.loads(answer.data) == {
        "speed": 0.0,
        "device_id": ID.hex(),
        "cause": WATCHDOG_RESET,
        "settings": {"role": "gate"},
    }


def test_words_come_off_the_bus_with_the_high_byte_first() -> None:
    board = gate()
    assert i2c_read(board, CONTROL, 2) == (0, b"\x19\x01")
    assert i2c_read(board, EEPROM + 0x102, 4) == (0, b"\x01\x02\x01\x03")
    assert i2c_read(board, EEPROM + 0x102, 3) == (0, b"\x01\x02\x01")


def test_a_word_written_over_the_bus_arrives() -> None:
    board = gate()
    assert i2c_write(board, CONTROL, 0x1A81) == (0, 145)
    assert i2c_read(board, CONTROL, 2) == (0, b"\x1a\x81")


def test_the_bus_takes_its_time() -> None:
    answer = gate().handle(OPS["I2C_READ"], struct.pack("<BHH", MLX, 0x0400, 1664), 1000)
    assert answer is not None
    assert answer.ready_us == 1000 + 100 + 832 * 45
    assert len(answer.data) == 1664


@pytest.mark.parametrize("address", [0x00, 0x32, 0x34, 0x7F])
def test_nobody_answers_at_another_address(address: int) -> None:
    board = gate()
    assert i2c_read(board, CONTROL, 2, address) == (errno.ENODEV, b"")
    assert i2c_write(board, CONTROL, 0, address=address)[0] == errno.ENODEV
    assert i2c_read(board, CONTROL, 2) == (0, b"\x19\x01")


def test_a_sensor_that_is_absent_or_busy_answers_no_device() -> None:
    board = gate()
    assert board.sensor is not None
    board.sensor.nacks = 1
    assert i2c_read(board, CONTROL, 2)[0] == errno.ENODEV
    assert i2c_read(board, CONTROL, 2)[0] == 0
    board.sensor.present = False
    assert i2c_write(board, CONTROL, 0)[0] == errno.ENODEV
    board.sensor = None
    assert i2c_read(board, CONTROL, 2)[0] == errno.ENODEV


def test_an_eeprom_write_over_the_bus_is_seen() -> None:
    board = gate()
    assert i2c_write(board, EEPROM + 0x0F, 0xBEEF, 0xBEEF)[0] == 0
    assert board.sensor is not None
    assert board.sensor.eeprom_writes == 2
    assert i2c_read(board, EEPROM + 0x0F, 2) == (0, b"\x00\x0f")


def test_pins_have_names_and_every_change_is_remembered_once() -> None:
    board = gate()
    for time_us, number, level in ((10, 25, 1), (20, 25, 1), (30, 33, 1), (40, 25, 0), (50, 4, 1)):
        assert board.handle(OPS["PIN"], bytes((number, level)), time_us) is None
    board.handle(OPS["PWM"], struct.pack("<BIH", 27, 2000, 32768), 60)
    board.handle(OPS["PWM"], struct.pack("<BIH", 27, 2000, 0), 70)
    assert board.history == [
        (10, "green", 1),
        (30, "relay", 1),
        (40, "green", 0),
        (50, "4", 1),
        (60, "buzzer", 2000),
        (70, "buzzer", 0),
    ]
    assert board.pins == {"green": 0, "relay": 1, "4": 1, "buzzer": 0}


def test_without_power_every_output_falls() -> None:
    board = gate()
    board.handle(OPS["PIN"], bytes((33, 1)), 10)
    board.handle(OPS["PIN"], bytes((26, 0)), 10)
    board.go_dark(20)
    board.go_dark(30)
    assert board.pins == {"relay": 0, "red": 0}
    assert board.history == [(10, "relay", 1), (10, "red", 0), (20, "relay", 0)]


def test_a_watchdog_that_is_fed_lives_and_one_that_is_not_starves() -> None:
    board = gate()
    assert board.next_us() is None
    assert not board.starved(1 << 60)
    board.handle(OPS["WATCHDOG"], struct.pack("<I", 8000), 1_000)
    board.handle(OPS["WATCHDOG"], struct.pack("<I", 8000), 5_000_000)
    assert board.next_us() == 13_000_000
    assert not board.starved(12_999_999)
    assert board.starved(13_000_000)


def test_a_new_start_has_no_watchdog_and_no_reset_pending() -> None:
    board = gate()
    board.handle(OPS["WATCHDOG"], struct.pack("<I", 2000), 0)
    answer = board.handle(OPS["RESET"], b"", 5)
    assert answer is not None
    assert board.reset_asked
    board.power_on(HARD_RESET)
    assert not board.reset_asked
    assert not board.starved(1 << 60)
    assert board.cause == HARD_RESET


def test_the_flash_keeps_what_it_holds_over_a_restart() -> None:
    board = gate()
    board.handle(OPS["FLASH_PROGRAM"], struct.pack("<II", 3, 8) + b"doumen", 0)
    board.power_on(POWER_ON)
    read = board.handle(OPS["FLASH_READ"], struct.pack("<III", 3, 8, 6), 0)
    assert read is not None
    assert read.data == b"doumen"
    board.handle(OPS["FLASH_ERASE"], struct.pack("<I", 3), 0)
    read = board.handle(OPS["FLASH_READ"], struct.pack("<III", 3, 8, 6), 0)
    assert read is not None
    assert read.data == b"\xff" * 6


def test_the_flash_is_as_large_as_both_sides_say() -> None:
    board = gate()
    last = struct.pack("<III", OPS["FLASH_BLOCKS"] - 1, OPS["FLASH_BLOCK_BYTES"] - 1, 1)
    assert board.handle(OPS["FLASH_READ"], last, 0) is not None
    with pytest.raises(SimulatorError, match="outside"):
        board.handle(OPS["FLASH_ERASE"], struct.pack("<I", OPS["FLASH_BLOCKS"]), 0)


def test_the_receiver_is_reached_through_the_uart() -> None:
    sentence = b"GNZDA,070000,01,08,2026,,"
    line = b"$%s*%s\r\n" % (sentence, sentence_check(sentence))
    board = SimulatedBoard(ID, {"role": "badge"}, receiver=Receiver(line))
    assert board.happen(10**9) == b""
    board.handle(OPS["UART_OPEN"], struct.pack("<I", 9600), 0)
    due = board.next_us()
    assert due is not None
    assert board.happen(due - 1) == b""
    assert board.happen(due) == line
    board.handle(OPS["UART_WRITE"], b"$PCAS06,0*1B\r\n", due)
    assert board.happen(due + 1_000_000).startswith(b"$GPTXT")


def test_a_board_without_a_receiver_hears_nothing() -> None:
    board = gate()
    board.handle(OPS["UART_OPEN"], struct.pack("<I", 9600), 0)
    board.handle(OPS["UART_WRITE"], b"$PCAS06,0*1B\r\n", 0)
    assert board.happen(1 << 50) == b""


def test_a_word_without_meaning_is_an_error() -> None:
    with pytest.raises(SimulatorError, match="200"):
        gate().handle(200, b"", 0)
