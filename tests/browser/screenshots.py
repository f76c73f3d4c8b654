"""The pictures of the docs: ``python -m tests.browser.screenshots [FOLDER]``.

All three apps look the same, so they are of one, and of the one with mails. The accounts are made
for them, and gone after.
"""

import io
import os
import sys
from pathlib import Path

from PIL import Image, PngImagePlugin
from playwright.sync_api import Page, sync_playwright

from tests.browser.conftest import found_chromium
from tests.browser.people import Customer
from tests.browser.screens import enter_password, press
from tests.browser.shops import EXAMPLES, look, running
from tests.browser.walk import walk

WIDTHS = {390: 600, 1280: 600}
NAMES = {"login", "enrollment", "code", "recovery-codes", "account", "wait"}
LARGEST = 40_000
"""Bytes of a picture."""


def take(folder: Path, names: set[str] | None = None) -> None:
    """Write the pictures of these pages, of all if no names are given."""
    folder.mkdir(parents=True, exist_ok=True)
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright, running("flask") as shop:
        browser = playwright.chromium.launch(executable_path=found_chromium(), args=sandbox)
        for width, height in WIDTHS.items():
            page = browser.new_page(viewport={"width": width, "height": height})
            for name in walk(page, Customer(shop, email=f"alice@{'desk.' * (width > 1000)}example.com")):
                if names is None or name in names:
                    (folder / f"{name}-{width}.png").write_bytes(picture(page))
        with running("django") as other:
            page = browser.new_page(viewport={"width": 390, "height": WIDTHS[390]})
            by_mail(page, Customer(other, email="alice@example.com"))
            (folder / "email-390.png").write_bytes(picture(page))
        browser.close()


def by_mail(page: Page, person: Customer) -> None:
    """Go to where a code by mail can be had."""
    person.set_up()
    page.goto(person.shop.url)
    enter_password(page, person.email, person.password)
    press(page, "Get a code by email")
    press(page, "Send me a code")


def picture(page: Page) -> bytes:
    """Return the page as a small PNG that says which look of the pages it is of."""
    screen = Image.open(io.BytesIO(page.screenshot(full_page=True))).convert("RGB")
    small, said = io.BytesIO(), PngImagePlugin.PngInfo()
    said.add_text("Look", look())
    screen.quantize(64, dither=Image.Dither.NONE).save(small, "PNG", optimize=True, pnginfo=said)
    assert small.tell() < LARGEST, f"{small.tell()} bytes"
    return small.getvalue()


if __name__ == "__main__":
    if sys.argv[1:]:
        take(Path(sys.argv[1]))
    else:
        take(EXAMPLES / "screenshots", NAMES)
