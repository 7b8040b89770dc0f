"""The golden vectors are what tools/make_vectors.py writes: nobody bends one by hand to please the code."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_vectors_are_those_of_the_generator():
    done = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "make_vectors.py"), "--check"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_file_has_right_and_wrong_cases():
    for file in (ROOT / "protocol" / "vectors").glob("*.json"):
        parts = json.loads(file.read_text())
        assert "right" in parts, file.name
        assert {"wrong", "refused"} & set(parts), file.name
