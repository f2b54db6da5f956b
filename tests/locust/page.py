"""Locust's page in a real headless browser."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.driven_browser import driven_browser

TIMEOUT_S = 60.0
POLL_S = 0.2


class Page:
    """What a person sees and does on Locust's page."""

    def __init__(self, driver: webdriver.Chrome, url: str) -> None:
        self._driver = driver
        self._url = url

    def show(self, tab: str) -> None:
        self._driver.get(f"{self._url}/?tab={tab}")

    @property
    def text(self) -> str:
        return self._driver.find_element(By.TAG_NAME, "body").text

    def cells(self, *first: str) -> list[str] | None:
        """The cells of the row that begins with *first*; None where there is none."""
        rows: list[list[str]] = self._driver.execute_script(
            "return [...document.querySelectorAll('tr')]"
            ".map(row => [...row.querySelectorAll('td')].map(cell => cell.innerText.trim()))"
        )
        return next((row for row in rows if row[: len(first)] == list(first)), None)

    def chart(self) -> str:
        """What the first chart looks like now."""
        drawn: str = self._driver.execute_script(
            "const canvas = document.querySelector('canvas'); if (canvas) return canvas.toDataURL();"
            "const svg = document.querySelector('[_echarts_instance_] svg'); return svg ? svg.outerHTML : '';"
        )
        return drawn

    def press(self, label: str) -> None:
        self.wait(lambda: self._button(label) is not None, f"no button {label}")
        button = self._button(label)
        assert button is not None
        button.click()

    def _button(self, label: str) -> webdriver.remote.webelement.WebElement | None:
        buttons = self._driver.find_elements(By.TAG_NAME, "button")
        return next((each for each in buttons if each.text.upper() == label and each.is_displayed()), None)

    def enter(self, users: int, spawn_rate: int, label: str) -> None:
        """Fill in the form, and press its button."""
        for name, value in (("userCount", users), ("spawnRate", spawn_rate)):
            self.wait(lambda name=name: bool(self._driver.find_elements(By.NAME, name)), f"no field {name}")
            box = self._driver.find_element(By.NAME, name)
            box.send_keys(Keys.CONTROL, "a")
            box.send_keys(str(value))
        self.press(label)

    def wait(self, reached: Callable[[], object], what: str) -> None:
        """Wait for what the page comes to show, by looking at it again until a deadline."""
        deadline_s = time.monotonic() + TIMEOUT_S
        while not reached():
            assert time.monotonic() < deadline_s, f"{what}\n{self.text}"
            time.sleep(POLL_S)


@contextmanager
def page(url: str, profile: Path) -> Iterator[Page]:
    """Locust's page at *url*, in a browser that is closed afterwards."""
    with driven_browser(profile) as driver:
        yield Page(driver, url)
