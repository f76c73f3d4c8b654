"""One Chromium for all browser tests, one process for each app, and new cookies for each test."""

import asyncio
import os
import shutil
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, ViewportSize, sync_playwright

from tests.browser.actions import copy_cookies
from tests.browser.apps import App, running
from tests.browser.users import Client, User
from tests.support.database_servers import missing

APPS = ["flask", "fastapi", "django"]
PHONE: ViewportSize = {"width": 390, "height": 844}
EXPECTED_MESSAGE = "status of 403"
TIMEOUT = 30_000
"""Milliseconds."""

NewPage = Callable[[], Page]
OpenAs = Callable[[Client, str], Page]


class BrowserPool:
    """Browser contexts with separate cookies, which are reused because opening one is slow."""

    def __init__(self, chromium: Browser, app: App) -> None:
        self.messages: list[str] = []
        self._chromium, self._url = chromium, app.url
        self._idle: list[BrowserContext] = []
        self._used: list[BrowserContext] = []

    def page(self) -> Page:
        """Return a page of a browser without cookies."""
        context = self._idle.pop() if self._idle else self._new_context()
        self._used.append(context)
        return context.pages[0]

    def release(self) -> None:
        """Clear all contexts, so that they can be reused."""
        for context in self._used:
            context.clear_cookies()
            context.clear_permissions()
            for page in context.pages[1:]:
                page.close()
        self._idle += self._used
        self._used = []
        messages, self.messages = self.messages, []
        assert messages == []

    def close(self) -> None:
        """Close all contexts."""
        for context in self._idle + self._used:
            context.close()

    def _new_context(self) -> BrowserContext:
        context = self._chromium.new_context(base_url=self._url, viewport=PHONE)
        context.set_default_timeout(TIMEOUT)
        context.on("console", self._collect)
        context.on("weberror", lambda error: self.messages.append(str(error.error)))
        context.new_page()
        return context

    def _collect(self, message: ConsoleMessage) -> None:
        # Chromium logs every 403. The tests that expect one check the page too.
        if message.type in {"error", "warning"} and EXPECTED_MESSAGE not in message.text:
            self.messages.append(f"{message.page.url if message.page else ''}: {message.text}")


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """Return the system's Chromium."""
    path = find_chromium()
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []  # root cannot use the sandbox
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path,
            args=sandbox,
            ignore_default_args=["--disable-back-forward-cache"],  # real browsers have this cache
        )
        yield browser
        browser.close()
    asyncio.run(asyncio.sleep(0))  # removes Playwright's event loop, so that later tests can start their own


def find_chromium() -> str:
    """Return the path of Chromium. Without one, skip the test, or fail it in CI."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return next(filter(None, map(shutil.which, names)), None) or missing("Chromium is not installed")


@pytest.fixture(scope="package", params=APPS)
def app(request: pytest.FixtureRequest) -> Iterator[App]:
    """Return a running app."""
    name, _, store = request.param.partition(" on ")
    environment = {"REDIS_URL": request.getfixturevalue("redis_url")} if store else {}
    with running(name, **environment) as app:
        yield app


@pytest.fixture(autouse=True)
def log_on_failure(request: pytest.FixtureRequest) -> Iterator[None]:
    """Print the app's log of a test, which pytest shows if the test fails."""
    app = request.getfixturevalue("app") if "app" in request.fixturenames else None
    before = len(app.log()) if app else 0
    yield
    if app:
        print(app.log()[before:])  # noqa: T201 - for pytest


@pytest.fixture(scope="package")
def pool(chromium: Browser, app: App) -> Iterator[BrowserPool]:
    """Return the browsers for an app."""
    pool = BrowserPool(chromium, app)
    yield pool
    pool.close()


@pytest.fixture
def new_page(pool: BrowserPool) -> Iterator[NewPage]:
    """Return a function that opens a page in a new browser. No page may log an error."""
    yield pool.page
    pool.release()


@pytest.fixture
def page(new_page: NewPage) -> Page:
    """Return a page in a new browser."""
    return new_page()


@pytest.fixture
def open_as(new_page: NewPage) -> OpenAs:
    """Return a function that continues a client's session in a new browser, at a path."""

    def open_page(client: Client, path: str) -> Page:
        page = new_page()
        copy_cookies(page.context, client)
        page.goto(path)
        return page

    return open_page


@pytest.fixture
def user(app: App) -> User:
    """Return a new user with a phone, whose ``client`` is signed in."""
    user = User(app)
    user.set_up()
    return user


@pytest.fixture(scope="package")
def shared_user(app: App) -> User:
    """Return a user for tests that leave the phone and the recovery codes as they are."""
    user = User(app)
    user.set_up()
    return user


@pytest.fixture
def new_user(app: App) -> User:
    """Return a user with an account but without a phone."""
    user = User(app)
    user.sign_up()
    return user


@pytest.fixture
def account_page(open_as: OpenAs, user: User) -> Page:
    """Return the account page of ``user``."""
    return open_as(user.client, "/")


@pytest.fixture
def shared_account_page(open_as: OpenAs, shared_user: User) -> Page:
    """Return the account page of ``shared_user``, who has just signed in."""
    return open_as(shared_user.sign_in(), "/")


@pytest.fixture
def code_page(open_as: OpenAs, shared_user: User) -> Page:
    """Return the page that asks for a code of ``shared_user``."""
    return open_as(shared_user.enter_password(), "/login")


@pytest.fixture
def enrollment_page(open_as: OpenAs, new_user: User) -> Page:
    """Return the page that shows the QR code of ``new_user``."""
    return open_as(new_user.enter_password(), "/login")
