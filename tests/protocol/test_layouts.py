"""Records and their ranges: both ways against the golden vectors, and every field one step outside its range."""

from golden import cases, error_of, fields, layouts

from doumen_wire.layout import Layout, limits

NATURAL = {"B": (0, 0xFF), "H": (0, 0xFFFF), "I": (0, 0xFFFFFFFF), "Q": (0, 0xFFFFFFFFFFFFFFFF)}
NATURAL["i"] = (-0x80000000, 0x7FFFFFFF)
SIZES = {"B": 1, "H": 2, "I": 4, "Q": 8, "i": 4}


def is_bytes(field):
    return field[1][-1] == "s"


def size_of(field):
    return int(field[1][:-1]) if is_bytes(field) else SIZES[field[1]]


def lowest_values(layout):
    return {
        field[0]: bytes(size_of(field)) if is_bytes(field) else limits(field)[0] for field in layout.fields
    }


def raw(layout, name, value):
    """The bytes of the lowest values but for one field, whatever that may hold."""
    out = b""
    for field in layout.fields:
        if is_bytes(field):
            out += bytes(size_of(field))
        else:
            number = value if field[0] == name else limits(field)[0]
            out += (number & ((1 << 8 * size_of(field)) - 1)).to_bytes(size_of(field), "little")
    return out


def test_records_are_packed_into_the_golden_bytes():
    for case in cases("records", "right"):
        layout = layouts()[case["layout"]]
        assert layout.pack(**fields(layout, case["fields"])) == bytes.fromhex(case["bytes"]), case


def test_golden_bytes_are_unpacked_into_records():
    for case in cases("records", "right"):
        layout = layouts()[case["layout"]]
        for data in (bytes.fromhex(case["bytes"]), bytearray.fromhex(case["bytes"])):
            assert layout.unpack(data) == case["fields"], case
            assert layout.unpack_mixed(memoryview(data)) == case["fields"], case


def test_a_record_is_unpacked_from_the_middle_of_a_buffer():
    for case in cases("records", "right"):
        layout = layouts()[case["layout"]]
        data = b"\xff\xff\xff" + bytes.fromhex(case["bytes"]) + b"\xff"
        assert layout.unpack(data, 3, exact=False) == case["fields"]
        assert error_of(layout.unpack, data, 3) == "TruncatedError"
        assert error_of(layout.unpack, data, 5, exact=False) == "TruncatedError"
        assert error_of(layout.unpack, data, 999, exact=False) == "TruncatedError"


def test_wrong_bytes_are_refused_by_name():
    for case in cases("records", "wrong"):
        assert error_of(layouts()[case["layout"]].unpack, bytes.fromhex(case["bytes"])) == case["error"], case


def test_wrong_values_are_not_packed():
    for case in cases("records", "not_packed"):
        layout = layouts()[case["layout"]]
        assert error_of(layout.pack, **fields(layout, case["fields"])) == case["error"], case


def test_every_field_takes_its_lowest_and_its_highest_value():
    for layout in layouts().values():
        for field in layout.fields:
            if is_bytes(field):
                continue
            for value in limits(field):
                values = lowest_values(layout)
                values[field[0]] = value
                data = layout.pack(**values)
                assert data == raw(layout, field[0], value), (layout.name, field)
                assert layout.unpack_mixed(data) == values, (layout.name, field)


def test_no_field_is_packed_one_step_outside_its_range():
    for layout in layouts().values():
        for field in layout.fields:
            lowest, highest = limits(field)
            if is_bytes(field):
                beyond = (bytes(highest - 1), bytes(highest + 1), None, 7)
            else:
                beyond = (lowest - 1, highest + 1, None, b"\0", "1", lowest + 0.5)
            for value in beyond:
                values = lowest_values(layout)
                values[field[0]] = value
                assert error_of(layout.pack, **values) == "OutOfRangeError", (layout.name, field, value)


def test_no_field_is_unpacked_one_step_outside_its_range():
    tried = 0
    for layout in layouts().values():
        for field in layout.fields:
            if is_bytes(field):
                continue
            lowest, highest = limits(field)
            for value in (lowest - 1, highest + 1):
                if NATURAL[field[1]][0] <= value <= NATURAL[field[1]][1]:
                    tried += 1
                    data = raw(layout, field[0], value)
                    assert error_of(layout.unpack_mixed, data) == "OutOfRangeError", (layout.name, field)
    assert tried >= 25


def test_every_layout_refuses_a_byte_too_few_and_a_byte_too_many():
    for layout in layouts().values():
        data = layout.pack(**lowest_values(layout))
        assert len(data) == layout.size
        assert error_of(layout.unpack_mixed, data + b"\0") == "TruncatedError", layout.name
        if data:
            assert error_of(layout.unpack_mixed, data[:-1]) == "TruncatedError", layout.name


def test_a_missing_and_an_additional_field_are_mistakes_of_the_caller():
    for layout in layouts().values():
        values = lowest_values(layout)
        values["no_such_field"] = 0
        assert error_of(layout.pack, **values) == "TypeError", layout.name
        if layout.fields:
            del values[layout.fields[0][0]]
            assert error_of(layout.pack, **values) == "TypeError", layout.name


def test_lengths_are_those_of_the_specification():
    found = {name: layout.size for name, layout in layouts().items()}
    assert found["identity"] == 19
    assert found["fix"] == 20
    assert found["subpage"] == 12
    assert found["status"] == 97
    assert found["hello"] == 19
    assert found["welcome"] == 35


def test_names_of_layouts_are_their_own():
    assert len(layouts()) == 19
    assert all(isinstance(layout, Layout) for layout in layouts().values())
