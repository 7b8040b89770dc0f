"""Opening a database, transactions, and errors in words: the only place that knows which database it is.

An acked block must survive a power cut, so SQLite runs in WAL with synchronous=FULL: a commit returns after
its fsync.
"""

import sqlite3
import time
from collections.abc import Generator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from doumen.errors import StoreError

_SQLITE_CAUSES = {
    sqlite3.SQLITE_BUSY: "it is locked by another program; close that one, or try again",
    sqlite3.SQLITE_LOCKED: "it is locked by another program; close that one, or try again",
    sqlite3.SQLITE_READONLY: "it cannot be written; allow writing to the file and its folder",
    sqlite3.SQLITE_FULL: "the disk is full; make room, nothing that was stored is lost",
    sqlite3.SQLITE_IOERR: "the disk reports an error; check it and the room left on it",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened; check that its folder exists and may be written",
    sqlite3.SQLITE_PERM: "it may not be opened; check the rights of the file and its folder",
    sqlite3.SQLITE_NOTADB: "it is not a database; give another path",
    sqlite3.SQLITE_CORRUPT: "it is damaged; restore it from a backup",
}


def open_engine(url: str, busy_timeout_ms: int = 5_000) -> Engine:
    """An engine for a database URL; nothing is opened yet. The caller disposes of it.

    busy_timeout_ms: how long a transaction waits for another one that writes (SQLite).
    Raises StoreError if the URL cannot be read, its driver is missing, or it names a database in memory.
    """
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() == "sqlite":
            return _open_sqlite(parsed, busy_timeout_ms)
        return create_engine(parsed, pool_pre_ping=True)
    except ArgumentError as error:
        # The URL is not repeated: it may hold a password.
        raise StoreError("the database URL cannot be read; write it like sqlite:///doumen.db") from error
    except ImportError as error:
        raise StoreError(f"the driver of this database is missing ({error}); pip install it") from error


@contextmanager
def reading(engine: Engine) -> Generator[Connection]:
    """A transaction that only reads.

    Raises StoreError for whatever the database reports.
    """
    with _in_words(engine), engine.connect() as connection:
        yield connection


@contextmanager
def writing(engine: Engine) -> Generator[Connection]:
    """A transaction that is committed as a whole at the end, or not at all when anything is raised inside.

    Raises StoreError for whatever the database reports; nothing is stored then.
    """
    with _in_words(engine), engine.execution_options(doumen_writes=True).begin() as connection:
        yield connection


def _open_sqlite(url: URL, busy_timeout_ms: int) -> Engine:
    if url.database in (None, "", ":memory:") or url.query.get("mode") == "memory":
        raise StoreError("a database in memory would forget what devices handed over; name a file instead")
    engine = create_engine(url)

    def prepare_connection(connection: sqlite3.Connection, _record: object) -> None:
        try:
            # The driver would begin transactions by itself, and too late: see `begin`.
            connection.isolation_level = None
            connection.execute(f"PRAGMA busy_timeout = {int(busy_timeout_ms)}")
            connection.execute("PRAGMA foreign_keys = ON")
            _change_to_wal(connection, busy_timeout_ms)
            connection.execute("PRAGMA synchronous = FULL")
        except sqlite3.Error:
            connection.close()
            raise

    def begin(connection: Connection) -> None:
        # A transaction that reads first and writes later fails at once when another one wrote in between;
        # one that says so at its beginning waits its turn.
        writes = connection.get_execution_options().get("doumen_writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    event.listen(engine, "connect", prepare_connection)
    event.listen(engine, "begin", begin)
    return engine


def _change_to_wal(connection: sqlite3.Connection, busy_timeout_ms: int) -> None:
    # Of all statements this one does not wait for others, and two programs may create a database at once.
    deadline_s = time.monotonic() + busy_timeout_ms / 1000
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline_s:
                raise
            time.sleep(0.01)


@contextmanager
def _in_words(engine: Engine) -> Generator[None]:
    try:
        yield
    except SQLAlchemyError as error:
        place = engine.url.render_as_string(hide_password=True)
        raise StoreError(f"database {place}: {_cause(error)}") from error


def _cause(error: SQLAlchemyError) -> str:
    original = error.orig if isinstance(error, DBAPIError) else None
    # The low byte is the kind of error, the rest says more of where it happened.
    code = getattr(original, "sqlite_errorcode", 0) & 0xFF
    return _SQLITE_CAUSES.get(code) or " ".join(str(original or error).split())
