"""What the files of the firmware cost in memory: the heaps that were promised have to do. CPython starts the VM."""

import json
import subprocess

from doumen.simulator import vm

COMMON = ["doumen_wire.messages", "doumen_wire.packets", "doumen_wire.records", "asyncio", "device.config"]
COMMON += ["device.counters", "device.flash_log", "device.serial_link", "device.session"]
BADGE = ["device.gnss", "device.badge"]
GATE = ["device.indicator", "device.mlx90640", "device.gate"]
# main.py collects between imports as this does; what one import leaves behind splits the heap for the next.
IMPORT_ALL = """
import gc, json, sys
for name in sys.argv[1:]:
    __import__(name)
    gc.collect()
print(json.dumps([gc.mem_alloc(), gc.mem_free()]))
"""


def memory_after(heap, modules, folder):
    script = folder / "import_all.py"
    script.write_text(IMPORT_ALL)
    done = subprocess.run(
        vm.command(heap, str(script), *modules),
        env=vm.environment(),
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def test_the_badge_leaves_half_of_its_heap_to_its_work(tmp_path):
    _, free = memory_after("128k", COMMON + BADGE, tmp_path)
    assert free >= 64 * 1024


def test_the_gate_leaves_more_than_half_of_its_heap_to_its_work(tmp_path):
    _, free = memory_after("192k", COMMON + GATE, tmp_path)
    assert free >= 112 * 1024


def test_the_wire_stays_light(tmp_path):
    modules = ["doumen_wire.messages", "doumen_wire.packets", "doumen_wire.records"]
    allocated, _ = memory_after("128k", modules, tmp_path)
    nothing, _ = memory_after("128k", [], tmp_path)
    assert allocated - nothing <= 28 * 1024
