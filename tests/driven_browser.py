"""A real headless browser that a test drives."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

BROWSERS = ("chromium", "google-chrome", "chromium-browser")
SWITCHES = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-dev-shm-usage", "--window-size=1300,1000"),
)
NO_BROWSER = "there is no chromium with its chromedriver here: apt-get install chromium chromium-driver"


def browser_and_driver() -> tuple[str, str] | None:
    """The commands of both, where there are both."""
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    driver = shutil.which("chromedriver")
    return (browser, driver) if browser and driver else None


@contextmanager
def driven_browser(profile: Path) -> Iterator[webdriver.Chrome]:
    """A browser whose console is kept (``get_log("browser")``), and which is closed afterwards."""
    found = browser_and_driver()
    assert found is not None
    options = webdriver.ChromeOptions()
    options.binary_location = found[0]
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    for switch in (*SWITCHES, f"--user-data-dir={profile}"):
        options.add_argument(switch)
    driver = webdriver.Chrome(options=options, service=Service(found[1]))
    try:
        yield driver
    finally:
        driver.quit()
