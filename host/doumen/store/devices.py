"""Devices: which ones there are, and when each was first and last met."""

from dataclasses import dataclass

from sqlalchemy import Connection, Engine, insert, select, update
from sqlalchemy.exc import IntegrityError

from doumen.errors import StoreError
from doumen.store import schema
from doumen.store.engines import reading, writing

_devices = schema.devices
_KNOWN = select(
    _devices.c.device_id,
    _devices.c.role,
    _devices.c.firmware,
    _devices.c.first_seen_ms,
    _devices.c.last_seen_ms,
    _devices.c.sensor,
)


@dataclass(frozen=True, slots=True)
class Device:
    """What is known of a device; None where it never said.

    role: "gate" or "badge". sensor: fingerprint of a gate's thermal sensor.
    """

    device_id: str
    role: str | None
    firmware: str | None
    first_seen_ms: int | None
    last_seen_ms: int | None
    sensor: str | None = None


class Devices:
    """The devices of a store; safe to use from several threads."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def seen(self, device_id: str, now_ms: int, role: str | None = None, firmware: str | None = None) -> None:
        """Note that a device answered at `now_ms`; None leaves what is known of role and firmware.

        Raises StoreError if the id is empty or over 64 characters, or the database refuses.
        """
        said = {"role": role, "firmware": firmware}
        values: dict[str, object] = {name: value for name, value in said.items() if value is not None}
        with writing(self._engine) as connection:
            key = lock_device(connection, device_id)
            first_ms, last_ms = connection.execute(
                select(_devices.c.first_seen_ms, _devices.c.last_seen_ms).where(_devices.c.key == key)
            ).one()
            # A clock set back loses neither the first time nor the last one.
            values["first_seen_ms"] = now_ms if first_ms is None else min(first_ms, now_ms)
            values["last_seen_ms"] = now_ms if last_ms is None else max(last_ms, now_ms)
            connection.execute(update(_devices).where(_devices.c.key == key).values(values))

    def has_sensor(self, device_id: str, fingerprint: str | None) -> None:
        """Note which thermal sensor a gate has; None forgets it. Raises StoreError as `seen` does."""
        with writing(self._engine) as connection:
            key = lock_device(connection, device_id)
            connection.execute(update(_devices).where(_devices.c.key == key).values(sensor=fingerprint))

    def get(self, device_id: str) -> Device | None:
        """One device; None if it was never met."""
        with reading(self._engine) as connection:
            row = connection.execute(_KNOWN.where(_devices.c.device_id == device_id)).one_or_none()
        return None if row is None else Device(*row)

    def all(self) -> list[Device]:
        """All devices in the order of their ids."""
        with reading(self._engine) as connection:
            return [Device(*row) for row in connection.execute(_KNOWN.order_by(_devices.c.device_id))]


def lock_device(connection: Connection, device_id: str) -> int:
    """The key of a device, known from now on, in a transaction that writes.

    Until that ends no other one gets past this call for the same device, on any database.
    Raises StoreError if the id is empty or over 64 characters.
    """
    if not 0 < len(device_id) <= 64:
        raise StoreError(f"a device id has 1 to 64 characters, this one {len(device_id)}; check the device")
    query = select(_devices.c.key).where(_devices.c.device_id == device_id).with_for_update()
    key = connection.execute(query).scalar_one_or_none()
    if key is None:
        try:
            with connection.begin_nested():
                connection.execute(insert(_devices).values(device_id=device_id))
        except IntegrityError:
            # Another host met it in the same moment, and its row serves as well.
            pass
        key = connection.execute(query).scalar_one()
    return key


def find_device(connection: Connection, device_id: str) -> int | None:
    """The key of a device; None if it was never met."""
    return connection.execute(
        select(_devices.c.key).where(_devices.c.device_id == device_id)
    ).scalar_one_or_none()
