"""Where a demo stands: an AWS of its own, a folder of its own, settings of its own.

Rules:
1. Neither the environment nor a settings file reaches a demo: it can touch no real
   account, and shows the same to everybody.
2. Everything it writes is in one folder, which goes when it ends well. A demo that
   failed leaves its folder, for the logs; the next one removes it.
3. A folder is in use while somebody holds its lock, or while the local AWS that a
   demo left running works in it.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import IO

from config.load import nested, restore
from config.settings import ENV_PREFIX, Application
from config.site import Site
from deploy.local import running
from deploy.local.emulator import HOST, LocalAws, LocalError

LOCK = "in_use"
LEAD = f"{Application().name}-"
"""How the run folders of workers begin; the rest is the worker's instance."""
IDLE_SECONDS, CHECKPOINT_SECONDS = 1, 5
"""Sooner than by default: somebody is looking on."""


def shut_out_the_environment() -> None:
    """Forget, in this process and those it will start, every setting of AWS and of ours."""
    for name in [name for name in os.environ if name.startswith(("AWS_", ENV_PREFIX))]:
        del os.environ[name]
    os.environ["AWS_CONFIG_FILE"] = os.environ["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    for name in ("NO_PROXY", "no_proxy"):
        os.environ[name] = ",".join(filter(None, [os.environ.get(name), HOST, "localhost"]))


@dataclass
class Ground:
    """``home`` holds ``demo/`` and, for an AWS that is to stay, ``local.json``."""

    home: Path
    shards: int
    keep: bool = False

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """A fresh folder; removed at the end, unless an error passes or the AWS stays.

        Raises LocalError where the AWS is to stay and another stands in its place.
        """
        if self.keep:
            self._refuse_another()
        demos = (self.home / "demo").absolute()
        demos.mkdir(parents=True, exist_ok=True)
        sweep(demos, self._stays())
        with ExitStack() as stack:
            folder = stack.enter_context(claimed(demos))
            try:
                yield folder
            except Exception:
                raise
            except BaseException:  # interrupted: nobody wants to look
                shutil.rmtree(folder, ignore_errors=True)
                raise
            if folder != self._stays():
                shutil.rmtree(folder, ignore_errors=True)

    def start(self, folder: Path) -> LocalAws | running.Running:
        """A running local AWS in ``folder``. Raises LocalError.

        One that is to stay can be ended by `tapeline local down` from its first moment
        on; any other ends when this process does.
        """
        if not self.keep:
            return LocalAws(folder).start()
        found = running.up(self.file, folder=folder, persist=False)
        if not found.started:
            raise LocalError(_in_the_way(found.running))
        return found.running

    def end(self, aws: LocalAws | running.Running) -> None:
        """End what ``aws`` started, whether it was to stay or not."""
        if isinstance(aws, LocalAws):
            aws.stop()
        else:
            running.down(self.file)

    def site(self, endpoint_url: str, folder: Path) -> Site:
        """The demo's settings: the defaults, on its own AWS."""
        own = {
            "endpoint_url": endpoint_url,
            "stream.shards": self.shards,
            "cut.idle_seconds": IDLE_SECONDS,
            "worker.checkpoint_seconds": CHECKPOINT_SECONDS,
            "worker.max_shards": self.shards,
            "application.run_dir": str(folder.parent),
            "application.instance": int(folder.name.removeprefix(LEAD)),
        }
        return Site(restore(json.dumps(nested(own)).encode()))

    @property
    def file(self) -> Path:
        return self.home / "local.json"

    def _refuse_another(self) -> None:
        known, one = running.state(self.file)
        if one and known in ("running", "silent"):
            raise LocalError(_in_the_way(one))

    def _stays(self) -> Path | None:
        """The folder of the local AWS that runs, if one does."""
        known, one = running.state(self.file)
        return Path(one.folder) if one and known in ("running", "silent") else None


def _in_the_way(one: running.Running) -> str:
    return (
        f"a local AWS runs already, at {one.endpoint_url}, and --keep would leave the demo's in "
        "its place: end it with `tapeline local down`, or leave out --keep"
    )


@contextmanager
def claimed(demos: Path) -> Iterator[Path]:
    """A new folder in ``demos`` that nobody else uses: the run folder of the worker that
    ``Ground.site`` describes, so that what workers share lies beside it and stays."""
    for number in count():
        folder = demos / f"{LEAD}{number}"
        with ExitStack() as stack:
            try:
                folder.mkdir()
                stack.enter_context(held(folder))
            except (FileExistsError, FileNotFoundError, BlockingIOError):
                continue  # another demo's, or swept away by one
            yield folder
            return


@contextmanager
def held(folder: Path) -> Iterator[IO[str]]:
    """Hold the folder's lock. Raises BlockingIOError where another process does."""
    with (folder / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield lock


def sweep(demos: Path, stays: Path | None) -> None:
    """Remove what demos before left behind, but for what is in use."""
    for folder in demos.glob(f"{LEAD}*"):
        if folder == stays:
            continue
        try:
            with held(folder):
                shutil.rmtree(folder, ignore_errors=True)
        except OSError:
            continue  # in use, or gone meanwhile
