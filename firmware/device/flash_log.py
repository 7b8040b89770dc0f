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
MOST_OPEN = 4 * records.FIXES_A_BLOCK  # fixes that wait in memory while the flash refuses them
_FEW_FILES = 3  # with fewer the room went elsewhere: to give up old blocks would gain hardly a new one
_ENOSPC = 28  # MicroPython's errno has no name for it
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
        try:
            self._save_state(self.oldest, self._gone)
        except FlashError:
            pass  # counted; a full flash must not keep the device from starting and handing its blocks over

    def append(self, fix):
        """Take one packed FIX. It is safe once its block is closed: when full, or by close_block.

        Raises FlashError as close_block does; the fix is taken all the same, while there is room in memory.
        """
        if len(self._open) < MOST_OPEN:
            self._open.append(fix)
        else:
            self._counters.flash_errors += 1
        if len(self._open) >= records.FIXES_A_BLOCK:
            self.close_block()

    @property
    def open_records(self):
        """Fixes taken that a power cut would still cost."""
        return len(self._open)

    def close_block(self):
        """Write what was taken. Raises FlashError; what was not written is kept for the next try."""
        while self._open:
            if self.next_seq % BLOCKS_A_FILE == 0:
                self._begin_file()
            try:
                written = self._write(self._open[: records.FIXES_A_BLOCK])
            except OSError as error:
                self._counters.flash_errors += 1
                if error.errno != _ENOSPC or len(self._files) < _FEW_FILES:
                    raise FlashError(f"log not written: {error}") from error
                self._drop_oldest()
                continue
            self.next_seq += 1
            self.records += written
            self._open = self._open[written:]

    def blocks(self, cursor, most):
        """Yields (seq, block) from cursor on, at most that many. Holes are counted and left out."""
        seq = cursor
        while most > 0:
            seq = max(seq, self.oldest)
            if seq >= self.next_seq:
                return
            block = self._read(seq)
            if block is None:
                self._counters.flash_errors += 1
            else:
                most -= 1
                yield seq, block
            seq += 1

    def ack(self, cursor):
        """The host has stored everything before cursor: forget it. An old cursor changes nothing.

        Raises FlashError if that could not be written down: then nothing is forgotten.
        """
        cursor = min(cursor, self.next_seq)
        if cursor > self.oldest:
            self._forget(cursor, [first for first in self._files if first + BLOCKS_A_FILE <= cursor])

    def _write(self, fixes):
        """Put a block of these in its place. Returns how many of them stand there. Raises OSError."""
        first = self.next_seq - self.next_seq % BLOCKS_A_FILE
        due = (self.next_seq - first) * records.BLOCK_BYTES
        size = self._size(first)
        if size > due:
            # A write that failed got further than it said. Its number is spent; a whole block is as good as written.
            self._counters.flash_errors += 1
            block = self._read(self.next_seq)
            return 0 if block is None else records.block_count(block)
        block = records.pack_block(self.epoch, self.next_seq, self._boots, fixes)
        with open(self._path(first), "ab") as file:
            # What a failed write left behind is filled up: every block keeps its place.
            file.write(b"\xff" * (due - size) + block + b"\xff" * (records.BLOCK_BYTES - len(block)))
        return len(fixes)

    def _begin_file(self):
        if self.next_seq not in self._files:
            while len(self._files) >= self._max_files:
                self._drop_oldest()
            self._files.append(self.next_seq)

    def _drop_oldest(self):
        first = self._files[0]
        self._forget(max(self.oldest, first + BLOCKS_A_FILE), [first])
        self.dropped += 1

    def _forget(self, oldest, files):
        gone = self._gone
        for first in files:
            gone += self._count(first)
        # State first: after a cut in between, the scan finds the files and removes them.
        self._save_state(oldest, gone)
        self.oldest = oldest
        self._gone = gone
        for first in files:
            self._remove(first)
        self._files = [first for first in self._files if first not in files]

    def _scan(self):
        self._files = []
        self.records = self._gone
        for name in sorted(os.listdir(self._directory)):
            if not (name.startswith(f"{self.epoch:04x}-") and name.endswith(".seg")):
                continue
            first = int(name[5:13], 16)
            if first + BLOCKS_A_FILE <= self.oldest:
                self._remove(first)  # acknowledged before a power cut
                continue
            self._files.append(first)
            self.records += self._count(first)
            pages = (self._size(first) + records.BLOCK_BYTES - 1) // records.BLOCK_BYTES
            self.next_seq = max(self.next_seq, first + pages)
        # Looking for blocks where no file is would take minutes after a lost state.
        self.oldest = max(self.oldest, self._files[0] if self._files else self.next_seq)

    def _count(self, first):
        """Fixes in one file; opened once, for a start reads all of them."""
        found = 0
        try:
            with open(self._path(first), "rb") as file:
                for seq in range(first, first + BLOCKS_A_FILE):
                    block = self._checked(file.read(records.BLOCK_BYTES), seq)
                    if block is not None:
                        found += records.block_count(block)
        except OSError:
            self._counters.flash_errors += 1
        return found

    def _read(self, seq):
        """The block of that number, or None if it cannot be read."""
        first = seq - seq % BLOCKS_A_FILE
        try:
            with open(self._path(first), "rb") as file:
                file.seek((seq - first) * records.BLOCK_BYTES)
                page = file.read(records.BLOCK_BYTES)
        except OSError:
            return None
        return self._checked(page, seq)

    def _checked(self, page, seq):
        """The block at the start of a page, or None if it is not that one."""
        try:
            found, size = records.block_seq(page, self.epoch)
        except WireError:
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

    def _save_state(self, oldest, gone):
        data = struct.pack(_STATE, self.epoch, self.next_seq, oldest, gone)
        try:
            replace(self._directory + "/state", data + struct.pack("<I", binascii.crc32(data)))
        except OSError as error:
            self._counters.flash_errors += 1
            raise FlashError(f"log state not written: {error}") from error
