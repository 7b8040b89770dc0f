"""`bluetooth` of the simulated board: attributes and handles live here, the radio in the world.

What MicroPython 1.23 and later does on NimBLE, as its documentation and its own tests on real radios have it
(tests/data/ble). Commands are told, never waited for; interrupts come between any two steps of the firmware.
"""

import errno
import json
import os
import struct
import sys

import ops
from world import world

FLAG_READ = 0x0002
FLAG_WRITE_NO_RESPONSE = 0x0004
FLAG_WRITE = 0x0008
FLAG_NOTIFY = 0x0010
FLAG_INDICATE = 0x0020

_CENTRAL_CONNECT = 1
_CENTRAL_DISCONNECT = 2
_GATTS_WRITE = 3
_GATTS_READ_REQUEST = 4
_SCAN_RESULT = 5
_SCAN_DONE = 6
_FIELDS = {1: "<HB6s", 2: "<HB6s", 4: "<HH", 5: "<B6sBb", 20: "<HHB", 21: "<HH", 27: "<HHHHB"}

_FIRST_HANDLE = 16  # below are the stack's own two services
_DEFAULT_BYTES = 20
_BUFFERS = 12  # what NimBLE is given on an ESP32
_MOST_ADVERTISED = 31
_ENOTCONN = 107


def _bytes(data):
    return data.encode() if isinstance(data, str) else bytes(data)


class UUID:
    def __init__(self, value):
        if isinstance(value, int):
            value = f"{value:08x}-0000-1000-8000-00805f9b34fb"
        elif not isinstance(value, str):
            number = f"{int.from_bytes(bytes(value), 'little'):032x}"
            value = "-".join((number[:8], number[8:12], number[12:16], number[16:20], number[20:]))
        self.text = value.lower()

    def __eq__(self, other):
        return self.text == other.text

    def __hash__(self):
        return hash(self.text)

    def __repr__(self):
        return f"UUID('{self.text}')"


class _Attribute:
    def __init__(self, flags):
        self.flags = flags
        self.value = b""
        self.most = _DEFAULT_BYTES
        self.appends = False


class BLE:
    _the_one = None

    def __new__(cls):
        if cls._the_one is None:
            cls._the_one = object.__new__(cls)
            cls._the_one._begin()
        return cls._the_one

    def _begin(self):
        self._is_active = False
        self._handler = None
        self._attributes = {}
        self._connections = {}
        self._room = _BUFFERS
        self._is_busy = False  # advertising or scanning: the address holds
        self._mac = (0, bytes.fromhex(world.facts["device_id"])[-6:])
        self._config = {"mtu": 256, "gap_name": b"MPY ESP32", "rxbuf": 0}

    def active(self, on=None):
        if on is not None and bool(on) != self._is_active:
            self._is_active = bool(on)
            world.radio_sink = self._on_news
            world.tell(ops.BLE_ACTIVE, bytes((self._is_active,)))
            self._tell_settings()
        return self._is_active

    def config(self, *names, **values):
        if names:
            return self._mac if names[0] == "mac" else self._config[names[0]]
        for name, value in values.items():
            if name == "addr_mode":
                # While the radio is busy the port ignores this in silence, and so must we.
                if value == 1 and not self._is_busy and not self._connections:
                    drawn = os.urandom(6)
                    self._mac = (1, bytes((drawn[0] | 0xC0,)) + drawn[1:])
            elif name in self._config:
                self._config[name] = value.encode() if isinstance(value, str) else value
            else:
                raise ValueError("unknown config param")
        self._tell_settings()
        return None

    def irq(self, handler):
        self._handler = handler

    def gap_advertise(self, interval_us, adv_data=None, *, resp_data=None, connectable=True):
        self._must_be_active()
        data = bytes(adv_data or b"")
        if len(data) > _MOST_ADVERTISED:
            raise OSError(errno.EINVAL)
        self._is_busy = interval_us is not None
        world.tell(ops.BLE_ADVERTISE, struct.pack("<IB", interval_us or 0, connectable) + data)

    def gap_scan(self, duration_ms, interval_us=1280000, window_us=11250, active=False):
        self._must_be_active()
        self._is_busy = duration_ms is not None
        world.tell(ops.BLE_SCAN, struct.pack("<i", -1 if duration_ms is None else duration_ms))

    def gap_disconnect(self, connection):
        self._must_be_active()
        if connection not in self._connections:
            return False
        world.tell(ops.BLE_DISCONNECT, struct.pack("<H", connection))
        return True

    def gatts_register_services(self, services):
        self._must_be_active()
        handle = _FIRST_HANDLE
        handles = []
        told = []
        for uuid, characteristics in services:
            found = []
            of_service = []
            for characteristic in characteristics:
                handle += 2  # its declaration stands before it
                flags = characteristic[1]
                self._attributes[handle] = _Attribute(flags)
                found.append(handle)
                of_service.append((characteristic[0].text, flags, handle))
                if flags & (FLAG_NOTIFY | FLAG_INDICATE):
                    handle += 1  # subscriptions
            handle += 1
            handles.append(tuple(found))
            told.append((uuid.text, of_service))
        world.tell(ops.BLE_SERVICES, json.dumps(told).encode())
        return tuple(handles)

    def gatts_set_buffer(self, handle, size, append=False):
        attribute = self._attributes[handle]
        attribute.most = size
        attribute.appends = append

    def gatts_read(self, handle):
        attribute = self._attributes[handle]
        value = attribute.value
        if attribute.appends:
            attribute.value = b""
        return value

    def gatts_write(self, handle, data, send_update=False):
        attribute = self._attributes[handle]
        attribute.value = _bytes(data)
        attribute.most = max(attribute.most, len(data))
        if send_update:
            for connection, subscribed in self._connections.items():
                if subscribed.get(handle, 0) & 1:
                    self.gatts_notify(connection, handle)
                elif subscribed.get(handle, 0) & 2:
                    self.gatts_indicate(connection, handle)

    def gatts_notify(self, connection, handle, data=None):
        self._send(ops.BLE_NOTIFY, connection, handle, data)

    def gatts_indicate(self, connection, handle, data=None):
        self._send(ops.BLE_INDICATE, connection, handle, data)

    def _send(self, op, connection, handle, data):
        self._must_be_active()
        if connection not in self._connections:
            raise OSError(_ENOTCONN)
        if not self._room:
            raise OSError(errno.ENOMEM)
        self._room -= 1
        value = self._attributes[handle].value if data is None else _bytes(data)
        world.tell(op, struct.pack("<HH", connection, handle) + value)

    def _must_be_active(self):
        if not self._is_active:
            raise OSError(errno.ENODEV)

    def _tell_settings(self):
        kind, address = self._mac
        told = struct.pack("<HB", self._config["mtu"], kind) + address + self._config["gap_name"]
        world.tell(ops.BLE_SETTINGS, told)

    def _on_news(self, op, data):
        if op == ops.BLE_SENT:
            self._room = min(self._room + data[0], _BUFFERS)
        elif op == ops.BLE_WRITTEN:
            self._on_written(data)
        elif op == ops.BLE_SUBSCRIBED:  # NimBLE keeps this to itself: no interrupt
            connection, handle, kinds = struct.unpack("<HHB", data)
            if connection in self._connections:
                self._connections[connection][handle] = kinds
        elif data[0] == _GATTS_READ_REQUEST:
            self._on_read_request(data)
        else:
            event = data[0]
            layout = _FIELDS.get(event)
            fields = struct.unpack_from(layout, data, 1) if layout else ()
            if event == _CENTRAL_CONNECT:
                self._connections[fields[0]] = {}  # handle -> subscribed kinds
                self._is_busy = False
            elif event == _CENTRAL_DISCONNECT:
                self._connections.pop(fields[0], None)
                self._room = _BUFFERS
            elif event == _SCAN_RESULT:
                fields += (memoryview(data)[1 + struct.calcsize(layout) :],)
            elif event == _SCAN_DONE:
                self._is_busy = False
            self._call(event, fields)

    def _on_written(self, data):
        connection, handle = struct.unpack_from("<HH", data)
        attribute = self._attributes[handle]
        before = attribute.value if attribute.appends else b""
        attribute.value = (before + data[4:])[: attribute.most]
        self._call(_GATTS_WRITE, (connection, handle))

    def _on_read_request(self, data):
        connection, handle = struct.unpack_from("<HH", data, 1)
        refused = self._call(_GATTS_READ_REQUEST, (connection, handle)) or 0
        answer = struct.pack("<HHB", connection, handle, refused)
        world.tell(ops.BLE_VALUE, answer + (b"" if refused else self._attributes[handle].value))

    def _call(self, event, fields):
        if self._handler is None:
            return None
        try:
            return self._handler(event, fields)
        except Exception as error:  # noqa: BLE001  # an interrupt's error is printed, as on the chip
            sys.print_exception(error)
            return None
