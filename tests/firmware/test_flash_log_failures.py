"""The log on a flash that is torn, spoiled, full or broken, and when power goes between two steps."""

import os

from log_scene import EIO, ENOSPC, Failing, Scene, fix, upto

from device import flash_log
from device.flash_log import MOST_OPEN
from doumen_wire.records import BLOCK_BYTES, FIXES_A_BLOCK, pack_block


def test_a_spoiled_block_is_left_out_and_counted():
    scene = Scene()
    scene.take_blocks(10)
    path = scene.folder + "/" + scene.files()[0]
    with open(path, "rb") as file:
        data = bytearray(file.read())
    data[3 * BLOCK_BYTES + 20] ^= 1
    with open(path, "wb") as file:
        file.write(data)
    assert scene.numbers() == [0, 1, 2, 4, 5, 6, 7, 8, 9]
    assert scene.counters.flash_errors == 1
    scene.restart()
    assert (scene.log.records, scene.log.next_seq) == (9, 10)
    scene.leave()


def test_a_block_in_the_place_of_another_is_not_handed_over():
    scene = Scene()
    scene.take_blocks(2)
    path = scene.folder + "/" + scene.files()[0]
    with open(path, "rb") as file:
        data = file.read()
    with open(path, "wb") as file:
        file.write(data[BLOCK_BYTES:] + data[:BLOCK_BYTES])
    assert scene.numbers() == []
    scene.leave()


def test_the_tail_of_a_torn_write_is_skipped_and_its_number_is_spent():
    for size in (1, 7, 100, BLOCK_BYTES - 1):
        scene = Scene()
        scene.take_blocks(3)
        with open(scene.folder + "/" + scene.files()[0], "ab") as file:
            file.write(b"\x5a" * size)
        scene.restart()
        assert scene.log.next_seq == 4, size
        scene.take_blocks(2)
        assert scene.numbers() == [0, 1, 2, 4, 5], size
        assert scene.restart().next_seq == 6
        assert scene.times() == upto(5)
        scene.leave()


def test_a_torn_state_file_costs_no_block():
    for state in (b"", b"\0" * 18, b"torn", None):
        scene = Scene()
        scene.take_blocks(20)
        scene.log.ack(10)
        epoch = scene.log.epoch
        if state is None:
            os.remove(scene.folder + "/state")
        else:
            with open(scene.folder + "/state", "wb") as file:
                file.write(state)
        log = scene.restart()
        assert (log.epoch, log.next_seq, log.oldest) == (epoch, 20, 8), state
        assert scene.times(10) == upto(20, 11)
        assert scene.counters.flash_errors == 1
        scene.leave()


def test_without_state_and_blocks_a_new_epoch_begins():
    scene = Scene()
    scene.take_blocks(8)
    scene.log.ack(8)
    os.remove(scene.folder + "/state")

    class Zeros:
        def __getattr__(self, name):
            return bytes if name == "urandom" else getattr(os, name)

    flash_log.os = Zeros()
    try:
        log = scene.restart()
    finally:
        flash_log.os = os
    assert (log.epoch, log.next_seq, log.oldest, log.records) == (1, 0, 0, 0)
    scene.leave()


def test_strange_files_beside_the_log_are_left_alone():
    scene = Scene()
    scene.take_blocks(1)
    for name in (f"{scene.log.epoch:04x}-note.txt", "notes", "state.new"):
        with open(scene.folder + "/" + name, "w") as file:
            file.write("?")
    scene.restart()
    assert scene.times() == [1]
    assert "notes" in os.listdir(scene.folder)
    scene.leave()


def test_power_lost_after_the_state_and_before_the_files_are_removed():
    scene = Scene()
    scene.take_blocks(20)
    with Failing("remove"):
        scene.log.ack(17)
    assert len(scene.files()) == 3
    scene.restart()
    assert len(scene.files()) == 1
    assert (scene.log.oldest, scene.log.records, scene.log.next_seq) == (17, 20, 20)
    assert scene.times() == [18, 19, 20]
    scene.leave()


def test_power_lost_before_the_state_is_renamed_forgets_nothing():
    scene = Scene()
    scene.take_blocks(20)
    with Failing("rename"):
        assert scene.fails(scene.log.ack, 17)
    scene.restart()
    assert (scene.log.oldest, scene.log.records) == (0, 20)
    assert scene.times() == upto(20)
    scene.leave()


def test_an_ack_that_failed_forgets_nothing_and_works_the_next_time():
    scene = Scene()
    scene.take_blocks(20)
    with Failing("open"):
        assert scene.fails(scene.log.ack, 17)
        assert scene.fails(scene.log.ack, 17)
    assert scene.times() == upto(20)
    scene.log.ack(17)
    assert (scene.log.oldest, scene.log.records, len(scene.files())) == (17, 20, 1)
    assert scene.restart().records == 20
    scene.leave()


def test_fixes_wait_in_memory_while_the_flash_refuses_them():
    scene = Scene()
    scene.take_blocks(1)
    with Failing("open"):
        scene.take(FIXES_A_BLOCK - 1)
        assert scene.fails(scene.take, 1)
        assert scene.fails(scene.take, 1)
        assert scene.fails(scene.log.close_block)
        assert scene.log.open_records == FIXES_A_BLOCK + 1
    scene.take(1)
    assert scene.log.open_records == 0
    assert scene.times() == upto(FIXES_A_BLOCK + 3)
    assert scene.restart().records == FIXES_A_BLOCK + 3
    scene.leave()


def test_a_flash_that_fails_but_is_not_full_gives_up_nothing():
    scene = Scene()
    scene.take_blocks(40)
    scene.take(1)
    for _ in range(3):
        with Failing("open", EIO):
            assert scene.fails(scene.log.close_block)
    assert scene.log.dropped == 0
    assert scene.counters.flash_errors == 3
    scene.log.close_block()
    assert scene.times() == upto(41)
    scene.leave()


def test_a_flash_that_others_filled_gives_up_nothing():
    scene = Scene()
    scene.take_blocks(10)
    scene.take(1)
    with Failing("open", ENOSPC):
        assert scene.fails(scene.log.close_block)
    assert (scene.log.dropped, len(scene.files())) == (0, 2)
    scene.leave()


def test_a_flash_that_refuses_for_ever_does_not_fill_the_memory():
    scene = Scene()
    with Failing("open"):
        for _ in range(3 * MOST_OPEN):
            scene.fails(scene.take, 1)
        assert scene.log.open_records == MOST_OPEN
    scene.log.close_block()
    assert scene.times() == upto(MOST_OPEN)
    scene.leave()


def test_a_write_that_failed_after_all_was_written_is_not_repeated():
    scene = Scene()
    scene.take_blocks(2)
    scene.take(5)
    block = pack_block(scene.log.epoch, 2, scene.boots, [fix(i) for i in (3, 4, 5)])
    with open(scene.folder + "/" + scene.files()[0], "ab") as file:
        file.write(block + b"\xff" * (BLOCK_BYTES - len(block)))
    scene.log.close_block()
    assert scene.times() == upto(7)
    assert scene.numbers() == [0, 1, 2, 3]
    assert scene.log.records == 7
    scene.leave()


def test_a_write_that_failed_in_the_middle_spends_its_number():
    scene = Scene()
    scene.take_blocks(2)
    with open(scene.folder + "/" + scene.files()[0], "ab") as file:
        file.write(b"\0" * 100)
    scene.take_blocks(1)
    assert scene.counters.flash_errors == 1
    assert scene.numbers() == [0, 1, 3]
    assert scene.times() == upto(3)
    assert scene.restart().next_seq == 4
    scene.leave()


def test_when_the_flash_is_full_the_oldest_file_goes():
    scene = Scene()
    scene.take_blocks(20)
    with Failing("open", ENOSPC, after=0):
        scene.take(1)
        assert scene.fails(scene.log.close_block)  # not even the state can be written
    assert scene.times() == upto(20)
    open_for_append = [0]

    def full_once(path, mode="r"):
        if mode == "ab" and not open_for_append[0]:
            open_for_append[0] = 1
            raise OSError(ENOSPC, "full")
        return open(path, mode)

    flash_log.open = full_once
    try:
        scene.log.close_block()
    finally:
        del flash_log.open
    assert scene.log.dropped == 1
    assert scene.times() == upto(21, 9)
    assert scene.log.records == 21
    scene.leave()


def test_a_full_flash_does_not_keep_the_log_from_starting():
    scene = Scene()
    scene.take_blocks(9)
    with Failing("open", ENOSPC):
        scene.restart()
        assert scene.times() == upto(9)
    assert scene.counters.flash_errors == 1
    scene.leave()
