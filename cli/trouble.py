"""AWS's own errors as sentences: what was refused, and what to do."""

from __future__ import annotations

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    PartialCredentialsError,
    TokenRetrievalError,
)

EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired"}
DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "403"}


def sentence(error: BotoCoreError | ClientError) -> str:
    """One sentence for a person; the remedy where there is a usual one."""
    match error:
        case NoCredentialsError() | PartialCredentialsError():
            return (
                "no AWS credentials found: set AWS_PROFILE or run aws configure; without an "
                "account: tapeline local up"
            )
        case TokenRetrievalError():
            return f"{error}: run aws sso login"
        case EndpointConnectionError():
            return f"{error}: is it running, and the region right? tapeline doctor looks"
        case ClientError():
            return _refused(error)
    return str(error)


def _refused(error: ClientError) -> str:
    said = error.response.get("Error", {})
    code = str(said.get("Code", ""))
    what = f"{error.operation_name}: {said.get('Message') or code}"
    if code in EXPIRED:
        return f"{what}: the credentials have expired, get new ones"
    if code in DENIED:
        return f"{what}: tapeline apply --actions lists the permissions that are needed"
    return f"{what} ({code}): tapeline doctor looks at the whole stack"
