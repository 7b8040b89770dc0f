# The only list of what ships: everything below plus one board's board.py.
module("main.py")
package("device", files=(
    "__init__.py",
    "app.py",
    "badge.py",
    "config.py",
    "counters.py",
    "errors.py",
    "flash_log.py",
    "gate.py",
    "gnss.py",
    "indicator.py",
    "mlx90640.py",
    "nmea.py",
    "serial_link.py",
    "session.py",
))
package("doumen_wire", base_path="../protocol", files=(
    "__init__.py",
    "errors.py",
    "layout.py",
    "messages.py",
    "packets.py",
    "records.py",
))
