"""The simulated satellite receiver: it replays a log at its own pace and obeys $PCAS sentences."""

from importlib import resources

import pytest

from doumen.simulator.receiver import Receiver, retalk, sentence_check

L76K = resources.files("doumen.simulator").joinpath("data", "quectel-l76k-nmea.log").read_bytes()
WAKES_US = 300_000
END_US = 1 << 50


def sentence(body: str) -> bytes:
    return b"$%s*%s\r\n" % (body.encode(), sentence_check(body.encode()))


def epoch(second: float, kinds: str = "RMC GGA GSV") -> bytes:
    """The sentences of one moment: 07:00:00 plus so many seconds."""
    at = f"0700{second:05.2f}"
    bodies = {
        "RMC": f"GNRMC,{at},A,3000.0000,N,12000.0000,E,0.0,0.0,010826,,,A",
        "GGA": f"GNGGA,{at},3000.0000,N,12000.0000,E,1,09,1.0,5.0,M,0.0,M,,",
        "GSV": "GPGSV,1,1,01,02,45,120,40",
        "GSA": "GNGSA,A,3,02,,,,,,,,,,,,2.0,1.0,1.7",
    }
    return b"".join(sentence(bodies[kind]) for kind in kinds.split())


def take_all(receiver: Receiver, until_us: int = END_US) -> list[tuple[int, bytes]]:
    """(when, what) of everything that arrives."""
    heard: list[tuple[int, bytes]] = []
    while (due := receiver.due_us()) is not None and due <= until_us:
        assert receiver.take(due - 1) == b""
        heard.append((due, receiver.take(due)))
    return heard


def opened(log: bytes, *, baud: int = 9600, repeat: bool = False) -> Receiver:
    receiver = Receiver(log, baud=baud, repeat=repeat)
    receiver.open(baud, 0)
    return receiver


def test_nothing_is_due_before_the_uart_is_opened() -> None:
    receiver = Receiver(epoch(0) + epoch(1))
    assert receiver.due_us() is None
    assert receiver.take(END_US) == b""
    receiver.open(9600, 5_000_000)
    assert receiver.due_us() is not None
    assert receiver.take(5_000_000 + WAKES_US) == b""


def test_opening_again_after_a_restart_of_the_board_does_not_start_the_log_again() -> None:
    receiver = opened(epoch(0) + epoch(1))
    first = receiver.due_us()
    receiver.open(9600, 10_000_000)
    assert receiver.due_us() == first


@pytest.mark.parametrize("baud", [4800, 9600, 115_200])
def test_epochs_come_at_the_pace_of_the_log_and_end_when_the_line_has_carried_them(baud: int) -> None:
    log = epoch(0) + epoch(1) + epoch(1.5) + epoch(3, "RMC")
    heard = take_all(opened(log, baud=baud))
    assert b"".join(data for _, data in heard) == log
    begins = [due - len(data) * 10_000_000 // baud - WAKES_US for due, data in heard]
    assert begins == [0, 1_000_000, 1_500_000, 3_000_000]


def test_a_clock_that_is_set_back_does_not_stop_the_log_and_midnight_is_one_step() -> None:
    late = [sentence(f"GNGGA,{at},3000.0,N,12000.0,E,1,09,1.0,5.0,M,,,,") for at in ("235959", "000000")]
    heard = take_all(
        opened(b"".join(late) + epoch(10, "RMC") + epoch(9, "RMC") + epoch(10, "RMC"), baud=115_200)
    )
    seconds = [due // 1_000_000 for due, _ in heard]
    assert seconds == [0, 1, 25_211, 25_211, 25_212]


def test_comments_never_leave() -> None:
    log = b"# recorded by hand\n" + epoch(0) + b"# in between\r\n" + epoch(1)
    heard = b"".join(data for _, data in take_all(opened(log)))
    assert heard == epoch(0) + epoch(1)
    real = b"".join(data for _, data in take_all(opened(L76K, baud=115_200)))
    assert real == b"".join(line for line in L76K.splitlines(keepends=True) if not line.startswith(b"#"))


def test_a_last_line_without_an_end_gets_one() -> None:
    assert take_all(opened(epoch(0, "RMC").rstrip()))[0][1] == epoch(0, "RMC")


def test_a_log_without_a_time_of_day_is_refused() -> None:
    with pytest.raises(ValueError, match="time of day"):
        Receiver(b"# nothing\r\n" + sentence("GPGSV,1,1,01,02,45,120,40"))


def test_repeating_goes_on_for_ever_a_second_after_the_end() -> None:
    receiver = opened(epoch(0, "RMC") + epoch(2, "RMC"), baud=115_200, repeat=True)
    heard = take_all(receiver, 20_000_000)
    assert [due // 1_000_000 for due, _ in heard] == [0, 2, 3, 5, 6, 8, 9, 11, 12, 14, 15, 17, 18]
    assert receiver.sent == len(heard)


def test_pcas03_leaves_out_the_kinds_that_it_sets_to_0() -> None:
    receiver = opened(epoch(0, "RMC GGA GSA GSV") + epoch(1, "RMC GGA GSA GSV"))
    receiver.hear(sentence("PCAS03,1,0,0,0,1,0,0,0,0,0,,,0,0"), 0)
    assert [data for _, data in take_all(receiver)] == [epoch(0, "RMC GGA"), epoch(1, "RMC GGA")]
    assert receiver.sent == 4
    assert receiver.wrong_commands == 0


def test_an_empty_field_of_pcas03_leaves_that_kind_as_it_was() -> None:
    receiver = opened(epoch(0, "RMC GGA GSA GSV"))
    receiver.hear(sentence("PCAS03,1,0,0,0,1") + sentence("PCAS03,,,1"), 0)
    assert take_all(receiver)[0][1] == epoch(0, "RMC GGA GSA")


def test_pcas02_thins_the_epochs_to_the_interval() -> None:
    log = b"".join(epoch(tenth / 10, "RMC") for tenth in range(21))
    receiver = opened(log, baud=115_200)
    receiver.hear(sentence("PCAS02,500"), 0)
    heard = b"".join(data for _, data in take_all(receiver))
    assert heard == b"".join(epoch(half / 2, "RMC") for half in range(5))


def test_pcas01_changes_the_pace_of_the_line() -> None:
    receiver = opened(epoch(0))
    receiver.hear(sentence("PCAS01,5"), 0)
    assert take_all(receiver)[0][0] == WAKES_US + len(epoch(0)) * 10_000_000 // 115_200


def test_pcas06_is_answered_with_words_whose_checksum_is_right() -> None:
    receiver = opened(epoch(0))
    receiver.hear(sentence("PCAS06,0"), 1_000)
    due = receiver.due_us()
    assert due is not None
    assert due > 1_000
    answer = receiver.take(due)
    body, _, check = answer.strip()[1:].partition(b"*")
    assert body.startswith(b"GPTXT,")
    assert check == sentence_check(body)
    assert [data for _, data in take_all(receiver)] == [epoch(0)]


def test_a_command_cut_into_pieces_is_put_together() -> None:
    receiver = opened(epoch(0))
    for byte in sentence("PCAS03,1,0,0,0,1"):
        receiver.hear(bytes((byte,)), 0)
    assert take_all(receiver)[0][1] == epoch(0, "RMC GGA")


@pytest.mark.parametrize(
    "line",
    [
        b"$PCAS03,1,0,0,0,0*00\r\n",
        b"$PCAS03,1,0,0,0,0\r\n",
        b"hello\r\n",
        sentence("PMTK220,100"),
        sentence("PCAS99,1"),
        sentence("PCAS01,9"),
        sentence("PCAS01,"),
        sentence("PCAS01"),
        sentence("PCAS02,fast"),
    ],
)
def test_what_is_wrong_is_counted_and_not_obeyed(line: bytes) -> None:
    receiver = opened(epoch(0) + epoch(1))
    receiver.hear(line, 0)
    assert receiver.wrong_commands == 1
    assert b"".join(data for _, data in take_all(receiver)) == epoch(0) + epoch(1)


@pytest.mark.parametrize("talker", [b"BD", b"GB", b"GN", b"GP"])
def test_retalk_changes_the_talkers_and_nothing_else(talker: bytes) -> None:
    lines = zip(L76K.splitlines(), retalk(L76K, talker).splitlines(), strict=True)
    rewritten = 0
    for before, after in lines:
        if not before.startswith((b"$GN", b"$GP", b"$GB", b"$BD", b"$GL")):
            assert after == before
            continue
        rewritten += 1
        body, _, check = after[1:].partition(b"*")
        assert body[:2] == talker
        assert body[2:] == before[3:].partition(b"*")[0]
        assert check == sentence_check(body)
    assert rewritten > 500


def test_retalk_keeps_damaged_sentences_damaged() -> None:
    log = b"$GNGGA,070000,3000.0,N,12000.0,E,1,09,1.0,5.0,M,,,,*00\r\n$GNGGA,07$GNRMC,0*11\r\n# GN note\r\n"
    assert retalk(log, b"BD") == log


def test_retalk_understands_lower_case_checksums() -> None:
    low = sentence("GNGLL,3000.0,N,12000.0,E,070001,A").replace(b"\r\n", b"").decode()
    body, check = low.split("*")
    assert retalk(f"{body}*{check.lower()}\r\n".encode(), b"BD").startswith(b"$BDGLL,")
