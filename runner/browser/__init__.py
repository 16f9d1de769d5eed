"""A headless Chromium for looking at the pages that are made here: in tests, and for the pictures in the README."""

from runner.browser.chromium import EXECUTABLES, Chromium, find
from runner.browser.devtools import BrowserError
from runner.browser.page import Box, Page

__all__ = ["EXECUTABLES", "Box", "BrowserError", "Chromium", "Page", "find"]
