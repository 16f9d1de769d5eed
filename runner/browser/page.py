"""One page in the browser: opened, asked, looked at, printed; moments of the page's own making are kept."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from runner.browser.devtools import BrowserError, Connection, Message

_KEYS = {"Tab": 9, "Enter": 13, " ": 32}
_BAD = {"error", "warning", "assert"}


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle of a page, in its own pixels from its upper left corner."""

    x: float
    y: float
    width: float
    height: float


class Page:
    """A tab; closed when its context is left. Every method raises ``BrowserError``.

    Args:
        connection: to the browser.
        session: names the tab in calls.
        target: names it to the browser.
    """

    def __init__(self, connection: Connection, session: str, target: str) -> None:
        self._connection, self._session, self._target = connection, session, target
        self._problems: list[str] = []
        self._requests: list[str] = []
        for domain in ("Page", "Runtime", "Log", "Network"):
            self._call(f"{domain}.enable")
        self._call("Page.setLifecycleEventsEnabled", {"enabled": True})
        self._call("Emulation.setFocusEmulationEnabled", {"enabled": True})  # as if its window were the foremost

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.call("Target.closeTarget", {"targetId": self._target})

    def open(self, file: Path) -> None:
        """Open a file and wait until it has been loaded."""
        self._sift()
        self._problems, self._requests = [], []
        answer = self._call("Page.navigate", {"url": file.resolve().as_uri()})
        if error := answer.get("errorText"):
            raise BrowserError(f"the browser cannot open {file}: {error}")
        loader = answer.get("loaderId")
        self._connection.wait(lambda event: _loaded(event, self._session, str(loader)), f"loading {file.name}")

    def evaluate(self, expression: str) -> Any:  # noqa: ANN401 - what a script returns
        """What a JavaScript expression comes to; a promise is waited for."""
        parameters = {"expression": expression, "returnByValue": True, "awaitPromise": True}
        answer = self._call("Runtime.evaluate", parameters)
        if details := answer.get("exceptionDetails"):
            raise BrowserError(f"the script failed: {_thrown(details)}")
        return answer["result"].get("value")

    def emulate(
        self, *, width: int, height: int, scale: float = 1.0, mobile: bool = False, dark: bool = False, medium: str = ""
    ) -> None:
        """Pretend to be a screen of that size, of a person who likes it dark or not; or paper (``print``)."""
        size = {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": mobile}
        self._call("Emulation.setDeviceMetricsOverride", size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        still = {"name": "prefers-reduced-motion", "value": "reduce"}
        self._call("Emulation.setEmulatedMedia", {"media": medium, "features": [scheme, still]})

    def press(self, key: str, *, shift: bool = False) -> None:
        """Press and let go of a key: ``Tab``, ``Enter`` or a space."""
        event: dict[str, object] = {"key": key, "windowsVirtualKeyCode": _KEYS[key], "modifiers": 8 if shift else 0}
        event["code"] = "Space" if key == " " else key
        typed = {"Enter": "\r", " ": " "}.get(key)
        down = {"type": "keyDown", "text": typed} if typed else {"type": "rawKeyDown"}
        self._call("Input.dispatchKeyEvent", event | down)
        self._call("Input.dispatchKeyEvent", event | {"type": "keyUp"})

    def box(self, selector: str) -> Box:
        """Where the first such element is."""
        script = (
            f"(() => {{ const r = document.querySelector({selector!r}).getBoundingClientRect();"
            " return [r.x + scrollX, r.y + scrollY, r.width, r.height]; })()"
        )
        return Box(*self.evaluate(script))

    def picture(self, box: Box) -> bytes:
        """A PNG of a part of the page."""
        clip = {"x": box.x, "y": box.y, "width": box.width, "height": box.height, "scale": 1}
        answer = self._call("Page.captureScreenshot", {"format": "png", "clip": clip, "captureBeyondViewport": True})
        return base64.b64decode(answer["data"])

    def pdf(self, *, width: float = 8.27, height: float = 11.69, margin: float = 0.4) -> bytes:
        """The page as it is printed, on A4 unless said otherwise; all in inches."""
        paper: dict[str, object] = {"paperWidth": width, "paperHeight": height, "printBackground": True}
        paper |= {f"margin{side}": margin for side in ("Top", "Bottom", "Left", "Right")}
        return base64.b64decode(self._call("Page.printToPDF", paper)["data"])

    def accessible(self) -> Sequence[Message]:
        """The nodes that a screen reader is told of."""
        nodes = self._call("Accessibility.getFullAXTree")["nodes"]
        return [node for node in nodes if not node.get("ignored")]

    @property
    def problems(self) -> list[str]:
        """Errors and warnings of the console, and exceptions, since the page was opened."""
        self._sift()
        return list(self._problems)

    @property
    def requests(self) -> list[str]:
        """Addresses that were asked for since then, without what stands in the page itself (``data:``)."""
        self._sift()
        return list(self._requests)

    def _call(self, method: str, parameters: Mapping[str, object] | None = None) -> Message:
        return self._connection.call(method, parameters, session=self._session)

    def _sift(self) -> None:
        for event in self._connection.take(self._session):
            told = event["params"]
            match event["method"]:
                case "Runtime.exceptionThrown":
                    self._problems.append(_thrown(told["exceptionDetails"]))
                case "Runtime.consoleAPICalled" if told["type"] in _BAD:
                    said = " ".join(str(one.get("value", one.get("description", ""))) for one in told["args"])
                    self._problems.append(f"{told['type']}: {said}")
                case "Log.entryAdded" if told["entry"]["level"] in _BAD:
                    self._problems.append(f"{told['entry']['level']}: {told['entry']['text']}")
                case "Network.requestWillBeSent" if not told["request"]["url"].startswith("data:"):
                    self._requests.append(told["request"]["url"])


def _loaded(event: Message, session: str, loader: str) -> bool:
    if event.get("method") != "Page.lifecycleEvent" or event.get("sessionId") != session:
        return False
    return bool(event["params"]["name"] == "load" and event["params"]["loaderId"] == loader)


def _thrown(details: Message) -> str:
    return str(details.get("exception", {}).get("description") or details.get("text", "exception"))
