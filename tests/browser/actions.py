"""What a user does with a page in the browser."""

import io

import zxingcpp
from PIL import Image
from playwright.sync_api import BrowserContext, Page

from tests.browser.users import Client


def heading(page: Page) -> str:
    """Return the heading of the page."""
    return page.locator("h1").inner_text()


def problem(page: Page) -> str:
    """Return the error that the page shows."""
    return page.locator("p#problem[role=alert]").inner_text()


def notice(page: Page) -> str:
    """Return the notice that the page shows."""
    return page.locator("p.notice[role=status]").inner_text()


def click(page: Page, text: str) -> None:
    """Click a button or a link, and wait for the next page."""
    with page.expect_navigation():
        page.locator("a, button", has_text=text).click()


def enter_code(page: Page, code: str) -> None:
    """Enter a code, and wait for the next page."""
    page.fill("#code", code)
    with page.expect_navigation():
        page.locator("form:has(#code) button").click()


def enter_password(page: Page, email: str, password: str) -> None:
    """Enter an email address and a password, and wait for the next page."""
    page.fill("#username", email)
    page.fill("#password", password)
    with page.expect_navigation():
        page.locator("form:has(#password) button").click()


def scan_qr(page: Page) -> str:
    """Return the text of the QR code in a screenshot of the page."""
    screenshot = Image.open(io.BytesIO(page.screenshot(full_page=True)))
    (barcode,) = zxingcpp.read_barcodes(screenshot)
    return barcode.text


def setup_key(page: Page) -> str:
    """Return the key for users who cannot scan the QR code."""
    page.locator("summary").click()
    return page.locator(".key").inner_text()


def recovery_codes(page: Page) -> list[str]:
    """Return the recovery codes on the page."""
    return [code.strip() for code in page.locator("#codes li").all_inner_texts()]


def copy_cookies(context: BrowserContext, client: Client) -> None:
    """Continue a client's session in a browser."""
    url = client.url.replace("http:", "https:")  # Playwright accepts Secure cookies only for https
    for name, value in client.cookies.items():
        context.add_cookies(
            [{"name": name, "value": value, "url": url, "secure": True, "httpOnly": True, "sameSite": "Lax"}]
        )
