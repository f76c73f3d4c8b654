"""Take the screenshots of the documentation: ``python -m tests.browser.screenshots [FOLDER]``.

All apps look the same, so the screenshots are of the Flask app. Only the page for a code by email is
of the Django app. With *FOLDER*, all pages are taken, for review.
"""

import io
import os
import sys
from pathlib import Path

from PIL import Image, PngImagePlugin
from playwright.sync_api import Page, sync_playwright

from tests.browser.actions import click, enter_password
from tests.browser.all_pages import all_pages
from tests.browser.apps import EXAMPLES, pages_digest, running
from tests.browser.conftest import find_chromium
from tests.browser.users import User

WIDTHS = {390: 600, 1280: 600}
NAMES = {"login", "enrollment", "code", "recovery-codes", "account", "wait"}
MAX_BYTES = 40_000


def take(folder: Path, names: set[str] | None = None) -> None:
    """Write screenshots of the named pages, or of all pages."""
    folder.mkdir(parents=True, exist_ok=True)
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright, running("flask") as flask, running("django") as django:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=sandbox)
        for width, height in WIDTHS.items():
            page = browser.new_page(viewport={"width": width, "height": height})
            for name in all_pages(page, User(flask, email=f"alice@{'mail.' * (width > 1000)}example.com")):
                if names is None or name in names:
                    (folder / f"{name}-{width}.png").write_bytes(screenshot(page))
        page = browser.new_page(viewport={"width": 390, "height": WIDTHS[390]})
        request_email(page, User(django, email="alice@example.com"))
        (folder / "email-390.png").write_bytes(screenshot(page))
        browser.close()


def request_email(page: Page, user: User) -> None:
    """Go to the page for the emailed code."""
    user.set_up()
    page.goto(user.app.url)
    enter_password(page, user.email, user.password)
    click(page, "Get a code by email")
    click(page, "Send me a code")


def screenshot(page: Page) -> bytes:
    """Return the page as a small PNG that contains the digest of the templates."""
    image = Image.open(io.BytesIO(page.screenshot(full_page=True))).convert("RGB")
    png, info = io.BytesIO(), PngImagePlugin.PngInfo()
    info.add_text("Pages", pages_digest())
    image.quantize(64, dither=Image.Dither.NONE).save(png, "PNG", optimize=True, pnginfo=info)
    assert png.tell() < MAX_BYTES, f"{png.tell()} bytes"
    return png.getvalue()


if __name__ == "__main__":
    if sys.argv[1:]:
        take(Path(sys.argv[1]))
    else:
        take(EXAMPLES / "screenshots", NAMES)
