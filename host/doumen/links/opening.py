"""Which kind of link a URL means."""

from doumen.errors import LinkNotFound
from doumen.links.link import Link
from doumen.links.replay import ReplayLink
from doumen.links.serial import SerialLink

_LATER = {"ble": "BLE links"}


async def open_link(url: str) -> Link:
    """Open a serial port (/dev/ttyUSB0, COM3), what else pyserial has a URL for (socket://), or replay:FILE.

    Raises LinkNotFound if there is no such port, LinkLost if it cannot be used.
    """
    scheme = url.partition(":")[0].lower()
    if scheme in _LATER:
        raise LinkNotFound(f"{url}: this version has no {_LATER[scheme]} yet; give a serial port")
    if scheme == "replay":
        return await ReplayLink.open(url)
    return await SerialLink.open(url)
