"""One shard's process, started by the daemon: ``python -m kcl_app.shard SETTINGS_JSON``.

Rules:
1. Crash-only: whatever the processor raises ends the process with 1 and its reason
   in the last words; the supervisor begins anew and the shard replays.
2. It takes its JVM along, or the daemon would wait the whole shutdown grace for it.
3. SIGTERM and SIGINT are the JVM's business: it says shutdownRequested.
4. When the JVM is gone it leaves at once, without goodbyes: another process may
   already hold the shard. A shard let go ends as abruptly: what a processor wants kept
   it has written when its last callback returns.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

from amazon_kclpy.messages import InitializeInput

from kcl_app import jvm
from kcl_app.envelope import MessageUnreadable
from kcl_app.last_words import LastWords, spoken
from kcl_app.logs import log_to
from kcl_app.protocol import JvmGone, Talk, serve
from kcl_app.run_folder import RunFolder

log = logging.getLogger("tapeline.shard")


def main(arguments: Sequence[str]) -> NoReturn:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    talk = Talk.over_stdio()
    folder = RunFolder(Path(arguments[0]).resolve().parent)
    words = LastWords(folder.words)
    parent = jvm.parent_of_this(folder.properties)
    try:
        _live(talk, folder, words)
    except JvmGone:
        _leave(0)
    except BaseException as error:
        _say(error, words)
        jvm.take_along(parent)
        _leave(1)
    _leave(0)


def _live(talk: Talk, folder: RunFolder, words: LastWords) -> None:
    first = talk.receive()
    if not isinstance(first, InitializeInput):
        raise MessageUnreadable(f"{type(first).__name__} before initialize")
    words.speaker = first.shard_id
    log_to(
        folder.logs / f"{first.shard_id}.log",
        spoken=f"{first.shard_id} %(levelname)s %(name)s %(message)s",
        stderr_from=logging.WARNING,
    )
    log.info("begins after %s/%s", first.sequence_number, first.sub_sequence_number)
    serve(_processor(folder, words), talk, first)
    log.info("let go")


def _processor(folder: RunFolder, words: LastWords) -> Any:
    """The processor that the settings name; imported only now, when it is needed."""
    from config.load import restore

    settings = restore(folder.settings.read_bytes())
    module, _, name = settings.worker.processor.partition(":")
    made = getattr(import_module(module), name)
    if hasattr(made, "from_settings"):
        return made.from_settings(settings, last_words=words)
    return made()


def _say(error: BaseException, words: LastWords) -> None:
    words.say_error(error)
    with contextlib.suppress(OSError):
        log.critical("stops: %s", spoken(error), exc_info=error)


def _leave(code: int) -> NoReturn:
    """End without waiting for threads: what they hold is not durable, and will be replayed."""
    logging.shutdown()
    os._exit(code)


if __name__ == "__main__":
    main(sys.argv[1:])
