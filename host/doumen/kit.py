"""Where the firmware and the boards lie: in a checkout beside the host, in a wheel inside the package."""

import runpy
from pathlib import Path

from doumen.errors import ConfigError

_PACKAGE = Path(__file__).parent


def folder(name: str) -> Path:
    """The kit's folder `firmware`, `boards` or `protocol` (the one that holds doumen_wire).

    Raises ConfigError if this installation has none.
    """
    checkout = _PACKAGE.parents[1] / name
    if (_PACKAGE.parents[1] / "pyproject.toml").exists() and checkout.is_dir():
        return checkout
    installed = _PACKAGE / "kit_files" / name
    if installed.is_dir():
        return installed
    raise ConfigError(
        f"this installation has no {name}; install doumen from its wheel or run it from a checkout"
    )


def board_constants(board: str, module: str) -> dict[str, int]:
    """The integer constants of one file of a board."""
    names = runpy.run_path(str(folder("boards") / board / f"{module}.py"))
    return {name: value for name, value in names.items() if isinstance(value, int) and name.isupper()}
