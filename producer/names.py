"""Tickers that can be read and belong to nobody: six letters, which no US exchange lists."""

from __future__ import annotations

HEADS = (
    "BAL", "COR", "DEN", "FAL", "GAR", "HOL", "JAN", "KEL", "LOR", "MER", "NOR", "PEL",
    "QUI", "RAN", "SOL", "TAR", "VEN", "WIL", "YAR", "ZEN",
)  # fmt: skip
TAILS = (
    "DAX", "FEN", "GUS", "HAM", "KIN", "LOM", "MIR", "NOX", "PAN", "RUT", "SEV", "TOR",
    "VIM", "WEX", "BIC", "COD", "JUR", "LET", "NUM", "PIL", "ROK", "SAB", "TEK",
)  # fmt: skip


def tickers(count: int) -> list[str]:
    """``count`` different made-up tickers, always the same ones; past 460 they carry a number."""
    names = []
    for index in range(count):
        head = HEADS[index % len(HEADS)]
        tail = TAILS[index % len(TAILS)]
        again = index // (len(HEADS) * len(TAILS))
        names.append(f"{head}{tail}{again + 1 if again else ''}")
    return names
