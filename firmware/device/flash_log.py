"""The log: blocks of records on a filesystem, kept through restarts until the host has acknowledged them.

Files of eight blocks, 512 bytes each, named by epoch and first block. A block is written once, whole, and never
changed. The filesystem must make a file's end durable and whole when it is closed (littlefs does). `state` holds
what the blocks cannot tell when they are gone; it is replaced by a rename.
"""

import binascii
import os
import struct

from device.errors import FlashError
from doumen_wire import records
from doumen_wire.errors import WireError

BLOCKS_A_FILE = 8
_STATE = "<HIII"  # epoch, next_seq, oldest wanted, records in blocks that are gone


def replace(path, data):
    """Give a small file new contents in one step: after a power cut it holds the old or the new ones."""
    with open(path + ".new", "wb") as file:
        file.write(data)
    os.rename(path + ".new", path)


class FlashLog:
    """Fixes in, blocks out. A block's number is used once in an epoch.

    epoch: drawn at random when the log is made; another epoch is another log.
    boots: which start of the device this is; every block carries it.
    next_seq: number of the block that will be written next; oldest: of the first one still wanted.
    records: fixes that reached the flash in this epoch.
    dropped: files that were given up because there was no room, since the start.
    """

    def __init__(self, directory, boots, counters, max_files=200):
        self._directory = directory
        self._boots = boots
        self._counters = counters
        self._max_files = max_files
        self._open = []
        self.dropped = 0
        self._load_state()
        self._scan()
        self._save_state()

    def append(self, fix):
        """Take one packed FIX. It is safe once its block is closed: when full, or by close_block."""
        self._open.append(fix)
        if len(self._open) == records.FIXES_A_BLOCK:
            self.close_block()

    @property
    def open_records(self):
        """Fixes taken that a power cut would still cost."""
        return len(self._open)

    def close_block(self):
        """Write what was taken. Raises FlashError; the fixes are kept for the next try."""
        if not self._open:
            return
        if self.next_seq % BLOCKS_A_FILE == 0:
            self._make_room()
        first = self.next_seq - self.next_seq % BLOCKS_A_FILE
        block = records.pack_block(self.epoch, self.next_seq, self._boots, self._open)
        due = (self.next_seq - first) * records.BLOCK_BYTES
        size = self._size(first)
        try:
            if size <= due:
                # What a failed write left behind is filled up: every block keeps its place.
                with open(self._path(first), "ab") as file:
                    file.write(b"\xff" * (due - size) + block + b"\xff" * (records.BLOCK_BYTES - len(block)))
        except OSError as error:
            self._counters.flash_errors += 1
            raise FlashError(f"log not written: {error}") from error
        if size > due:
            # A write that failed got further than its place. Its number is spent; the next try takes another.
            self._counters.flash_errors += 1
            self.next_seq += 1
            raise FlashError(f"block {self.next_seq - 1} is taken")
        self.next_seq += 1
        self.records += len(self._open)
        self._open = []

    def blocks(self, cursor, most):
        """Yields (seq, block) from cursor on, at most that many. Holes are counted and left out."""
        seq = max(cursor, self.oldest)
        while seq < self.next_seq and most > 0:
            block = self._read(seq)
            if block is None:
                self._counters.flash_errors += 1
            else:
                most -= 1
                yield seq, block
            seq += 1

    def ack(self, cursor):
        """The host has stored everything before cursor: forget it. An old cursor changes nothing."""
        cursor = min(cursor, self.next_seq)
        if cursor <= self.oldest:
            return
        gone = 0
        last = cursor - cursor % BLOCKS_A_FILE  # files before this one hold nothing that is still wanted
        kept = []
        for first in self._files:
            if first < last:
                gone += self._count(first)
            else:
                kept.append(first)
        self.oldest = cursor
        self._gone += gone
        # State first: after a cut in between, the scan finds the files and removes them.
        self._save_state()
        for first in self._files:
            if first < last:
                self._remove(first)
        self._files = kept

    def _make_room(self):
        while len(self._files) >= self._max_files:
            first = self._files[0]
            self._gone += self._count(first)
            self.oldest = max(self.oldest, first + BLOCKS_A_FILE)
            self._save_state()
            self._remove(first)
            self._files = self._files[1:]
            self.dropped += 1
        if self.next_seq not in self._files:
            self._files.append(self.next_seq)

    def _scan(self):
        self._files = []
        self.records = self._gone
        for name in sorted(os.listdir(self._directory)):
            if not name.startswith(f"{self.epoch:04x}-"):
                continue
            first = int(name[5:13], 16)
            if first + BLOCKS_A_FILE <= self.oldest:
                self._remove(first)  # acknowledged before a power cut
                continue
            self._files.append(first)
            self.records += self._count(first)
            size = self._size(first)
            self.next_seq = max(
                self.next_seq, first + (size + records.BLOCK_BYTES - 1) // records.BLOCK_BYTES
            )

    def _count(self, first):
        """Fixes in one file."""
        found = 0
        for seq in range(first, first + BLOCKS_A_FILE):
            block = self._read(seq)
            if block is not None:
                found += records.block_count(block)
        return found

    def _read(self, seq):
        """The block of that number, or None if it cannot be read."""
        first = seq - seq % BLOCKS_A_FILE
        try:
            with open(self._path(first), "rb") as file:
                file.seek((seq - first) * records.BLOCK_BYTES)
                page = file.read(records.BLOCK_BYTES)
            found, size = records.block_seq(page, self.epoch)
        except (OSError, WireError):
            return None
        return page[:size] if found == seq else None

    def _size(self, first):
        try:
            return os.stat(self._path(first))[6]
        except OSError:
            return 0

    def _path(self, first):
        return f"{self._directory}/{self.epoch:04x}-{first:08x}.seg"

    def _remove(self, first):
        try:
            os.remove(self._path(first))
        except OSError:
            self._counters.flash_errors += 1

    def _load_state(self):
        try:
            with open(self._directory + "/state", "rb") as file:
                data = file.read()
        except OSError:
            data = b""
        size = struct.calcsize(_STATE)
        if len(data) == size + 4 and struct.unpack("<I", data[size:])[0] == binascii.crc32(data[:size]):
            self.epoch, self.next_seq, self.oldest, self._gone = struct.unpack(_STATE, data[:size])
            return
        try:
            os.mkdir(self._directory)
        except OSError:
            pass  # it is there
        self.next_seq = self.oldest = self._gone = 0
        files = sorted(name for name in os.listdir(self._directory) if name.endswith(".seg"))
        if files:  # the state is lost, the blocks are not: they go on in their epoch
            self._counters.flash_errors += 1
            self.epoch = int(files[-1][:4], 16)
            return
        self.epoch = struct.unpack("<H", os.urandom(2))[0] or 1

    def _save_state(self):
        data = struct.pack(_STATE, self.epoch, self.next_seq, self.oldest, self._gone)
        try:
            replace(self._directory + "/state", data + struct.pack("<I", binascii.crc32(data)))
        except OSError as error:
            self._counters.flash_errors += 1
            raise FlashError(f"log state not written: {error}") from error
