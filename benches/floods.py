#!/usr/bin/env python3
"""Floods a server from two real addresses, and from 120,000, while others create and read; says how long these others waited.

    sudo benches/floods.py target/release/ots           # 30 seconds
    sudo benches/floods.py target/release/ots 120       # two minutes

Each side has a network namespace of its own, so no packet leaves this machine, and the server counts addresses as it does on a public
host: loopback isn't counted. One address asks for what isn't there on many connections, naming another address in `Forwarded` each time;
the other opens connections, one for each secret that it stores, and keeps as many idle ones open as it is given. Then the crowd comes:
each address asks once on a connection of its own. Needs root, iproute2 and Python 3.9; it removes what it set up.
"""

import asyncio
import collections
import json
import os
import subprocess
import sys
import tempfile
import time

SERVER, PORT = "ots-floods-server", 8000
SIDES = {"misser": 1, "opener": 2, "honest": 3, "crowd": 4}
HONEST = 100  # addresses, each with its own 60 creates a minute
CROWD = 120_000  # addresses, all of them the crowd's own
CROWD_NET = "10.84.0.0/15"
MISSING = "/api/v1/secrets/" + "a" * 32


def run(*command):
    subprocess.run(command, check=True)


def namespace(side):
    return f"ots-floods-{side}"


def set_up():
    run("ip", "netns", "add", SERVER)
    run("ip", "-n", SERVER, "link", "set", "lo", "up")
    for side, number in SIDES.items():
        run("ip", "netns", "add", namespace(side))
        run("ip", "link", "add", f"otsf{number}s", "netns", SERVER, "type", "veth", "peer", f"otsf{number}c", "netns", namespace(side))
        run("ip", "-n", SERVER, "addr", "add", f"10.83.{number}.1/24", "dev", f"otsf{number}s")
        for host in range(10, 10 + (HONEST if side == "honest" else 1)):
            run("ip", "-n", namespace(side), "addr", "add", f"10.83.{number}.{host}/24", "dev", f"otsf{number}c")
        run("ip", "-n", SERVER, "link", "set", f"otsf{number}s", "up")
        run("ip", "-n", namespace(side), "link", "set", f"otsf{number}c", "up")
    run("ip", "-n", namespace("crowd"), "link", "set", "lo", "up")
    run("ip", "-n", namespace("crowd"), "route", "add", "local", CROWD_NET, "dev", "lo")
    run("ip", "-n", SERVER, "route", "add", CROWD_NET, "via", "10.83.4.10")


def tear_down():
    for name in [SERVER, *map(namespace, SIDES)]:
        subprocess.run(["ip", "netns", "del", name], stderr=subprocess.DEVNULL)


class Connection:
    """As much of HTTP/1.1 as this needs."""

    def __init__(self, side, host=10, source=None):
        self.number, self.streams = SIDES[side], None
        self.source = source or f"10.83.{self.number}.{host}"

    async def open(self):
        if self.streams is None:
            self.streams = await asyncio.open_connection(f"10.83.{self.number}.1", PORT, local_addr=(self.source, 0))
        return self.streams

    async def ask(self, method, path, body=None, forged=None):
        reader, writer = await self.open()
        sent = b"" if body is None else json.dumps(body).encode()
        head = f"{method} {path} HTTP/1.1\r\nhost: ots\r\ncontent-type: application/json\r\ncontent-length: {len(sent)}\r\n"
        if forged is not None:
            head += f"forwarded: for={forged}\r\nx-forwarded-for: {forged}\r\n"
        head += "\r\n"
        writer.write(head.encode() + sent)
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = next(int(line[15:]) for line in head.split("\r\n") if line.startswith("content-length:"))
        answer = await reader.readexactly(length)
        if "\r\nconnection: close" in head:
            self.close()
        return int(head.split(" ", 2)[1]), answer

    def close(self):
        if self.streams is not None:
            self.streams[1].close()
            self.streams = None


async def flood(side, until, count):
    """What a hostile address does, and what it is told."""
    told = collections.Counter()

    async def miss():
        connection = Connection(side)
        while time.monotonic() < until:
            try:
                told["asked"] += 1
                status, _ = await connection.ask("GET", MISSING, forged=f"198.18.{told['asked'] >> 8 & 255}.{told['asked'] & 255}")
                told[str(status)] += 1
            except (OSError, asyncio.IncompleteReadError):
                told["closed"] += 1
                connection.close()
                await asyncio.sleep(0.01)

    async def open_and_store():
        while time.monotonic() < until:
            connection = Connection(side)
            try:
                status, _ = await connection.ask("POST", "/api/v1/secrets", {"content": "flood"})
                told[str(status)] += 1
            except (OSError, asyncio.IncompleteReadError):
                told["closed"] += 1
                await asyncio.sleep(0.01)
            connection.close()

    async def idle():
        while time.monotonic() < until:
            connection = Connection(side)
            try:
                reader, _ = await connection.open()
                await asyncio.wait_for(reader.read(1), max(0.1, until - time.monotonic()))
                told["idle closed"] += 1
            except (OSError, asyncio.TimeoutError):
                pass
            connection.close()
            await asyncio.sleep(0.05)

    if side == "misser":
        await asyncio.gather(*(miss() for _ in range(count)))
    else:
        await asyncio.gather(*(open_and_store() for _ in range(count)), *(idle() for _ in range(500)))
    return dict(told)


async def crowd():
    """Each address asks once, many at a time."""
    told, hosts = collections.Counter(), iter(range(CROWD))

    async def come():
        for host in hosts:
            connection = Connection("crowd", source=f"10.{84 + (host >> 16)}.{host >> 8 & 255}.{host & 255}")
            try:
                status, _ = await connection.ask("GET", MISSING)
                told[str(status)] += 1
            except (OSError, asyncio.IncompleteReadError):
                told["closed"] += 1
            connection.close()

    await asyncio.gather(*(come() for _ in range(32)))
    return dict(told)


async def honest(until):
    """Creates and reads, each on a connection of its own, one after the other."""
    took, failed, turn = {"create": [], "read": []}, collections.Counter(), 0
    while time.monotonic() < until:
        connection = Connection("honest", 10 + turn % HONEST)
        turn += 1
        try:
            begun = time.monotonic()
            status, answer = await connection.ask("POST", "/api/v1/secrets", {"content": "honest"})
            created = time.monotonic()
            if status == 201:
                took["create"].append(created - begun)
                token = json.loads(answer)["token"]
                begun = time.monotonic()
                status, answer = await connection.ask("GET", f"/api/v1/secrets/{token}")
                took["read"].append(time.monotonic() - begun)
            if status != 200:
                failed[str(status)] += 1
        except (OSError, asyncio.IncompleteReadError):
            failed["closed"] += 1
        connection.close()
        await asyncio.sleep(0.02)
    said = {"failed": dict(failed)}
    for name, times in took.items():
        times.sort()
        of = lambda share: round(1000 * times[min(len(times) - 1, int(len(times) * share))], 1)
        said[name] = {"count": len(times), "p50 ms": of(0.5), "p99 ms": of(0.99), "max ms": of(1)} if times else {"count": 0}
    return said


def inside(side, seconds):
    """What runs in a side's namespace."""
    until = time.monotonic() + seconds
    if side == "crowd":
        told = asyncio.run(crowd())
    elif side == "honest":
        told = asyncio.run(honest(until))
    else:
        told = asyncio.run(flood(side, until, 64 if side == "misser" else 16))
    print(json.dumps({side: told}))


def memory(process):
    with open(f"/proc/{process.pid}/status") as status:
        return next(line.split()[1] for line in status if line.startswith("VmRSS"))


def measure(seconds, sides):
    started = [
        subprocess.Popen(["ip", "netns", "exec", namespace(side), sys.executable, os.path.abspath(__file__), "--inside", side, str(seconds)])
        for side in sides
    ]
    if any(process.wait() for process in started):
        sys.exit("a client failed")


def main():
    if sys.argv[1:2] == ["--inside"]:
        return inside(sys.argv[2], float(sys.argv[3]))
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    ots, seconds = os.path.abspath(sys.argv[1]), float(sys.argv[2]) if len(sys.argv) > 2 else 30.0
    server = None
    try:
        set_up()
        with tempfile.TemporaryDirectory() as data:
            command = ["ip", "netns", "exec", SERVER, ots, "serve", "--listen", f"0.0.0.0:{PORT}", "--data-dir", data]
            with open(os.path.join(data, "log"), "w") as log:
                server = subprocess.Popen(command, env={**os.environ, "SECRET_KEY": "only for this measurement"}, stderr=log)
            time.sleep(2)
            print("RSS", memory(server), "KiB; nobody else:", flush=True)
            measure(seconds / 3, ["honest"])
            print("RSS", memory(server), "KiB; under flood:", flush=True)
            measure(seconds, ["misser", "opener", "honest"])
            for times in (1, 2):
                print("RSS", memory(server), f"KiB; {CROWD} addresses, round {times}:", flush=True)
                measure(seconds, ["crowd", "honest"])
            print("RSS", memory(server), "KiB", flush=True)
            server.terminate()
            server.wait()
    finally:
        if server is not None and server.poll() is None:
            server.kill()
        tear_down()


main()
