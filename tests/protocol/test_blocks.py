"""Blocks of the log against the golden vectors."""

from golden import Noise, cases, error_of

from doumen_wire.records import (
    BLOCK_BYTES,
    FIX,
    FIXES_A_BLOCK,
    block_count,
    block_seq,
    pack_block,
    unpack_block,
)


def test_blocks_are_packed_into_the_golden_bytes():
    for case in cases("blocks", "right"):
        fixes = [FIX.pack(**fix) for fix in case["fixes"]]
        data = pack_block(case["epoch"], case["seq"], case["boots"], fixes)
        assert data == bytes.fromhex(case["bytes"]), case["name"]


def test_golden_bytes_are_unpacked_into_blocks():
    for case in cases("blocks", "right"):
        seq, boots, fixes = unpack_block(bytes.fromhex(case["bytes"]), case["epoch"])
        assert (seq, boots, fixes) == (case["seq"], case["boots"], case["fixes"]), case["name"]


def test_wrong_blocks_are_refused_by_name():
    for case in cases("blocks", "wrong"):
        found = error_of(unpack_block, bytes.fromhex(case["bytes"]), case["epoch"])
        assert found == case["error"], case["name"]


def test_what_does_not_fit_is_not_packed():
    for case in cases("blocks", "not_packed"):
        fixes = [bytes(size) for size in case["sizes"]]
        found = error_of(pack_block, case["epoch"], case["seq"], case["boots"], fixes)
        assert found == case["error"], case["name"]


def test_a_block_at_the_start_of_a_page_is_found_with_its_length():
    for case in cases("blocks", "right"):
        data = bytes.fromhex(case["bytes"])
        page = data + b"\xff" * (BLOCK_BYTES - len(data))
        assert block_seq(page, case["epoch"]) == (case["seq"], len(data))
        assert block_count(page) == len(case["fixes"])
        assert error_of(unpack_block, page, case["epoch"]) == "TruncatedError" or len(data) == BLOCK_BYTES


def test_a_full_block_fits_a_page_and_one_more_fix_would_not():
    assert FIXES_A_BLOCK == 24
    full = pack_block(1, 1, 1, [bytes(FIX.size)] * FIXES_A_BLOCK)
    assert len(full) <= BLOCK_BYTES < len(full) + FIX.size


def test_every_flipped_bit_of_a_block_is_noticed():
    case = cases("blocks", "right")[0]
    good = bytes.fromhex(case["bytes"])
    for bit in range(8 * len(good)):
        bad = bytearray(good)
        bad[bit // 8] ^= 1 << bit % 8
        found = error_of(unpack_block, bytes(bad), case["epoch"])
        assert found in ("CrcError", "TruncatedError", "OutOfRangeError"), bit


def test_a_block_cut_anywhere_is_noticed():
    case = cases("blocks", "right")[1]
    good = bytes.fromhex(case["bytes"])
    for cut in range(len(good)):
        assert error_of(unpack_block, good[:cut], case["epoch"]) == "TruncatedError", cut


def test_noise_is_no_block():
    noise = Noise(8)
    wire_errors = ("CrcError", "TruncatedError", "OutOfRangeError", "VersionError", "UnknownTypeError")
    for _ in range(200):
        assert error_of(unpack_block, noise.take(noise.below(600)), 7) in wire_errors
