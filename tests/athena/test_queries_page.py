"""The page about questions says what there is."""

from __future__ import annotations

import re
from pathlib import Path

from athena.library import question, questions

PAGE = (Path(__file__).parents[2] / "docs" / "queries.md").read_text()


def test_the_page_lists_every_question_and_no_other() -> None:
    table = PAGE.split("## The questions")[1].split("The tables and")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.M)) == set(questions())


def test_the_page_s_example_declares_what_it_says() -> None:
    example = PAGE.split("```sql\n")[1].split("```")[0]
    asked = question("example", example)
    assert asked.title == "Dear ticks"
    assert {n: (p.type, p.default) for n, p in asked.parameters.items()} == {
        "least": ("double", "1000"),
        "from": ("day", "first day"),
        "to": ("day", "last day"),
    }
