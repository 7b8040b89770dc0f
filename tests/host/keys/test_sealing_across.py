"""Device and host: what cryptolib seals in the VM, `cryptography` opens here, and the other way round."""

import json
import os
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESCCM

from doumen.keys import Aes
from doumen.simulator import vm
from doumen_wire.host_handshake import HostHandshake
from doumen_wire.sealing import Opener, Scratch, Sealer

SIZES = [0, 1, 15, 16, 17, 220, 239, 240, 241, 256, 1664, 1700, 1771]
KEY = bytes(range(16))

SEAL_AND_OPEN = """
import json, sys
from device.aes import Aes
from doumen_wire.sealing import Opener, Scratch, Sealer
key = bytes.fromhex(sys.argv[1])
with open(sys.argv[2]) as file:
    packets, sizes = json.load(file)
scratch = Scratch()
sealed = []
for kind in (0x80, 0x81, 0x82):
    opener = Opener(kind, key, Aes, scratch)
    sealer = Sealer(kind, key, Aes, scratch)
    for (packet_type, counter, data), size in zip([p for p in packets if p[0] == kind], sizes):
        assert opener.open(counter, bytes.fromhex(data)) == bytes(i & 255 for i in range(size)), (kind, size)
        counter, data = sealer.seal(bytes(i * 7 & 255 for i in range(size)))
        sealed.append([kind, counter, data.hex()])
print(json.dumps(sealed))
"""

ANSWER = """
import sys
from device.aes import Aes
from doumen_wire.handshake import DeviceHandshake
from doumen_wire.sealing import Scratch
device = DeviceHandshake(bytes.fromhex(sys.argv[1]), 5, Aes, Scratch())
print(device.on_hello(bytes.fromhex(sys.stdin.readline().strip()), bytes(16)).hex())
session, time_ms = device.on_confirm(0, bytes.fromhex(sys.stdin.readline().strip()))
counter, reply = session.replies.seal(b"at " + str(time_ms).encode())
print(counter, reply.hex())
print(session.commands.open(1, bytes.fromhex(sys.stdin.readline().strip())).decode())
"""


def script(folder: Path, text: str) -> str:
    path = folder / "device_side.py"
    path.write_text(text)
    return str(path)


def in_vm(*arguments: str) -> str:
    done = subprocess.run(
        vm.command("1m", *arguments), env=vm.environment(), capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_each_side_opens_what_the_other_sealed(tmp_path: Path):
    packets: list[tuple[int, int, str]] = []
    for kind in (0x80, 0x81, 0x82):
        sealer = Sealer(kind, KEY, Aes, Scratch())
        for size in SIZES:
            counter, sealed = sealer.seal(bytes(i & 255 for i in range(size)))
            packets.append((kind, counter, sealed.hex()))
    given = tmp_path / "packets.json"
    given.write_text(json.dumps([packets, SIZES]))
    came = json.loads(in_vm(script(tmp_path, SEAL_AND_OPEN), KEY.hex(), str(given)))
    openers = {kind: Opener(kind, KEY, Aes, Scratch()) for kind in (0x80, 0x81, 0x82)}
    assert len(came) == 3 * len(SIZES)
    for (kind, counter, sealed), size in zip(came, SIZES * 3, strict=True):
        assert openers[kind].open(counter, bytes.fromhex(sealed)) == bytes(i * 7 & 255 for i in range(size))


def test_a_host_and_a_device_in_the_vm_shake_hands(tmp_path: Path):
    device_key = bytes(range(32))
    device = subprocess.Popen(
        vm.command("1m", script(tmp_path, ANSWER), device_key.hex()),
        env=vm.environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    host = HostHandshake(os.urandom(16), Aes)

    def answer(line: str) -> str:
        assert device.stdin is not None
        assert device.stdout is not None
        device.stdin.write(line + "\n")
        device.stdin.flush()
        return device.stdout.readline().strip()

    with device:
        welcome = bytes.fromhex(answer(host.hello.hex()))
        assert host.read_welcome(welcome, [bytes(32), device_key]) == 1
        session, _, sealed = host.confirm(1_700_000_000_123)
        counter, reply = answer(sealed.hex()).split()
        assert session.replies.open(int(counter), bytes.fromhex(reply)) == b"at 1700000000123"
        assert answer(session.commands.seal(b"identify")[1].hex()) == "identify"
    assert device.returncode == 0


@pytest.mark.parametrize("tag", [8, 16])
def test_the_host_seals_as_the_library_does_in_one_call(tag: int):
    kind = 0x82 if tag == 8 else 0x81
    sealer = Sealer(kind, KEY, Aes, Scratch())
    for size in range(600):
        text = os.urandom(size)
        header, nonce = bytes([kind]) + size.to_bytes(4, "little"), bytes([kind]) + size.to_bytes(12, "big")
        assert sealer.seal(text) == (size, AESCCM(KEY, tag).encrypt(nonce, text, header))
