"""Where one worker keeps its files, and the name it is known by."""

from __future__ import annotations

import hashlib
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from config.settings import Settings
from kcl_app.stopped import Stopped


@dataclass(frozen=True)
class RunFolder:
    """The folder of one worker: ``run_dir/APPLICATION-INSTANCE``, absolute."""

    root: Path

    @classmethod
    def of(cls, settings: Settings) -> RunFolder:
        application = settings.application
        run_dir = Path(application.run_dir).expanduser().resolve()
        return cls(run_dir / f"{application.name}-{application.instance}")

    def make(self) -> None:
        """Create the folders, for this user alone: settings may name secrets. Raises Stopped."""
        with _writable(self.root):
            for folder in (self.root, self.words, self.logs):
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def write(self, path: Path, text: str) -> None:
        """Replace a file whole, readable by this user alone. Raises Stopped, then it is as
        it was."""
        fresh = path.with_suffix(".new")
        with _writable(self.root):
            with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
                file.write(text)
            fresh.replace(path)

    @property
    def properties(self) -> Path:
        return self.root / "worker.properties"

    @property
    def logback(self) -> Path:
        return self.root / "logback.xml"

    @property
    def settings(self) -> Path:
        """The resolved settings as JSON, for the children."""
        return self.root / "settings.json"

    @property
    def script(self) -> Path:
        """What the daemon runs for each shard."""
        return self.root / "shard.sh"

    @property
    def lock(self) -> Path:
        return self.root / "worker.lock"

    @property
    def words(self) -> Path:
        return self.root / "last_words"

    @property
    def logs(self) -> Path:
        return self.root / "logs"


@contextmanager
def _writable(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as full:
        raise Stopped(
            f"{folder} cannot be written ({full.strerror or full}): free space there, or choose "
            "another folder with --set application.run_dir=FOLDER"
        ) from full


def worker_id(settings: Settings) -> str:
    """The stable name under which the KCL knows this worker.

    The same after every restart, so that the KCL renews its leases at once: 5 s
    instead of more than 2 minutes. Of host, instance and folder, because the lock that
    keeps two processes from sharing it lies in that folder.
    """
    folder = RunFolder.of(settings).root
    digest = hashlib.sha256(str(folder).encode()).hexdigest()[:8]
    return f"{socket.gethostname()}-{settings.application.instance}-{digest}"
