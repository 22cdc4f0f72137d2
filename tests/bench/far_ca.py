# SPDX-License-Identifier: Apache-2.0
"""A CA that is some way off: a relay in front of it hands on all bytes that many milliseconds later, each way."""
import asyncio
import collections
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from program import die_with_parent  # noqa: E402
from step_ca import RealCa  # noqa: E402


class FarCa(RealCa):
    """As the CA sees it, connections are made at once: two round trips a renewal are late, not three."""

    def __init__(self, directory, milliseconds):
        super().__init__(directory)
        self.relay = subprocess.Popen([sys.executable, "-B", __file__, str(self.port), str(milliseconds)],
                                      stdout=subprocess.PIPE, preexec_fn=die_with_parent)
        self.port = int(self.relay.stdout.readline())

    def stop(self):
        self.relay.kill()
        self.relay.wait()
        super().stop()


class End(asyncio.Protocol):
    def __init__(self, seconds, other=None):
        self.seconds, self.other, self.late = seconds, other, collections.deque()

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.hand_on(lambda: self.other.transport.write(data))

    def connection_lost(self, _):
        self.hand_on(lambda: self.other.transport.close())

    def hand_on(self, action):
        self.late.append(action)
        asyncio.get_running_loop().call_later(self.seconds, lambda: self.late.popleft()())


class NearEnd(End):
    def __init__(self, port, seconds):
        super().__init__(seconds)
        self.port = port

    def connection_made(self, transport):
        super().connection_made(transport)
        transport.pause_reading()
        self.connecting = asyncio.ensure_future(self.connect())

    async def connect(self):
        connection = asyncio.get_running_loop().create_connection(lambda: End(self.seconds, self), "127.0.0.1", self.port)
        self.other = (await connection)[1]
        self.transport.resume_reading()


async def relay(port, seconds):
    server = await asyncio.get_running_loop().create_server(lambda: NearEnd(port, seconds), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(relay(int(sys.argv[1]), float(sys.argv[2]) / 1000))
