"""From a receiver's bytes to fixes: pairing, midnight, noise, slices, and what the receiver is told."""

from fakes import Counters

from device import nmea
from device.gnss import INTERVALS_MS, SYSTEMS, Receiver

DAY_MS = 86400000
SEPTEMBER_13_2023 = 1694563200000


def sentence(body):
    return b"$" + body + b"*" + nmea.checksum(body) + b"\r\n"


def rmc(time, date=b"130923", status=b"A", lat=b"3751.6500,N", lon=b"14507.3600,E", talker=b"GN"):
    return sentence(b",".join((talker + b"RMC", time, status, lat, lon, b"0.1,2.3", date, b",,A")))


def gga(time, quality=b"1", satellites=b"08", hdop=b"0.95", lat=b"3751.6500,N", talker=b"GN"):
    tail = b"12.3,M,0.0,M,,"
    return sentence(b",".join((talker + b"GGA", time, lat, b"14507.3600,E", quality, satellites, hdop, tail)))


def fixes_of(*lines):
    receiver = Receiver(Counters())
    fixes = []
    for line in lines:
        fixes += receiver.feed(line)
    return fixes + receiver.flush()


def times(fixes):
    return [fix.time_ms for fix in fixes]


def test_rmc_and_gga_of_one_epoch_become_one_fix():
    for lines in ((rmc(b"081836.000"), gga(b"081836.000")), (gga(b"081836.00"), rmc(b"081836.000"))):
        fixes = fixes_of(*lines)
        assert len(fixes) == 1
        fix = fixes[0]
        assert fix.time_ms == SEPTEMBER_13_2023 + 29916000
        assert (fix.lat_e7, fix.lon_e7) == (378608333, 1451226667)
        assert (fix.quality, fix.satellites, fix.hdop_c) == (1, 8, 95)


def test_the_fix_comes_out_with_the_second_sentence():
    receiver = Receiver(Counters())
    assert receiver.feed(rmc(b"081836.000")) == []
    assert len(receiver.feed(gga(b"081836.000"))) == 1
    assert receiver.flush() == []


def test_every_talker_is_heard_and_may_be_mixed():
    for talker in (b"GP", b"GN", b"BD", b"GB", b"GL", b"GA"):
        fixes = fixes_of(rmc(b"081836", talker=talker), gga(b"081836", talker=talker))
        assert times(fixes) == [SEPTEMBER_13_2023 + 29916000], talker
    assert len(fixes_of(rmc(b"081836", talker=b"BD"), gga(b"081836", talker=b"GN"))) == 1


def test_rmc_alone_is_a_fix_of_unknown_precision():
    fixes = fixes_of(rmc(b"081836"), rmc(b"081837"))
    assert times(fixes) == [SEPTEMBER_13_2023 + 29916000, SEPTEMBER_13_2023 + 29917000]
    assert (fixes[0].quality, fixes[0].satellites, fixes[0].hdop_c) == (1, 0, 0xFFFF)


def test_gga_alone_waits_for_a_date_and_then_is_a_fix():
    assert fixes_of(gga(b"081836"), gga(b"081837")) == []
    fixes = fixes_of(rmc(b"081836"), gga(b"081837", quality=b"2"), gga(b"081838"))
    assert times(fixes) == [SEPTEMBER_13_2023 + 29916000 + 1000 * i for i in range(3)]
    assert fixes[1].quality == 2


def test_one_epoch_told_twice_is_one_fix():
    lines = (rmc(b"081836"), gga(b"081836"), rmc(b"081836"), gga(b"081836"))
    assert len(fixes_of(*lines)) == 1
    receiver = Receiver(Counters())
    found = (
        receiver.feed(rmc(b"081836")) + receiver.flush() + receiver.feed(gga(b"081836")) + receiver.flush()
    )
    assert len(found) == 1


def test_midnight_between_rmc_and_the_next_gga_begins_the_next_day():
    last = SEPTEMBER_13_2023 + DAY_MS - 1000
    assert times(fixes_of(rmc(b"235959"), gga(b"235959"), gga(b"000000"), gga(b"000001"))) == [
        last,
        last + 1000,
        last + 2000,
    ]


def test_midnight_with_gga_first_and_the_new_date_behind_it():
    last = SEPTEMBER_13_2023 + DAY_MS - 1000
    lines = (gga(b"235959"), rmc(b"235959"), gga(b"000000"), rmc(b"000000", date=b"140923"))
    assert times(fixes_of(*lines)) == [last, last + 1000]


def test_a_gga_left_over_from_before_midnight_keeps_its_day():
    last = SEPTEMBER_13_2023 + DAY_MS - 1000
    lines = (rmc(b"235958"), gga(b"235959"), rmc(b"000000", date=b"140923"), gga(b"000000"))
    assert times(fixes_of(*lines)) == [last - 1000, last, last + 1000]


def test_gga_alone_for_days_never_goes_back_in_time():
    lines = [rmc(b"235959")]
    lines += [gga(b"%02d0000" % (hour % 24)) for hour in range(60)]
    found = times(fixes_of(*lines))
    assert len(found) == 61
    assert all(found[i] < found[i + 1] for i in range(60))
    assert found[-1] == SEPTEMBER_13_2023 + DAY_MS + 59 * 3600000


def test_a_void_rmc_is_no_fix():
    assert fixes_of(rmc(b"081836", status=b"V")) == []
    assert fixes_of(rmc(b"081836", status=b"V", lat=b",", lon=b",")) == []
    assert fixes_of(sentence(b"GNRMC,,V,,,,,,,,,,N")) == []
    assert fixes_of(sentence(b"GNRMC,081836.00,A,,,,,,,130923,,,A")) == []
    assert fixes_of(rmc(b"", status=b"V"), sentence(b"GNGGA,,,,,,0,00,99.99,,,,,,")) == []


def test_a_gga_without_a_position_is_no_fix():
    assert len(fixes_of(rmc(b"081836"), gga(b"081837", quality=b"8"))) == 2
    for quality in (b"0", b"", b"9", b"x", b"-1", b"1.0"):
        assert len(fixes_of(rmc(b"081836"), gga(b"081837", quality=quality))) == 1, quality
    assert len(fixes_of(rmc(b"081836"), gga(b"081837", lat=b","))) == 1


def test_doubtful_fields_beside_the_position_become_unknown():
    fixes = fixes_of(rmc(b"081836"), gga(b"081836", satellites=b"", hdop=b""))
    assert (fixes[0].satellites, fixes[0].hdop_c) == (0, 0xFFFF)
    fixes = fixes_of(rmc(b"081836"), gga(b"081836", satellites=b"999", hdop=b"99999.9"))
    assert (fixes[0].satellites, fixes[0].hdop_c) == (255, 0xFFFE)


def test_malformed_values_are_no_fix():
    for lat in (b"8960.000000,N", b"9000.0001,N", b"751.65,N", b"3751.65,E", b"-751.65,N"):
        assert fixes_of(rmc(b"081836", lat=lat)) == [], lat
    for time in (b"081860", b"240000", b"81836", b""):
        assert fixes_of(rmc(time)) == [], time
    for date in (b"", b"310223", b"000000", b"1309"):
        assert fixes_of(rmc(b"081836", date=date)) == [], date


def test_a_bad_date_does_not_spoil_the_good_one_before():
    lines = (rmc(b"081836"), rmc(b"081837", date=b"310223"), gga(b"081837"), gga(b"081838"))
    assert times(fixes_of(*lines)) == [SEPTEMBER_13_2023 + 29916000 + 1000 * i for i in range(3)]


def test_short_sentences_and_other_kinds_are_passed_over():
    receiver = Receiver(Counters())
    for body in (b"GNRMC", b"GNRMC,081836,A", b"GNGGA,081836", b"GNGSV,1,1,00", b"PXRMC", b"X", b""):
        assert receiver.feed(sentence(body)) == [], body
    assert receiver.flush() == []


def noisy():
    """A stream with all that goes wrong on a line, and the times of its four fixes."""
    good = [rmc(b"08183%d" % i) + gga(b"08183%d" % i) for i in range(4)]
    torn = rmc(b"081839")
    data = b"\xff\x00boot\r\n" + good[0]
    data += torn[:20] + b"\r\n" + torn[:30] + torn + good[1]  # cut by a line end; two on one line
    data += b"x" * 500 + b"\r\n" + torn[:10] + b"y" * 400 + torn[10:] + good[2]
    data += (
        b"\r\n\r\n\n" + sentence(b"GNTXT,01,01,02,IC=AT6558-5N-31-0C510800") + torn[:-4] + b"0\r\n" + good[3]
    )
    return data, [SEPTEMBER_13_2023 + 29910000 + 1000 * i for i in range(4)]


def test_noise_costs_nothing_but_itself_and_is_counted():
    counters = Counters()
    receiver = Receiver(counters)
    data, expected = noisy()
    assert times(receiver.feed(data) + receiver.flush()) == expected
    assert counters.fixes == 4
    assert counters.sentences == 9
    assert counters.bad_sentences == 6
    assert receiver.identity == b"IC=AT6558-5N-31-0C510800"


def test_any_slicing_gives_the_same_fixes_and_counts():
    data, expected = noisy()
    for size in (1, 2, 3, 5, 7, 13, 64, 119, 120, 121, 256, 999):
        counters = Counters()
        receiver = Receiver(counters)
        fixes = []
        for start in range(0, len(data), size):
            fixes += receiver.feed(data[start : start + size])
        assert times(fixes + receiver.flush()) == expected, size
        assert (counters.sentences, counters.bad_sentences) == (9, 6), size


def test_a_line_without_an_end_is_not_kept_in_memory():
    receiver = Receiver(Counters())
    for _ in range(100):
        receiver.feed(b"z" * 1000)
        assert len(receiver._line) <= 120
    assert receiver.feed(b"\n") == []
    assert len(receiver.feed(rmc(b"081836") + gga(b"081836"))) == 1


def test_the_receiver_is_configured_with_good_check_sums():
    found = list(Receiver(Counters()).commands(1000, "gps+bds"))
    assert found == [
        b"$PCAS06,0*1B\r\n",
        b"$PCAS04,3*1A\r\n",
        b"$PCAS02,1000*2E\r\n",
        b"$PCAS03,1,0,0,0,1,0,0,0,0,0,,,0,0*02\r\n",
    ]
    for interval_ms in INTERVALS_MS:
        for systems in SYSTEMS:
            for line in Receiver(Counters()).commands(interval_ms, systems):
                assert nmea.sentence_fields(line.strip()) is not None, line
