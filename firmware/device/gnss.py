"""The satellite receiver: bytes of its UART become fixes, and it is told what to send.

CASIC receivers (ATGM336H, AT6558, L76K) are configured by `$PCAS` sentences; their default output fills
93 % of a 9,600 baud line, RMC and GGA alone a sixth of that.
"""

from device import nmea

_DAY_MS = 86400000
_MAX_LINE = 120  # NMEA allows 82; real receivers send more; what is longer than this is noise
SYSTEMS = {"gps": 1, "bds": 2, "gps+bds": 3, "gps+bds+glonass": 7}
INTERVALS_MS = (100, 200, 250, 500, 1000)


class Fix:
    """One epoch of the receiver; times in ms since 1970 UTC, angles in 1e-7 degrees, hdop in hundredths."""

    __slots__ = ("hdop_c", "lat_e7", "lon_e7", "quality", "satellites", "time_ms")

    def __init__(self, time_ms, lat_e7, lon_e7):
        self.time_ms = time_ms
        self.lat_e7 = lat_e7
        self.lon_e7 = lon_e7
        self.quality = 1
        self.satellites = 0
        self.hdop_c = 0xFFFF


class Receiver:
    """Lines in, fixes out. RMC brings the date, GGA the quality; the two of one epoch become one fix."""

    def __init__(self, counters):
        self._counters = counters
        self._line = bytearray()
        self._overlong = False
        self._midnight_ms = None  # of the day that the last RMC named
        self._last_of_day_ms = 0
        self._rmc = None  # (time of day, lat, lon) of the open epoch
        self._gga = None  # (time of day, lat, lon, quality, satellites, hdop) of the open epoch
        self._closed_ms = None  # time of day of the last epoch that was handed out
        self.identity = b""  # the receiver's own words about its firmware

    def commands(self, interval_ms, systems):
        """The sentences (bytes) that make it send RMC and GGA only, at this interval, from these systems."""
        for body in (
            b"PCAS06,0",
            b"PCAS04,%d" % SYSTEMS[systems],
            b"PCAS02,%d" % interval_ms,
            b"PCAS03,1,0,0,0,1,0,0,0,0,0,,,0,0",
        ):
            yield b"$%s*%s\r\n" % (body, nmea.checksum(body))

    def feed(self, data):
        """The fixes (a list) that these bytes complete."""
        fixes = []
        start = 0
        while True:
            end = data.find(b"\n", start)
            stop = len(data) if end < 0 else end
            if len(self._line) + stop - start > _MAX_LINE:
                self._overlong = True
                self._line = bytearray()
            elif not self._overlong:
                self._line += data[start:stop]
            if end < 0:
                return fixes
            if self._overlong:
                self._counters.bad_sentences += 1
                self._overlong = False
            elif self._line:
                self._sentence(bytes(self._line).strip(), fixes)
            self._line = bytearray()
            start = end + 1

    def flush(self):
        """The fixes (a list) of an epoch that got only one of its two sentences; call when the line is quiet."""
        fixes = []
        self._close(fixes)
        return fixes

    def _sentence(self, line, fixes):
        if not line:
            return
        fields = nmea.sentence_fields(line)
        if fields is None:
            self._counters.bad_sentences += 1
            return
        self._counters.sentences += 1
        kind = fields[0][-3:]
        if kind == b"RMC" and len(fields[0]) == 5:
            if len(fields) >= 10:
                self._on_rmc(fields, fixes)
        elif kind == b"GGA" and len(fields[0]) == 5:
            if len(fields) >= 9:
                self._on_gga(fields, fixes)
        elif kind == b"TXT" and len(fields) > 4:
            self.identity = fields[4]

    def _on_rmc(self, fields, fixes):
        of_day = nmea.time_of_day_ms(fields[1])
        midnight = nmea.midnight_ms(fields[9])
        if of_day is None or midnight is None or fields[2] != b"A":
            return
        lat = nmea.degrees_e7(fields[3], fields[4], 90)
        lon = nmea.degrees_e7(fields[5], fields[6], 180)
        if lat is None or lon is None:
            return
        self._open(of_day, fixes)
        self._midnight_ms = midnight
        self._last_of_day_ms = of_day
        if of_day != self._closed_ms:
            self._rmc = (of_day, lat, lon)
            if self._gga is not None:
                self._close(fixes)

    def _on_gga(self, fields, fixes):
        of_day = nmea.time_of_day_ms(fields[1])
        if of_day is None or not fields[6].isdigit() or not 1 <= int(fields[6]) <= 8:
            return
        lat = nmea.degrees_e7(fields[2], fields[3], 90)
        lon = nmea.degrees_e7(fields[4], fields[5], 180)
        if lat is None or lon is None:
            return
        self._open(of_day, fixes)
        if of_day != self._closed_ms:
            satellites = int(fields[7]) if fields[7].isdigit() else 0
            hdop = nmea.scaled(fields[8], 2)
            hdop = 0xFFFF if hdop is None else min(hdop, 0xFFFE)
            self._gga = (of_day, lat, lon, int(fields[6]), min(satellites, 255), hdop)
            if self._rmc is not None:
                self._close(fixes)

    def _open(self, of_day, fixes):
        """A sentence of another epoch closes the one before."""
        pending = self._rmc or self._gga
        if pending is not None and pending[0] != of_day:
            self._close(fixes)

    def _close(self, fixes):
        pending = self._rmc or self._gga
        if pending is None:
            return
        gga = self._gga
        self._rmc = self._gga = None
        of_day = pending[0]
        self._closed_ms = of_day
        if self._midnight_ms is None:
            return  # a place without a date is no fix
        midnight = self._midnight_ms
        if of_day < self._last_of_day_ms - _DAY_MS // 2:
            midnight += _DAY_MS  # GGA carries no date and midnight has passed since the last fix
        self._midnight_ms = midnight
        self._last_of_day_ms = of_day
        fix = Fix(midnight + of_day, pending[1], pending[2])
        if gga is not None:
            fix.quality, fix.satellites, fix.hdop_c = gga[3:]
        self._counters.fixes += 1
        fixes.append(fix)
