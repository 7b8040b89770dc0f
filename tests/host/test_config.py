"""Settings: where they come from, and what a wrong one says."""

from pathlib import Path

import pytest

from doumen.config import ScreeningSettings, Settings, load_settings
from doumen.errors import ConfigError


@pytest.fixture(autouse=True)
def empty_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("DOUMEN_DATABASE", "DOUMEN_SCREENING", "DOUMEN_SCREENING__ELEVATED_FROM_C"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def refused(text: str) -> str:
    Path("doumen.toml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_settings()
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_without_a_file_the_defaults_hold() -> None:
    settings = load_settings()
    assert settings.database == "sqlite:///doumen.db"
    assert settings.screening == ScreeningSettings()
    assert settings.screening.reference is None


def test_the_file_in_the_working_directory_is_read() -> None:
    Path("doumen.toml").write_text(
        'database = "sqlite:///other.db"\n[screening]\nelevated_from_c = 1.2\n'
        "[screening.reference]\ntemperature_c = 37.0\n"
    )
    settings = load_settings()
    assert settings.database == "sqlite:///other.db"
    assert settings.screening.elevated_from_c == 1.2
    assert settings.screening.reference is not None
    assert settings.screening.reference.temperature_c == 37.0


def test_a_file_given_by_path_is_read_instead(tmp_path: Path) -> None:
    Path("doumen.toml").write_text('database = "sqlite:///not-this.db"')
    given = tmp_path / "given.toml"
    given.write_text('database = "sqlite:///this.db"')
    assert load_settings(given).database == "sqlite:///this.db"


def test_the_environment_is_over_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("doumen.toml").write_text("[screening]\nelevated_from_c = 1.2\nbaseline_from = 12\n")
    monkeypatch.setenv("DOUMEN_SCREENING__ELEVATED_FROM_C", "0.9")
    screening = load_settings().screening
    assert (screening.elevated_from_c, screening.baseline_from) == (0.9, 12)


def test_a_given_file_must_exist(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.toml: no such file"):
        load_settings(tmp_path / "nowhere.toml")


def test_a_value_out_of_range_names_setting_value_and_range() -> None:
    message = refused("[screening]\nelevated_from_c = 9\n")
    assert message.startswith("screening.elevated_from_c: ")
    assert "less than or equal to 5" in message
    assert "got 9" in message
    assert "elevation over the baseline" in message


def test_a_value_of_the_wrong_kind_is_named() -> None:
    assert refused('[screening.reference]\nrow = "top"\n').startswith("screening.reference.row: ")


def test_an_unknown_setting_is_named_with_the_known_ones() -> None:
    message = refused("[screening]\nelevated_above = 1\n")
    assert message.startswith("screening.elevated_above: unknown setting")
    assert "elevated_from_c" in message


def test_settings_that_contradict_each_other_are_refused() -> None:
    assert "must not exceed elevated_from_c" in refused("[screening]\nundecided_from_c = 1.5\n")


def test_a_reference_outside_the_frame_is_refused() -> None:
    assert "stay inside" in refused("[screening.reference]\nrow = 22\nsize_px = 3\n")


def test_broken_toml_is_refused_with_the_file_name() -> None:
    assert refused("[screening\n").startswith("doumen.toml: not valid TOML")


def test_a_broken_environment_variable_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOUMEN_SCREENING", "{not json")
    with pytest.raises(ConfigError, match="settings cannot be read"):
        load_settings()


def test_every_setting_has_a_description() -> None:
    for model in (Settings, ScreeningSettings):
        missing = [name for name, field in model.model_fields.items() if not field.description]
        assert missing == []
