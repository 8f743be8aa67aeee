"""Logs of a worker's processes: everything in a bounded file, what matters on stderr."""

from __future__ import annotations

import logging
import sys
from logging.handlers import RotatingFileHandler
from pathlib import Path

BYTES = 5_000_000
FILES = 2
LINE = "%(asctime)s %(levelname)-7s %(process)d %(name)s %(message)s"
CHATTY = ("botocore", "boto3", "urllib3", "s3transfer", "awswrangler")


def log_to(file: Path, spoken: str, stderr_from: int) -> None:
    """Log from INFO to ``file``; to stderr from level ``stderr_from``, in the format ``spoken``.

    Never raises afterwards: a full disk or a broken pipe must not end who logs.
    """
    loud = logging.StreamHandler(sys.stderr)
    loud.setLevel(stderr_from)
    loud.setFormatter(logging.Formatter(spoken))
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    kept = RotatingFileHandler(file, maxBytes=BYTES, backupCount=FILES, delay=True)
    kept.setFormatter(logging.Formatter(LINE))
    logging.basicConfig(level=logging.INFO, handlers=[loud, kept])
    logging.raiseExceptions = False
    for name in CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)
