"""Runs the tests of protocol and firmware on both Pythons.

Every `test_*` function in tests/protocol and tests/firmware is collected twice: as `test_x`, on CPython, and as
`test_x[vm]`, in the real MicroPython VM. Files named `*_in_vm.py` hold what only the VM can do. All functions of
a file run in one VM; each is reported by itself, with the VM's traceback.
"""

import ast
import atexit
import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from doumen.simulator import vm

TESTS = Path(__file__).parent
ON_BOTH = (TESTS / "protocol", TESTS / "firmware")
# These look at files and tools of the desktop; there is nothing in them for a VM to prove.
CPYTHON_ONLY = {"test_spec.py", "test_vectors_are_made.py", "test_manifest.py", "test_memory.py"}
HEAP = "4m"
TIMEOUT_S = 60

_SCRATCH = tempfile.TemporaryDirectory(prefix="doumen-tests-")
atexit.register(_SCRATCH.cleanup)
PLACES = {
    "DOUMEN_VECTORS": str(TESTS.parent / "protocol" / "vectors"),
    "DOUMEN_SCRATCH": _SCRATCH.name,
}
os.environ.update(PLACES)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> "VmFile | None":
    is_test = file_path.name.startswith("test_") and file_path.name not in CPYTHON_ONLY
    if (
        file_path.suffix == ".py"
        and file_path.parent in ON_BOTH
        and (is_test or file_path.stem.endswith("_in_vm"))
    ):
        return VmFile.from_parent(parent, path=file_path)
    return None


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> "Nothing | None":
    """A file for the VM stays out of CPython also when it is named on the command line."""
    if module_path.parent in ON_BOTH and module_path.stem.endswith("_in_vm"):
        return Nothing.from_parent(parent, path=module_path)
    return None


class Nothing(pytest.File):
    """A file in which CPython finds no test."""

    def collect(self) -> list[pytest.Item]:
        return []


class VmFile(pytest.File):
    """One file of tests; its functions run together, in one VM, when the first of them is due."""

    _outcomes: "dict[str, str] | None" = None
    said = ""

    def collect(self) -> "Iterator[VmFunction]":
        for node in ast.parse(self.path.read_text()).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                yield VmFunction.from_parent(self, name=f"{node.name}[vm]")

    def outcome(self, function: str) -> str:
        """What became of it: the traceback, or nothing if all is well."""
        if self._outcomes is None:
            self._outcomes = self._run([item.name for item in self.collect()])
        if function not in self._outcomes:
            return f"the VM ended before this function did; what it said:\n{self.said}"
        return self._outcomes[function]

    def _run(self, names: list[str]) -> dict[str, str]:
        arguments = [
            str(TESTS / "vm_runner.py"),
            str(self.path),
            *(name.removesuffix("[vm]") for name in names),
        ]
        try:
            done = subprocess.run(
                vm.command(HEAP, *arguments),
                env=vm.environment(**PLACES),
                cwd=_SCRATCH.name,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=TIMEOUT_S,
            )
            output = done.stdout
        except subprocess.TimeoutExpired as late:
            output = (late.stdout or b"") + b"\nstopped: it took too long"
        outcomes: dict[str, str] = {}
        for line in output.decode(errors="replace").split("\n"):
            if line.startswith("\x1e"):
                name, trace = json.loads(line[1:])
                outcomes[name] = trace
            else:
                self.said += line + "\n"
        return outcomes


class VmFunction(pytest.Item):
    """One function in the VM."""

    def runtest(self) -> None:
        assert isinstance(self.parent, VmFile)
        trace = self.parent.outcome(self.name.removesuffix("[vm]"))
        if trace:
            raise FailedInVm(trace)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: str | None = None) -> str:
        if isinstance(excinfo.value, FailedInVm):
            return f"in the MicroPython VM:\n{excinfo.value}"
        return str(super().repr_failure(excinfo))

    def reportinfo(self) -> tuple[Path, None, str]:
        return self.path, None, self.name


class FailedInVm(Exception):
    """args[0] is the VM's traceback."""
