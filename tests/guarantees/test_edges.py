"""What a worker does at each edge: store, lease, checkpoint, clock, disk."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError, ReadTimeoutError

from config.site import Site
from kcl_app.pace import Pace
from kcl_app.processor import ShardProcessor
from kcl_app.stopped import Stopped
from kcl_app.store import S3Store
from tests.guarantees.desk import Desk, Failing
from tests.schedules.lake import GatedStore
from tests.schedules.play import LIFE
from tests.schedules.proof import prove

SLOW_DOWN = b"<Error><Code>SlowDown</Code><Message>slower</Message></Error>"
EXPIRED = (
    b"<Error><Code>ExpiredToken</Code><Message>The provided token has expired.</Message></Error>"
)


def finish(desk: Desk, worker: ShardProcessor | None = None) -> None:
    """Read what is left, end the shard, and prove the lake."""
    worker = worker or desk.worker()
    worker.process_records(desk.call(desk.shard.cursor(), desk.records))
    worker.shard_ended(desk.call())
    prove(desk.lake, [desk.shard], LIFE)


# --- the lease ---------------------------------------------------------------------------


def test_after_a_lost_lease_nothing_is_written() -> None:
    desk = Desk()
    worker = desk.worker()
    worker.process_records(desk.call(0, 6))
    worker.lease_lost(desk.call())
    written = len(desk.gate.passed)
    worker.process_records(desk.call(6, 24))
    worker.shutdown_requested(desk.call())
    worker.shard_ended(desk.call())
    assert (len(desk.gate.passed), desk.shard.ended) == (written, False)


def test_a_checkpoint_of_a_lost_lease_is_the_last_thing_tried() -> None:
    desk = Desk()
    worker, old = desk.worker(), desk.checkpointer
    desk.worker()
    desk.shard.owner = None
    worker.process_records(desk.call(0, 8))
    worker.process_records(desk.call())
    assert desk.shard.checkpoint is None
    written = len(desk.gate.passed)
    worker.process_records(desk.call(8, 24))
    assert len(desk.gate.passed) == written
    assert old.shard is desk.shard


def test_a_requested_shutdown_hands_over_everything_read() -> None:
    desk = Desk()
    worker = desk.worker()
    worker.process_records(desk.call(0, 10))
    worker.shutdown_requested(desk.call())
    assert desk.shard.checkpoint == desk.at(9)
    worker.process_records(desk.call(10, 24))
    assert desk.shard.checkpoint == desk.at(9)
    finish(desk)


# --- the checkpoint ----------------------------------------------------------------------


def test_a_throttled_checkpoint_is_tried_again_for_longer_each_time() -> None:
    desk = Desk()
    desk.shard.refusals = ["ThrottlingException", "KinesisClientLibDependencyException"]
    finish(desk)
    assert desk.slept == pytest.approx([0.1, 0.2])


def test_a_checkpoint_that_stays_throttled_ends_the_shard_and_loses_nothing() -> None:
    desk = Desk()
    worker = desk.worker()
    desk.shard.refusals = ["ThrottlingException"] * 6
    worker.process_records(desk.call(0, 8))
    with pytest.raises(Stopped, match="ThrottlingException; the shard starts again"):
        worker.process_records(desk.call())
    finish(desk)


def test_a_checkpoint_that_the_kcl_calls_wrong_is_not_tried_again() -> None:
    desk = Desk()
    desk.shard.refusals = ["InvalidStateException"]
    with pytest.raises(Stopped, match="InvalidStateException"):
        finish(desk)
    assert desk.slept == []
    finish(desk)


# --- store and sinks ---------------------------------------------------------------------


@pytest.mark.parametrize("call", ["create", "object", "put", "get", "list", "hot", "open", "drop"])
def test_a_call_that_fails_ends_the_worker_and_the_next_one_makes_it_good(call: str) -> None:
    desk = Desk(records=60, cut_records=5)
    desk.gate = Failing(call, ClientError({"Error": {"Code": "Down"}}, "any"), times=1)
    try:
        worker = desk.worker()
        for start in range(0, 60, 5):
            worker.process_records(desk.call(start, start + 5))
    except ClientError:
        assert desk.gate.times == 0
    finish(desk)


def test_a_create_whose_answer_was_lost_finds_its_own_record() -> None:
    desk = Desk()
    store = GatedStore(desk.lake, desk.gate, answer_lost=lambda: True)
    finish(desk, desk.worker(store=store))


class Answers:
    """A hook on botocore that answers itself, ``times`` times, before anything is sent."""

    def __init__(self, status: int, body: bytes, times: int) -> None:
        self.status, self.body, self.times, self.asked = status, body, times, 0

    def __call__(self, request: Any, **more: Any) -> AWSResponse | None:
        self.asked += 1
        if self.asked > self.times:
            return None
        return AWSResponse(request.url, self.status, {}, _Raw(self.body))


class _Raw:
    def __init__(self, body: bytes) -> None:
        self.body = body

    def stream(self, **more: Any) -> list[bytes]:
        return [self.body]


@pytest.fixture
def s3_that(site: Site) -> Callable[[Any], S3Store]:
    """A store on a bucket of its own whose client meets the hook given."""
    site.client("s3").create_bucket(Bucket=site.bucket)

    def make(hook: Any) -> S3Store:
        client = site.client("s3")
        client.meta.events.register("before-send.s3", hook)
        return S3Store(client, site.bucket, site.prefix, sleep=lambda seconds: None)

    return make


def test_s3_that_throttles_for_a_while_is_waited_for(s3_that: Callable[[Any], S3Store]) -> None:
    hook = Answers(503, SLOW_DOWN, times=2)
    assert s3_that(hook).create("cuts/a", b"record")
    assert hook.asked == 3


def test_s3_that_stays_throttled_is_an_error_after_five_attempts(
    s3_that: Callable[[Any], S3Store],
) -> None:
    hook = Answers(503, SLOW_DOWN, times=99)
    with pytest.raises(ClientError, match="SlowDown"):
        s3_that(hook).put_once("snapshots/a", b"state")
    assert hook.asked == 5


def test_a_conflict_of_two_writers_is_tried_again(s3_that: Callable[[Any], S3Store]) -> None:
    conflict = b"<Error><Code>ConditionalRequestConflict</Code><Message>both</Message></Error>"
    assert s3_that(Answers(409, conflict, times=3)).create("cuts/a", b"record")


def test_expired_credentials_are_an_error_at_once(s3_that: Callable[[Any], S3Store]) -> None:
    hook = Answers(400, EXPIRED, times=99)
    with pytest.raises(ClientError, match="The provided token has expired"):
        s3_that(hook).create("cuts/a", b"record")
    assert hook.asked == 1


def test_an_answer_that_never_comes_is_asked_for_again(
    s3_that: Callable[[Any], S3Store],
) -> None:
    asked = []

    def hook(request: Any, **more: Any) -> None:
        asked.append(request)
        if len(asked) == 1:
            raise ReadTimeoutError(endpoint_url=request.url)

    assert s3_that(hook).create("cuts/a", b"record")
    assert len(asked) == 2


# --- clocks ------------------------------------------------------------------------------


def test_a_clock_that_jumps_ahead_only_closes_the_cut_sooner() -> None:
    desk = Desk()
    worker = desk.worker()
    worker.process_records(desk.call(0, 3))
    desk.clock += 10**9
    worker.process_records(desk.call(3, 5))
    assert [cut.ends_at for cut in desk.lake.cuts()] == [desk.at(4)]
    finish(desk, None)


def test_a_clock_that_falls_back_closes_nothing_and_loses_nothing() -> None:
    desk = Desk()
    worker = desk.worker()
    worker.process_records(desk.call(0, 3))
    desk.clock -= 10**9
    worker.process_records(desk.call(3, 5))
    assert desk.lake.cuts() == []
    finish(desk)


def test_a_silent_shard_still_closes_its_cut() -> None:
    desk = Desk()
    worker = desk.worker()
    worker.process_records(desk.call(0, 3))
    desk.clock += Pace().idle_seconds
    worker.process_records(desk.call())
    worker.process_records(desk.call())
    assert desk.shard.checkpoint == desk.at(2)


# --- the disk ----------------------------------------------------------------------------

NO_ROOM = """
import logging, resource, sys
from pathlib import Path
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
folder = Path(sys.argv[1])
"""
"""A process that may write no file: what a full disk is to it."""


def on_a_full_disk(folder: Any, code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", NO_ROOM + code, str(folder)],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )


def test_logs_on_a_full_disk_end_nobody(tmp_path: Any) -> None:
    done = on_a_full_disk(
        tmp_path,
        "from kcl_app.logs import log_to\n"
        "log_to(folder / 'a.log', '%(message)s', logging.WARNING)\n"
        "logging.warning('said all the same')\n"
        "print('alive')\n",
    )
    assert (done.stdout, done.returncode) == ("alive\n", 0)
    assert "said all the same" in done.stderr


def test_last_words_on_a_full_disk_reach_stderr(tmp_path: Any) -> None:
    done = on_a_full_disk(
        tmp_path,
        "from kcl_app.last_words import LastWords\nLastWords(folder / 'words').say('the reason')\n",
    )
    assert "the reason" in done.stderr
    assert "last words not kept" in done.stderr


def test_a_worker_whose_folder_is_full_says_what_to_do(tmp_path: Any) -> None:
    done = on_a_full_disk(
        tmp_path,
        "from kcl_app.run_folder import RunFolder\n"
        "from kcl_app.stopped import Stopped\n"
        "run = RunFolder(folder / 'run')\n"
        "run.make()\n"
        "try:\n"
        "    run.write(run.properties, 'a = b')\n"
        "except Stopped as why:\n"
        "    print(why)\n",
    )
    assert "cannot be written (File too large): free space there" in done.stdout
    assert "application.run_dir=FOLDER" in done.stdout
    assert not (tmp_path / "run" / "worker.properties").exists()
