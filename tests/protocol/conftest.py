"""Lets the tests import `golden`, which stands beside them, as they do in the VM."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))
