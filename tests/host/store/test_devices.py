"""What is known of devices."""

import pytest

from doumen.errors import StoreError
from doumen.store import Device, Store


def test_a_device_is_known_from_the_moment_it_answers(store: Store) -> None:
    assert store.devices.all() == []
    assert store.devices.get("gate-1") is None
    store.devices.seen("gate-1", 1_000, role="gate", firmware="0.1.0")
    assert store.devices.get("gate-1") == Device("gate-1", "gate", "0.1.0", 1_000, 1_000)


def test_a_device_that_does_not_say_its_role_again_keeps_it(store: Store) -> None:
    store.devices.seen("gate-1", 1_000, role="gate", firmware="0.1.0")
    store.devices.seen("gate-1", 2_000, firmware="0.2.0")
    assert store.devices.all() == [Device("gate-1", "gate", "0.2.0", 1_000, 2_000)]


def test_a_clock_that_was_set_back_loses_neither_first_nor_last_time(store: Store) -> None:
    for now_ms in (2_000, 1_000, 1_500):
        store.devices.seen("gate-1", now_ms)
    assert store.devices.all() == [Device("gate-1", None, None, 1_000, 2_000)]


def test_devices_are_listed_in_the_order_of_their_ids(store: Store) -> None:
    for device_id in ("badge-2", "gate-1", "badge-1"):
        store.devices.seen(device_id, 1)
    assert [device.device_id for device in store.devices.all()] == ["badge-1", "badge-2", "gate-1"]


@pytest.mark.parametrize("device_id", ["", "x" * 65])
def test_an_id_of_no_or_too_many_characters_is_refused(store: Store, device_id: str) -> None:
    with pytest.raises(StoreError, match="1 to 64 characters"):
        store.devices.seen(device_id, 1)
    assert store.devices.all() == []
