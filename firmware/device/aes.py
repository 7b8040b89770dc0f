"""AES-128 of this chip, as doumen_wire.sealing wants it: cryptolib knows ECB and CBC, and nothing else."""

import cryptolib
import micropython
from micropython import const

_ECB = const(1)
_CBC = const(2)


class Aes:
    """One key. The CBC object is kept: it chains from call to call, and a new one for each packet is garbage."""

    def __init__(self, key):
        self.ecb = cryptolib.aes(key, _ECB).encrypt
        self.cbc = cryptolib.aes(key, _CBC, bytes(16)).encrypt

    @staticmethod
    @micropython.viper
    def xor(target: ptr8, at: int, source: ptr8, start: int, count: int):  # noqa: F821  # viper's own types
        # Bytes, not words: a payload stands at an odd place, and the ESP32 cannot read words there.
        for i in range(count):
            target[at + i] ^= source[start + i]
