"""Sentences to integers: exact to the last digit, and None for whatever is not as it should be."""

from device import nmea
from device.nmea import degrees_e7, midnight_ms, scaled, sentence_fields, time_of_day_ms


def whole(body):
    return b"$" + body + b"*" + nmea.checksum(body)


def test_a_good_sentence_is_split_at_its_commas():
    line = b"$GPGLL,4916.45,N,12311.12,W,225444,A*31"
    assert sentence_fields(line) == [b"GPGLL", b"4916.45", b"N", b"12311.12", b"W", b"225444", b"A"]


def test_every_talker_is_taken():
    for talker in (b"GP", b"GN", b"BD", b"GB", b"GL", b"GA", b"QZ"):
        assert sentence_fields(whole(talker + b"RMC,1,2"))[0] == talker + b"RMC"


def test_small_hexadecimal_digits_are_taken():
    assert nmea.checksum(b"GPXXX,o") == b"0C"
    assert sentence_fields(b"$GPXXX,o*0c") == [b"GPXXX", b"o"]


def test_check_sums_have_two_digits():
    assert nmea.checksum(b"") == b"00"
    assert nmea.checksum(b"A\x4b") == b"0A"
    # Published code has wrong ones for these; these were computed by hand.
    assert nmea.checksum(b"PCAS06,0") == b"1B"
    assert nmea.checksum(b"PCAS04,3") == b"1A"
    assert nmea.checksum(b"PCAS02,1000") == b"2E"


def test_malformed_lines_are_none():
    good = whole(b"GNRMC,1,2")
    assert sentence_fields(good) is not None
    for line in (
        b"",
        b"$",
        b"*",
        b"$*",
        b"$*0",
        b"*00",
        b"00*",
        good[:-1],  # cut
        good[:-2],
        good[:-3],  # no check sum
        good + b" ",
        good + good,  # two on a line
        b"$GNG" + good,  # one that another one interrupted
        good[1:],  # no $
        b"$GNRMC,1,2*GG",
        b"$GNRMC,1,2*-1",
        b"$GNRMC,1,2* 7",
        b"GNRMC*00$",
    ):
        assert sentence_fields(line) is None, line


def test_every_flipped_bit_is_noticed():
    line = whole(b"GNRMC,081836.000,A,3751.6500,N,14507.3600,E,0.00,0.00,130998,,,A")
    for bit in range(8 * len(line)):
        bad = bytearray(line)
        bad[bit // 8] ^= 1 << bit % 8
        fields = sentence_fields(bytes(bad))
        assert fields is None or bytes(bad).upper() == line.upper(), bit


def test_numbers_become_integers():
    assert scaled(b"0.9", 2) == 90
    assert scaled(b"12", 2) == 1200
    assert scaled(b"5.", 2) == 500
    assert scaled(b"1.999", 2) == 199
    assert scaled(b"007.05", 1) == 70


def test_what_is_no_number_is_none():
    for field in (
        b"",
        b".",
        b".5",
        b"-1",
        b"+1",
        b"1e3",
        b"1.2.3",
        b"1.-2",
        b" 1",
        b"1 ",
        b"0x1",
        b"1,5",
        b"\xb2",
    ):
        assert scaled(field, 2) is None, field


def test_angles_are_exact():
    for field, hemisphere, limit, angle in (
        (b"3751.6500", b"N", 90, 378608333),
        (b"3751.6500", b"S", 90, -378608333),
        (b"14507.3600", b"E", 180, 1451226667),
        (b"14507.3600", b"W", 180, -1451226667),
        (b"0000.0000", b"N", 90, 0),
        (b"0000.0000", b"S", 90, 0),
        (b"2232", b"N", 90, 225333333),
        (b"2232.", b"N", 90, 225333333),
        (b"0000.00003", b"N", 90, 5),
        (b"0000.000002999", b"N", 90, 0),
        (b"0000.000003", b"N", 90, 1),  # half is rounded up,
        (b"0000.000003", b"S", 90, -1),  # away from zero on either side
        (b"00000.0000089", b"E", 180, 1),
        (b"0059.9999999", b"N", 90, 10000000),
        (b"8959.999999", b"N", 90, 900000000),
    ):
        assert degrees_e7(field, hemisphere, limit) == angle, (field, hemisphere)


def test_angles_agree_with_long_division_everywhere():
    for step in range(0, 5400, 7):
        for fraction in (0, 1, 29, 30, 31, 12345, 999999):
            minutes_e7 = (step % 60) * 10000000 + fraction * 10
            field = b"%02d%02d.%07d" % (step // 60, step % 60, fraction * 10)
            exact_times_60 = step // 60 * 600000000 + minutes_e7
            nearest = (2 * exact_times_60 + 60) // 120
            assert degrees_e7(field, b"N", 90) == nearest, field


def test_angles_stop_at_their_limits():
    assert degrees_e7(b"9000.0000", b"N", 90) == 900000000
    assert degrees_e7(b"9000.0000", b"S", 90) == -900000000
    assert degrees_e7(b"18000.0000", b"W", 180) == -1800000000
    for field, hemisphere, limit in (
        (b"9000.0001", b"N", 90),
        (b"9100.0000", b"N", 90),
        (b"18000.0001", b"E", 180),
        (b"99959.9999", b"E", 180),
    ):
        assert degrees_e7(field, hemisphere, limit) is None, field


def test_malformed_angles_are_none():
    for field, hemisphere, limit in (
        (b"", b"N", 90),
        (b"8960.000000", b"N", 90),  # sixty minutes, as real receivers have said
        (b"3799.0000", b"N", 90),
        (b"751.6500", b"N", 90),  # a digit lost
        (b"03751.6500", b"N", 90),
        (b"4507.3600", b"E", 180),
        (b"3751.6500", b"E", 90),
        (b"14507.3600", b"N", 180),
        (b"3751.6500", b"", 90),
        (b"3751.6500", b"n", 90),
        (b"3751.6500", b"NS", 90),
        (b"-751.6500", b"N", 90),
        (b"37 1.6500", b"N", 90),
        (b"3751,6500", b"N", 90),
        (b".6500", b"N", 90),
    ):
        assert degrees_e7(field, hemisphere, limit) is None, (field, hemisphere)


def test_times_of_day():
    for field, ms in (
        (b"000000", 0),
        (b"000000.000", 0),
        (b"081836", 29916000),
        (b"081836.5", 29916500),
        (b"081836.", 29916000),
        (b"081836.75", 29916750),
        (b"235959.999", 86399999),
        (b"235959.9999", 86399999),
    ):
        assert time_of_day_ms(field) == ms, field


def test_malformed_times_are_none():
    for field in (
        b"",
        b".",
        b"240000",
        b"236000",
        b"235960",
        b"235960.00",
        b"81836",
        b"0818360",
        b"81836.00",
    ):
        assert time_of_day_ms(field) is None, field
    for field in (b"08:18:36", b"-81836", b"081836.x", b"0818 6.0"):
        assert time_of_day_ms(field) is None, field


def test_dates():
    for field, days in (
        (b"010100", 10957),
        (b"290200", 11016),
        (b"010300", 11017),
        (b"311200", 11322),
        (b"010101", 11323),
        (b"130923", 19613),
        (b"290224", 19782),
        (b"311279", 40176),
    ):
        assert midnight_ms(field) == days * 86400000, field


def test_every_day_follows_the_one_before():
    expected = 10957 * 86400000
    for year in range(80):
        for month in range(1, 13):
            length = 28 if month == 2 else 30 if month in (4, 6, 9, 11) else 31
            if month == 2 and year % 4 == 0:
                length = 29
            for day in range(1, length + 1):
                assert midnight_ms(b"%02d%02d%02d" % (day, month, year)) == expected
                expected += 86400000
            assert midnight_ms(b"%02d%02d%02d" % (length + 1, month, year)) is None


def test_malformed_dates_are_none():
    for field in (b"", b"1309", b"0013924", b"000123", b"320123", b"010023", b"011323", b"290223", b"310423"):
        assert midnight_ms(field) is None, field
    for field in (b"010180", b"010199", b"1a0123", b"-10123", b"01.123", b"130998"):
        assert midnight_ms(field) is None, field
