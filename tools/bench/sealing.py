"""Sealing: what a packet costs in the MicroPython VM and on the host, each against the same in one shot."""

import json
import subprocess
import tempfile
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESCCM
from tools.bench.figures import Figure, Section
from tools.bench.timing import Effort, race

from doumen.keys import Aes
from doumen.simulator import vm
from doumen_wire import keys
from doumen_wire.handshake import DeviceHandshake
from doumen_wire.host_handshake import HostHandshake
from doumen_wire.sealing import Opener, Scratch, Sealer

SIZES = (220, 1700)
KEYS_TRIED = 1000
NONCE, HEADER = b"\x81" + bytes(12), b"\x81" + bytes(4)
# RFC 3610 as one reads it: one CBC call, one ECB call, one long number XORed, a new CBC object a packet.
IN_VM = """
import cryptolib, gc, json, sys, time
from device.aes import Aes
from doumen_wire.sealing import HEADER, Opener, Scratch, Sealer

key, scratch = bytes(range(16)), Scratch()
ecb = cryptolib.aes(key, 1)

def at_once(counter, header, text):
    size = len(text)
    nonce = header[:1] + bytes(8) + counter.to_bytes(4, "big")
    blocks = (size + 15) // 16
    padded = b"\\x79" + nonce + size.to_bytes(2, "big") + b"\\0\\x05" + header + bytes(9) + text
    padded += bytes(-len(padded) % 16)
    mac = cryptolib.aes(key, 2, bytes(16)).encrypt(padded)[-16:]
    stream = ecb.encrypt(b"".join(b"\\1" + nonce + i.to_bytes(2, "big") for i in range(blocks + 1)))
    text = text + bytes(16 * blocks - size)
    out = int.from_bytes(text, "big") ^ int.from_bytes(stream[16:], "big")
    tag = int.from_bytes(mac, "big") ^ int.from_bytes(stream[:16], "big")
    return out.to_bytes(len(text), "big")[:size] + tag.to_bytes(16, "big")

def cost(call, rounds):
    # (least us, bytes of garbage) a packet
    least = 1e9
    for _ in range(rounds):
        gc.collect()
        before, started = gc.mem_alloc(), time.ticks_us()
        for _ in range(20):
            call()
        least = min(least, time.ticks_diff(time.ticks_us(), started) / 20)
        garbage = (gc.mem_alloc() - before) / 20
    return least, garbage

found = {}
for size in json.loads(sys.argv[1]):
    text, buffer = bytes(range(250)) * 8, bytearray(2000)
    text = text[:size]
    buffer[HEADER : HEADER + size] = text
    sealer = Sealer(0x81, key, Aes, scratch)
    end = sealer.seal_in(buffer, 0, HEADER + size)
    assert at_once(0, bytes(buffer[:HEADER]), text) == buffer[HEADER:end]
    header = bytes(buffer[:HEADER])
    sealed = bytes(buffer[HEADER:end])
    def opened():
        opener.last = -1
        opener.open(0, sealed)
    opener = Opener(0x81, key, Aes, scratch)
    found[size] = [
        cost(lambda: sealer.seal_in(buffer, 0, HEADER + size), int(sys.argv[2])),
        cost(opened, int(sys.argv[2])),
        cost(lambda: at_once(0, header, text), int(sys.argv[2])),
    ]
print(json.dumps(found))
"""


def sections(effort: Effort) -> list[Section]:
    return [in_vm(effort), on_host(effort)]


def in_vm(effort: Effort) -> Section:
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "sealing_in_vm.py"
        script.write_text(IN_VM)
        done = subprocess.run(
            vm.command("4m", str(script), json.dumps(SIZES), str(20 * effort.rounds)),
            env=vm.environment(),
            capture_output=True,
            text=True,
            check=True,
        )
    figures: list[Figure] = []
    for size, (seal, opened, at_once) in json.loads(done.stdout).items():
        figures += [
            Figure(f"seal {size} B", seal[0], "us", "one shot", at_once[0], at_least=1),
            Figure(f"open {size} B", opened[0], "us"),
            Figure(f"garbage of sealing {size} B", seal[1], "B", "one shot", at_once[1], at_least=5),
        ]
    return Section(
        "Sealed packets in the MicroPython VM, cryptolib",
        figures,
        ["One shot: the same packet by one CBC and one ECB call over all of it. Not an ESP32."],
    )


def on_host(effort: Effort) -> Section:
    key, scratch = bytes(range(16)), Scratch()
    figures: list[Figure] = []
    for size in SIZES:
        text = bytes(size)
        sealed = Sealer(0x81, key, Aes, scratch).seal(text)
        opener, library = Opener(0x81, key, Aes, scratch), AESCCM(key)

        def ours(opener: Opener = opener, sealed: tuple[int, bytes] = sealed) -> bytes:
            opener.last = -1
            return opener.open(*sealed)

        def theirs(library: AESCCM = library, data: bytes = sealed[1]) -> bytes:
            return library.decrypt(NONCE, data, HEADER)

        best = race({"ours": ours, "theirs": theirs}, effort)
        figures.append(Figure(f"open {size} B", best["ours"] * 1e6, "us", "AESCCM", best["theirs"] * 1e6))

    host = HostHandshake(bytes(16), Aes)
    device_keys = [keys.hmac(bytes(32), bytes([i & 255, i >> 8])) for i in range(KEYS_TRIED)]
    device = DeviceHandshake(device_keys[-1], 1, Aes, scratch)
    welcome = device.on_hello(host.hello, bytes(16))
    best = race({"all": lambda: host.read_welcome(welcome, device_keys)}, effort)
    figures.append(Figure(f"find the right one of {KEYS_TRIED} keys", best["all"] * 1e3, "ms", at_most=100))
    return Section("Sealed packets on the host, cryptography", figures)
