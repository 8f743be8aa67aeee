"""One thing that `tapeline doctor` looked at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from botocore.exceptions import BotoCoreError, ClientError

from glue.refusal import denied, sentence

Verdict = Literal["ok", "warn", "fail"]


@dataclass(frozen=True)
class Check:
    """What was looked at, what was seen and, unless that is well, what to do."""

    name: str
    verdict: Verdict
    saw: str
    remedy: str = ""


def asked(name: str, service: str, on: str, ask: Callable[[], str]) -> Check:
    """The check of one call to AWS: what ``ask`` saw, or the refusal and its remedy."""
    try:
        return Check(name, "ok", ask())
    except (ClientError, BotoCoreError) as error:
        remedy = "let whoever runs your account grant it" if denied(error) else ""
        return Check(name, "fail", sentence(error, service, on), remedy)
