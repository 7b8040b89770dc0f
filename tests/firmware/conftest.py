"""Makes the firmware importable on CPython; in the VM it is at home."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path += [str(HERE), str(HERE / "cpython_shims"), str(HERE.parents[1] / "firmware")]

import missing  # noqa: E402

missing.add_to_cpython()
