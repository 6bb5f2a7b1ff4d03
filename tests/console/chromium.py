"""A real Chromium, spoken to by its debugging protocol: pages, keys, scripts, pictures."""

from __future__ import annotations

import base64
import itertools
import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

from tests.servers import PATIENCE_S

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
_KEYS = {"Tab": 9, "Enter": 13, " ": 32}


class Window:
    """One window of a browser."""

    def __init__(self, socket: ClientConnection, session: str) -> None:
        self._socket = socket
        self._session = session
        self._numbers = itertools.count(1)
        self.errors: list[str] = []
        """What the page's scripts and its policy complained of."""
        for domain in ("Page", "Runtime", "Log"):
            self.command(f"{domain}.enable")

    def command(self, method: str, **params: Any) -> dict[str, Any]:
        """Ask the browser for something."""
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": params, "sessionId": self._session}))
        while True:
            found = json.loads(self._socket.recv(timeout=PATIENCE_S))
            self._note(found)
            if found.get("id") == number:
                assert "error" not in found, found
                result: dict[str, Any] = found["result"]
                return result

    def _note(self, found: dict[str, Any]) -> None:
        entry = found.get("params", {}).get("entry", {})
        if found.get("method") == "Runtime.exceptionThrown":
            self.errors.append(str(found["params"]))
        elif found.get("method") == "Log.entryAdded" and entry.get("level") == "error":
            self.errors.append(f"{entry.get('text')} {entry.get('url', '')}")

    def run(self, script: str) -> Any:
        """The value of an expression in the page."""
        found = self.command("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def until(self, script: str) -> Any:
        """Wait until an expression is true; its value."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                found = self.run(script)
            except AssertionError:  # between two pages there is nothing to ask
                found = None
            if found:
                return found
            assert time.monotonic() < deadline, f"{script} never came true; the page says: {self.words[:2000]}"
            time.sleep(0.05)

    def open(self, url: str) -> None:
        """Go to a page."""
        self.command("Page.navigate", url=url)
        self.settled()

    def settled(self) -> None:
        """Wait until a page is there."""
        self.until("document.readyState === 'complete' && location.href !== 'about:blank'")

    @property
    def words(self) -> str:
        """What a reader sees."""
        return " ".join(str(self.run("document.body ? document.body.innerText : ''")).split())

    def sees(self, text: str) -> None:
        """Wait until a reader sees a text."""
        self.until(f"document.body.innerText.replace(/\\s+/g, ' ').includes({json.dumps(text)})")

    def press(self, key: str) -> None:
        """Press and release a key."""
        text = {"Enter": "\r", " ": " "}.get(key)
        common = {"key": key, "code": key, "windowsVirtualKeyCode": _KEYS[key]}
        self.command("Input.dispatchKeyEvent", type="keyDown", **common, **({"text": text} if text else {}))
        self.command("Input.dispatchKeyEvent", type="keyUp", **common)

    def type(self, text: str) -> None:
        """Type a text where the focus is."""
        self.command("Input.insertText", text=text)

    def tab_to(self, name: str) -> None:
        """Press Tab until what has the focus is called so."""
        called = "(document.activeElement.innerText || document.activeElement.labels?.[0]?.innerText || '').trim()"
        for _ in range(80):
            self.press("Tab")
            if str(self.run(called)).startswith(name):
                outline = self.run("getComputedStyle(document.activeElement).outlineStyle")
                assert outline != "none", f"{name} shows no focus"
                return
        raise AssertionError(f"no Tab leads to {name}; the page says: {self.words[:500]}")

    def picture(self, path: Path, width: int = 1000, height: int = 900) -> None:
        """Keep what the window shows as a PNG."""
        self.command(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
        )
        path.write_bytes(base64.b64decode(self.command("Page.captureScreenshot", format="png")["data"]))


@contextmanager
def window(folder: Path) -> Iterator[Window]:
    """A window of a browser of its own, until the block is left."""
    assert CHROMIUM is not None
    command = [
        *(CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"),
        *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions"),
        *("--remote-debugging-port=0", f"--user-data-dir={folder}", "about:blank"),
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            with connect(_endpoint(folder), max_size=None, compression=None) as socket:
                socket.send(json.dumps({"id": 0, "method": "Target.createTarget", "params": {"url": "about:blank"}}))
                target = _answer(socket)["targetId"]
                attach = {"targetId": target, "flatten": True}
                socket.send(json.dumps({"id": 0, "method": "Target.attachToTarget", "params": attach}))
                yield Window(socket, _answer(socket)["sessionId"])
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


def _answer(socket: ClientConnection) -> dict[str, Any]:
    while True:
        found = json.loads(socket.recv(timeout=PATIENCE_S))
        if found.get("id") == 0:
            result: dict[str, Any] = found["result"]
            return result


def _endpoint(folder: Path) -> str:
    """Where the browser that works on a folder listens."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            port, path = (folder / "DevToolsActivePort").read_text().split()
        except (FileNotFoundError, ValueError):
            assert time.monotonic() < deadline, "the browser did not start"
            time.sleep(0.05)
        else:
            return f"ws://127.0.0.1:{port}{path}"
