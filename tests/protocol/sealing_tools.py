"""What the tests of sealing share: this Python's AES, and a session with both of its ends."""

from golden import cases

from doumen_wire.handshake import DeviceHandshake
from doumen_wire.host_handshake import HostHandshake
from doumen_wire.sealing import Scratch

try:
    from device.aes import Aes  # in the VM, which has cryptolib
except ImportError:
    from doumen.keys import Aes  # on CPython, which has `cryptography`


def unhexed(case, *names):
    """These fields of a case as bytes."""
    return [bytes.fromhex(case[name]) for name in names]


def golden_device():
    """(the case of the golden handshake, its device, brought to where the case's welcome is the next)."""
    case = cases("sealing", "handshake")[0]
    device = DeviceHandshake(bytes.fromhex(case["device_key"]), case["boots"], Aes, Scratch())
    hello = bytes.fromhex(case["hello"])
    for _ in range(case["handshakes"]):
        device.on_hello(hello, bytes(16))
    device.drop()
    return case, device


def both_sides(device_key=bytes(32), seed=0):
    """(host's session, device's session) of one confirmed handshake."""
    host = HostHandshake(bytes([seed]) * 16, Aes)
    device = DeviceHandshake(device_key, 1, Aes, Scratch())
    host.read_welcome(device.on_hello(host.hello, bytes([seed + 1]) * 16), [device_key])
    session, counter, sealed = host.confirm(1_700_000_000_000)
    return session, device.on_confirm(counter, sealed)[0]
