"""Plan, then apply: what stands, what would change, and the change. Safe to repeat."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from botocore.exceptions import BotoCoreError, ClientError

from glue.refusal import sentence
from glue.resource import Blocked, Change, Resource, changes

Verdict = Literal["create", "update", "unchanged", "blocked"]

CONFIRM_ATTEMPTS = 15
CONFIRM_S = 2.0
"""S3 and Glue may answer with the old configuration for some seconds."""


class ApplyError(Exception):
    """A resource could not be brought to what is wanted. The text says what to do."""


@dataclass(frozen=True)
class Step:
    """One resource: what applying it would do, and why it cannot be done if it can't."""

    resource: Resource
    verdict: Verdict
    changes: tuple[Change, ...] = ()
    why: str = ""

    def described(self) -> dict[str, Any]:
        """The step for JSON."""
        return {
            "kind": self.resource.kind,
            "name": self.resource.name,
            "verdict": self.verdict,
            "changes": [vars(change) for change in self.changes],
            "why": self.why,
        }


def plan(resources: Iterable[Resource]) -> Iterator[Step]:
    """Compare every resource with what stands, in order. Changes nothing."""
    for resource in resources:
        yield step_of(resource)


def step_of(resource: Resource) -> Step:
    """What applying ``resource`` would do now."""
    try:
        resource.check()
        has = resource.read()
        if has is None:
            return Step(resource, "create", changes(resource.wanted(), {}))
        differing = changes(resource.wanted(), has)
        resource.refuse(differing)
    except Blocked as why:
        return Step(resource, "blocked", why=str(why))
    except (ClientError, BotoCoreError) as error:
        return Step(resource, "blocked", why=_refusal(error, resource))
    return Step(resource, "update" if differing else "unchanged", differing)


def apply(steps: Sequence[Step]) -> Iterator[Step]:
    """Carry out what ``plan`` gave, in order, yielding each step once it is done.

    Nothing is changed where any step is blocked. Raises ApplyError at the first
    that fails: those yielded before it stand, and applying again goes on from there.
    """
    blocked = [step.why for step in steps if step.verdict == "blocked"]
    if blocked:
        raise ApplyError("\n".join(blocked))
    for step in steps:
        if step.verdict != "unchanged":
            _carry_out(step)
        yield step


def _carry_out(step: Step) -> None:
    resource = step.resource
    try:
        if step.verdict == "create":
            resource.create()
        else:
            resource.change(step.changes)
        _confirm(resource)
    except Blocked as why:
        raise ApplyError(str(why)) from why
    except (ClientError, BotoCoreError) as error:
        raise ApplyError(_refusal(error, resource)) from error


def _confirm(resource: Resource) -> None:
    """Return once reading shows what was asked for."""
    for _ in range(CONFIRM_ATTEMPTS):
        left = changes(resource.wanted(), resource.read() or {})
        if not left:
            return
        resource.sleep(CONFIRM_S)
    raise ApplyError(
        f"{resource.kind} {resource.name} was changed, but reading it still shows "
        f"{'; '.join(map(str, left))}: run tapeline apply again, or look who else changes it"
    )


def _refusal(error: Exception, resource: Resource) -> str:
    return sentence(error, resource.service, f"{resource.kind} {resource.name}")
