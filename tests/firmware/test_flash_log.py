"""The log: what went in comes out once and in order, through restarts and acks. Littlefs in the VM."""

from log_scene import Scene, upto

from doumen_wire.records import FIXES_A_BLOCK, unpack_block


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
