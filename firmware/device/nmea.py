"""NMEA 0183 sentences: RMC and GGA of any talker, in integers only.

An ESP32's floats have 24 bits: a coordinate in them is off by metres. Nothing here makes a float.
Whatever is not exactly as it should be is None, never a guess.
"""

_HEX = b"0123456789ABCDEF"
_DAYS_BEFORE = (0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334)
_DAY_MS = 86400000


def sentence_fields(line):
    """The comma-separated fields of one line (bytes, no line end), the first one without its `$`.

    Returns None for anything but exactly one sentence with a good check sum.
    """
    start = line.find(b"$")
    star = len(line) - 3
    if start < 0 or star <= start or line[star] != 0x2A or line.find(b"$", start + 1) >= 0:
        return None
    high = _HEX.find(line[star + 1 : star + 2].upper())
    low = _HEX.find(line[star + 2 : star + 3].upper())
    if high < 0 or low < 0:
        return None
    check = 0
    for i in range(start + 1, star):
        check ^= line[i]
    if check != high * 16 + low:
        return None
    return line[start + 1 : star].split(b",")


def checksum(body):
    """The two hexadecimal digits after the `*` of a sentence whose text between `$` and `*` is body (bytes)."""
    check = 0
    for byte in body:
        check ^= byte
    return b"%02X" % check


def scaled(field, digits):
    """A decimal number as an integer with that many digits after the point, further ones cut; None if it is none.

    scaled(b"0.9", 2) is 90.
    """
    whole, point, fraction = field.partition(b".")
    if not whole.isdigit() or (point and fraction and not fraction.isdigit()):
        return None
    fraction = (fraction + b"0" * digits)[:digits]
    return int(whole + fraction)


def degrees_e7(field, hemisphere, limit):
    """`dddmm.mmmm` and a letter as an angle in 1e-7 degrees, rounded to nearest; None if it is none.

    limit: the greatest number of degrees, 90 or 180.
    """
    sign = 1 if hemisphere in (b"N", b"E") else -1
    if hemisphere not in ((b"N", b"S") if limit == 90 else (b"E", b"W")):
        return None
    # The standard pads with zeros: with fewer digits one was lost, and the place would be another.
    if len(field.partition(b".")[0]) != (4 if limit == 90 else 5):
        return None
    minutes_e7 = scaled(field, 7)
    if minutes_e7 is None:
        return None
    # The whole part is degrees and minutes written one after the other.
    degrees = minutes_e7 // 1000000000
    minutes_e7 -= degrees * 1000000000
    if minutes_e7 >= 600000000:
        return None
    angle = degrees * 10000000 + (minutes_e7 + 30) // 60
    if angle > limit * 10000000:
        return None
    return sign * angle


def time_of_day_ms(field):
    """`hhmmss.sss` in ms since midnight; None if it is none."""
    total = scaled(field, 3)
    if total is None or field.find(b".") not in (6, -1) or (len(field) != 6 and field.find(b".") < 0):
        return None
    seconds_ms = total % 100000
    minutes = total // 100000 % 100
    hours = total // 10000000
    if seconds_ms >= 60000 or minutes > 59 or hours > 23:
        return None
    return hours * 3600000 + minutes * 60000 + seconds_ms


def midnight_ms(field):
    """`ddmmyy` as the ms since 1970 at which that day began, years 2000 to 2079; None if it is none."""
    if len(field) != 6 or not field.isdigit():
        return None
    day, month, year = int(field[:2]), int(field[2:4]), int(field[4:])
    if not 1 <= month <= 12 or year > 79:
        return None
    leap = year % 4 == 0  # 2000 to 2079 holds no exception
    length = (31, 29 if leap else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)[month - 1]
    if not 1 <= day <= length:
        return None
    days = 10957 + year * 365 + (year + 3) // 4 + _DAYS_BEFORE[month - 1] + day - 1
    if leap and month > 2:
        days += 1
    return days * _DAY_MS
