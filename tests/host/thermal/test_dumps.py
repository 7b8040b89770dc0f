"""A dump is found in whatever people have: files of either byte order, and what they paste into forums."""

import textwrap
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doumen.errors import CalibrationError
from doumen.thermal.diagnosis import Pattern
from doumen.thermal.dumps import parse_dump
from doumen.thermal.forensics import diagnose


@pytest.fixture(params=["melexis_example/", "signaloid/", "cswank_zig/"])
def eeprom(request, real_sensors):
    return real_sensors[request.param][0].eeprom.copy()


def rows_of(items, width):
    return [items[start : start + width] for start in range(0, len(items), width)]


def lines(items, width=16, separator=" "):
    return "\n".join(separator.join(row) for row in rows_of(items, width))


def with_addresses(items, width, template, separator=" ", first=0x2400, step=None):
    step = width if step is None else step
    return "\n".join(
        template.format(first + number * step) + separator.join(row)
        for number, row in enumerate(rows_of(items, width))
    )


def octets(words):
    return [f"{octet:02x}" for octet in words.astype(">u2").tobytes()]


def hexdump_c(words):
    out = []
    data = words.astype(">u2").tobytes()
    for start in range(0, len(data), 16):
        piece = data[start : start + 16]
        seen = "".join(chr(each) if 32 <= each < 127 else "." for each in piece)
        out.append(f"{start:08x}  {piece[:8].hex(' ')}  {piece[8:].hex(' ')}  |{seen}|")
    return "\n".join([*out, f"{len(data):08x}"])


def xxd(words):
    data = words.astype(">u2").tobytes()
    out = []
    for start in range(0, len(data), 16):
        piece = data[start : start + 16]
        seen = "".join(chr(each) if 32 <= each < 127 else "." for each in piece)
        out.append(f"{start:08x}: {piece.hex(' ', 2)}  {seen}")
    return "\n".join(out)


H4 = "{:04x}".format
H4_UPPER = "{:04X}".format
OX = "0x{:04X}".format
C_HEAD = "#include <stdint.h>\n/* read at 400 kHz, 0x33 */\nuint16_t register_0= 0x2400; \n"

TEXTS = {
    "bare hex": lambda w: lines([*map(H4, w)]),
    "bare upper-case hex with commas": lambda w: lines([*map(H4_UPPER, w)], 8, ", "),
    "one word a line": lambda w: "\r\n".join(map(H4, w)),
    "one word a line, comma first": lambda w: "\n,".join(map("0x{:04x}".format, w)),
    "hex without leading zeros": lambda w: " ".join(f"{x:X}" for x in w),
    "0x and commas in one line": lambda w: ",".join(map(OX, w)),
    "0x in upper case, semicolons": lambda w: ";".join(f"0X{x:x}" for x in w),
    "hex with h": lambda w: lines([f"{x:04X}h" for x in w]),
    "printed as negative 32-bit": lambda w: lines([f"{x:X}" if x < 0x8000 else f"FFFF{x:04X}" for x in w]),
    "one endless string": lambda w: "".join(map(H4, w)),
    "an endless string, wrapped anywhere": lambda w: "\n".join(textwrap.wrap("".join(map(H4, w)), 77)),
    "C array": lambda w: f"{C_HEAD}const uint16_t EEPROM[832] = {{\n{lines([*map(OX, w)], 8, ', ')},\n}};\n",
    "C array with suffixes": lambda w: "static uint16_t e[] = {" + ",".join(f"0x{x:x}U" for x in w) + "};",
    "C array of a named size": lambda w: "uint16_t e[EE_SIZE] = {" + ",".join(str(x) for x in w) + "};",
    "C array with an address comment a line": lambda w: (
        C_HEAD
        + "uint16_t E[832]={\n"
        + "\n".join(f"0x{x:04X},//0x{0x2400 + i:04X}" for i, x in enumerate(w))
        + "};"
    ),
    "C array with block comments": lambda w: (
        "{"
        + "\n".join(
            f"/* 0x{0x2400 + 8 * i:x} */ " + ",".join(map(OX, r)) + "," for i, r in enumerate(rows_of(w, 8))
        )
        + "}"
    ),
    "two C arrays": lambda w: (
        "uint16_t frame[834] = {" + ",".join(["0x1234"] * 834) + "};\n"
        "uint16_t ee[832] = {" + ",".join(map(OX, w)) + "};"
    ),
    "nested braces": lambda w: (
        "{" + ",\n".join("{" + ",".join(map(OX, row)) + "}" for row in rows_of(w, 32)) + "}"
    ),
    "Python list": lambda w: f"eeprom = {w.tolist()}\n",
    "numpy array": lambda w: f"array({w.tolist()}, dtype=uint16)",
    "JSON": lambda w: '{"sensor": "BAB", "eeprom": ' + str(w.tolist()) + "}",
    "decimal": lambda w: lines([str(x) for x in w], 32, ","),
    "signed decimal": lambda w: ", ".join(str(int(x)) for x in w.view(np.int16)),
    "decimal with an index column": lambda w: "\n".join(f"{i}\t{x}" for i, x in enumerate(w)),
    "hex with an index column": lambda w: "\n".join(f"{i} {x:04X}" for i, x in enumerate(w)),
    "CSV with addresses": lambda w: (
        "address,value\n" + "\n".join(f"0x{0x2400 + i:x},0x{x:04x}" for i, x in enumerate(w))
    ),
    "address and colon": lambda w: with_addresses([*map(H4, w)], 16, "{:04X}: "),
    "address and colon below a header": lambda w: (
        "        "
        + "   ".join(f"{i:02X}" for i in range(32))
        + " \n"
        + with_addresses([*map(H4_UPPER, w)], 32, "{:04X}: ")
    ),
    "0x address and colon": lambda w: with_addresses([*map(OX, w)], 8, "0x{:04X} : ", ", "),
    "address without a colon": lambda w: with_addresses([*map(H4, w)], 16, "{:04x} "),
    "byte address without a colon": lambda w: with_addresses([*map(H4, w)], 8, "{:06x}  ", first=0, step=16),
    "0x address without a colon": lambda w: with_addresses([*map(OX, w)], 1, "0x{:04x} "),
    "index in brackets": lambda w: "  ".join(f"[{i}] {x:04X}" for i, x in enumerate(w)),
    "assignments": lambda w: "\n".join(f"ee[{i}] = 0x{x:04x};" for i, x in enumerate(w)),
    "log lines": lambda w: "\n".join(f"addr 0x{0x2400 + i:04x} value 0x{x:04x}" for i, x in enumerate(w)),
    "serial monitor": lambda w: "\n".join(
        f"12:34:{i % 60:02d}.123 -> " + ", ".join(map(OX, row)) for i, row in enumerate(rows_of(w, 16))
    ),
    "prose around it": lambda w: (
        "Hi all,\nI get NaN everywhere, here is my dump at 0x33:\n\n"
        + lines([*map(H4, w)])
        + "\n\nAny idea? Thanks\n"
    ),
    "quote marks of a mail": lambda w: "\n".join("> " + ", ".join(map(OX, row)) for row in rows_of(w, 8)),
    "bytes": lambda w: lines(octets(w), 32),
    "bytes in a row, colons": lambda w: ":".join(octets(w)),
    "bytes with 0x": lambda w: ", ".join("0x" + octet for octet in octets(w)),
    "bytes with addresses": lambda w: with_addresses(octets(w), 16, "{:08x}: ", first=0, step=16),
    "decimal bytes": lambda w: str(list(w.astype(">u2").tobytes())),
    "low bytes first": lambda w: w.astype("<u2").tobytes().hex(" "),
    "hexdump -C": hexdump_c,
    "xxd": xxd,
    "a log of more than the EEPROM": lambda w: lines([*map(H4, [0x1901, 3, *w, 7, 8, 9])]),
}


@pytest.mark.parametrize("kind", TEXTS)
def test_text(eeprom, kind):
    text = TEXTS[kind](eeprom)
    assert np.array_equal(parse_dump(text.encode()), eeprom)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le"])
def test_text_as_windows_writes_it(eeprom, encoding):
    data = lines([*map(OX, eeprom)]).replace("\n", "\r\n").encode(encoding)
    data = b"\xff\xfe" + data if encoding == "utf-16-le" else data
    assert np.array_equal(parse_dump(data), eeprom)


def test_text_with_a_few_other_letters(eeprom):
    text = "Größe 0x680 µ\n" + lines([*map(OX, eeprom)])
    assert np.array_equal(parse_dump(text.encode()), eeprom)


@pytest.mark.parametrize("order", ["<u2", ">u2"])
def test_binary_of_either_byte_order(eeprom, order):
    words = parse_dump(eeprom.astype(order).tobytes())
    assert np.array_equal(words, eeprom)
    assert words.dtype == np.uint16
    assert words.flags.writeable


@pytest.mark.parametrize("order", ["<u2", ">u2"])
@pytest.mark.parametrize("before", [0, 5, 64])
def test_binary_inside_a_longer_file(eeprom, order, before):
    data = b"\x01" * before + eeprom.astype(order).tobytes() + b"\x02" * 1668
    assert np.array_equal(parse_dump(data), eeprom)


@pytest.mark.parametrize("order", ["<u2", ">u2"])
def test_damage_survives_the_reading(eeprom, order):
    shifted = parse_dump(np.roll(eeprom, 1).astype(order).tobytes())
    assert diagnose(shifted).findings[0].pattern == Pattern.SHIFTED
    for value in (0, 0xFFFF):
        empty = parse_dump(np.full(832, value, order).tobytes())
        assert diagnose(empty).findings[0].pattern == Pattern.EMPTY
    assert np.array_equal(parse_dump(lines([*map(H4, np.roll(eeprom, -1))]).encode()), np.roll(eeprom, -1))
    lost = eeprom.copy()
    lost[1:] = eeprom[:-1]
    lost[0] = 0x0009
    found = parse_dump((", ".join(map(OX, lost))).encode())
    assert diagnose(found).findings[0].pattern == Pattern.LOST_REPEATED_START


def test_text_of_one_value_is_read_too():
    for word in ("FFFF", "0000", "0xffff", "65535", "0"):
        words = parse_dump((f"{word} " * 832).encode())
        assert diagnose(words).findings[0].pattern == Pattern.EMPTY


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "0 words"),
        (b"no numbers here", "0 words"),
        (b"12 34 56", "3 words"),
        (b"00ae " * 831, "831 words"),
        (b"70000, " * 832, "0 words"),
        (b"23.5, 24.1, " * 416, "0 words"),
        (b"\0" * 1663, "1663 bytes"),
        (b"\x89DMR\r\n\x1a\n" + b"\0" * 5000, "5008 bytes"),
        (b"-99999 " * 1700, "0 words"),
        (b"9" * 30_000, "words"),
        (b"a" * ((1 << 20) + 1), "too many"),
    ],
)
def test_what_holds_no_dump_is_refused_in_one_line(data, says):
    with pytest.raises(CalibrationError) as refusal:
        parse_dump(data)
    message = str(refusal.value)
    assert says in message
    assert ";" in message
    assert "\n" not in message


@pytest.mark.parametrize(
    "piece", [b"/*", b" ", b"{", b"[", b"[ ", b"a", b"\n", b" |", b"0x", b"1:", b"ab[", b"12:"]
)
def test_text_made_to_waste_time_does_not(piece):
    started_s = time.monotonic()
    with pytest.raises(CalibrationError):
        parse_dump(piece * (200_000 // len(piece)))
    assert time.monotonic() - started_s < 2


soup = st.lists(
    st.sampled_from(
        [
            "0x00AE",
            "2061",
            "{",
            "}",
            "[",
            "]",
            ",",
            "\n",
            ":",
            "//",
            "/*",
            "*/",
            "#",
            "zz",
            "-5",
            "12:00:00 ->",
            "|",
            " ",
        ]
    )
).map(" ".join)


@given(st.one_of(st.binary(max_size=4000), soup.map(str.encode), st.binary(min_size=1664, max_size=1664)))
@settings(derandomize=True, max_examples=400, deadline=2000)
def test_anything_gives_832_words_or_a_refusal(data):
    try:
        words = parse_dump(data)
    except CalibrationError:
        return
    assert words.shape == (832,)
    assert words.dtype == np.uint16
