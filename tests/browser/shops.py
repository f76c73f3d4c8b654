"""The example apps, each in a process of its own with a clock that only moves on."""

import hashlib
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from socket import create_connection
from tempfile import TemporaryDirectory

from tests.support.database_servers import HOST, free_port, wait_until

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
CLOCKED = Path(__file__).with_name("clocked.py")
UNMEASURED = {name: value for name, value in os.environ.items() if name != "COVERAGE_PROCESS_START"}
"""Here the apps are tested: what of the library is covered, its own tests show, and the apps are quicker."""
STEP = 30.0
"""Seconds for which a phone shows a code."""


def look() -> str:
    """Return a digest of all that the pages are made of: pictures with another one are of other pages."""
    digest = hashlib.sha256()
    for folder in ("static", "templates"):
        for part in sorted((EXAMPLES / folder).iterdir()):
            digest.update(part.name.encode() + b"\0" + part.read_bytes() + b"\0")
    return digest.hexdigest()


class Shop:
    """An app that runs; its clock is ahead of the machine's by what the file says."""

    def __init__(self, program: Path, folder: Path, **environment: str) -> None:
        self.port = free_port()
        self.url = f"http://{HOST}:{self.port}"
        self._folder, self._log, self._ahead = folder, folder / "log", 0.0
        self.advance(0.0)
        with self._log.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, str(CLOCKED), str(folder / "ahead"), str(program)],
                env={**UNMEASURED, "PYTHONUNBUFFERED": "1", **environment}
                | {"PORT": str(self.port), "SHOP_DATA": str(self.data)},
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )

    @property
    def data(self) -> Path:
        """Where it keeps its files."""
        return self._folder / "data"

    def clock(self) -> float:
        """Return the app's time, which the phones of its customers share."""
        return time.time() + self._ahead

    def advance(self, seconds: float) -> None:
        """Move its clock on."""
        self._ahead += seconds
        fresh = self._folder / "ahead.new"
        fresh.write_text(repr(self._ahead), encoding="ascii")
        fresh.replace(self._folder / "ahead")  # whoever reads it meanwhile sees a number

    def log(self) -> str:
        """Return what it has printed."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def mailed_codes(self, address: str) -> list[str]:
        """Return the codes of the mails that it has printed for this address."""
        mails = re.findall(rf"(?ms)^To: {re.escape(address)}$(.*?)(?=^From: |\Z)", self.log())
        return [code for mail in mails for code in re.findall(r"(?m)\b\d{6,8}\b", mail)[-1:]]

    def await_answer(self) -> None:
        """Wait until it takes connections."""
        wait_until(lambda: self._listens() or self._process.poll() is not None)
        assert self._process.poll() is None, self.log()

    def stop(self) -> None:
        """End it, whatever it does."""
        self._process.terminate()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _listens(self) -> bool:
        with suppress(OSError), create_connection((HOST, self.port), 1):
            return True
        return False


@contextmanager
def running(app: str, examples: Path = EXAMPLES, **environment: str) -> Iterator[Shop]:
    """Run an app of the examples, with data of its own, until the block ends."""
    with TemporaryDirectory(prefix="totpkit-shop-") as folder:
        shop = Shop(examples / f"{app}_app.py", Path(folder), **environment)
        try:
            shop.await_answer()
            yield shop
        finally:
            shop.stop()
