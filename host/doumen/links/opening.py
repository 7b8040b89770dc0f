"""Which kind of link a URL means."""

from doumen.links.link import Link
from doumen.links.replay import ReplayLink
from doumen.links.serial import SerialLink


async def open_link(url: str) -> Link:
    """Open a serial port (/dev/ttyUSB0, COM3), what else pyserial has a URL for (socket://), ble: or replay:FILE.

    Raises LinkNotFound if there is no such port, LinkLost if it cannot be used.
    """
    scheme = url.partition(":")[0].lower()
    if scheme == "ble":
        # Loaded when needed: bleak takes a tenth of a second, which every command of the CLI would pay.
        from doumen.links.ble import BleLink

        return await BleLink.open(url)
    if scheme == "replay":
        return await ReplayLink.open(url)
    return await SerialLink.open(url)
