"""AWS's errors reach a person as a sentence with a remedy, never as a traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError

from cli.trouble import sentence

TAPELINE = Path(sys.executable).with_name("tapeline")


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "PutRecords")


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (NoCredentialsError(), "tapeline local up"),
        (EndpointConnectionError(endpoint_url="http://127.0.0.1:1"), "is it running"),
        (refused("ExpiredTokenException"), "expired, get new ones"),
        (refused("AccessDeniedException"), "tapeline apply --actions"),
        (refused("ResourceNotFoundException"), "PutRecords: no (ResourceNotFoundException)"),
    ],
)
def test_an_error_of_aws_says_what_to_do(error: Exception, remedy: str) -> None:
    assert remedy in sentence(error)


@pytest.mark.parametrize("command", [["produce", "synthetic", "--records", "1"], ["verify"]])
def test_without_credentials_a_command_ends_with_one_sentence(
    tmp_path: Path, command: list[str]
) -> None:
    nobody = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    ended = subprocess.run(
        [TAPELINE, *command], cwd=tmp_path, env=nobody, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    assert "no AWS credentials found" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_the_version_is_printed(tmp_path: Path) -> None:
    ended = subprocess.run([TAPELINE, "--version"], capture_output=True, text=True, check=True)
    assert ended.stdout.strip().count(".") == 2
