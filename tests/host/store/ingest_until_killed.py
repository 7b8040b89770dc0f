"""A host that ingests block after block, and prints what it would ack. Usage: URL FIRST_SEQ."""

import sys

from doumen.model import Positionfix
from doumen.store import Cursor, Store, StoredBlock

FIXES_A_BLOCK = 4


def block(seq: int) -> StoredBlock:
    """The block that a device would have under this number."""
    fixes = [Positionfix(1000 * (10 * seq + index), seq, index, 100, 9, 1) for index in range(FIXES_A_BLOCK)]
    return StoredBlock(1, seq, 1, fixes)


def main() -> None:
    """Ingest for ever."""
    seq = int(sys.argv[2])
    with Store(sys.argv[1]) as store:
        while True:
            store.positionfixes.ingest("badge-1", [block(seq), block(seq + 1)], Cursor(1, seq + 2))
            seq += 2
            print(seq, flush=True)


if __name__ == "__main__":
    main()
