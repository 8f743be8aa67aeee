"""The daemon's files: properties, quiet logging and the command it runs for each shard."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from xml.sax.saxutils import escape

import kcl_app
from config.load import dump
from config.settings import Settings
from kcl_app.run_folder import RunFolder, worker_id

LOG_SIZE = "10MB"
LOG_FILES = 3


def write_files(settings: Settings, folder: RunFolder) -> None:
    """Write all that the daemon and its children read, whole and private."""
    folder.make()
    folder.write(folder.settings, dump(settings).decode())
    folder.write(folder.script, shard_script(folder, Path.cwd()))
    folder.write(folder.logback, logback(folder))
    folder.write(folder.properties, rendered(properties(settings, folder)))


def properties(settings: Settings, folder: RunFolder) -> dict[str, str]:
    """The KCL's properties for these settings; the docs say why each is what it is."""
    worker = settings.worker
    chosen = {
        # The daemon splits this at blanks and runs it in its own folder.
        "executableName": f"/bin/sh {folder.script.name}",
        "processingLanguage": f"python/{sys.version_info[0]}.{sys.version_info[1]}",
        "applicationName": settings.application.name,
        "streamName": settings.stream.name,
        "regionName": settings.region,
        "workerId": worker_id(settings),
        "AwsCredentialsProvider": "DefaultCredentialsProvider",
        # The KCL's default, LATEST, loses what was put before the first lease.
        "initialPositionInStream": settings.application.start,
        "retrievalMode": "POLLING",
        "maxRecords": worker.max_records,
        "idleTimeBetweenReadsInMillis": worker.idle_ms,
        # The ticks that close a cut by age; without them a quiet shard never would.
        "callProcessRecordsEvenForEmptyRecordList": True,
        # Its shard sync turns the KCL's filter on, which drops aggregated records
        # whose user records lie outside the shard.
        "skipShardSyncAtWorkerInitializationIfLeasesExist": True,
        "failoverTimeMillis": worker.failover_ms,
        "shardSyncIntervalMillis": worker.shard_sync_ms,
        "parentShardPollIntervalMillis": worker.parent_poll_ms,
        "leaseAssignmentIntervalMillis": worker.assignment_ms,
        # A worker counts as alive for twice this long after its last report, and until then
        # may be given the very leases that it left: 60 s with the KCL's 30 s.
        "workerMetricsReporterFreqInMillis": worker.failover_ms,
        # A lease between two workers counts for the old one until the leader has seen the
        # hand-over through. Where either dies in between, that is two minutes, or for ever
        # when the old one is at its most leases. We need no hand-over: the next owner finds
        # the cuts that stand, and goes on from the checkpoint.
        "isGracefulLeaseHandoffEnabled": False,
        # An ended shard's lease stays its last worker's for five minutes, by constants of
        # KCL 3.1.3, and counts. At the limit the children of a reshard have no owner until
        # then: 228 s were seen.
        "maxLeasesForWorker": 2 * worker.max_shards,
        # 0, the default, and no shutdownRequested ever arrives.
        "shutdownGraceMillis": worker.shutdown_grace_ms,
        # A child that hangs ends the JVM instead of holding its shard for ever.
        "timeoutInSeconds": worker.callback_timeout_s,
        **(_local(settings.endpoint_url) if settings.local else {}),
    }
    return {key: _spoken(value) for key, value in chosen.items()}


def _local(endpoint: str) -> dict[str, object]:
    """CloudWatch's endpoint cannot be set, and no emulated host has a load to report."""
    return {
        "kinesisEndpoint": endpoint,
        "dynamoDBEndpoint": endpoint,
        "metricsLevel": "NONE",
        "disableWorkerMetrics": True,
    }


def _spoken(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def rendered(chosen: dict[str, str]) -> str:
    """Java's properties format, ASCII only."""
    return "".join(f"{key} = {_escaped(value)}\n" for key, value in chosen.items())


def _escaped(value: str) -> str:
    text = value.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    units = text.encode("utf-16-be", "surrogatepass")
    codes = (int.from_bytes(units[i : i + 2]) for i in range(0, len(units), 2))
    plain = "".join(chr(c) if 32 <= c < 127 else f"\\u{c:04x}" for c in codes)
    return f"\\u0020{plain[1:]}" if plain.startswith(" ") else plain


def shard_script(folder: RunFolder, home: Path) -> str:
    """A script, because the daemon would split paths at their blanks.

    The child works in ``home``, where the worker was started, so that relative paths
    in the settings mean what they meant there. ``-P``: a stray module in that folder
    shadows nothing.
    """
    root = Path(kcl_app.__file__).resolve().parents[1]
    python = shlex.join([sys.executable, "-P", "-m", "kcl_app.shard", str(folder.settings)])
    return (
        "#!/bin/sh\n"
        f"cd {shlex.quote(str(home))} || exit 1\n"
        f"PYTHONPATH={shlex.quote(str(root))}${{PYTHONPATH:+:$PYTHONPATH}}\n"
        "export PYTHONPATH\n"
        f"exec {python}\n"
    )


def logback(folder: RunFolder) -> str:
    """Warnings to stderr, everything worth keeping to a bounded file.

    The children's stderr is switched off here: the daemon prints it itself, and would
    log each line as an error besides. So are the several lines a batch.
    """
    file = escape(str(folder.logs / "daemon.log"))
    off = "".join(f'  <logger name="{name}" level="{level}"/>\n' for name, level in LEVELS)
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<configuration>
  <appender name="FILE" class="ch.qos.logback.core.rolling.RollingFileAppender">
    <file>{file}</file>
    <rollingPolicy class="ch.qos.logback.core.rolling.FixedWindowRollingPolicy">
      <fileNamePattern>{file}.%i</fileNamePattern>
      <minIndex>1</minIndex>
      <maxIndex>{LOG_FILES}</maxIndex>
    </rollingPolicy>
    <triggeringPolicy class="ch.qos.logback.core.rolling.SizeBasedTriggeringPolicy">
      <maxFileSize>{LOG_SIZE}</maxFileSize>
    </triggeringPolicy>
    <encoder><pattern>%d %-5level [%thread] %logger{{30}} %msg%n</pattern></encoder>
  </appender>
  <appender name="STDERR" class="ch.qos.logback.core.ConsoleAppender">
    <target>System.err</target>
    <filter class="ch.qos.logback.classic.filter.ThresholdFilter"><level>WARN</level></filter>
    <encoder><pattern>%-5level %logger{{0}} %msg%n%ex{{short}}</pattern></encoder>
  </appender>
{off}  <root level="INFO">
    <appender-ref ref="FILE"/>
    <appender-ref ref="STDERR"/>
  </root>
</configuration>
"""


LEVELS = (
    ("software.amazon.kinesis.multilang.DrainChildSTDERRTask", "OFF"),
    ("software.amazon.kinesis.multilang.LineReaderTask", "WARN"),
    ("software.amazon.kinesis.multilang.MessageWriter", "WARN"),
    ("software.amazon.kinesis.multilang.MultiLangProtocol", "WARN"),
    ("software.amazon.kinesis.multilang.config", "WARN"),
    ("software.amazon.kinesis.coordinator.assignment", "WARN"),
    ("software.amazon.kinesis.coordinator.DiagnosticEventLogger", "WARN"),
    ("software.amazon.kinesis.leader.DynamoDBLockBasedLeaderDecider", "WARN"),
    ("software.amazon.kinesis.leases.dynamodb.DynamoDBLeaseDiscoverer", "WARN"),
)
