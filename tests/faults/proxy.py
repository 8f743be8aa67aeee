"""A loopback proxy before the emulator that throttles, breaks or stalls what it is told to.

HTTP/1.1 (boto3, and the JVM's DynamoDB) is read request by request, so that a refusal is
AWS's own: 503 SlowDown for S3, 400 ThrottlingException for the rest. HTTP/2 (the JVM's
Kinesis) is passed on as bytes; its fault is a connection that breaks.

Kinesis may be another process than the rest: then this is the one endpoint of both.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from dataclasses import dataclass, field
from random import Random

HTTP2 = b"PRI * HTTP/2"
HEAD_END = b"\r\n\r\n"
HEAD_LIMIT = 1 << 20
SERVICES = ("s3", "dynamodb", "kinesis")


@dataclass
class Proxy:
    """Listens on a free port once started; ``url`` says where.

    ``share`` maps a service to the share of its requests that fail; ``stalled`` holds
    everything back while it is set. ``refused`` counts what failed. ``kinesis`` is the
    port of Kinesis where it isn't ``port``.
    """

    host: str
    port: int
    draw: Random
    kinesis: int = 0
    share: dict[str, float] = field(default_factory=dict)
    stalled: bool = False
    refused: int = 0

    def __enter__(self) -> Proxy:
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.own_port}"

    def heal(self) -> None:
        """No fault any more."""
        self.share, self.stalled = {}, False

    def break_connections(self) -> None:
        """Break every connection that is open."""
        self._loop.call_soon_threadsafe(self._break)

    def _break(self) -> None:
        for writer in list(self._open):
            writer.transport.abort()

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self._open: set[asyncio.StreamWriter] = set()
        server = await asyncio.start_server(self._meet, self.host, 0, limit=HEAD_LIMIT)
        self.own_port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()
        self._break()

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            await self._talk(reader, writer)
        except (OSError, EOFError, asyncio.LimitOverrunError, asyncio.CancelledError):
            pass  # either side, or this proxy, has gone: so does this connection
        finally:
            self._open.discard(writer)
            writer.transport.abort()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readexactly(len(HTTP2))
        service = "kinesis"
        if head != HTTP2:
            head += await reader.readuntil(HEAD_END)
            service = _service(_names(head))
        there, back = await asyncio.open_connection(self.host, self._leads_to(service))
        answers = asyncio.ensure_future(self._pass_on(there, writer))
        try:
            if head == HTTP2:
                back.write(head)
                await self._pass_on(reader, back)
            else:
                await self._requests(head, reader, writer, back)
        finally:
            answers.cancel()
            back.transport.abort()

    def _leads_to(self, service: str) -> int:
        return self.kinesis or self.port if service == "kinesis" else self.port

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while body := await reader.read(65_536):
                await self._while_stalled()
                writer.write(body)
                await writer.drain()
        writer.close()

    async def _requests(
        self,
        head: bytes,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        back: asyncio.StreamWriter,
    ) -> None:
        leads_to = self._leads_to(_service(_names(head)))
        while True:
            names = _names(head)
            await self._while_stalled()
            service = _service(names)
            if self._leads_to(service) != leads_to:
                return  # a connection leads to one place: the client opens another
            if self.draw.random() < self.share.get(service, 0):
                self.refused += 1
                writer.write(_refusal(service))
                await writer.drain()
                return
            back.write(head)
            if "chunked" in names.get("transfer-encoding", ""):
                return await self._pass_on(reader, back)
            await self._body(int(names.get("content-length", "0")), reader, back)
            head = await reader.readuntil(HEAD_END)

    async def _body(
        self, left: int, reader: asyncio.StreamReader, back: asyncio.StreamWriter
    ) -> None:
        while left:
            body = await reader.read(min(left, 65_536))
            if not body:
                raise EOFError
            left -= len(body)
            back.write(body)
            await back.drain()

    async def _while_stalled(self) -> None:
        while self.stalled:
            await asyncio.sleep(0.05)


def _names(head: bytes) -> dict[str, str]:
    lines = head.decode("latin-1").split("\r\n")[1:]
    pairs = (line.partition(":") for line in lines if ":" in line)
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def _service(names: dict[str, str]) -> str:
    target = names.get("x-amz-target", "")
    if target.startswith("DynamoDB"):
        return "dynamodb"
    return "kinesis" if target.startswith("Kinesis") else "s3"


def _refusal(service: str) -> bytes:
    """AWS's own way to say: slower."""
    if service == "s3":
        status, kind = "503 Slow Down", "application/xml"
        body = b"<Error><Code>SlowDown</Code><Message>Reduce your request rate.</Message></Error>"
    else:
        status, kind = "400 Bad Request", "application/x-amz-json-1.0"
        name = "ThrottlingException" if service == "dynamodb" else "LimitExceededException"
        body = json.dumps({"__type": name, "message": "Rate exceeded"}).encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"Connection: close\r\n\r\n" + body
