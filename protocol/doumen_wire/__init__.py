"""The wire between devices and host: one implementation for CPython and MicroPython.

No input or output happens here: bytes in, packets and records out. SPEC.md says the same in prose.
"""
