"""Keys on paper: they come back, a mistyped line is named, another passphrase opens nothing."""

import pytest

from doumen import key_backup
from doumen.errors import ConfigError
from doumen.key_backup import backup, restore
from doumen.keys import EpochKeys

PASSPHRASE = "three gates and a well"
DEVICES = {
    "4041424344454647": {
        1: EpochKeys(bytes(range(32)), (4711, b"l" * 32), (20000, b"i" * 32)),
        2: EpochKeys(bytes(reversed(range(32))), (0, b"m" * 32), (20030, b"j" * 32)),
    },
    "5051525354555657": {65535: EpochKeys(b"d" * 32, (0xFFFFFFFF, b"n" * 32), (65535, b"k" * 32))},
}


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch):
    """The real cost is a quarter of a second a call; one test pays it."""
    monkeypatch.setattr(key_backup, "_COST", 4)


def test_what_was_backed_up_comes_back():
    assert restore(backup(DEVICES, PASSPHRASE), PASSPHRASE) == DEVICES


def test_at_its_real_cost_too(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(key_backup, "_COST", 16)
    assert restore(backup(DEVICES, PASSPHRASE), PASSPHRASE) == DEVICES


def test_no_device_is_a_backup_too():
    assert restore(backup({}, PASSPHRASE), PASSPHRASE) == {}


def test_order_case_and_spaces_do_not_matter():
    lines = backup(DEVICES, PASSPHRASE)
    typed = ["", *(line.lower().replace(" ", "  ") + " " for line in reversed(lines)), "  "]
    assert restore(typed, PASSPHRASE) == DEVICES


def test_lines_fit_on_paper():
    lines = backup(DEVICES, PASSPHRASE)
    assert len(lines) == 13
    for line in lines:
        assert len(line) <= 75
        assert line.isascii()
        assert line.isprintable()


def test_two_backups_of_the_same_keys_have_nothing_in_common():
    one, other = (backup(DEVICES, PASSPHRASE) for _ in range(2))
    assert not {line.split(maxsplit=1)[1] for line in one[1:]} & {
        line.split(maxsplit=1)[1] for line in other[1:]
    }


def test_no_key_can_be_read_from_the_lines():
    shown = "".join(backup(DEVICES, PASSPHRASE))
    again = "".join(backup(DEVICES, "another passphrase"))
    for part in ("MRSGIZDE", "NRWGY3DM"):  # "ddddd" and "lllll" in base32
        assert part not in shown.replace(" ", "") + again.replace(" ", "")


def test_every_mistyped_letter_is_found_by_its_line():
    lines = backup(DEVICES, PASSPHRASE)
    start = lines[2].index(" ")
    for at in range(start, len(lines[2])):
        if lines[2][at] in " -":
            continue
        typed = list(lines)
        typed[2] = lines[2][:at] + ("A" if lines[2][at] != "A" else "B") + lines[2][at + 1 :]
        with pytest.raises(ConfigError, match="line 3/13 is mistyped"):
            restore(typed, PASSPHRASE)


@pytest.mark.parametrize(
    "line", ["hello", "1/2", "0/3 AAAA-AAAA", "1/1 AAAA-1890", "x/y AAAA-AAAA", "1/1 ÄÄÄÄ-AAAA"]
)
def test_what_is_no_line_is_named(line: str):
    with pytest.raises(ConfigError, match="mistyped"):
        restore([line], PASSPHRASE)


def test_missing_lines_are_named():
    lines = backup(DEVICES, PASSPHRASE)
    with pytest.raises(ConfigError, match="missing: 3, 13"):
        restore(lines[:2] + lines[3:-1], PASSPHRASE)
    with pytest.raises(ConfigError, match="missing: all"):
        restore([], PASSPHRASE)


def test_lines_of_two_backups_are_not_mixed():
    one, other = backup(DEVICES, PASSPHRASE), backup({}, PASSPHRASE)
    with pytest.raises(ConfigError, match="another backup"):
        restore([*other, *one], PASSPHRASE)
    same_length = backup(DEVICES, PASSPHRASE)
    with pytest.raises(ConfigError, match="passphrase"):
        restore(one[:5] + same_length[5:], PASSPHRASE)


def test_another_passphrase_opens_nothing():
    lines = backup(DEVICES, PASSPHRASE)
    with pytest.raises(ConfigError, match="passphrase does not fit"):
        restore(lines, PASSPHRASE + " ")
    with pytest.raises(ConfigError, match="at least 8"):
        backup(DEVICES, "short")


def test_a_passphrase_may_be_composed_in_two_ways():
    assert restore(backup(DEVICES, "Br\u00fccke und Tor"), "Bru\u0308cke und Tor") == DEVICES


def test_another_version_says_so(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(key_backup, "_FORMAT", 2)
    lines = backup(DEVICES, PASSPHRASE)
    monkeypatch.setattr(key_backup, "_FORMAT", 1)
    with pytest.raises(ConfigError, match="another version"):
        restore(lines, PASSPHRASE)
