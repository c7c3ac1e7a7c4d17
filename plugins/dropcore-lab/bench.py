"""Measures the speed of the Lab's training while frames are sent: ``make bench-lab``.

A client plays over the WebSocket as a page does: it acknowledges every frame. It prints the steps
and frames a second, the time from an acknowledgement to the next frame, and the time that the
server takes to answer a message while it plays.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import time
from typing import Any

import tornado.websocket
from dropcore_lab import reading, wire
from dropcore_lab.presets import PRESETS
from dropcore_lab.server import Server

SECONDS = 8.0


def small(runs: int) -> dict[str, Any]:
    """The network 2-16-16-1 at batch 64, with dropout after both hidden layers."""
    layers = [{"name": f"hidden{n}", "units": 16, "dropout": {"p": 0.5}} for n in (1, 2)]
    return {
        "data": {"name": "moons", "rows": 200, "validation": 200, "noise": 0.2},
        "layers": layers,
        "training": {"batch": 64, "steps": 100_000, "every": 10},
        "runs": [{"name": f"run {n}", "p": 0.5} for n in range(runs)],
    }


def four_by_64() -> dict[str, Any]:
    """Four hidden layers of 64 units."""
    layers = [{"name": f"hidden{n}", "units": 64, "dropout": {"p": 0.5}} for n in range(1, 5)]
    return {**small(1), "layers": layers}


async def measure(spec: dict[str, Any], seconds: float) -> dict[str, float]:
    """Play a specification for some seconds."""
    server = Server(0, reading.read(spec))
    try:
        connection = await tornado.websocket.websocket_connect(f"ws://127.0.0.1:{server.port}/ws")
        connection.protocol.stream.set_nodelay(True)  # as browsers do

        def say(kind: str, **fields: Any) -> None:
            connection.write_message(json.dumps({"type": kind, **fields}))

        say("hello", token=server.token)
        frames: list[tuple[float, int, int]] = []
        asked, answers, sizes = 0.0, [], []
        begun = None
        while begun is None or frames[-1][0] - begun < seconds:
            data = await connection.read_message()
            assert data is not None, "the server closed"
            message = wire.decode(data)[0] if isinstance(data, bytes) else json.loads(data)
            now = time.perf_counter()
            if message["type"] == "spec_error" and asked:  # the answer to the request below
                answers.append(now - asked)
                asked = 0.0
            if message["type"] != "frame":
                continue
            sizes.append(len(data))
            frames.append((now, message["step"], message["frame"]))
            if begun is None:
                begun = now
                say("run", action="play")
            say("ack", frame=message["frame"])
            if not asked:
                asked = now
                say("spec", text="{")  # answered by the server, not by the worker
        played = [frame for frame in frames if frame[1] > 0]
        span = played[-1][0] - played[0][0]
        connection.close()
        return {
            "steps a second": (played[-1][1] - played[0][1]) / span,
            "frames a second": (len(played) - 1) / span,
            "KiB a frame": statistics.mean(sizes) / 1024,
            "answer, median ms": 1000 * statistics.median(answers),
            "answer, worst ms": 1000 * max(answers),
        }
    finally:
        await server.close()


def main() -> None:
    """Measure, and print a line for each network."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=SECONDS, help="for each network")
    args = parser.parse_args()
    wide = next(preset.spec for preset in PRESETS if preset.id == "wide")
    networks = {
        "2-16-16-1, batch 64, one run": small(1),
        "2-16-16-1, batch 64, two runs": small(2),
        "2-64-64-64-64-1, batch 64": four_by_64(),
        "10-256-256-256-1, two runs": {**wide, "training": {"steps": 100_000, "every": 10}},
    }
    for name, spec in networks.items():
        found = asyncio.run(measure(spec, args.seconds))
        print(name)
        for what, value in found.items():
            print(f"  {what:18} {value:8.1f}")


if __name__ == "__main__":
    main()
