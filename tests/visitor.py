"""A visitor without a browser: speaks Streamlit's protocol over a websocket, so that fifty of them fit on one machine."""

from __future__ import annotations

import time
import urllib.request
from dataclasses import dataclass, field
from types import TracebackType
from urllib.parse import urlencode, urljoin, urlsplit

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.Element_pb2 import Element
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import connect
from websockets.typing import Origin, Subprotocol


@dataclass
class Seen:
    """What a run of a page's script drew. pictures: alternative text → address; buttons: label → id; said: texts of messages."""

    pictures: dict[str, str] = field(default_factory=dict)
    buttons: dict[str, str] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def take(self, element: Element) -> None:
        kind = element.WhichOneof("type")
        if kind == "imgs":
            self.pictures |= {image.alt: image.url for image in element.imgs.imgs}
        elif kind == "button":
            self.buttons[element.button.label] = element.button.id
        elif kind == "alert":
            self.said.append(element.alert.body)
        elif kind == "markdown":
            self.said.append(element.markdown.body)
        elif kind == "progress":
            self.said.append(element.progress.text)


class Visitor:
    """One session of the workbench. url: the server's, without a base path."""

    def __init__(self, url: str, patience: float = 300) -> None:
        self._url, self._patience = url, patience
        self._page, self._query = "", ""
        stream = f"ws://{urlsplit(url).netloc}/_stcore/stream"
        self._socket = connect(
            stream,
            origin=Origin(url),
            subprotocols=[Subprotocol("streamlit")],
            max_size=None,
            max_queue=None,
            ping_interval=None,
            open_timeout=patience,
        )

    def __enter__(self) -> Visitor:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._socket.close()

    def open(self, page: str, **query: str) -> Seen:
        """Follow a link to a page and wait until it is drawn."""
        self._page, self._query = page, urlencode(query)
        return self._run(BackMsg())

    def press(self, button: str) -> Seen:
        """Press the button of that id on the page that is open."""
        message = BackMsg()
        state = message.rerun_script.widget_states.widgets.add()
        state.id, state.trigger_value = button, True
        return self._run(message)

    def picture(self, address: str) -> bytes:
        with urllib.request.urlopen(urljoin(self._url, address), timeout=self._patience) as answer:
            return bytes(answer.read())

    def _run(self, message: BackMsg) -> Seen:
        """Send it, and collect what is drawn until a script ends that was not cut short for another run."""
        message.rerun_script.query_string, message.rerun_script.page_name = self._query, self._page
        begun, seen = time.monotonic(), Seen()
        self._socket.send(message.SerializeToString())
        while True:
            got = ForwardMsg()
            content = self._socket.recv(timeout=self._patience, decode=False)
            assert isinstance(content, bytes)
            got.ParseFromString(content)
            kind = got.WhichOneof("type")
            if kind == "new_session":  # a page that asks to be drawn again begins anew
                seen = Seen()
            elif kind == "delta" and got.delta.WhichOneof("type") == "new_element":
                seen.take(got.delta.new_element)
            elif kind == "script_finished" and got.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY:
                seen.seconds = time.monotonic() - begun
                return seen
