"""Runs the Lab for half an hour: ``make check-lab-soak``.

A page plays, and every second something is changed: the data, the preset, the mode, the row. Every
half minute the memory of page, server and training process is measured. It must not grow.
"""

from __future__ import annotations

import argparse
import itertools
import os
import re
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

EVERY = 30.0
MOST_GROWTH = 0.15
WARM_UP = 0.2  # the share of the samples that do not count


def main() -> int:
    """Play, print the memory, and test whether it grows."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("seconds", type=float, nargs="?", default=1800.0)
    args = parser.parse_args()
    with subprocess.Popen(
        [sys.executable, "-m", "dropcore", "lab", "--no-browser"], stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        found = re.search(r"http://\S+", server.stdout.readline())
        assert found, "the server printed no address"
        try:
            samples, problems = play(found[0], server.pid, args.seconds)
        finally:
            server.terminate()
    grown = [name for name in samples[0] if grows([each[name] for each in samples])]
    for name in grown:
        problems.append(f"{name} grew")
    for problem in problems:
        print(problem)
    print("memory is flat" if not problems else "not flat")
    return bool(problems)


def play(address: str, server: int, seconds: float) -> tuple[list[dict[str, float]], list[str]]:
    """Play and change something every second; return the samples and the errors."""
    problems: list[str] = []
    samples = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=os.environ.get("CHROMIUM") or shutil.which("chromium"),
            args=["--no-sandbox"] if os.geteuid() == 0 else [],
        )
        page = browser.new_page()
        page.on("pageerror", lambda error: problems.append(f"page: {error}"))
        page.goto(address)
        tools = page.context.new_cdp_session(page)
        tools.send("Performance.enable")
        page.get_by_label("Data set").wait_for()
        begun = time.monotonic()
        next_sample = begun + EVERY
        for change in changes(page):
            change()
            now = time.monotonic()
            if now >= next_sample or now - begun >= seconds:
                next_sample += EVERY
                samples.append(sample(tools, server))
                line = "  ".join(f"{name} {value:.1f}" for name, value in samples[-1].items())
                print(f"{now - begun:6.0f} s  {line}", flush=True)
            if now - begun >= seconds:
                break
            page.wait_for_timeout(1000)
        browser.close()
    return samples, problems


def changes(page: Page) -> Iterator[Any]:
    """Yield an action for each second, for ever."""
    presets = page.get_by_label("Start from a network that is ready")
    values = page.evaluate(
        "e => [...e.options].filter(o => !o.disabled && o.value).map(o => o.value)",
        presets.element_handle(),
    )
    data = page.get_by_label("Data set")
    for preset in itertools.cycle(values):
        yield lambda preset=preset: presets.select_option(preset)
        yield lambda: play_on(page)
        names = ("circles", "moons", "xor")
        if preset not in ("digits", "convolutions", "wide"):
            for name in names:
                yield lambda name=name: data.select_option(name)
        for mode in ("Inference", "Left on", "Training"):
            yield lambda mode=mode: page.get_by_role("radio", name=mode).check(force=True)
        yield lambda: page.get_by_label("Row of the batch").press("ArrowRight")


def play_on(page: Page) -> None:
    """Start playing, if it is paused."""
    button = page.locator("button.play")
    if button.is_disabled():  # all steps are done
        page.get_by_role("button", name="Reset").click()
    if "Play" in (button.get_attribute("aria-label") or button.inner_text()):
        button.click()


def sample(tools: Any, server: int) -> dict[str, float]:
    """Return the memory in MiB, and the counts of objects on the page."""
    tools.send("HeapProfiler.collectGarbage")
    metrics = {m["name"]: m["value"] for m in tools.send("Performance.getMetrics")["metrics"]}
    (worker,) = children(server)
    return {
        "server MiB": resident(server),
        "worker MiB": resident(worker),
        "page heap MiB": metrics["JSHeapUsedSize"] / 2**20,
        "page nodes": metrics["Nodes"],
        "page listeners": metrics["JSEventListeners"],
    }


def children(pid: int) -> list[int]:
    """Return the processes that a process started."""
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text("ascii").split()]


def resident(pid: int) -> float:
    """Return the resident memory of a process."""
    status = Path(f"/proc/{pid}/status").read_text("ascii")
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024


def grows(values: list[float]) -> bool:
    """Whether the last third is clearly above the first, after the warm-up."""
    values = values[int(WARM_UP * len(values)) :]
    third = max(1, len(values) // 3)
    first, last = statistics.median(values[:third]), statistics.median(values[-third:])
    return last > first * (1 + MOST_GROWTH)


if __name__ == "__main__":
    sys.exit(main())
