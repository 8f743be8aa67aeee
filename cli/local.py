"""tapeline local: AWS on this machine, kept running for other shells."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.console import fail, note, out, print_json
from cli.options import LOCAL, JsonOption

if TYPE_CHECKING:
    from deploy.local.running import Running

PortOption = Annotated[
    int, typer.Option(min=0, max=65535, help="Loopback port; 0 takes a free one.")
]
FreshOption = Annotated[bool, typer.Option("--fresh", help="Forget what the last one kept.")]


def register(app: typer.Typer) -> None:
    group = typer.Typer(
        no_args_is_help=True,
        help=(
            "AWS on this machine, without an account or Docker.\n\n"
            "Example: `tapeline local up`, then `tapeline apply`, in any shell of this folder."
        ),
    )
    group.command()(up)
    group.command()(down)
    group.command()(status)
    app.add_typer(group, name="local")


def up(port: PortOption = 0, fresh: FreshOption = False, as_json: JsonOption = False) -> None:
    """Start it in the background, on one loopback port.

    Streams, tables and objects are kept from one run to the next, in `.tapeline/local/`.

    Example: `tapeline local up --port 4566`
    """
    from deploy.local import running
    from deploy.local.emulator import LocalError

    try:
        result = running.up(LOCAL, port, fresh=fresh)
    except LocalError as wrong:
        fail(str(wrong))
    if result.lost:
        note(
            "the last one was not stopped by `tapeline local down`: its streams and tables are "
            f"lost, and the files of its buckets were set aside in {result.lost}"
        )
    if as_json:
        print_json(_described("running", result.running) | {"started": result.started})
        return
    word = "runs" if result.started else "is already running"
    out.print(f"local AWS {word} at {result.running.endpoint_url}", highlight=False)
    if result.started:
        note("commands in this folder use it from now on; elsewhere set TAPELINE_ENDPOINT_URL")
        note("next: tapeline apply")


def down(as_json: JsonOption = False) -> None:
    """Stop it and keep what it holds for the next `tapeline local up`."""
    from deploy.local import running
    from deploy.local.emulator import LocalError

    try:
        was, one = running.down(LOCAL)
    except LocalError as wrong:
        fail(str(wrong))
    if as_json:
        print_json({"state": "stopped", "was": was})
        return
    sentences = {
        "stopped": "no local AWS is running",
        "gone": "the local AWS had ended by itself; what it did not save is lost",
    }
    said = f"local AWS at {one.endpoint_url} has stopped" if one else ""
    out.print(sentences.get(was, said), highlight=False)


def status(as_json: JsonOption = False) -> None:
    """Say whether it runs, and where. Exit code 1 where it doesn't."""
    from deploy.local import running
    from deploy.local.emulator import LocalError

    try:
        known, one = running.state(LOCAL)
    except LocalError as wrong:
        fail(str(wrong))
    if as_json:
        print_json(_described(known, one))
    elif one is None:
        out.print("no local AWS is running: tapeline local up")
    else:
        _say(known, one)
    if known != "running":
        raise typer.Exit(1)


def _say(known: str, one: Running) -> None:
    if known == "running":
        sentence = f"local AWS runs at {one.endpoint_url} (process {one.pid}); log: {one.log}"
    elif known == "silent":
        sentence = f"process {one.pid} does not answer at {one.endpoint_url}; see {one.log}"
    else:
        sentence = f"process {one.pid} is gone; see {one.log}, then: tapeline local up"
    out.print(sentence, highlight=False, soft_wrap=True)


def _described(known: str, one: Running | None) -> dict[str, Any]:
    where = {**asdict(one), "log": str(one.log)} if one else {}
    return {"state": known, **where}
