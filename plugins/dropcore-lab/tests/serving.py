"""A server for tests, and a client that can send any bytes, as an attacker can."""

import asyncio
import contextlib
import json

import tornado.httpclient
import tornado.websocket
from dropcore_lab import reading, wire
from dropcore_lab.process import Process
from dropcore_lab.server import Server
from helpers import SMALL


@contextlib.asynccontextmanager
async def serving(spec=SMALL):
    server = Server(0, reading.read(spec))
    server.clients = []  # the clients of the tests
    try:
        yield server
    finally:
        for client in server.clients:
            client.connection.close()
            if not client.ended:
                await client.closed(seconds=5)
        await server.close()


async def get(server, path="/", method="GET", **headers):
    client = tornado.httpclient.AsyncHTTPClient()
    return await client.fetch(
        f"http://127.0.0.1:{server.port}{path}",
        method=method,
        headers={"Host": f"127.0.0.1:{server.port}", **headers},
        raise_error=False,
        allow_nonstandard_methods=True,
    )


class Idle:
    """A substitute for the training process in tests that need no training."""

    def __init__(self, *callbacks):
        pass

    def send(self, message):
        pass

    def stop(self):
        pass


class Client:
    """A WebSocket client that keeps the messages that it receives."""

    def __init__(self, connection):
        self.connection = connection
        self.got = []
        self.ended = False

    @classmethod
    async def connect(cls, server, **headers):
        own = f"127.0.0.1:{server.port}"
        headers = {"Host": own, "Origin": f"http://{own}", **headers}
        request = tornado.httpclient.HTTPRequest(
            f"ws://127.0.0.1:{server.port}/ws",
            headers={name: value for name, value in headers.items() if value is not None},
        )
        client = cls(await tornado.websocket.websocket_connect(request))
        server.clients.append(client)
        return client

    @classmethod
    async def greeted(cls, server, **headers):
        client = await cls.connect(server, **headers)
        client.say("hello", token=server.token)
        await client.comes("frame" if isinstance(server.session._worker, Process) else "spec_ok")
        return client

    def say(self, kind, **fields):
        self.send(json.dumps({"type": kind, **fields}))

    def send(self, data, binary=False):
        self.connection.write_message(data, binary=binary)

    async def read(self):
        """The next message; None when the server closed."""
        data = await self.connection.read_message()
        if data is None:
            self.ended = True
            return None
        message = wire.decode(data)[0] if isinstance(data, bytes) else json.loads(data)
        self.got.append(message)
        if message["type"] == "frame":
            with contextlib.suppress(tornado.websocket.WebSocketClosedError):
                self.say("ack", frame=message["frame"])
        return message

    async def comes(self, kind, condition=lambda message: True, seconds=30):
        async with asyncio.timeout(seconds):
            while True:
                message = await self.read()
                assert message is not None, f"closed: {self.code} {self.connection.close_reason}"
                if message["type"] == kind and condition(message):
                    return message

    async def closed(self, seconds=30):
        """Wait for the server to close, and return the code."""
        async with asyncio.timeout(seconds):
            while not self.ended:
                await self.read()
        return self.code

    @property
    def code(self):
        return self.connection.close_code
