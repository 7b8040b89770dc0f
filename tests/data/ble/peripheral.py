"""The device's side of nimble_events.json: prints the interrupts it gets. Runs in the VM."""

import time

import bluetooth
from world import world

R, W, WITHOUT, N, IND = 0x02, 0x08, 0x04, 0x10, 0x20
LAYOUTS = {
    "calls_in_interrupts": (R | N,),
    "data_transfer": (W | N, W | WITHOUT, N),
    "subscribe": (R | W | N | IND,),
}
name = world.facts["settings"]["conversation"]
ble = bluetooth.BLE()
written = []
state = {"connection": None, "over": False}


def irq(event, data):
    print("event", event)
    if event == 1:
        state["connection"] = data[0]
    elif event == 2:
        state["over"] = True
    elif event == 3:
        written.append(data[1])


def update(handle, number):
    """What the test of the same name does at each of its four steps, as far as ours go."""
    connection = state["connection"]
    if number == 0:
        ble.gatts_write(handle, "periph1")
        ble.gatts_write(handle, "periph2")
        ble.gatts_notify(connection, handle)  # sent, though nobody subscribed: bleak has no ear for it
        ble.gatts_write(handle, "periph3", True)
    elif number == 1:
        ble.gatts_write(handle, "periph4", False)
        ble.gatts_write(handle, "periph5", True)
    else:
        ble.gatts_write(handle, "periph8", False)
        ble.gatts_write(handle, "periph9", True)


ble.active(True)
ble.irq(irq)
uuids = [f"0000000{2 + i}-1111-2222-3333-444444444444" for i in range(3)]
layout = tuple((bluetooth.UUID(uuids[i]), flags) for i, flags in enumerate(LAYOUTS[name]))
(handles,) = ble.gatts_register_services(((bluetooth.UUID("00000001-1111-2222-3333-444444444444"), layout),))
if name == "data_transfer":
    ble.gatts_set_buffer(handles[1], 100, True)
elif name == "subscribe":
    ble.gatts_write(handles[0], "periph0")
ble.config(addr_mode=1)
ble.gap_advertise(20000, b"\x02\x01\x06\x04\xffMPY")
steps = 0
while not state["over"]:
    time.sleep_ms(5)
    while written:
        handle = written.pop(0)
        if name == "subscribe":
            print("read", ble.gatts_read(handle).decode())
            update(handle, steps)
            steps += 1
        elif handle == handles[0]:
            print("read", ble.gatts_read(handles[1]).decode())
            for i in range(4):
                ble.gatts_notify(state["connection"], handles[2], f"message{i}")
            ble.gatts_notify(state["connection"], handles[0], "OK")
print("over")
while True:
    time.sleep(1)
