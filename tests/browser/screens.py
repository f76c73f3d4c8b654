"""What a person does with a page: read it, fill it in, press a button, hold a phone up to it."""

import io

import zxingcpp
from PIL import Image
from playwright.sync_api import BrowserContext, Page

from tests.browser.people import Visitor


def heading(page: Page) -> str:
    """Return what the page says it is."""
    return page.locator("h1").inner_text()


def problem(page: Page) -> str:
    """Return what the page says is wrong."""
    return page.locator("p#problem[role=alert]").inner_text()


def notice(page: Page) -> str:
    """Return what the page tells by the way."""
    return page.locator("p.notice[role=status]").inner_text()


def press(page: Page, what: str) -> None:
    """Press a button or a link, and wait for the page that comes."""
    with page.expect_navigation():
        page.locator("a, button", has_text=what).click()


def enter(page: Page, code: str) -> None:
    """Type a code, and send it."""
    page.fill("#code", code)
    with page.expect_navigation():
        page.locator("form:has(#code) button").click()


def enter_password(page: Page, email: str, password: str) -> None:
    """Fill in the page that asks for a name and a password, and send it."""
    page.fill("#username", email)
    page.fill("#password", password)
    with page.expect_navigation():
        page.locator("form:has(#password) button").click()


def scanned(page: Page) -> str:
    """Return what a phone reads from the picture on the screen."""
    screen = Image.open(io.BytesIO(page.screenshot(full_page=True)))
    found = zxingcpp.read_barcodes(screen)
    assert len(found) == 1
    return found[0].text


def typed_key(page: Page) -> str:
    """Return the key for typing by hand, which the page unfolds."""
    page.locator("summary").click()
    return page.locator(".key").inner_text()


def shown_codes(page: Page) -> list[str]:
    """Return the recovery codes on the page."""
    return [code.strip() for code in page.locator("#codes li").all_inner_texts()]


def take_over(context: BrowserContext, visitor: Visitor) -> None:
    """Let a browser go on where a visitor without a screen is."""
    url = visitor.url.replace("http:", "https:")  # the protocol refuses Secure cookies of another
    for name, value in visitor.cookies.items():
        context.add_cookies(
            [{"name": name, "value": value, "url": url, "secure": True, "httpOnly": True, "sameSite": "Lax"}]
        )
