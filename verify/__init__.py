"""Proof, read from the lake itself, that every record is stored once."""

from verify.disk import TooLittleMemory
from verify.facts import Facts
from verify.findings import KINDS, Finding
from verify.proof import prove
from verify.run import VerifyError, report
from verify.scope import Scope
from verify.summary import Report, ShardReport

__all__ = [
    "KINDS",
    "Facts",
    "Finding",
    "Report",
    "Scope",
    "ShardReport",
    "TooLittleMemory",
    "VerifyError",
    "prove",
    "report",
]
