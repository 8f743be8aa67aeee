"""``python -m tests.faults --seed 1 --runs 100``: what ``make faults`` calls.

First the protocol in every world, then SCHEDULES schedules through the real processor in
memory, then RUNS faults under the real daemon. ``--worlds 0``, ``--schedules 0`` and
``--runs 0`` leave one out; ``python -m tests.faults rules`` switches the rules off, one by
one.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence

ENOUGH = 200
"""Schedules a rule, unless fewer are asked for."""


def main(arguments: Sequence[str]) -> int:
    for name in list(os.environ):
        if name.startswith(("AWS_", "TAPELINE_")):
            del os.environ[name]
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    parser = argparse.ArgumentParser(prog="tests.faults", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--runs", type=int, default=100, help="faults under the real daemon")
    parser.add_argument("--schedules", type=int, default=int(os.environ.get("SCHEDULES", "10000")))
    parser.add_argument("--worlds", type=int, default=1, help="0: do not explore the protocol")
    parser.add_argument("--only", default="", help="kinds, separated by commas")
    parser.add_argument("--schedule", type=int, help="play this one alone, again")
    parser.add_argument("what", nargs="?", choices=("faults", "rules"), default="faults")
    given = parser.parse_args(arguments)
    if given.what == "rules":
        from tests.faults.rules import table

        for line in table(given.seed, min(given.schedules, ENOUGH)):
            say(line)
        return 0
    if given.schedule is not None:
        from tests.schedules.rules import played

        played(given.schedule)
        return 0
    return _faults(given)


def _faults(given: argparse.Namespace) -> int:
    from tests.faults.exploration import every_world
    from tests.faults.run import drawn, play
    from tests.faults.schedules import many
    from tests.reshard.install import NotInstalled

    fine = every_world(say) if given.worlds else True
    fine = (many(given.seed, given.schedules, say) if given.schedules else True) and fine
    if not given.runs:
        return 0 if fine else 1
    only = [name for name in given.only.split(",") if name]
    began = time.monotonic()
    try:
        result = play(given.seed, drawn(given.seed, given.runs, only), say)
    except NotInstalled as why:
        say(f"{why}\nwithout the faults that reshard: --only with the other kinds")
        return 1
    say(f"{time.monotonic() - began:.0f} s; again: make faults SEED={given.seed} RUNS={given.runs}")
    say(result.line)
    return 0 if fine and result.ok else 1


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
