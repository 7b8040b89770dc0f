"""SPEC.md's tables against the code, both ways. Runs on CPython only: there is nothing in it for a VM to prove."""

import json
import re
from pathlib import Path

from doumen.keys import Aes
from doumen_wire import air, handshake, keys, messages, packets, records, sealing
from doumen_wire.layout import Layout, limits
from doumen_wire.sealing import Scratch, Sealer

SPEC = (Path(__file__).parents[2] / "protocol" / "SPEC.md").read_text()
MODULES = {
    "packets": packets,
    "messages": messages,
    "records": records,
    "sealing": sealing,
    "handshake": handshake,
}
TYPES = {"u8": "B", "u16": "H", "u32": "I", "u64": "Q", "i32": "i"}
REPLIES = re.compile(r"[A-Z]{2,}(?:_[A-Z]+)*")


def rows(header):
    """The cells of every row under a header that begins so, with the heading above the table."""
    heading, inside = "", False
    for line in SPEC.splitlines():
        if line.startswith("#"):
            heading = line.strip("# `")
        if line.startswith(f"| {header} |"):
            inside = True
        elif not line.startswith("|"):
            inside = False
        elif inside and not line.startswith("|---"):
            yield heading, [cell.strip() for cell in line.strip("|").split("|")]


def layouts():
    return {
        value.name: value
        for module in MODULES.values()
        for value in vars(module).values()
        if isinstance(value, Layout)
    }


def constants():
    return {
        f"{prefix}.{name}": value
        for prefix, module in MODULES.items()
        for name, value in vars(module).items()
        if name.isupper() and not name.startswith("_") and isinstance(value, int)
    }


def specified_layouts():
    found = {}
    for name, cells in rows("field"):
        found.setdefault(name, []).append(cells)
    return found


def specified_constants():
    found = {}
    for _, cells in rows("value"):
        name = cells[1].strip("`")
        assert name not in found, f"{name} stands there twice"
        found[name] = int(cells[0], 0)
    return found


def test_every_layout_has_its_table_and_every_table_its_layout():
    assert set(specified_layouts()) | {"nothing"} == set(layouts())
    headings = set(re.findall(r"^### `(.+)`$", SPEC, re.MULTILINE))
    assert headings == set(layouts())


def test_fields_types_and_ranges_are_those_of_the_code():
    for name, layout in layouts().items():
        written = []
        for field, kind, held, *_ in specified_layouts().get(name, []):
            if kind.endswith(" bytes"):
                size = int(kind.split()[0])
                assert held == "", f"{name}.{field}"
                written.append((field, f"{size}s", (size, size)))
            else:
                lowest, highest = held.split(" to ")
                written.append((field, TYPES[kind], (int(lowest), int(highest))))
        assert written == [(field[0], field[1], limits(field)) for field in layout.fields], name


def test_every_constant_is_named_with_its_value_and_no_other_is():
    assert specified_constants() == constants()


def test_kinds_have_the_fields_that_the_device_expects():
    table = {cells[1].strip("`"): cells for heading, cells in rows("value") if heading == "Messages"}
    commands = {name: cells for name, cells in table.items() if cells[2] == "to device"}
    kinds = {constants()[name]: cells[3] for name, cells in commands.items()}
    assert kinds == {kind: layout.name for kind, layout in messages.COMMAND_FIELDS.items()}
    for name, cells in commands.items():
        assert constants()[name] < 0x80, name
        for reply in REPLIES.findall(cells[4]):
            assert f"messages.{reply}" in table, f"{name} is answered by {reply}"
    for name, cells in table.items():
        if name not in commands:
            assert cells[2].startswith("to host"), name
            assert constants()[name] >= 0x80, name


def test_packet_types_say_their_direction():
    table = {cells[1].strip("`"): cells for heading, cells in rows("value") if heading == "Packets"}
    for name, cells in table.items():
        if name != "packets.MAX_PACKET":
            assert cells[2] in ("to device", "to host"), name
            assert packets.is_counted(constants()[name]) == (0x40 <= constants()[name] <= 0x42), name


def test_every_label_of_a_key_gives_the_key_of_the_golden_adoption():
    golden = json.loads((Path(__file__).parents[2] / "protocol/vectors/sealing.json").read_text())[
        "provisioning"
    ][0]
    names = {"device": "device_key", "log": "chain_key", "badge-id": "id_key"}
    secret = keys.extract(
        bytes.fromhex(golden["device_id"]) + golden["epoch"].to_bytes(2, "little"),
        bytes.fromhex(golden["secret"]),
    )
    origins = {"P": secret, "D": bytes.fromhex(golden["device_key"])}
    labels = [cells for _, cells in rows("label")]
    assert len(labels) == 7
    for label, origin, size, _ in labels:
        name = label.strip("`").removeprefix("doumen/1 ")
        made = keys.expand(origins[origin], label.strip("`").encode(), int(size))
        assert made.hex() == golden[names.get(name, name)], label
    assert f"D = `{golden['device_key']}`" in SPEC


def test_sealed_packets_have_the_tags_of_the_table():
    table = [cells for _, cells in rows("value") if cells[1].startswith("`sealing.SEALED_")]
    assert len(table) == 3
    for value, _, _, _, tag in table:
        assert Sealer(int(value, 0), bytes(16), Aes, Scratch()).tag == int(tag)


def test_the_examples_are_bytes_of_the_vectors():
    vectors = "".join(
        path.read_text() for path in (Path(__file__).parents[2] / "protocol/vectors").glob("*.json")
    )
    writer = packets.PacketWriter()
    read = bytes.fromhex("040201efbe671200001000")
    made = [bytes(writer.pack(packets.COMMAND, 5, read)).hex()]
    for kind, name in ((packets.HELLO, "hello"), (packets.WELCOME, "welcome")):
        fields = re.search(rf'"layout": "{name}".*?"bytes": "([0-9a-f]+)"', vectors)
        assert fields is not None
        made.append(bytes(writer.pack(kind, None, bytes.fromhex(fields[1]))).hex())
    examples = re.findall(r"^    ([0-9a-f ]{30,})$", SPEC, re.MULTILINE)
    examples += re.findall(r"`([0-9a-f]{2}(?: [0-9a-f]{2,})+)`", SPEC)
    assert len(examples) == 8
    for example in examples:
        example = example.replace(" ", "")
        assert example in vectors or example in made or example == "ff020101200101", example


def test_the_names_on_the_air_are_those_of_the_code():
    assert f"`{air.SERVICE}`" in SPEC
    for name, uuid in (("RX", air.RX), ("TX", air.TX), ("INFO", air.INFO)):
        assert f"| {name} | `...{uuid[-2:]}` |" in SPEC
