"""The bench runs and says what it promises. Its figures are not judged here: a test machine is busy."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def run(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "tools.bench", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_a_quick_run_prints_tables_and_writes_every_figure(tmp_path):
    ran = run("thermal", "--quick", "--json", str(tmp_path / "new" / "bench.json"))
    assert ran.returncode == 0, ran.stderr
    written = json.loads((tmp_path / "new" / "bench.json").read_text())
    assert written["quick"] is True
    assert {"cpu", "cores", "numpy", "python"} <= written["machine"].keys()
    sections = written["thermal"]
    assert all(section["title"] in ran.stdout for section in sections)
    figures = {figure["what"]: figure for section in sections for figure in section["figures"]}
    one = figures["one frame"]
    assert one["ratio"] == one["peer_value"] / one["value"]
    assert one["at_least"] == 50
    # What is not a time holds on a busy machine too.
    missed = {
        name for name, figure in figures.items() if figure["unit"] in ("K", "MB") and not figure["is_met"]
    }
    # Known and open: scenes of -150 to -100 °C, beyond the sensor's range. Whoever mends them takes this out.
    assert missed == {f"vendor mode, {dtype}, below -40 °C" for dtype in ("float32", "float64")}


def test_an_unknown_subject_is_named_with_those_there_are():
    ran = run("geography")
    assert ran.returncode == 2
    assert "geography" in ran.stderr
    assert "thermal" in ran.stderr
