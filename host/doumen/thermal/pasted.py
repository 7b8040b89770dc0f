"""Numbers out of text as people paste it: hex dumps, C arrays, log lines, decimal lists.

Seen in the issues of melexis/mlx90640-library and of Adafruit's driver: with and without 0x, separated by anything,
with address columns, headers, line comments, `[375] 0482` pairs, time stamps of a serial monitor, one endless hex
string. Every pattern here takes time in proportion to the text: what people paste may be anything.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

# (what, by what) on the whole text; the columns of readable characters go first, for they may hold anything.
_NOISE = (
    (re.compile(r"^([0-9a-f]{6,8}:(?: [0-9a-f]{2,4})+)  .*$", re.I | re.M), r"\1"),  # xxd
    (re.compile(r"(?<![ \t])[ \t]+\|.{1,16}\|[ \t]*$", re.M), ""),  # hexdump -C
    (re.compile(r"/\*.*?(?:\*/|\Z)", re.S), " "),
    (re.compile(r"(?://|#).*$", re.M), " "),
    (re.compile(r"^[ \t]*\d{1,2}:\d\d:\d\d(?:[.,]\d+)?[ \t]*(?:->)?", re.M), " "),
    # An index in brackets, as in `ee[12] = ` or `[12] `, and the length of an array.
    (re.compile(r"(?<!\w)\w*\[[ \t]*(?:(?:0x)?[0-9a-f]+[ \t]*)?\][ \t]*[:=]?", re.I), " "),
    (re.compile(r"(?<!\w)\w+\[[A-Z_]+\][ \t]*="), " "),
)
_GROUPS = (re.compile(r"\{([^{}]*)\}"), re.compile(r"\[([^\[\]]*)\]"))
_ADDRESS = re.compile(r"^[ \t]*(?:0x)?[0-9a-f]{1,8}[ \t]*(?::|->|=>|=|\|)(?!.*[:|])", re.I | re.M)
_SEPARATORS = re.compile(r"[\s,;:|(){}\[\]\"'=<>]+")
_NUMBER = re.compile(r"(-?)(0x)?([0-9a-f]+?)(h|ul|u|l)?", re.I)
_LETTER = re.compile("[a-f]", re.I)
_WORD_DIGITS = 4
# An address column of fewer lines could be chance.
_FEW_LINES = 4

Line = list[str]


def numbers_in(text: str) -> Iterator[tuple[list[int], bool]]:
    """The lists of numbers that a text may mean, the likeliest first; with each, whether they are single bytes."""
    for pattern, replacement in _NOISE:
        text = pattern.sub(replacement, text)
    outer = text[text.find("{") + 1 : text.rfind("}")] if "{" in text else ""
    inner = [found for group in _GROUPS for found in group.findall(text)]
    for part in dict.fromkeys((outer, *inner, text)):
        pure, mixed = _lines(_ADDRESS.sub(" ", part))
        for lines in (pure, mixed, [*pure, *mixed]):
            numbers = _values([token for line in _without_addresses(lines) for token in line])
            if numbers:
                yield numbers, 0 <= min(numbers) <= max(numbers) <= 0xFF


def _lines(text: str) -> tuple[list[Line], list[Line]]:
    """Lines of nothing but numbers, and the 0x numbers of those that have words in them too."""
    pure: list[Line] = []
    mixed: list[Line] = []
    for line in text.splitlines():
        tokens = [token for token in _SEPARATORS.split(line) if token]
        if tokens and all(_NUMBER.fullmatch(token) for token in tokens):
            pure.append(tokens)
        else:
            prefixed = [token for token in tokens if token[:2].lower() == "0x" and _NUMBER.fullmatch(token)]
            if prefixed:
                mixed.append(prefixed)
    return [line for line in pure if not _is_header(line)], mixed


def _is_header(line: Line) -> bool:
    """The column numbers above a table: 0, 1, 2..."""
    return len(line) >= _FEW_LINES and list(range(len(line))) in (_values(line, 16), _values(line, 10))


def _without_addresses(lines: list[Line]) -> list[Line]:
    """Without a first column that counts the words, or their bytes."""
    if len(lines) < _FEW_LINES or any(len(line) < 2 for line in lines[:-1]):
        return lines
    width = len(lines[0]) - 1
    for base in (16, 10):
        first = _values([line[0] for line in lines], base)
        steps = {after - before for before, after in pairwise(first)}
        if len(steps) == 1 and steps <= {width, 2 * width, width // 2 or 1}:
            return [line[1:] for line in lines]
    return lines


def _values(tokens: Sequence[str], base: int | None = None) -> list[int]:
    """The numbers that tokens stand for; nothing if they cannot be words. base: of those without a prefix."""
    matches = [match for token in tokens if (match := _NUMBER.fullmatch(token))]
    digits = [match[3] for match in matches]
    if base is None:
        # One word with a letter makes all of them hexadecimal, unless most say so themselves.
        bare = [match[3] for match in matches if not match[2]]
        is_hex = len(bare) > len(matches) / 2 and any(map(_LETTER.search, bare))
        base = 16 if is_hex else 10
        if is_hex and max(map(len, digits)) > _WORD_DIGITS and not _is_sign_extended(digits):
            joined = "".join(digits)
            return [
                int(joined[start : start + _WORD_DIGITS], 16) for start in range(0, len(joined), _WORD_DIGITS)
            ]
    values: list[int] = []
    for match in matches:
        own_base = 16 if match[2] or (match[4] or "").lower() == "h" else base
        try:
            value = int(match[3][-12:], own_base)
        except ValueError:
            return []
        values.append(-value if match[1] else value)
    if _is_sign_extended(digits) or min(values, default=0) < 0:
        values = [value & 0xFFFF if value >= -0x8000 else value for value in values]
    return values


def _is_sign_extended(digits: Sequence[str]) -> bool:
    """Whether words over 0x7FFF were printed as negative 32-bit numbers: FFFFEDCB."""
    long = [each for each in digits if len(each) > _WORD_DIGITS]
    return bool(long) and all(len(each) == 8 and each[:4].lower() == "ffff" for each in long)
