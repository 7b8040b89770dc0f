"""The key file: nobody else reads it, nothing shows it, a crash leaves the old one or the new one."""

import json
import os
import traceback
from pathlib import Path

import pytest

from doumen import keys
from doumen.errors import ConfigError
from doumen.keys import Candidate, EpochKeys, KeyFile

BADGE, GATE = "4041424344454647", "5051525354555657"


def some(fill: int, seq: int = 0, day: int = 20000) -> EpochKeys:
    return EpochKeys(bytes([fill]) * 32, (seq, bytes([fill + 1]) * 32), (day, bytes([fill + 2]) * 32))


@pytest.fixture
def file(tmp_path: Path) -> KeyFile:
    return KeyFile(tmp_path / "doumen.keys")


def path_of(tmp_path: Path) -> Path:
    return tmp_path / "doumen.keys"


def test_without_a_file_there_are_no_keys(file: KeyFile):
    assert file.load() == {}
    assert file.candidates() == []


def test_what_was_added_is_read_again(file: KeyFile, tmp_path: Path):
    file.add(BADGE, 1, some(1))
    file.add(GATE, 7, some(9, seq=4711, day=3))
    assert KeyFile(path_of(tmp_path)).load() == {BADGE: {1: some(1)}, GATE: {7: some(9, seq=4711, day=3)}}


def test_only_the_owner_may_read_it(file: KeyFile, tmp_path: Path):
    before = os.umask(0)
    try:
        file.add(BADGE, 1, some(1))
    finally:
        os.umask(before)
    assert path_of(tmp_path).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o660, 0o604, 0o700, 0o400])
def test_a_file_of_another_mode_is_neither_read_nor_replaced(file: KeyFile, tmp_path: Path, mode: int):
    file.add(BADGE, 1, some(1))
    path_of(tmp_path).chmod(mode)
    with pytest.raises(ConfigError, match="chmod 600"):
        file.load()
    with pytest.raises(ConfigError, match="chmod 600"):
        file.save({})
    path_of(tmp_path).chmod(0o600)
    assert file.load() == {BADGE: {1: some(1)}}


def test_a_write_that_fails_leaves_the_old_file_and_nothing_beside_it(
    file: KeyFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    file.add(BADGE, 1, some(1))

    def no_space(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(keys.os, "fsync", no_space)
    with pytest.raises(ConfigError, match="No space left"):
        file.add(GATE, 1, some(5))
    monkeypatch.undo()
    assert file.load() == {BADGE: {1: some(1)}}
    assert [path.name for path in tmp_path.iterdir()] == ["doumen.keys"]


def test_a_key_is_never_overwritten_by_another(file: KeyFile):
    file.add(BADGE, 1, some(1))
    file.add(BADGE, 1, some(1))
    with pytest.raises(ConfigError, match="epoch 1"):
        file.add(BADGE, 1, some(2))
    assert file.load() == {BADGE: {1: some(1)}}


def test_adding_the_same_key_again_keeps_its_checkpoints(file: KeyFile):
    file.add(BADGE, 1, some(1))
    file.advance(BADGE, 1, log=(9, bytes(32)))
    file.add(BADGE, 1, some(1))
    assert file.load()[BADGE][1].log == (9, bytes(32))


def test_checkpoints_go_forward_only(file: KeyFile):
    file.add(BADGE, 1, some(1, seq=10, day=100))
    file.advance(BADGE, 1, log=(11, b"l" * 32))
    file.advance(BADGE, 1, ids=(101, b"i" * 32))
    kept = EpochKeys(some(1).device_key, (11, b"l" * 32), (101, b"i" * 32))
    assert file.load() == {BADGE: {1: kept}}
    for log, ids in (((10, bytes(32)), None), (None, (100, bytes(32)))):
        with pytest.raises(ConfigError, match="never goes back"):
            file.advance(BADGE, 1, log=log, ids=ids)
    with pytest.raises(ConfigError, match="no key"):
        file.advance(GATE, 1, log=(12, bytes(32)))
    assert file.load() == {BADGE: {1: kept}}


def test_a_device_or_an_epoch_of_it_is_forgotten(file: KeyFile, tmp_path: Path):
    for epoch in (1, 2):
        file.add(BADGE, epoch, some(epoch))
    file.add(GATE, 1, some(7))
    file.forget(BADGE, 1)
    assert file.load() == {BADGE: {2: some(2)}, GATE: {1: some(7)}}
    file.forget(BADGE, 2)
    file.forget("0000000000000000")
    assert file.load() == {GATE: {1: some(7)}}
    assert some(2).device_key.hex() not in path_of(tmp_path).read_text()


def test_candidates_begin_with_the_likeliest_and_the_newest(file: KeyFile):
    for name, epoch in ((BADGE, 1), (BADGE, 2), (GATE, 3)):
        file.add(name, epoch, some(epoch))
    order = [(each.device_id, each.epoch) for each in file.candidates([GATE, "0000000000000000"])]
    assert order == [(GATE, 3), (BADGE, 2), (BADGE, 1)]
    assert file.candidates()[0] == Candidate(BADGE, 2, some(2).device_key)


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", "null", '{"format": 2, "devices": {}}', '{"format": 1, "devices": {"x": {}}}', "\xff"],
)
def test_a_damaged_file_is_an_error_that_does_not_quote_it(file: KeyFile, tmp_path: Path, content: str):
    path_of(tmp_path).write_text(content, encoding="latin-1")
    path_of(tmp_path).chmod(0o600)
    with pytest.raises(ConfigError, match="not a key file"):
        file.load()


def test_neither_repr_nor_traceback_shows_a_key(file: KeyFile, tmp_path: Path):
    file.add(BADGE, 1, some(0xAB))
    read = file.load()
    shown = repr(read) + repr(file) + repr(file.candidates()) + str(read[BADGE][1])
    content = json.loads(path_of(tmp_path).read_text())
    content["devices"][BADGE]["1"]["device_key"] = "abab" * 15
    path_of(tmp_path).write_text(json.dumps(content))
    try:
        file.load()
    except ConfigError as error:
        shown += "".join(traceback.format_exception(error))
    assert "not a key file" in shown
    assert "abab" not in shown
    assert "\\xab" not in shown


@pytest.mark.parametrize(
    ("name", "epoch"), [("4041", 1), (BADGE.upper() + "G", 1), (BADGE, -1), (BADGE, 65536)]
)
def test_devices_and_epochs_that_can_not_be_are_refused(file: KeyFile, name: str, epoch: int):
    with pytest.raises(ConfigError):
        file.add(name, epoch, some(1))
    assert file.load() == {}
