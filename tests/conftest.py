"""How the tests run, here and in CI."""

import os

from hypothesis import settings

pytest_plugins = [
    "tests.support.database_servers",
    "tests.support.store_urls",
    "tests.support.workers",
    "tests.support.terminal",
]  # what they share

# No deadline: a busy machine must not fail a test. Every failure prints the blob that repeats it.
settings.register_profile("explore", deadline=None, print_blob=True)
# The gate must give one answer for one commit, so CI draws the same examples every time; every
# run elsewhere draws new ones, and whoever meets a failure there adds it as an example.
settings.register_profile("gate", settings.get_profile("explore"), derandomize=True)
settings.load_profile("gate" if os.environ.get("CI") == "true" else "explore")
