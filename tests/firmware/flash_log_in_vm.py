"""The log on real littlefs, on a flash that fills up and whose power goes at any write. Runs in the VM only."""

from fakes import Counters, Place

from device.errors import FlashError
from device.flash_log import FlashLog
from doumen_wire.records import FIX, FIXES_A_BLOCK, unpack_block


def fix(i):
    return FIX.pack(time_ms=i, lat_e7=1, lon_e7=2, hdop_c=3, satellites=4, quality=1)


def times(log, cursor=0):
    found = []
    for _, block in log.blocks(cursor, 9999):
        found += [each["time_ms"] for each in unpack_block(bytes(block), log.epoch)[2]]
    return found


def blocks_of(log, cursor=0):
    """{number: times} of what a host is handed."""
    return {
        seq: [each["time_ms"] for each in unpack_block(bytes(block), log.epoch)[2]]
        for seq, block in log.blocks(cursor, 9999)
    }


def test_a_flash_smaller_than_the_setting_becomes_a_ring():
    place = Place(blocks=16)
    counters = Counters()
    log = FlashLog(place.folder + "/log", 1, counters, max_files=4000)
    for i in range(40 * 8 * FIXES_A_BLOCK):
        log.append(fix(i))
    assert log.dropped >= 20
    found = times(log)
    assert found == list(range(log.oldest * FIXES_A_BLOCK, 40 * 8 * FIXES_A_BLOCK))
    assert len(found) >= 5 * 8 * FIXES_A_BLOCK
    assert log.records == 40 * 8 * FIXES_A_BLOCK
    records, next_seq = log.records, log.next_seq
    log = FlashLog(place.folder + "/log", 2, counters, max_files=4000)
    assert (log.records, log.next_seq) == (records, next_seq)
    assert times(log) == found
    log.ack(log.next_seq)
    assert times(log) == []
    place.leave()


def test_a_flash_filled_by_others_keeps_what_it_has():
    place = Place(blocks=16)
    log = FlashLog(place.folder + "/log", 1, Counters(), max_files=4000)
    for i in range(8 * FIXES_A_BLOCK):
        log.append(fix(i))
    others = 0
    try:
        for others in range(16):
            with open(f"{place.folder}/other{others}", "wb") as file:
                file.write(bytes(4096))
    except OSError:
        assert 3 < others < 16, others

    refused = 0
    for i in range(8 * FIXES_A_BLOCK, 10 * FIXES_A_BLOCK):
        try:
            log.append(fix(i))
        except FlashError:
            refused += 1
    assert refused > 0
    log = FlashLog(place.folder + "/log", 2, Counters(), max_files=4000)
    assert times(log)[: 8 * FIXES_A_BLOCK] == list(range(8 * FIXES_A_BLOCK))
    log.ack(8)
    place.leave()


class Host:
    """Takes over everything, as the real one does: rows and cursor first, then the ack. It never forgets."""

    def __init__(self):
        self.stored = {}
        self.cursor = 0
        self.epoch = None

    def sync(self, log):
        assert self.epoch in (None, log.epoch), "the log has lost its epoch"
        self.epoch = log.epoch
        for seq, found in blocks_of(log, self.cursor).items():
            assert seq not in self.stored, "a number was used twice"
            self.stored[seq] = found
        self.cursor = max(self.cursor, log.next_seq)
        log.ack(self.cursor)


def live(place, boots, host, closed, first):
    """One life of a device: eleven blocks, a sync in the middle, one at the end. closed: what it was sure of."""
    log = FlashLog(place.folder + "/log", boots, Counters(), max_files=3)
    for i in range(11):
        log.append(fix(first + i))
        log.close_block()
        closed.append(first + i)
        if i == 6:
            host.sync(log)
    host.sync(log)


def survives(place, host, closed):
    """Whether a second life ends well."""
    try:
        live(place, 2, host, closed, 100)
    except (FlashError, OSError):
        return False
    return True


def test_power_lost_at_any_write_loses_and_doubles_nothing_that_was_closed():
    for cut in range(1, 1000):
        place = Place(blocks=16)
        host, closed = Host(), []
        live(place, 1, host, closed, 0)
        place.flash.writes = 0
        place.flash.cut_at = cut
        lived = survives(place, host, closed)
        place.power_up()
        live(place, 3, host, closed, 200)
        stored = [time for seq in sorted(host.stored) for time in host.stored[seq]]
        assert len(set(stored)) == len(stored), (cut, "doubled")
        missing = [time for time in closed if time not in stored]
        assert missing == [], (cut, missing)
        # What was being closed when the power went may have made it, and nothing else.
        assert len(stored) <= len(closed) + 1, cut
        place.leave()
        if lived:  # it was over before the power went
            assert cut > 30
            return
    raise AssertionError("the power went and nobody noticed")
