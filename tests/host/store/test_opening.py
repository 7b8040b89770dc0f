"""Opening a database: ours is opened, anything else is refused in one line that says what to do."""

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from doumen.errors import StoreError
from doumen.store import Store


def _refusal(url: str, **options: int) -> str:
    with pytest.raises(StoreError) as caught:
        Store(url, **options)
    message = str(caught.value)
    assert "\n" not in message
    return message


@contextmanager
def _raw(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(path)) as connection, connection:
        yield connection


def test_a_new_database_is_created_and_opened_again(url: str) -> None:
    with Store(url) as store:
        store.devices.seen("badge-1", 5)
    with Store(url) as store:
        assert store.devices.get("badge-1") is not None


def test_sqlite_runs_so_that_a_commit_survives_a_power_cut(store: Store) -> None:
    with store._engine.connect() as connection:
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 5000}


def test_a_newer_database_is_refused_and_left_alone(url: str, tmp_path: Path) -> None:
    Store(url).close()
    with _raw(tmp_path / "doumen.db") as connection:
        connection.execute("UPDATE schema_version SET version = 99")
    assert "version 99" in (message := _refusal(url))
    assert "update Doumen" in message
    with _raw(tmp_path / "doumen.db") as connection:
        assert connection.execute("SELECT version FROM schema_version").fetchall() == [(99,)]


def test_an_older_database_is_refused_until_there_are_migrations(url: str, tmp_path: Path) -> None:
    Store(url).close()
    with _raw(tmp_path / "doumen.db") as connection:
        connection.execute("UPDATE schema_version SET version = 0")
    assert "cannot upgrade" in _refusal(url)


def test_a_database_that_lost_its_version_is_refused(url: str, tmp_path: Path) -> None:
    Store(url).close()
    with _raw(tmp_path / "doumen.db") as connection:
        connection.execute("DELETE FROM schema_version")
    assert "backup" in _refusal(url)


def test_a_database_of_another_program_is_refused_and_left_alone(url: str, tmp_path: Path) -> None:
    with _raw(tmp_path / "doumen.db") as connection:
        connection.execute("CREATE TABLE bookmarks (url TEXT)")
    assert "another program" in _refusal(url)
    with _raw(tmp_path / "doumen.db") as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("bookmarks",)]


def test_a_file_that_is_no_database_is_refused_and_left_alone(url: str, tmp_path: Path) -> None:
    photo = b"\xff\xd8 a photograph, by all means" * 1000
    (tmp_path / "doumen.db").write_bytes(photo)
    assert "not a database" in _refusal(url)
    assert (tmp_path / "doumen.db").read_bytes() == photo


def test_a_path_whose_folder_does_not_exist_is_refused(tmp_path: Path) -> None:
    assert "folder" in _refusal(f"sqlite:///{tmp_path / 'missing' / 'doumen.db'}")


def test_a_folder_is_refused(tmp_path: Path) -> None:
    assert "cannot be opened" in _refusal(f"sqlite:///{tmp_path}")


def test_a_read_only_database_is_refused(url: str, tmp_path: Path) -> None:
    Store(url).close()
    assert "cannot be written" in _refusal(f"sqlite:///file:{tmp_path / 'doumen.db'}?mode=ro&uri=true")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere; run as a user")
def test_a_database_without_the_right_to_write_is_refused(url: str, tmp_path: Path) -> None:
    Store(url).close()
    (tmp_path / "doumen.db").chmod(0o400)
    assert "cannot be written" in _refusal(url)


def test_a_database_that_another_program_is_writing_is_refused_after_the_timeout(
    url: str, tmp_path: Path
) -> None:
    Store(url).close()
    with closing(sqlite3.connect(tmp_path / "doumen.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert "locked" in _refusal(url, busy_timeout_ms=50)
        other.execute("ROLLBACK")
    Store(url).close()


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "sqlite:///file:x?mode=memory&uri=true"])
def test_a_database_in_memory_is_refused(url: str) -> None:
    assert "memory" in _refusal(url)


@pytest.mark.parametrize("url", ["doumen.db", "", "nonsense:///doumen.db", "sqlite+nonsense:///doumen.db"])
def test_a_url_that_names_no_database_is_refused(url: str) -> None:
    _refusal(url)


def test_a_refusal_does_not_repeat_a_password() -> None:
    assert "hunter2" not in _refusal("nonsense://doumen:hunter2@localhost/doumen")
    assert "hunter2" not in _refusal("hunter2")


def test_two_threads_may_open_a_new_database_at_once(url: str) -> None:
    for attempt in range(10):
        start = threading.Barrier(2)
        errors: list[StoreError] = []

        def open_it(url: str, start: threading.Barrier, errors: list[StoreError]) -> None:
            start.wait()
            try:
                Store(url).close()
            except StoreError as error:
                errors.append(error)

        threads = [threading.Thread(target=open_it, args=(url + str(attempt), start, errors)) for _ in "ab"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert errors == []
