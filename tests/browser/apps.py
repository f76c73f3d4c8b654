"""The example apps, each in its own process with a clock that the tests advance."""

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
LAUNCHER = Path(__file__).with_name("launcher.py")
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "COVERAGE_PROCESS_START"}
"""Coverage of the library is measured by its own tests, and the apps are faster without it."""
STEP = 30.0
"""Seconds for which a code is shown."""


def pages_digest() -> str:
    """Return a digest of the templates and static files. A screenshot is stale if its digest differs."""
    digest = hashlib.sha256()
    for folder in ("static", "templates"):
        for file in sorted((EXAMPLES / folder).iterdir()):
            digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()


class App:
    """A running app, whose clock is ahead of the machine's by the number of seconds in a file."""

    def __init__(self, program: Path, folder: Path, **environment: str) -> None:
        self.port = free_port()
        self.url = f"http://{HOST}:{self.port}"
        self.data = folder / "data"
        self._folder, self._log, self._ahead = folder, folder / "log", 0.0
        self.advance(0.0)
        with self._log.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, str(LAUNCHER), str(folder / "ahead"), str(program)],
                env={**ENVIRONMENT, "PYTHONUNBUFFERED": "1", **environment}
                | {"PORT": str(self.port), "SHOP_DATA": str(self.data)},
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )

    def clock(self) -> float:
        """Return the app's time. The users' phones have the same clock."""
        return time.time() + self._ahead

    def advance(self, seconds: float) -> None:
        """Advance the clock."""
        self._ahead += seconds
        new = self._folder / "ahead.new"
        new.write_text(repr(self._ahead), encoding="ascii")
        new.replace(self._folder / "ahead")  # atomic, because the app reads the file at any time

    def log(self) -> str:
        """Return what the app has printed."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def emailed_codes(self, address: str) -> list[str]:
        """Return the codes in the emails to this address, which the app prints."""
        emails = re.findall(rf"(?ms)^To: {re.escape(address)}$(.*?)(?=^From: |\Z)", self.log())
        return [code for email in emails for code in re.findall(r"(?m)\b\d{6,8}\b", email)[-1:]]

    def wait_until_ready(self) -> None:
        """Wait until the app accepts connections."""
        wait_until(lambda: self._listens() or self._process.poll() is not None)
        assert self._process.poll() is None, self.log()

    def stop(self) -> None:
        """End the process."""
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
def running(name: str, **environment: str) -> Iterator[App]:
    """Run an example app with its own data until the block ends."""
    with TemporaryDirectory(prefix="totpkit-example-") as folder:
        app = App(EXAMPLES / f"{name}_app.py", Path(folder), **environment)
        try:
            app.wait_until_ready()
            yield app
        finally:
            app.stop()
