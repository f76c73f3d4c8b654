"""The example apps in a real browser: Chromium, driven from the outside as a visitor would."""
