"""Measures what we promise, each figure against a peer in the same run.

python -m tools.bench [SUBJECT ...] [--quick] [--json FILE]     (or: make bench)
"""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

from tools.bench import sealing, thermal
from tools.bench.figures import Section, machine, table
from tools.bench.timing import FULL, QUICK, Effort

# A subject is a module with one function: how long to measure, to what came out.
SUBJECTS: dict[str, Callable[[Effort], list[Section]]] = {
    "thermal": thermal.sections,
    "sealing": sealing.sections,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.bench", description=__doc__)
    parser.add_argument(
        "subjects", nargs="*", metavar="SUBJECT", help=f"of {', '.join(SUBJECTS)}; default all"
    )
    parser.add_argument(
        "--quick", action="store_true", help="see that it runs; the figures are worth nothing"
    )
    parser.add_argument("--json", type=Path, default=Path("bench-output/bench.json"), metavar="FILE")
    given = parser.parse_args()
    unknown = set(given.subjects) - set(SUBJECTS)
    if unknown:
        parser.error(f"no subject {', '.join(sorted(unknown))}; there are {', '.join(SUBJECTS)}")

    here = machine()
    print(", ".join(f"{key} {value}" for key, value in here.items()))
    record: dict[str, object] = {"machine": here, "quick": given.quick}
    missed = 0
    for name in given.subjects or SUBJECTS:
        sections = SUBJECTS[name](QUICK if given.quick else FULL)
        for section in sections:
            print(f"\n{name}: {table(section)}")
            missed += sum(figure.is_met is False for figure in section.figures)
        record[name] = [
            {
                "title": section.title,
                "figures": [figure.as_dict() for figure in section.figures],
                "notes": section.notes,
            }
            for section in sections
        ]
    given.json.parent.mkdir(parents=True, exist_ok=True)
    given.json.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print(f"\n{missed} goals missed; written to {given.json}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
