"""AWS's refusals as sentences: which action is missing, what is unreachable, what to do."""

from __future__ import annotations

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    TokenRetrievalError,
)

DENIED = {
    "AccessDenied",
    "AccessDeniedException",
    "AuthorizationError",
    "AuthorizationErrorException",
    "KMSAccessDeniedException",
    "UnauthorizedOperation",
    "403",
}
EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired"}
UNKNOWN_KEY = {
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}
OTHER_ACTION = {
    "HeadBucket": "ListBucket",
    "ListObjectsV2": "ListBucket",
    "HeadObject": "GetObject",
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
    "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
    "GetBucketEncryption": "GetEncryptionConfiguration",
    "PutBucketEncryption": "PutEncryptionConfiguration",
    "GetBucketLifecycleConfiguration": "GetLifecycleConfiguration",
    "PutBucketLifecycleConfiguration": "PutLifecycleConfiguration",
    "TransactWriteItems": "PutItem",
}
"""API calls whose IAM action has another name."""


def denied(error: Exception) -> bool:
    return isinstance(error, ClientError) and error.response["Error"]["Code"] in DENIED


def action_of(service: str, call: str) -> str:
    """The IAM action that ``call`` of ``service`` needs."""
    return f"{service}:{OTHER_ACTION.get(call, call)}"


def sentence(error: Exception, service: str, on: str) -> str:
    """What AWS refused of ``service``, on what, and the remedy."""
    if isinstance(error, ClientError):
        return _answered(error, service, on)
    if isinstance(error, (NoCredentialsError, PartialCredentialsError)):
        return (
            "no AWS credentials found: set AWS_PROFILE or run `aws configure`; "
            "without an account: tapeline local up"
        )
    if isinstance(error, ProfileNotFound):
        return f"{error}: set AWS_PROFILE to one of `aws configure list-profiles`"
    if isinstance(error, TokenRetrievalError):
        return "the single sign-on session has ended: aws sso login"
    if isinstance(error, (EndpointConnectionError, ConnectTimeoutError)):
        return (
            f"{on}: {error}; check endpoint_url, region and network "
            "(a local AWS: tapeline local status)"
        )
    if isinstance(error, BotoCoreError):
        return f"{on}: {error}"
    raise error


def _answered(error: ClientError, service: str, on: str) -> str:
    code = error.response["Error"]["Code"]
    said = error.response["Error"].get("Message", "")
    if code in DENIED:
        action = action_of(service, error.operation_name)
        return f"{on}: not allowed; grant {action} to the caller ({said or code})"
    if code in EXPIRED:
        return "the AWS credentials have expired: renew them (aws sso login, or a new session)"
    if code in UNKNOWN_KEY:
        return f"AWS does not know these credentials ({code}): check AWS_PROFILE and the clock"
    return f"{on}: {error.operation_name} failed: {code}: {said}"
