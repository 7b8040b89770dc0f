"""Every command explains itself; whatever goes wrong is one line that says what to do."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

import doumen
from doumen.cli.main import cli

from .calling import call, start

Capture = pytest.CaptureFixture[str]
# These write a file whose format is documented (GeoJSON, RFC 7946) instead of printing data.
WRITE_DOCUMENTED_FORMATS = {"tracks export"}


def commands(group: click.Group = cli, path: str = "") -> Iterator[tuple[str, click.Command]]:
    """Every command that does something, by its full name."""
    for name, command in sorted(group.commands.items()):
        if isinstance(command, click.Group):
            yield from commands(command, f"{path}{name} ")
        else:
            yield path + name, command


ALL = dict(commands())


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("option", ["--help", "-h"])
def test_every_command_explains_itself_with_an_example(capsys: Capture, name: str, option: str) -> None:
    called = call(capsys, *name.split(), option)
    assert called.status == 0
    examples = called.out.partition("Examples:")[2].strip().splitlines()
    assert examples
    assert any(line.strip().startswith(f"doumen {name}") for line in examples)


@pytest.mark.parametrize("name", ALL)
def test_the_examples_in_the_help_are_calls_that_the_command_understands(name: str) -> None:
    epilog = ALL[name].epilog or ""
    for line in epilog.splitlines():
        words = line.partition("|")[0].split()
        if words[:1] == ["doumen"]:
            arguments = words[1 + len(name.split()) :]
            assert ALL[name].make_context(name, arguments).params


@pytest.mark.parametrize("name", ALL)
def test_every_option_and_command_has_words_of_its_own(name: str) -> None:
    command = ALL[name]
    assert command.help
    for parameter in command.params:
        assert isinstance(parameter, click.Argument) or getattr(parameter, "help", None), parameter.name


@pytest.mark.parametrize("name", sorted(ALL.keys() - WRITE_DOCUMENTED_FORMATS))
def test_every_command_that_prints_data_can_print_json(name: str) -> None:
    assert "--json" in {option for parameter in ALL[name].params for option in parameter.opts}


def test_the_overview_fits_a_terminal_of_80_columns_and_cuts_no_sentence(capsys: Capture) -> None:
    called = call(capsys, "--help")
    assert called.status == 0
    assert max(len(line) for line in called.out.splitlines()) <= 80
    assert "..." not in called.out.partition("Commands:")[2]
    for name in ALL:
        assert name.split()[0] in called.out


def test_the_version_is_told(capsys: Capture) -> None:
    assert call(capsys, "--version").out == f"doumen, version {doumen.__version__}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["devices", "--nonsense"],
        ["sync"],
        ["record", "/dev/ttyUSB0"],
        ["record", "/dev/ttyUSB0", "x.dmr", "--seconds", "-1"],
        ["record", "/dev/ttyUSB0", "x.dmr", "--seconds", "soon"],
        ["replay", "x.dmr", "--speed", "-1"],
        ["serve", "/dev/ttyUSB0", "--sync-every", "0"],
        ["demo", "--seconds", "1"],
        ["tracks", "export", "a-badge", "--from", "yesterday"],
        ["tracks", "nonsense"],
    ],
)
def test_a_wrong_call_ends_with_2_and_says_how_to_get_help(capsys: Capture, arguments: list[str]) -> None:
    called = call(capsys, *arguments)
    assert called.status == 2
    assert "Error: " in called.err
    assert "--help" in called.err
    assert called.out == ""


@pytest.mark.parametrize("command", [["devices"], ["tracks", "export", "x"], ["serve", "p"], ["sync", "p"]])
@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ("[screening]\nelevated_from = 1", "elevated_from: unknown setting"),
        ("[gate]\nhold_ms = 1", "hold_ms"),
        ("database = ", "not valid TOML"),
    ],
)
def test_a_bad_settings_file_is_one_line(
    capsys: Capture, tmp_path: Path, command: list[str], toml: str, words: str
) -> None:
    file = tmp_path / "doumen.toml"
    file.write_text(toml)
    assert words in call(capsys, *command, "--config", file).complaint


def test_a_settings_file_that_is_not_there_is_one_line(capsys: Capture, tmp_path: Path) -> None:
    assert "no such file" in call(capsys, "devices", "--config", tmp_path / "absent.toml").complaint


@pytest.mark.parametrize("url", ["nonsense", "sqlite:////no/such/folder/doumen.db", "mongodb://x"])
def test_a_database_that_cannot_be_opened_is_one_line(capsys: Capture, url: str) -> None:
    assert call(capsys, "devices", "--db", url).complaint


@pytest.mark.parametrize("command", [["devices"], ["sync"], ["record"]])
def test_a_port_that_is_not_there_is_one_line(capsys: Capture, tmp_path: Path, command: list[str]) -> None:
    rest = [tmp_path / "x.dmr"] if command == ["record"] else []
    options = ["--db", f"sqlite:///{tmp_path / 'x.db'}"] if command != ["record"] else []
    complaint = call(capsys, *command, "/dev/no-such-port", *rest, *options).complaint
    assert complaint.startswith("/dev/no-such-port: no such port; `doumen devices --ports`")


@pytest.mark.parametrize("content", [None, b"", b"GIF89a and more of that kind" * 20])
def test_a_file_that_is_no_recording_is_one_line(
    capsys: Capture, tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "x.dmr"
    if content is not None:
        file.write_bytes(content)
    assert str(file) in call(capsys, "replay", file).complaint


def test_a_folder_that_cannot_be_made_for_the_demo_is_one_line(capsys: Capture, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    assert "name another folder" in call(capsys, "demo", "--output", tmp_path / "file" / "x").complaint


def test_serving_without_a_port_on_a_computer_without_one_is_one_line(
    capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("doumen.cli.serve.usb_ports", list)
    complaint = call(capsys, "serve", "--db", f"sqlite:///{tmp_path / 'x.db'}").complaint
    assert complaint == "no USB serial port here; plug a device in, or name its port"


def test_output_that_nobody_reads_to_the_end_is_no_traceback(tmp_path: Path) -> None:
    with start("devices", "--ports", "--json") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.wait(30) in (0, 1)
        assert process.stderr.read() == ""


def test_ctrl_c_ends_a_command_that_waits_without_a_traceback(tmp_path: Path) -> None:
    device, cable = os.openpty()  # a port at which nobody answers
    try:
        url = f"sqlite:///{tmp_path / 'x.db'}"
        with start("serve", os.ttyname(cable), "--db", url, PYTHONUNBUFFERED="1") as process:
            assert process.stdout is not None
            assert process.stderr is not None
            assert "Ctrl-C stops" in process.stdout.readline()
            process.send_signal(signal.SIGINT)
            assert process.wait(30) in (0, 130)
            assert "Traceback" not in process.stderr.read()
    finally:
        os.close(device)
        os.close(cable)
