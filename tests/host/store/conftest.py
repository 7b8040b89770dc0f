"""What the tests of the store share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from doumen.store import Store


@pytest.fixture
def url(tmp_path: Path) -> str:
    """The URL of a database that does not exist yet."""
    return f"sqlite:///{tmp_path / 'doumen.db'}"


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    """An empty store."""
    with Store(url) as opened:
        yield opened
