"""What the simulated board and the world beside it say to each other: length u16 | op u8 | payload.

The host's simulator reads this file too: the numbers stand here only.
"""

# Board to world. Those marked * are answered by REPLY.
HELLO = 1  # * nothing -> JSON: speed, device_id, cause, settings
I2C_READ = 2  # * address u8, register u16, length u16 -> bytes
I2C_WRITE = 3  # * address u8, register u16, bytes
UART_OPEN = 4  # baud u32
UART_WRITE = 5  # bytes
PIN = 6  # number u8, value u8
PWM = 7  # number u8, frequency u32, duty u16
FLASH_READ = 8  # * block u32, offset u32, length u32 -> bytes
FLASH_PROGRAM = 9  # * block u32, offset u32, bytes
FLASH_ERASE = 10  # * block u32
WAIT = 11  # until_us u64: idle; a free-running world may move its clock up to there
WATCHDOG = 12  # timeout_ms u32; each further one feeds it
RESET = 13  # *
MOVED = 14  # now_us u64: a free-running board has moved its clock by itself, within its horizon
BLE_ACTIVE = 15  # on u8
BLE_SETTINGS = 16  # mtu u16, address type u8, address 6, name
BLE_SERVICES = 17  # JSON: [[uuid, [[uuid, flags, handle], ...]], ...]
BLE_ADVERTISE = 18  # interval_us u32 (0: stop), connectable u8, advertisement
BLE_SCAN = 19  # duration_ms i32 (-1: stop; 0: for ever)
BLE_NOTIFY = 20  # connection u16, handle u16, bytes
BLE_INDICATE = 21  # connection u16, handle u16, bytes
BLE_VALUE = 22  # connection u16, handle u16, ATT error u8, bytes: what a reader shall get
BLE_DISCONNECT = 23  # connection u16

# World to board.
REPLY = 64  # status u8 (0: done), now_us u64, bytes
NOW = 65  # now_us u64, horizon_us u64: before that nothing happens by itself
UART_DATA = 66  # bytes
BLE_EVENT = 67  # number of the interrupt u8, its fields as bluetooth.py unpacks them
BLE_SENT = 68  # notifications that have left the radio's buffers u8
BLE_WRITTEN = 69  # connection u16, handle u16, bytes
BLE_SUBSCRIBED = 70  # connection u16, handle u16, to notifications 1 and indications 2 u8

FLASH_BLOCK_BYTES = 4096
FLASH_BLOCKS = 256
