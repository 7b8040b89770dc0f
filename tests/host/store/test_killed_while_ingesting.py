"""A host that is killed while it stores loses nothing that it acked."""

import importlib.util
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from doumen.store import Cursor, Store

SCRIPT = Path(__file__).with_name("ingest_until_killed.py")
_spec = importlib.util.spec_from_file_location("ingest_until_killed", SCRIPT)
assert _spec is not None
assert _spec.loader is not None
host = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(host)


def _run_and_kill(url: str, first_seq: int, after_s: float) -> int:
    """The last cursor that the host acked; first_seq if it was killed before."""
    command = [sys.executable, str(SCRIPT), url, str(first_seq)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        # Without a first ack the kill would meet Python's start and not the database.
        acked = [process.stdout.readline()]
        time.sleep(after_s)
        process.kill()
        acked += process.stdout.readlines()
    whole = [int(line) for line in acked if line.endswith("\n")]
    return whole[-1] if whole else first_seq


@pytest.mark.slow
def test_every_acked_fix_is_there_once_after_each_of_eight_kills(url: str) -> None:
    chance = random.Random(20)
    next_seq = 0
    for _ in range(8):
        acked = _run_and_kill(url, next_seq, chance.uniform(0, 0.05))
        assert acked > next_seq
        with Store(url) as store:
            reached = store.positionfixes.cursor("badge-1", 1)
            fixes = list(store.positionfixes.between("badge-1"))
            expected = [fix for seq in range(reached) for fix in host.block(seq).fixes]
            # What was committed but not acked is there too, and the device will offer it again.
            assert reached >= acked
            assert fixes == expected
            offered = [host.block(seq) for seq in range(acked - 2, acked + 2)]
            again = store.positionfixes.ingest("badge-1", offered, Cursor(1, acked + 2))
            assert again.duplicated == host.FIXES_A_BLOCK * (reached - acked + 2)
        next_seq = acked + 2
