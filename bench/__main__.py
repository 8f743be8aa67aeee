"""`make bench`: what the parts cost, then the race."""

from __future__ import annotations

import json
import statistics
import sys
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from bench.compare import Different
from bench.daemon import ChildFailed, Cost
from bench.parts import Part, every
from bench.race import Round, prepared
from bench.tape import Tape

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
err = Console(stderr=True)

SECTIONS = ("parts", "race")
Count = Annotated[int, typer.Option(min=1)]


@app.command()
def bench(
    section: Annotated[list[str] | None, typer.Argument(help="parts, race; both if none")] = None,
    records: Count = 1_000_000,
    rounds: Count = 3,
    symbols: Count = 200,
    batch: Annotated[int, typer.Option(min=1, help="records a line of the daemon")] = 10_000,
    cut: Annotated[int, typer.Option(min=1, help="records a cut")] = 100_000,
    seed: int = 1,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON document")] = False,
) -> None:
    """tapeline's shard process against a stock amazon_kclpy processor doing the same job.

    In the race both are children fed over pipes with the same bytes, write to the same
    local S3, and are counted from start to end; their answers are compared after every
    round. The parts are what a record costs step by step.

    Example: make bench ARGS="race --records 200000 --rounds 1".
    """
    wanted = section or list(SECTIONS)
    if unknown := set(wanted) - set(SECTIONS):
        raise typer.BadParameter(f"{', '.join(unknown)}; sections: {', '.join(SECTIONS)}")
    document: dict[str, Any] = {"python": sys.version.split()[0]}
    if "parts" in wanted:
        parts = [note(part) for part in every()]
        document["parts"] = [asdict(part) for part in parts]
    if "race" in wanted:
        tape = Tape(records, symbols, seed)
        done = race(tape, batch, cut, rounds)
        document["race"] = {"tape": asdict(tape), "batch": batch, "cut": cut} | results(done)
    if as_json:
        print(json.dumps(document))
        return
    if "parts" in wanted:
        show_parts(parts)
    if "race" in wanted:
        show_race(tape, done)


def note(part: Part) -> Part:
    err.print(f"{part.name}: {part.microseconds:.2f} us", style="dim", highlight=False)
    return part


def race(tape: Tape, batch: int, cut: int, rounds: int) -> list[Round]:
    try:
        with prepared(tape, batch, cut, lambda text: err.print(text, style="dim")) as both:
            return list(both.rounds(rounds))
    except (ChildFailed, Different) as failed:
        err.print(str(failed), style="red", highlight=False, markup=False, soft_wrap=True)
        raise typer.Exit(1) from None


def results(done: list[Round]) -> dict[str, Any]:
    return {
        "rounds": [asdict(each) | {"ratio": each.ratio} for each in done],
        "ratio": ratio(done),
    }


def ratio(done: list[Round]) -> float:
    """The median of the rounds' ratios: each compares neighbours in time."""
    return statistics.median(each.ratio for each in done)


def show_parts(parts: list[Part]) -> None:
    table = Table("part", "records", "us a record")
    for part in parts:
        table.add_row(part.name, f"{part.records:,}", f"{part.microseconds:.2f}")
    Console().print(table)


def show_race(tape: Tape, done: list[Round]) -> None:
    table = Table("round", "side", "CPU s", "us a record", "records per CPU s", "wall s", "MB")
    for number, each in enumerate(done, 1):
        for side, cost in (("tapeline", each.ours), ("stock", each.stock)):
            table.add_row(str(number), side, *cells(tape.records, cost))
        table.add_section()
    console = Console()
    console.print(table)
    rows = ", ".join(f"{count:,} {name}" for name, count in done[0].rows.items())
    print(f"answers equal in every round: {rows}")
    each_round = ", ".join(f"{each.ratio:.2f}" for each in done)
    print(f"records per CPU-second, tapeline over stock: {ratio(done):.2f} ({each_round})")


def cells(records: int, cost: Cost) -> list[str]:
    return [
        f"{cost.cpu:.2f}",
        f"{1e6 * cost.cpu / records:.2f}",
        f"{records / cost.cpu:,.0f}",
        f"{cost.wall:.2f}",
        f"{cost.memory:.0f}" if cost.memory else "?",
    ]


app()
