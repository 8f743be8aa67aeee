"""The questions that come with the house: one SQL file each, its leading comment their title."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

from athena.answer import QueryError
from athena.parameters import (
    FIRST_DAY,
    LAST_DAY,
    Parameter,
    ParameterError,
    declared,
    placeholders,
)

DAYS = {
    "from": Parameter("from", "day", "first dt to read", FIRST_DAY),
    "to": Parameter("to", "day", "last dt to read", LAST_DAY),
}


@dataclass(frozen=True)
class Question:
    """SQL in the Athena dialect with ``:name`` parameters, and what it answers."""

    name: str
    title: str
    doc: str
    sql: str
    parameters: Mapping[str, Parameter]

    def parameter(self, name: str) -> Parameter:
        """Raises ParameterError that lists the known ones."""
        if name in self.parameters:
            return self.parameters[name]
        known = ", ".join(self.parameters) or "it takes none"
        near = difflib.get_close_matches(name, list(self.parameters), n=1)
        hint = f"did you mean {near[0]}?" if near else f"its parameters: {known}"
        raise ParameterError(f"{self.name} has no parameter {name}; {hint}")


def question(name: str, text: str) -> Question:
    """Read a question: comment lines (title, words, ``:name type = default``), then SQL."""
    lines = text.splitlines()
    lead: list[str] = []
    while len(lead) < len(lines) and lines[len(lead)].startswith("--"):
        lead.append(lines[len(lead)].removeprefix("--").strip())
    spoken = [line for line in lead if not line.startswith(":")]
    stated = {p.name: p for p in (declared(line) for line in lead) if p}
    return Question(
        name,
        spoken[0] if spoken else name,
        " ".join(spoken[1:]),
        text,
        {n: stated.get(n) or DAYS.get(n) or Parameter(n, "text") for n in placeholders(text).names},
    )


@cache
def questions() -> Mapping[str, Question]:
    """All questions by name."""
    return {name: question(name, text) for name, text in _texts("queries").items()}


def named(name: str) -> Question:
    """The question ``name``. Raises QueryError that names the nearest."""
    known = questions()
    if name in known:
        return known[name]
    plain = name.replace("-", "_").lower()
    if plain in known:
        return known[plain]
    near = difflib.get_close_matches(plain, list(known), n=3, cutoff=0.4)
    hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(known)}"
    raise QueryError(f"no question {name}; {hint}")


def _texts(folder: str) -> dict[str, str]:
    found = (f for f in files("athena").joinpath(folder).iterdir() if f.name.endswith(".sql"))
    return {Path(f.name).stem: f.read_text() for f in sorted(found, key=lambda f: f.name)}


VIEWS: Mapping[str, str] = _texts("views")
"""The views of the lake by name, in the Athena dialect."""
