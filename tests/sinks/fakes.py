"""AWS answering by a script: botocore's own parsing and errors, no network."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

Told = tuple[int, dict[str, Any]]


def script(client: Any, call: str, answers: Iterable[Told | None]) -> None:
    """Answer ``client``'s next calls of ``call`` (``sns.PublishBatch``); None lets one through."""
    left = iter(answers)

    def answer(**context: Any) -> Any:
        told = next(left, None)
        if told is None:
            return None
        status, body = told
        http = AWSResponse("http://aws", status, HTTPHeaders(), None)
        return http, body | {"ResponseMetadata": {"HTTPStatusCode": status}}

    client.meta.events.register(f"before-call.{call}", answer)


def watch(client: Any, call: str, seen: Callable[[dict[str, Any]], None]) -> None:
    """Tell ``seen`` what ``client`` sends with each ``call``."""
    client.meta.events.register(
        f"provide-client-params.{call}", lambda params, **context: seen(params)
    )


def error(code: str, status: int = 400, **more: Any) -> Told:
    return status, {"Error": {"Code": code, "Message": "so it is"}, **more}
