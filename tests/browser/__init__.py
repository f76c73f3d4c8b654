"""The example apps in a real browser: Chromium."""
