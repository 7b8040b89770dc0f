"""The log: what went in comes out once, through restarts, holes, full flashes and failures. Littlefs in the VM."""

import os

from fakes import Counters, Place

from device import flash_log
from device.errors import FlashError
from device.flash_log import MOST_OPEN, FlashLog
from doumen_wire.records import BLOCK_BYTES, FIX, FIXES_A_BLOCK, pack_block, unpack_block

ENOSPC, EIO = 28, 5


def fix(i):
    return FIX.pack(time_ms=i, lat_e7=1, lon_e7=2, hdop_c=3, satellites=4, quality=1)


class Scene:
    """A log on a flash of its own. taken: how many fixes it was given, numbered by their time."""

    def __init__(self, max_files=200):
        self.place = Place()
        self.folder = self.place.folder + "/log"
        self.max_files = max_files
        self.boots = 0
        self.taken = 0
        self.restart()

    def restart(self):
        """The device starts again; what was in memory is gone."""
        self.boots += 1
        self.counters = Counters()
        self.log = FlashLog(self.folder, self.boots, self.counters, self.max_files)
        return self.log

    def take(self, count):
        for _ in range(count):
            self.taken += 1
            self.log.append(fix(self.taken))

    def take_blocks(self, count, fixes=1):
        """So many blocks of so many fixes."""
        for _ in range(count):
            self.take(fixes)
            self.log.close_block()

    def times(self, cursor=0, most=9999):
        """The fixes that a host with this cursor is handed, by their time."""
        found = []
        for seq, block in self.log.blocks(cursor, most):
            number, _, fixes = unpack_block(bytes(block), self.log.epoch)
            assert number == seq
            found += [each["time_ms"] for each in fixes]
        return found

    def numbers(self, cursor=0, most=9999):
        return [seq for seq, _ in self.log.blocks(cursor, most)]

    def files(self):
        return sorted(name for name in os.listdir(self.folder) if name.endswith(".seg"))

    def fails(self, call, *arguments):
        try:
            call(*arguments)
        except FlashError:
            return True
        return False

    def leave(self):
        self.place.leave()


def upto(last, first=1):
    return list(range(first, last + 1))


class Failing:
    """While entered, one function that the log calls raises an OSError, after so many good calls."""

    def __init__(self, name, code=EIO, after=0):
        self._name = name
        self._code = code
        self._after = after

    def __enter__(self):
        self._os = flash_log.os
        if self._name == "open":
            flash_log.open = self._open
        else:
            flash_log.os = self

    def __exit__(self, kind, error, trace):
        flash_log.os = self._os
        if self._name == "open":
            del flash_log.open

    def __getattr__(self, name):
        return self._fail if name == self._name else getattr(self._os, name)

    def _fail(self, *arguments):
        self._after -= 1
        if self._after < 0:
            raise OSError(self._code, "as asked")
        return getattr(self._os, self._name)(*arguments)

    def _open(self, path, mode="r"):
        if mode in ("ab", "wb"):
            self._after -= 1
            if self._after < 0:
                raise OSError(self._code, "as asked")
        return open(path, mode)


def test_what_is_closed_comes_out_in_order_also_after_a_restart():
    scene = Scene()
    scene.take(100)
    scene.log.close_block()
    assert scene.times() == upto(100)
    assert scene.log.records == 100
    scene.restart()
    assert scene.times() == upto(100)
    assert scene.log.records == 100
    assert scene.counters.flash_errors == 0
    scene.leave()


def test_a_block_closes_when_it_is_full():
    scene = Scene()
    scene.take(FIXES_A_BLOCK - 1)
    assert (scene.log.next_seq, scene.log.open_records) == (0, FIXES_A_BLOCK - 1)
    scene.take(1)
    assert (scene.log.next_seq, scene.log.open_records) == (1, 0)
    scene.leave()


def test_what_was_not_closed_is_all_that_a_power_cut_costs():
    scene = Scene()
    scene.take(FIXES_A_BLOCK + 5)
    assert scene.log.open_records == 5
    scene.restart()
    assert scene.times() == upto(FIXES_A_BLOCK)
    scene.leave()


def test_closing_nothing_writes_nothing():
    scene = Scene()
    scene.log.close_block()
    assert (scene.log.next_seq, scene.files()) == (0, [])
    scene.leave()


def test_every_block_says_which_start_it_is_of():
    scene = Scene()
    scene.take_blocks(1)
    scene.restart()
    scene.take_blocks(1)
    assert [unpack_block(bytes(block), scene.log.epoch)[1] for _, block in scene.log.blocks(0, 9)] == [1, 2]
    scene.leave()


def test_reading_begins_at_the_cursor_and_ends_with_the_credits():
    scene = Scene()
    scene.take_blocks(20)
    assert scene.numbers(0, 3) == [0, 1, 2]
    assert scene.numbers(7, 3) == [7, 8, 9]
    assert scene.numbers(18, 16) == [18, 19]
    assert scene.numbers(20, 16) == []
    assert scene.numbers(99, 16) == []
    scene.leave()


def test_what_is_acknowledged_is_forgotten_by_whole_files():
    scene = Scene()
    scene.take_blocks(20)
    scene.log.ack(9)
    assert scene.log.oldest == 9
    assert scene.numbers() == list(range(9, 20))
    assert len(scene.files()) == 2
    scene.log.ack(20)
    assert scene.numbers() == []
    assert scene.log.records == 20
    assert len(scene.files()) == 1
    scene.restart()
    assert (scene.log.oldest, scene.log.next_seq, scene.log.records) == (20, 20, 20)
    scene.leave()


def test_ack_of_an_old_cursor_is_ignored():
    scene = Scene()
    scene.take_blocks(10)
    scene.log.ack(6)
    scene.log.ack(3)
    scene.log.ack(0)
    assert scene.log.oldest == 6
    assert scene.numbers() == [6, 7, 8, 9]
    scene.leave()


def test_ack_beyond_the_end_forgets_only_what_there_is():
    scene = Scene()
    scene.take_blocks(3)
    scene.log.ack(99)
    assert scene.log.oldest == 3
    scene.take_blocks(1)
    assert scene.numbers() == [3]
    scene.leave()


def test_a_number_is_never_used_again():
    scene = Scene()
    for _ in range(6):
        scene.take_blocks(8)
        scene.log.ack(scene.log.next_seq)
        assert scene.files() == []
        before = scene.log.next_seq
        assert scene.restart().next_seq == before
    assert scene.log.next_seq == 48
    scene.leave()


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


def test_a_full_log_drops_its_oldest_file_and_says_so():
    scene = Scene(max_files=3)
    scene.take_blocks(8 * 5 + 1)
    assert (scene.log.dropped, scene.log.oldest) == (3, 24)
    assert len(scene.files()) == 3
    assert scene.times() == upto(41, 25)
    assert scene.log.records == 41
    scene.restart()
    assert (scene.log.records, scene.log.next_seq, scene.log.oldest) == (41, 41, 24)
    scene.leave()


def test_a_file_dropped_while_it_is_read_ends_no_transfer():
    scene = Scene(max_files=2)
    scene.take_blocks(16)
    found = []
    for seq, _ in scene.log.blocks(0, 99):
        found.append(seq)
        if seq == 2:
            scene.take_blocks(1)
    assert found[:4] == [0, 1, 2, 8]
    assert found[3:] == list(range(8, 17))
    assert scene.counters.flash_errors == 0
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
