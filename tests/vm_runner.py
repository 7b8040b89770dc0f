"""Runs in the MicroPython VM: vm_runner.py FILE FUNCTION..., one line of JSON for each function that ended."""

import gc
import io
import json
import sys

path = sys.argv[1]
folder, name = path.rsplit("/", 1)
sys.path.insert(0, folder)
module = __import__(name[: -len(".py")])
for function in sys.argv[2:]:
    gc.collect()
    trace = io.StringIO()
    try:
        getattr(module, function)()
    except Exception as error:  # noqa: BLE001  # the report is what this file is for
        sys.print_exception(error, trace)
    print("\x1e" + json.dumps([function, trace.getvalue()]))
