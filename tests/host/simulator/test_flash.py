"""The simulated flash obeys the rules of NOR: programming clears bits, only erasing sets them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doumen.errors import SimulatorError
from doumen.simulator.flash import NorFlash

BLOCKS, BLOCK_BYTES = 4, 64


def test_a_new_flash_is_erased() -> None:
    flash = NorFlash(BLOCKS, BLOCK_BYTES)
    assert all(flash.read(block, 0, BLOCK_BYTES) == b"\xff" * BLOCK_BYTES for block in range(BLOCKS))
    assert (flash.erases, flash.programs) == (0, 0)


@given(st.binary(min_size=1, max_size=16), st.binary(min_size=1, max_size=16))
def test_programming_twice_leaves_only_the_bits_that_both_have(first: bytes, second: bytes) -> None:
    flash = NorFlash(BLOCKS, BLOCK_BYTES)
    flash.program(1, 5, first)
    flash.program(1, 5, second)
    both = bytes(a & b for a, b in zip(first.ljust(16, b"\xff"), second.ljust(16, b"\xff"), strict=True))
    assert flash.read(1, 5, 16) == both
    assert flash.read(1, 0, 5) == b"\xff" * 5
    assert flash.programs == 2


def test_erasing_a_block_sets_its_bits_and_leaves_its_neighbours() -> None:
    flash = NorFlash(BLOCKS, BLOCK_BYTES)
    for block in range(BLOCKS):
        flash.program(block, 0, bytes(BLOCK_BYTES))
    flash.erase(2)
    assert [flash.read(block, 0, BLOCK_BYTES)[0] for block in range(BLOCKS)] == [0, 0, 0xFF, 0]
    assert flash.read(2, 0, BLOCK_BYTES) == b"\xff" * BLOCK_BYTES
    assert flash.read(3, 0, BLOCK_BYTES) == bytes(BLOCK_BYTES)
    assert flash.erases == 1


def test_an_access_may_cross_into_the_next_block_as_it_does_on_the_part() -> None:
    flash = NorFlash(BLOCKS, BLOCK_BYTES)
    flash.program(0, BLOCK_BYTES - 1, b"ab")
    assert flash.read(0, BLOCK_BYTES - 1, 1) == b"a"
    assert flash.read(1, 0, 1) == b"b"


@pytest.mark.parametrize(("block", "offset", "size"), [(-1, 0, 1), (0, -1, 1), (4, 0, 1), (3, 60, 5)])
def test_an_access_outside_is_an_error_of_the_firmware_and_says_where(
    block: int, offset: int, size: int
) -> None:
    flash = NorFlash(BLOCKS, BLOCK_BYTES)
    with pytest.raises(SimulatorError, match=f"block {block}, offset {offset}"):
        flash.read(block, offset, size)
    with pytest.raises(SimulatorError, match="outside"):
        flash.program(block, offset, bytes(size))
    assert flash.programs == 0


def test_a_block_that_is_not_there_cannot_be_erased() -> None:
    flash = NorFlash(BLOCKS, BLOCK_BYTES)
    with pytest.raises(SimulatorError, match="outside"):
        flash.erase(BLOCKS)
    assert flash.erases == 0
