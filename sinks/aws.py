"""Which answers of AWS mean later, and which mean never."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import ClientError, ConnectionError, HTTPClientError

from kcl_app.core.contract import Retry

HOT_TIMEOUT_S = 10
"""For an answer to a sink of every call: five attempts stay far below the daemon's patience."""
PASSING = {
    "ConditionalRequestConflict",
    "InternalError",
    "InternalFailure",
    "InternalServerError",
    "LimitExceededException",
    "OperationAborted",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestTimeout",
    "ServiceUnavailable",
    "SlowDown",
    "Throttled",
    "Throttling",
    "ThrottlingException",
    "TransactionInProgressException",
}


def code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def passing(error: Exception) -> bool:
    """True for throttling, time-outs and errors on the other side."""
    if not isinstance(error, ClientError):
        return isinstance(error, ConnectionError | HTTPClientError)
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return code(error) in PASSING or status >= 500


@contextmanager
def later(after_s: float) -> Iterator[None]:
    """What passes, once the client's own retries are spent, becomes Retry; the rest is raised."""
    try:
        yield
    except (ClientError, ConnectionError, HTTPClientError) as error:
        if passing(error):
            raise Retry(after_s, str(error)) from error
        raise
