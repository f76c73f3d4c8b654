"""One Chromium for all browser tests, one process for each app, and new cookies for each test."""

import asyncio
import os
import shutil
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, ViewportSize, sync_playwright

from tests.browser.people import Customer, Visitor
from tests.browser.screens import take_over
from tests.browser.shops import Shop, running
from tests.support.database_servers import missing

APPS = ["flask", "fastapi", "django"]
PHONE: ViewportSize = {"width": 390, "height": 844}
REFUSED = "status of 403"
PATIENCE = 30_000
"""Milliseconds that the browser waits for anything."""

NewPage = Callable[[], Page]
TakenOver = Callable[[Visitor, str], Page]


class Lent:
    """Browsers the size of a phone, each with cookies of its own; those that come back are lent again.

    A tab costs more than all that a test does with it.
    """

    def __init__(self, chromium: Browser, shop: Shop) -> None:
        self.complaints: list[str] = []
        self._chromium, self._url = chromium, shop.url
        self._idle: list[BrowserContext] = []
        self._used: list[BrowserContext] = []

    def page(self) -> Page:
        """Return a page of a browser that holds nothing of anybody."""
        context = self._idle.pop() if self._idle else self._opened()
        self._used.append(context)
        return context.pages[0]

    def take_back(self) -> None:
        """Take all browsers back, and what they remember from them."""
        for context in self._used:
            context.clear_cookies()
            context.clear_permissions()
            for page in context.pages[1:]:
                page.close()
        self._idle += self._used
        self._used = []

    def close(self) -> None:
        """Close all."""
        for context in self._idle + self._used:
            context.close()

    def _opened(self) -> BrowserContext:
        context = self._chromium.new_context(base_url=self._url, viewport=PHONE)
        context.set_default_timeout(PATIENCE)
        context.on("console", self._note)
        context.on("weberror", lambda error: self.complaints.append(str(error.error)))
        context.new_page()
        return context

    def _note(self, message: ConsoleMessage) -> None:
        # Chromium notes every answer that refuses; a test that expects one asks for more than that.
        if message.type in {"error", "warning"} and REFUSED not in message.text:
            self.complaints.append(f"{message.page.url if message.page else ''}: {message.text}")


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """Give the system's Chromium."""
    path = found_chromium()
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []  # it refuses to run as root with one
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path,
            args=sandbox,
            ignore_default_args=["--disable-back-forward-cache"],  # people have one
        )
        yield browser
        browser.close()
    asyncio.run(asyncio.sleep(0))  # its event loop is gone: later tests may have theirs


def found_chromium() -> str:
    """Return where Chromium is; skip the test if it is nowhere, or in CI fail it."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return next(filter(None, map(shutil.which, names)), None) or missing("Chromium is not installed")


@pytest.fixture(scope="package", params=APPS)
def shop(request: pytest.FixtureRequest) -> Iterator[Shop]:
    """Give an app that runs."""
    app, _, store = request.param.partition(" on ")
    environment = {"REDIS_URL": request.getfixturevalue("redis_url")} if store else {}
    with running(app, **environment) as shop:
        yield shop


@pytest.fixture(autouse=True)
def log_on_failure(request: pytest.FixtureRequest) -> Iterator[None]:
    """Show what the app has printed during a test, if it fails."""
    shop = request.getfixturevalue("shop") if "shop" in request.fixturenames else None
    before = len(shop.log()) if shop else 0
    yield
    if shop:
        print(shop.log()[before:])  # noqa: T201 - pytest shows it for those that fail


@pytest.fixture(scope="package")
def lent(chromium: Browser, shop: Shop) -> Iterator[Lent]:
    """Give the browsers of an app."""
    lent = Lent(chromium, shop)
    yield lent
    lent.close()


@pytest.fixture
def new_page(lent: Lent) -> Iterator[NewPage]:
    """Give pages of browsers that know nothing of each other; none may complain."""
    yield lent.page
    complaints, lent.complaints = lent.complaints, []
    lent.take_back()
    assert complaints == []


@pytest.fixture
def page(new_page: NewPage) -> Page:
    """Give the page of a browser that was never here."""
    return new_page()


@pytest.fixture
def taken_over(new_page: NewPage) -> TakenOver:
    """Give browsers that go on where a visitor is, at a path."""

    def opened(visitor: Visitor, path: str) -> Page:
        page = new_page()
        take_over(page.context, visitor)
        page.goto(path)
        return page

    return opened


@pytest.fixture
def customer(shop: Shop) -> Customer:
    """Give somebody who has set up a phone, and is signed in where they did it."""
    customer = Customer(shop)
    customer.set_up()
    return customer


@pytest.fixture(scope="package")
def regular(shop: Shop) -> Customer:
    """Give somebody who has had a phone for a while, for tests that leave phone and codes as they are."""
    regular = Customer(shop)
    regular.set_up()
    return regular


@pytest.fixture
def newcomer(shop: Shop) -> Customer:
    """Give somebody who has an account, and no phone."""
    newcomer = Customer(shop)
    newcomer.sign_up()
    return newcomer


@pytest.fixture
def at_home(taken_over: TakenOver, customer: Customer) -> Page:
    """Give the account page of the customer."""
    return taken_over(customer.here, "/")


@pytest.fixture
def signed_in(taken_over: TakenOver, regular: Customer) -> Page:
    """Give the account page of the regular, who has just typed a code."""
    return taken_over(regular.sign_in(), "/")


@pytest.fixture
def at_code(taken_over: TakenOver, regular: Customer) -> Page:
    """Give the page that asks for the regular's code."""
    return taken_over(regular.pass_password(), "/login")


@pytest.fixture
def at_enrollment(taken_over: TakenOver, newcomer: Customer) -> Page:
    """Give the page that shows the newcomer's QR."""
    return taken_over(newcomer.pass_password(), "/login")
