"""Chromium without a window, driven over W3C WebDriver (www.w3.org/TR/webdriver2), which chromedriver speaks.

Debian packages: chromium, chromium-driver. A dozen calls are all that the tests need, so that no client is installed.
"""

from __future__ import annotations

import base64
import shlex
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from alpr_testing.needs import needs
from alpr_testing.ports import free_port

WAIT_S: Final = 15.0
_FLAGS: Final = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-first-run", "--disable-quic", "--lang=en-GB",
)  # fmt: skip


class Browser:
    """One window."""

    def __init__(self, driver: str, program: str, flags: Sequence[str]) -> None:
        self._http = httpx.Client(base_url=driver, timeout=60)
        options = {"args": list(flags), "binary": program}
        wanted = {"browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
        answer = self._call("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
        self._session = f"/session/{answer['sessionId']}"

    def open(self, address: str) -> None:
        """Go there; returns when the page has loaded."""
        self._call("POST", f"{self._session}/url", {"url": address})

    def run(self, script: str, *arguments: Any) -> Any:
        """What `script`, the body of a function, returns."""
        return self._call("POST", f"{self._session}/execute/sync", {"script": script, "args": list(arguments)})

    def until(self, script: str, *arguments: Any, within_s: float = WAIT_S) -> Any:
        """What `script` returns, once that is true. Raises TimeoutError."""
        deadline = time.monotonic() + within_s
        while not (value := self.run(script, *arguments)):
            if time.monotonic() > deadline:
                raise TimeoutError(f"not within {within_s} s: {script}; the page holds: {self.text()}")
            time.sleep(0.05)
        return value

    def text(self) -> str:
        """The text that a person sees."""
        return str(self.run("return document.body.innerText"))

    def type(self, selector: str, text: str) -> None:
        """Type `text` into an element as a keyboard does; a line feed is the enter key."""
        found = self._call("POST", f"{self._session}/element", {"using": "css selector", "value": selector})
        element = next(iter(found.values()))
        self._call("POST", f"{self._session}/element/{element}/value", {"text": text.replace("\n", "\ue007")})

    def click(self, selector: str) -> None:
        """Click an element."""
        found = self._call("POST", f"{self._session}/element", {"using": "css selector", "value": selector})
        self._call("POST", f"{self._session}/element/{next(iter(found.values()))}/click", {})

    def resize(self, width: int, height: int) -> None:
        """Set the size of what is seen, in CSS pixels, and whether it is a phone."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self._devtools("Emulation.setDeviceMetricsOverride", metrics)

    def prefer(self, scheme: str) -> None:
        """Prefer `dark` or `light`."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self._devtools("Emulation.setEmulatedMedia", {"features": features})

    def screenshot(self, path: Path) -> Path:
        """Write what is seen as PNG; returns `path`."""
        picture = self._call("GET", f"{self._session}/screenshot")
        path.write_bytes(base64.b64decode(picture))
        return path

    def complaints(self) -> list[str]:
        """What the console said of errors and refused content since the last call."""
        entries = self._call("POST", f"{self._session}/se/log", {"type": "browser"})
        return [str(entry["message"]) for entry in entries if entry["level"] in {"SEVERE", "WARNING"}]

    def close(self) -> None:
        """Close the window."""
        self._call("DELETE", self._session)
        self._http.close()

    def _devtools(self, command: str, parameters: dict[str, Any]) -> None:
        self._call("POST", f"{self._session}/goog/cdp/execute", {"cmd": command, "params": parameters})

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        answer = self._http.request(method, path, json=body).json()["value"]
        if isinstance(answer, dict) and "error" in answer:
            raise RuntimeError(f"{path}: {answer['error']}: {answer['message'].splitlines()[0]}")
        return answer


@contextmanager
def running_browser(profile: Path, within: Sequence[str] = ()) -> Iterator[Browser]:
    """A window with a profile of its own; `within` is a command to start it by, as in `ip netns exec NAME`."""
    needs("chromedriver", package="chromium-driver")
    program = needs("chromium", package="chromium")
    flags = [*_FLAGS, f"--user-data-dir={profile}"]
    if within:
        program = str(_wrapped(profile.with_suffix(".sh"), [*within, program]))
        flags.append("--remote-debugging-pipe")  # there is no way by TCP into another network
    port = free_port()
    driver = subprocess.Popen(
        ["chromedriver", f"--port={port}", "--silent"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        _wait_for(f"http://127.0.0.1:{port}")
        browser = Browser(f"http://127.0.0.1:{port}", program, flags)
        try:
            yield browser
        finally:
            browser.close()
    finally:
        driver.terminate()
        driver.wait(10)


@pytest.fixture(scope="session")
def _window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with running_browser(tmp_path_factory.mktemp("browser")) as browser:
        yield browser


@pytest.fixture
def browser(_window: Browser) -> Browser:
    """A browser without memory of the test before."""
    _window.open("about:blank")
    _window.resize(1280, 800)
    _window.complaints()
    return _window


def _wrapped(script: Path, command: Sequence[str]) -> Path:
    script.write_text(f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n')
    script.chmod(0o700)
    return script


def _wait_for(address: str) -> None:
    deadline = time.monotonic() + WAIT_S
    while True:
        try:
            if httpx.get(f"{address}/status").json()["value"]["ready"]:
                return
        except httpx.TransportError:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.05)
