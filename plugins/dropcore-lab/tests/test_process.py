"""The training process: it uses one thread, and the session notices each kind of end."""

import asyncio
import os
import signal
import subprocess
import sys
import threading

import pytest
from dropcore_lab import reading
from dropcore_lab.process import Process
from dropcore_lab.session import Session
from helpers import SMALL, changed, until


class Talk:
    """A session with a real process, and a page that acknowledges."""

    def __init__(self, loop, spec=SMALL):
        self.loop = loop
        self.got = []
        self.processes = []
        self.session = Session(self.start, reading.read(spec))
        self.session.attach(self.receive)
        self.session.handle({"type": "hello"})

    def start(self, on_message, on_end):
        self.processes.append(Process(on_message, on_end, self.loop.call_soon_threadsafe))
        return self.processes[-1]

    def receive(self, message, buffers):
        self.got.append(message)
        if message["type"] == "frame":
            self.session.handle({"type": "ack", "frame": message["frame"]})

    async def comes(self, condition, seconds=60):
        async with asyncio.timeout(seconds):
            while not any(condition(message) for message in self.got):
                await asyncio.sleep(0.01)
        return next(message for message in self.got if condition(message))


def talking(test, spec=SMALL):
    """Run a test with a session; the training process ends with the test."""

    async def run():
        talk = Talk(asyncio.get_running_loop(), spec)
        try:
            await test(talk)
        finally:
            talk.session.close()

    asyncio.run(run())


def frame_at(step):
    return lambda m: m["type"] == "frame" and m["step"] >= step


def died(message):
    return message["type"] == "error" and message["code"] == "worker_died"


def test_it_trains_to_the_end():
    async def test(talk):
        await talk.comes(frame_at(0))
        talk.session.handle({"type": "run", "action": "play"})
        frame = await talk.comes(frame_at(40))
        assert frame["state"]["reason"] == "finished"

    talking(test)


@pytest.mark.skipif(os.name != "posix", reason="groups of processes")
def test_an_interruption_at_the_terminal_does_not_reach_it():
    async def test(talk):  # a terminal sends SIGINT to the whole process group
        assert os.getpgid(talk.processes[0].pid) != os.getpgrp()

    talking(test)


@pytest.mark.skipif(os.name != "posix", reason="signals")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM])
def test_a_process_that_is_killed_can_be_started_again(number):
    async def test(talk):
        await talk.comes(frame_at(0))
        talk.session.handle({"type": "run", "action": "play"})
        await talk.comes(frame_at(3))
        os.kill(talk.processes[0].pid, number)
        await talk.comes(died)
        talk.session.handle({"type": "run", "id": 8, "action": "play"})
        assert talk.got[-1]["re"] == 8
        edited = changed(training={"steps": 4000, "lr": 0.02})
        talk.session.handle({"type": "spec", "spec": edited})
        talk.got.clear()
        talk.session.handle({"type": "restart"})
        frame = await talk.comes(frame_at(0))
        assert (frame["step"], frame["steps"]) == (0, 4000)
        talk.session.handle({"type": "run", "action": "play"})
        await talk.comes(frame_at(5))

    talking(test, changed(training={"steps": 5000, "every": 50}))


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_a_process_that_reads_nothing_holds_nobody_up():
    async def test(talk):
        await talk.comes(frame_at(0))
        os.kill(talk.processes[0].pid, signal.SIGSTOP)
        large = "a,b,k\n" + "1.25,2.5,x\n3.5,4.25,y\n" * 5000
        for seed in range(20):  # more than a pipe holds
            data = {"name": "csv", "text": large, "seed": seed}
            await _soon(talk.session.handle, {"type": "spec", "spec": {"data": data}})
        talk.got.clear()
        await _soon(talk.session.handle, {"type": "restart"})
        await talk.comes(frame_at(0))

    talking(test)


async def _soon(call, message):
    """Call in a new thread, with a time limit."""
    thread = threading.Thread(target=call, args=(message,), daemon=True)
    thread.start()
    async with asyncio.timeout(30):
        while thread.is_alive():
            await asyncio.sleep(0.01)


def test_a_restart_ends_what_is_computed():
    async def test(talk):
        await talk.comes(frame_at(0))
        talk.session.handle({"type": "card", "card": "small-data", "seeds": 20})
        await talk.comes(lambda m: m.get("kind") == "card")
        first = talk.processes[0]
        talk.got.clear()
        talk.session.handle({"type": "restart"})
        await talk.comes(frame_at(0))
        assert first._process.poll() is not None
        assert not any(died(message) for message in talk.got)

    talking(test)


def test_it_ends_with_whoever_started_it():
    code = (
        "import sys, time; from dropcore_lab.process import Process\n"
        "p = Process(lambda *a: None, lambda *a: None, lambda f: f())\n"
        "print(p.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True
    ) as parent:
        pid = int(parent.stdout.readline())
        assert _lives(pid)
        parent.kill()
    until(lambda: not _lives(pid))


def _lives(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().split()[2] != "Z"
    except FileNotFoundError:
        return False


def test_it_ends_while_it_computes():
    async def test(talk):
        await talk.comes(frame_at(0))
        talk.session.handle({"type": "card", "card": "small-data", "seeds": 20})
        await talk.comes(lambda m: m.get("kind") == "card")
        process = talk.processes[0]._process
        process.stdin.close()
        until(lambda: process.poll() is not None, 10)

    talking(test)


def test_what_is_printed_does_not_break_the_messages():
    code = (
        "import sys; from dropcore_lab import worker\n"
        "out = worker._only_for_messages(); print('noise'); sys.stdout.flush()\n"
        "out.write(b'message'); out.flush()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert done.stdout == b"message"
    assert b"noise" in done.stderr


def test_linear_algebra_has_one_thread():
    code = "import threadpoolctl, numpy; print(threadpoolctl.threadpool_info())"
    from dropcore_lab.process import ONE_THREAD

    pytest.importorskip("threadpoolctl")
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        check=True,
        text=True,
        env={**os.environ, **ONE_THREAD},
    )
    assert "'num_threads': 1" in done.stdout
    assert "'num_threads': 2" not in done.stdout


def test_a_process_that_cannot_start_is_noticed(monkeypatch):
    async def test(talk):
        await talk.comes(died)

    monkeypatch.setenv("PYTHONPATH", "/nowhere")
    monkeypatch.setattr(sys, "executable", _fails())
    talking(test)


def _fails():
    import shutil

    return shutil.which("false")
