"""Fixed fields in little-endian order, each with the range that it may hold."""

import struct

from doumen_wire.errors import OutOfRangeError, TruncatedError

_INTEGER_RANGES = {
    "B": (0, 0xFF),
    "H": (0, 0xFFFF),
    "I": (0, 0xFFFFFFFF),
    "Q": (0, 0xFFFFFFFFFFFFFFFF),
    "i": (-0x80000000, 0x7FFFFFFF),
}


class Layout:
    """The fields of one record or message.

    fields: (name, struct code) or (name, struct code, lowest, highest); a code like "8s" is that many bytes.
    MicroPython's struct wraps numbers that do not fit without a word, so every range is checked here.
    """

    def __init__(self, name: str, *fields: "tuple[str, str] | tuple[str, str, int, int]") -> None:
        self.name = name
        self.fields = fields
        self._format = "<" + "".join(field[1] for field in fields)
        self.size = struct.calcsize(self._format)

    def pack(self, **values: "int | bytes") -> bytes:
        """The bytes of these values, all of them named.

        Raises OutOfRangeError for a value outside its range, TypeError for a field that is missing or too much.
        """
        if len(values) != len(self.fields):
            raise TypeError(f"{self.name} has {len(self.fields)} fields, not {len(values)}")
        ordered: list[int | bytes] = []
        for field in self.fields:
            if field[0] not in values:
                raise TypeError(f"{self.name} lacks {field[0]}")
            value = values[field[0]]
            self._check(field, value)
            ordered.append(value)
        return struct.pack(self._format, *ordered)

    def unpack(
        self, data: "bytes | bytearray | memoryview", offset: int = 0, exact: bool = True
    ) -> "dict[str, int]":
        """The integer fields by name. With exact, nothing may follow them.

        Raises TruncatedError if the length is wrong, OutOfRangeError for a value outside its range.
        """
        return self._read(data, offset, exact)  # type: ignore[return-value]  # bytes fields: see unpack_mixed

    def unpack_mixed(
        self, data: "bytes | bytearray | memoryview", exact: bool = True
    ) -> "dict[str, int | bytes]":
        """The fields by name, byte strings among them; exact and errors as in unpack."""
        return self._read(data, 0, exact)

    def _read(
        self, data: "bytes | bytearray | memoryview", offset: int, exact: bool
    ) -> "dict[str, int | bytes]":
        length = len(data) - offset
        if length < self.size or (exact and length != self.size):
            raise TruncatedError(f"{self.name} has {self.size} bytes, not {length}")
        values: dict[str, int | bytes] = {}
        read = struct.unpack_from(self._format, data, offset)
        for field, value in zip(self.fields, read):
            self._check(field, value)
            values[field[0]] = value
        return values

    def _check(self, field: "tuple[str, str] | tuple[str, str, int, int]", value: "int | bytes") -> None:
        lowest, highest = limits(field)
        if field[1][-1] == "s":
            if not isinstance(value, (bytes, bytearray)) or len(value) != highest:
                raise OutOfRangeError(f"{self.name}.{field[0]}: {highest} bytes are due")
        elif not isinstance(value, int) or not lowest <= value <= highest:
            raise OutOfRangeError(f"{self.name}.{field[0]}: {value} is outside {lowest} to {highest}")


def limits(field: "tuple[str, str] | tuple[str, str, int, int]") -> "tuple[int, int]":
    """Lowest and highest value of an integer field; for bytes, their number twice."""
    if len(field) == 4:
        return field[2:]
    if field[1][-1] == "s":
        size = int(field[1][:-1])
        return size, size
    return _INTEGER_RANGES[field[1]]
