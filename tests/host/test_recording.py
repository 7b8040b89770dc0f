"""Recordings: word for word what was appended, and nothing that was torn."""

import errno
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest

from doumen.errors import RecordingError
from doumen.recording import HEADER_BYTES, RECORD_BYTES, Recording, RecordingWriter, Words

_CHANCE = np.random.default_rng(3)
EEPROM = _CHANCE.integers(0, 0x10000, 832, dtype=np.uint16)
OTHER_EEPROM = _CHANCE.integers(0, 0x10000, 832, dtype=np.uint16)
SUBPAGES = _CHANCE.integers(0, 0x10000, (12, 834), dtype=np.uint16)
START_MS = 1_760_000_000_000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a recording may go."""
    return tmp_path / "gate.dmr"


def _append(writer: RecordingWriter, first: int, stop: int) -> None:
    for index in range(first, stop):
        writer.append(START_MS + 62 * index, 1000 + 62 * index, 40 + index, SUBPAGES[index])


def _record(
    path: Path, first: int = 0, stop: int = 6, eeprom: Words = EEPROM, firmware: str = "0.1.0"
) -> None:
    with RecordingWriter(path, "gate-1", eeprom, firmware, time_ms=START_MS) as writer:
        _append(writer, first, stop)


def _offset(record: int) -> int:
    return HEADER_BYTES + record * RECORD_BYTES


def _change(path: Path, offset: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(data)


def _refusal(path: Path) -> str:
    with pytest.raises(RecordingError) as caught:
        Recording.open(path)
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    return message


def test_a_recording_comes_back_word_for_word(path: Path) -> None:
    _record(path)
    recording = Recording.open(path)
    assert (recording.device_id, recording.firmware, recording.created_ms) == ("gate-1", "0.1.0", START_MS)
    assert (len(recording), recording.damaged, len(recording.segments)) == (6, 0, 1)
    np.testing.assert_array_equal(recording.eeprom, EEPROM)
    np.testing.assert_array_equal(recording.subpages, SUBPAGES[:6])
    assert recording.time_ms.tolist() == [START_MS + 62 * index for index in range(6)]
    assert recording.ticks_ms.tolist() == [1000 + 62 * index for index in range(6)]
    assert recording.sequence.tolist() == list(range(40, 46))


def test_the_subpages_of_one_start_are_a_view_of_the_file(path: Path) -> None:
    _record(path)
    subpages = Recording.open(path).subpages
    assert isinstance(subpages, np.memmap)
    assert (subpages.shape, subpages.dtype) == ((6, 834), np.uint16)
    assert not subpages.flags.writeable
    assert not subpages.flags.owndata


def test_the_bytes_are_those_of_the_documented_format(path: Path) -> None:
    _record(path, 0, 1)
    data = path.read_bytes()
    assert len(data) == 128 + 2 * 1728
    assert data[:8] == b"\x89DMR\r\n\x1a\n"
    assert struct.unpack_from("<HHHHq", data, 8) == (1, 128, 1728, 0, START_MS)
    assert data[24:124] == b"gate-1".ljust(100, b"\0")
    assert struct.unpack_from("<I", data, 124) == (zlib.crc32(data[:124]),)
    eeprom, subpage = data[128:1856], data[1856:]
    assert struct.unpack_from("<HHIIIqI", eeprom) == (0x4D44, 1, 0, 0, 0, START_MS, 0)
    assert eeprom[28:1692] == EEPROM.astype("<u2").tobytes()
    assert eeprom[1692:1724] == b"0.1.0".ljust(32, b"\0")
    assert struct.unpack_from("<HHIIIqI", subpage) == (0x4D44, 2, 1, 0, 1000, START_MS, 40)
    assert subpage[28:1696] == SUBPAGES[0].astype("<u2").tobytes()
    assert subpage[1696:1724] == bytes(28)
    for record in (eeprom, subpage):
        assert struct.unpack_from("<I", record, 1724) == (zlib.crc32(record[:1724]),)


def test_a_gate_that_starts_again_begins_another_segment(path: Path) -> None:
    with RecordingWriter(path, "gate-1", EEPROM, "0.1.0") as writer:
        _append(writer, 0, 3)
        writer.start(OTHER_EEPROM, "0.2.0", time_ms=START_MS, ticks_ms=5)
        _append(writer, 3, 7)
    recording = Recording.open(path)
    assert [segment.firmware for segment in recording.segments] == ["0.1.0", "0.2.0"]
    (first, first_subpages), (second, second_subpages) = recording
    np.testing.assert_array_equal(first, EEPROM)
    np.testing.assert_array_equal(first_subpages, SUBPAGES[:3])
    np.testing.assert_array_equal(second, OTHER_EEPROM)
    np.testing.assert_array_equal(second_subpages, SUBPAGES[3:7])
    np.testing.assert_array_equal(recording.subpages, SUBPAGES[:7])
    assert recording.sequence.tolist() == list(range(40, 47))


def test_a_recording_can_be_gone_on_with(path: Path) -> None:
    _record(path, 0, 4)
    _record(path, 4, 6, OTHER_EEPROM)
    recording = Recording.open(path)
    assert [len(segment.subpages) for segment in recording.segments] == [4, 2]
    np.testing.assert_array_equal(recording.subpages, SUBPAGES[:6])
    np.testing.assert_array_equal(recording.segments[1].eeprom, OTHER_EEPROM)


def test_a_file_cut_at_any_byte_of_its_last_two_records_loses_only_what_was_cut(path: Path) -> None:
    _record(path, 0, 4)
    data = path.read_bytes()
    for size in range(_offset(3), _offset(5) + 1):
        os.truncate(path, size)
        whole = (size - HEADER_BYTES) // RECORD_BYTES
        recording = Recording.open(path)
        assert recording.damaged == (size != _offset(whole))
        assert recording.sequence.tolist() == list(range(40, 40 + whole - 1))
        path.write_bytes(data)
    np.testing.assert_array_equal(Recording.open(path).subpages, SUBPAGES[:4])


@pytest.mark.parametrize("cut", [1, RECORD_BYTES // 2, RECORD_BYTES - 1, RECORD_BYTES, RECORD_BYTES + 1])
def test_going_on_after_a_cut_drops_the_torn_record_first(path: Path, cut: int) -> None:
    _record(path, 0, 5)
    os.truncate(path, _offset(6) - cut)
    _record(path, 5, 8)
    recording = Recording.open(path)
    assert (recording.damaged, path.stat().st_size % RECORD_BYTES) == (0, HEADER_BYTES)
    kept = 5 - -(-cut // RECORD_BYTES)
    assert recording.sequence.tolist() == [40 + index for index in [*range(kept), 5, 6, 7]]


def test_a_tail_of_zeros_as_power_cuts_leave_it_is_recognised_and_dropped(path: Path) -> None:
    _record(path, 0, 3)
    with path.open("ab") as file:
        file.write(bytes(3 * RECORD_BYTES + 100))
    assert Recording.open(path).damaged == 4
    np.testing.assert_array_equal(Recording.open(path).subpages, SUBPAGES[:3])
    _record(path, 3, 5)
    assert Recording.open(path).damaged == 0
    np.testing.assert_array_equal(Recording.open(path).subpages, SUBPAGES[:5])


def test_a_damaged_record_in_the_middle_is_passed_over_and_splits_the_segment(path: Path) -> None:
    _record(path, 0, 5)
    _change(path, _offset(3) + 500, b"\xde\xad")
    recording = Recording.open(path)
    assert recording.damaged == 1
    assert [segment.sequence.tolist() for segment in recording.segments] == [[40, 41], [43, 44]]
    assert all(np.array_equal(segment.eeprom, EEPROM) for segment in recording.segments)


def test_subpages_whose_eeprom_is_damaged_are_not_given_to_another_one(path: Path) -> None:
    _record(path, 0, 3)
    _record(path, 3, 6, OTHER_EEPROM)
    _change(path, _offset(4) + 500, b"\xde\xad")
    recording = Recording.open(path)
    assert (recording.damaged, recording.sequence.tolist()) == (4, [40, 41, 42])


def test_a_record_at_the_wrong_place_is_passed_over(path: Path) -> None:
    _record(path, 0, 4)
    data = path.read_bytes()
    _change(path, _offset(2), data[_offset(3) : _offset(4)])
    assert Recording.open(path).sequence.tolist() == [40, 42, 43]


def test_a_growing_recording_can_be_read(path: Path) -> None:
    with RecordingWriter(path, "gate-1", EEPROM, "0.1.0") as writer:
        assert len(Recording.open(path)) == 0
        _append(writer, 0, 2)
        early = Recording.open(path)
        _append(writer, 2, 4)
        assert (len(early), len(Recording.open(path))) == (2, 4)
        np.testing.assert_array_equal(early.subpages, SUBPAGES[:2])


def test_a_gate_that_only_started_shows_its_eeprom(path: Path) -> None:
    RecordingWriter(path, "gate-1", EEPROM, "0.1.0").close()
    recording = Recording.open(path)
    np.testing.assert_array_equal(recording.eeprom, EEPROM)
    assert recording.subpages.shape == (0, 834)


@pytest.mark.parametrize("size", [0, 5, 8, HEADER_BYTES - 1, HEADER_BYTES, HEADER_BYTES + 700])
def test_a_file_cut_before_its_first_record_is_refused_and_can_be_begun_again(path: Path, size: int) -> None:
    _record(path)
    os.truncate(path, size)
    _refusal(path)
    _record(path, 0, 2)
    np.testing.assert_array_equal(Recording.open(path).subpages, SUBPAGES[:2])


@pytest.mark.parametrize("data", [b"hello", b"PK\x03\x04" + bytes(5000), bytes(5000)])
def test_something_else_is_refused_and_left_alone(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    assert "not a recording" in _refusal(path)
    with pytest.raises(RecordingError, match="not a recording"):
        _record(path)
    assert path.read_bytes() == data


def test_what_is_no_file_is_refused(path: Path, tmp_path: Path) -> None:
    assert "No such file" in _refusal(path)
    assert "directory" in _refusal(tmp_path)
    with pytest.raises(RecordingError, match="No such file"):
        _record(tmp_path / "missing" / "gate.dmr")


def test_a_newer_format_is_refused(path: Path) -> None:
    _record(path)
    _change(path, 8, b"\x02\x00")
    assert "update Doumen" in _refusal(path)


def test_a_damaged_header_is_refused(path: Path) -> None:
    _record(path)
    _change(path, 30, b"x")
    assert "damaged header" in _refusal(path)


def test_a_recording_without_any_readable_eeprom_is_refused(path: Path) -> None:
    _record(path)
    _change(path, _offset(0) + 40, b"\xde\xad\xbe\xef")
    assert "EEPROM" in _refusal(path)


def test_another_gate_does_not_write_into_a_recording(path: Path) -> None:
    _record(path)
    data = path.read_bytes()
    with pytest.raises(RecordingError, match="recording of gate-1"):
        RecordingWriter(path, "gate-2", EEPROM, "0.1.0")
    assert path.read_bytes() == data


@pytest.mark.parametrize(
    "words",
    [SUBPAGES[0, :833], SUBPAGES[:1], SUBPAGES[0].astype(np.int32), SUBPAGES[0].astype(np.float32)],
)
def test_words_of_another_shape_or_type_are_refused(path: Path, words: Words) -> None:
    with RecordingWriter(path, "gate-1", EEPROM, "0.1.0") as writer:
        with pytest.raises(RecordingError, match=r"\(834,\) uint16"):
            writer.append(START_MS, 0, 0, words)
        _append(writer, 0, 1)
    assert len(Recording.open(path)) == 1


@pytest.mark.parametrize(("time_ms", "ticks_ms", "sequence"), [(1 << 63, 0, 0), (0, -1, 0), (0, 0, 1 << 32)])
def test_a_number_out_of_range_is_refused(path: Path, time_ms: int, ticks_ms: int, sequence: int) -> None:
    with RecordingWriter(path, "gate-1", EEPROM, "0.1.0") as writer:
        with pytest.raises(RecordingError, match="does not fit"):
            writer.append(time_ms, ticks_ms, sequence, SUBPAGES[0])
        _append(writer, 0, 1)
    assert len(Recording.open(path)) == 1


@pytest.mark.parametrize(("device_id", "firmware"), [("门" * 22, "0.1.0"), ("gate-1", "v" * 33), ("a\0", "")])
def test_a_text_that_does_not_fit_is_refused(path: Path, device_id: str, firmware: str) -> None:
    with pytest.raises(RecordingError, match="shorten"):
        RecordingWriter(path, device_id, EEPROM, firmware)


def test_texts_are_kept_in_any_language(path: Path) -> None:
    with RecordingWriter(path, "斗门-1", EEPROM, "0.1.0-测试"):
        pass
    assert (Recording.open(path).device_id, Recording.open(path).firmware) == ("斗门-1", "0.1.0-测试")


def test_a_disk_that_fills_up_costs_only_what_did_not_fit(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with RecordingWriter(path, "gate-1", EEPROM, "0.1.0") as writer:
        _append(writer, 0, 2)
        real = writer._file

        class FullDisk:
            """Takes a piece of a record, as the last blocks of a disk do, then nothing."""

            room = 700

            def seek(self, offset: int) -> int:
                return real.seek(offset)

            def write(self, data: bytes) -> int:
                if not self.room:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                written, self.room = real.write(data[: self.room]), 0
                return written

        with monkeypatch.context() as patch:
            patch.setattr(writer, "_file", FullDisk())
            with pytest.raises(RecordingError, match="disk is full"):
                _append(writer, 2, 3)
            with pytest.raises(RecordingError, match="No space left"):
                _append(writer, 2, 3)
        assert len(Recording.open(path)) == 2
        _append(writer, 2, 4)
    assert Recording.open(path).damaged == 0
    np.testing.assert_array_equal(Recording.open(path).subpages, SUBPAGES[:4])


def test_closing_twice_is_no_error(path: Path) -> None:
    writer = RecordingWriter(path, "gate-1", EEPROM, "0.1.0")
    writer.close()
    writer.close()
