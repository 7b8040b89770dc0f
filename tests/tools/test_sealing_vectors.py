"""The vectors of sealing are what their generator writes, and that shares no line with what they test."""

import ast
import subprocess
import sys
from pathlib import Path

TOOLS = Path(__file__).parents[2] / "tools"
MAKERS = ("make_sealing_vectors.py", "sealing_reference.py", "rfc_vectors.py")


def test_the_vectors_are_those_of_the_generator():
    done = subprocess.run(
        [sys.executable, str(TOOLS / "make_sealing_vectors.py"), "--check"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_generator_imports_nothing_of_ours():
    for name in MAKERS:
        for node in ast.walk(ast.parse((TOOLS / name).read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            assert not [each for each in names if each.split(".")[0] in ("doumen", "doumen_wire", "device")]
