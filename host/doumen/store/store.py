"""The database of a host, behind one door."""

from types import TracebackType
from typing import Self

from doumen.store import schema
from doumen.store.devices import Devices
from doumen.store.engines import open_engine, writing
from doumen.store.passages import Passages
from doumen.store.positionfixes import Positionfixes


class Store:
    """An open database: `devices`, `positionfixes` and `passages`, each safe to use from several threads.

    Every call is a transaction of its own: what returned is stored, what raised StoreError changed nothing.
    """

    def __init__(self, url: str, *, busy_timeout_ms: int = 5_000) -> None:
        """Open a database, and create its tables when it is empty.

        url: as SQLAlchemy writes it, such as sqlite:///doumen.db.
        busy_timeout_ms: how long a call waits for another program that writes (SQLite).
        Raises StoreError if it cannot be opened or written, is none of ours, or is of a newer version.
        """
        self._engine = open_engine(url, busy_timeout_ms)
        try:
            with writing(self._engine) as connection:
                schema.prepare(connection)
        except BaseException:
            self._engine.dispose()
            raise
        self.devices = Devices(self._engine)
        self.positionfixes = Positionfixes(self._engine)
        self.passages = Passages(self._engine)

    @property
    def name(self) -> str:
        """The database's URL, without a password."""
        return self._engine.url.render_as_string(hide_password=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection; closing twice is no error."""
        self._engine.dispose()
