"""Settings: defaults, what a file may say, and every mistake named."""

import json

from fakes import Place

from device import config
from device.errors import ConfigError


def load(text, board=None):
    """What becomes of a config.json with this text, or of none."""
    place = Place()
    try:
        if text is not None:
            with open(place.folder + "/config.json", "w") as file:
                file.write(text if isinstance(text, str) else json.dumps(text))
        return config.load(place.folder + "/config.json", board or {})
    finally:
        place.leave()


def complaint(given, board=None):
    try:
        load(given, board)
    except ConfigError as error:
        return str(error)
    return None


def test_without_a_file_the_board_decides_and_the_rest_is_default():
    assert load(None, {"role": "gate"}) == {
        "role": "gate",
        "watchdog_ms": 8000,
        "ble": False,
        "refresh_hz": 16,
        "relay_fail": "closed",
    }
    assert load(None, {"role": "badge", "log_files": 7})["log_files"] == 7


def test_the_file_goes_before_the_board():
    settings = load({"role": "badge", "interval_ms": 500}, {"role": "gate"})
    assert settings["role"] == "badge"
    assert settings["interval_ms"] == 500


def test_the_defaults_are_never_changed_by_a_file():
    load({"role": "gate", "refresh_hz": 8})
    assert load({"role": "gate"})["refresh_hz"] == 16


def test_a_role_must_be_given_and_be_one():
    for role in (None, "door", "", 1, ["gate"], {"gate": 1}):
        assert "role" in complaint({"role": role}), role
    assert "role" in complaint({})
    assert "role" in complaint(None)


def test_an_unknown_key_is_named():
    assert '"refresh_rate"' in complaint({"role": "gate", "refresh_rate": 16})
    assert '"log_files"' in complaint({"role": "gate", "log_files": 16})
    assert '"x"' in complaint(None, {"role": "badge", "x": 1})


def test_values_out_of_range_are_named():
    for role, key, value in (
        ("gate", "refresh_hz", 64),
        ("gate", "refresh_hz", "16"),
        ("gate", "refresh_hz", 16.0),
        ("gate", "refresh_hz", None),
        ("gate", "relay_fail", "ajar"),
        ("gate", "relay_fail", True),
        ("gate", "watchdog_ms", 1999),
        ("gate", "ble", 1),
        ("gate", "watchdog_ms", 60001),
        ("badge", "receiver_baud", 9601),
        ("badge", "interval_ms", 0),
        ("badge", "systems", "gps,bds"),
        ("badge", "block_age_ms", -1),
        ("badge", "block_age_ms", 3600001),
        ("badge", "block_age_ms", 1000.5),
        ("badge", "block_age_ms", True),
        ("badge", "log_files", 1),
        ("badge", "log_files", 4001),
        ("badge", "log_files", "many"),
    ):
        assert '"' + key + '"' in (complaint({"role": role, key: value}) or ""), (key, value)


def test_the_ends_of_every_range_are_taken():
    for key, (lowest, highest) in config._RANGES.items():
        for value in (lowest, highest):
            assert load({"role": "badge", key: value})[key] == value
    for key, values in config._CHOICES.items():
        role = "gate" if key in config._ROLES["gate"] else "badge"
        for value in values:
            assert load({"role": role, key: value})[key] == value


def test_a_file_that_is_no_object_is_refused():
    for text in ("", "{", "nonsense", '{"role": "gate"'):
        assert "JSON" in complaint(text), text
    for text in ("[]", "1", "null", '"gate"', "[1]"):
        assert "object" in complaint(text), text
