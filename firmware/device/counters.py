"""Numbers that the status record reports; each part of the device counts in the same place."""


class Counters:
    """Everything that the device counts since it started. Names are those of the status record."""

    __slots__ = (
        "bad_sentences",
        "crc_errors",
        "fixes",
        "flash_errors",
        "live_dropped",
        "packets_lost",
        "refused",
        "sensor_errors",
        "sentences",
        "stale",
        "subpages",
        "torn",
        "verdicts",
    )

    def __init__(self):
        for name in self.__slots__:
            setattr(self, name, 0)
