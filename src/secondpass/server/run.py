"""Runs the application with uvicorn: TLS, a port, and an end at which no accepted request is lost."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from types import FrameType
from typing import Any

import uvicorn
from fastapi import FastAPI

from secondpass.server.app import create_app
from secondpass.server.log import set_up
from secondpass.server.settings import Settings

_LAST_READ = 0.1
"""Seconds in which no silent connection may say anything, before those that have sent nothing are closed."""


class Draining(uvicorn.Server):
    """Takes requests for a moment longer after the signal, while /ready says no and answers close their connection.

    So a balancer and clients with open connections have turned elsewhere before any connection is closed on them.
    """

    def __init__(self, config: uvicorn.Config, app: FastAPI, delay: float) -> None:
        super().__init__(config)
        self._app = app
        self._delay = delay
        self._taken: list[asyncio.Task[Any]] = []
        app.state.stop = self.stop

    def stop(self) -> None:
        """End once everything is answered: take no more connections, and read what came over the last ones first."""
        self._ending = self._loop.create_task(self._end())

    async def _end(self) -> None:
        """Stop listening without a reset, wait until no connection says anything any more, and have uvicorn end.

        The event loop drops a connection that it has accepted and not set up yet when its server closes, and closing
        resets what waits at the socket. So it accepts no more first, and what waits then is accepted here.
        """
        sockets = [one for server in self.servers for one in server.sockets]
        for listening in sockets:
            with suppress(NotImplementedError, RuntimeError):  # loops that cannot be told: Windows', uvloop
                self._loop.remove_reader(listening)
        await asyncio.sleep(_LAST_READ)
        for listening in sockets:
            self._take_waiting(listening)
        for server in self.servers:
            server.close()
        await asyncio.gather(*self._taken, return_exceptions=True)
        silent, before = self._silent(), -1
        while silent != before:
            await asyncio.sleep(_LAST_READ)
            silent, before = self._silent(), silent
        self.should_exit = True

    def _silent(self) -> int:
        """How many connections have sent no request yet."""
        return sum(getattr(one, "cycle", None) is None for one in self.server_state.connections)

    def _take_waiting(self, listening: socket.socket) -> None:
        """Accept the connections that wait at a socket: closing it would reset them."""
        with suppress(OSError), listening.dup() as door:  # raised once nobody waits any more
            while True:
                connection, _ = door.accept()
                connection.setblocking(False)
                made = self._loop.connect_accepted_socket(self._protocol, connection, ssl=self.config.ssl)
                self._taken.append(self._loop.create_task(made))

    def _protocol(self) -> asyncio.Protocol:
        """What uvicorn speaks over a connection."""
        speaks: type[Any] = self.config.http_protocol_class
        made: asyncio.Protocol = speaks(self.config, self.server_state, self.lifespan.state)
        return made

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn does."""
        self._loop = asyncio.get_running_loop()
        await super().serve(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The first signal begins the end; a second one does what uvicorn does."""
        service = self._app.state.service
        if service.draining or not service.ready:
            super().handle_exit(sig, frame)
            return
        service.draining = True
        self._loop.call_soon_threadsafe(self._loop.call_later, self._delay, self.stop)


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT. Raises what loading a model did, and what `create_app` does."""
    set_up(settings.log_level)
    app = create_app(settings)
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        ssl_certfile=settings.tls_cert,
        ssl_keyfile=settings.tls_key,
        timeout_graceful_shutdown=settings.drain_seconds,
    )
    Draining(config, app, settings.drain_delay_ms / 1000).run()
    failure = getattr(app.state, "failure", None)
    if failure is not None:
        raise failure
