"""The bench of sealing runs; garbage, which no busy machine changes, keeps its promise."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_sealing_is_measured_in_the_vm_and_on_the_host(tmp_path):
    ran = subprocess.run(
        [sys.executable, "-m", "tools.bench", "sealing", "--quick", "--json", str(tmp_path / "bench.json")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stderr
    sections = json.loads((tmp_path / "bench.json").read_text())["sealing"]
    found = {figure["what"]: figure for section in sections for figure in section["figures"]}
    for size in (220, 1700):
        assert found[f"seal {size} B"]["value"] > 0
        assert found[f"garbage of sealing {size} B"]["value"] < 512
        assert found[f"garbage of sealing {size} B"]["is_met"]
    assert found["find the right one of 1000 keys"]["value"] > 0
