"""The server: files, frames over the WebSocket, tabs, and failures that it survives."""

import asyncio
import json
import os
import signal
import subprocess
import sys

import pytest
from dropcore_lab import limits, reading
from dropcore_lab.server import FILES
from helpers import SMALL, changed
from serving import Client, get, serving


def serve(test, spec=SMALL):
    async def run():
        async with serving(spec) as server:
            await test(server)

    asyncio.run(run())


# -------------------------------------------------------------------------- files


def test_the_page_is_served():
    async def test(server):
        for path, (_, kind) in FILES.items():
            answer = await get(server, path)
            assert answer.code == 200
            assert answer.headers["Content-Type"] == kind
            assert answer.body

    serve(test)


@pytest.mark.parametrize(
    "path",
    [
        "/server.py",
        "/../server.py",
        "/%2e%2e/server.py",
        "/static/lab.js",
        "/lab.js/",
        "//lab.js",
        "/etc/passwd",
        "/lab.js%00.html",
    ],
)
def test_nothing_else_is_served(path):
    async def test(server):
        assert (await get(server, path)).code == 404

    serve(test)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_nothing_can_be_written(method):
    async def test(server):
        assert (await get(server, "/", method)).code == 405

    serve(test)


def test_what_the_page_asks_for_is_its_own():
    import re
    from importlib.resources import files

    page = (files("dropcore_lab") / "static" / "index.html").read_text("utf-8")
    asked = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert asked
    for name in asked:
        assert name.startswith("data:") or f"/{name.removeprefix('/').removeprefix('./')}" in FILES
    assert not re.search(r"<script(?![^>]*src=)[^>]*>|<style|style=|\son\w+=", page)


# ---------------------------------------------------------------------- WebSocket


def test_a_network_is_trained_over_the_websocket():
    async def test(server):
        client = await Client.greeted(server)
        client.say("run", action="play")
        frame = await client.comes("frame", lambda m: m["step"] == 40)
        assert frame["state"]["reason"] == "finished"
        assert [m["type"] for m in client.got[:2]] == ["ready", "spec_ok"]

    serve(test)


def test_a_page_that_comes_again_goes_on():
    async def test(server):
        client = await Client.greeted(server)
        client.say("run", action="play")
        await client.comes("frame", lambda m: m["step"] > 5)
        client.connection.close()
        again = await Client.greeted(server)
        frame = next(m for m in again.got if m["type"] == "frame")
        assert frame["step"] > 5
        assert frame["curves"]["from"] == 0
        assert not frame["state"]["playing"]

    serve(test, changed(training={"steps": 3000, "every": 10}))


def test_a_second_tab_is_served_and_the_first_is_told(caplog):
    async def test(server):
        first = await Client.greeted(server)
        second = await Client.greeted(server)
        assert await first.closed() == 4001
        assert "another tab" in first.connection.close_reason
        second.say("run", action="step")
        await second.comes("frame", lambda m: m["step"] == 1)
        third = await Client.connect(server)  # a client without a greeting takes no place
        second.say("run", action="step")
        await second.comes("frame", lambda m: m["step"] == 2)
        third.connection.close()

    serve(test)
    assert [r.getMessage() for r in caplog.records] == ["another tab took over"]


@pytest.mark.parametrize(
    "data",
    [
        *("", "{", "null", "[]", '"hello"', '{"type": 7}', "[" * 5000, '{"type": "run"}', "\x00"),
        '{"type": "masks", "run": 0, "step": ' + "9" * 400 + "}",  # too large for a float
        '{"type": "run", "action": "play", "speed": NaN}',
        '{"type": "run", "action": "play", "speed": [1e999]}',
    ],
)
def test_the_server_survives_a_malformed_message(data, caplog):
    async def test(server):
        client = await Client.greeted(server)
        client.send(data)
        error = await client.comes("error")
        assert error["code"] == "malformed"
        client.say("run", action="step")
        await client.comes("frame", lambda m: m["step"] == 1)

    serve(test)
    assert len([r for r in caplog.records if r.name == "dropcore_lab"]) == 1


def test_the_server_survives_binary_messages():
    async def test(server):
        client = await Client.greeted(server)
        for data in (b"", b"\xff\xfe", b"{}"):
            client.send(data, binary=True)
            assert (await client.comes("error"))["code"] == "malformed"

    serve(test)


@pytest.mark.parametrize("text", ['{"training": {"seed": %s}}' % ("9" * 400), '{"x": 1e999}'])
def test_a_specification_with_numbers_beyond_a_float_is_refused_in_words(text):
    async def test(server):
        client = await Client.greeted(server)
        client.say("spec", text=text)
        fault = (await client.comes("spec_error"))["errors"][0]
        assert fault["value"] in ("9" * 200 + "...", "Infinity")

    serve(test)


def test_the_largest_message_is_taken_and_a_larger_one_is_not(caplog):
    async def test(server):
        client = await Client.greeted(server)
        text = json.dumps({"type": "spec", "text": ""})
        client.send(text.replace('""', f'"{"x" * (limits.MESSAGE - len(text))}"'))
        await client.comes("spec_error")
        client.send("x" * (limits.MESSAGE + 1))
        assert await client.closed() in (1009, 1006)
        logged = [r.getMessage() for r in caplog.records if r.name == "dropcore_lab"]
        assert logged == [f"refused: a message of more than {limits.MESSAGE} bytes"]
        again = await Client.greeted(server)
        again.say("run", action="step")
        await again.comes("frame", lambda m: m["step"] == 1)

    serve(test)


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_a_killed_worker_is_said_and_restarted():
    async def test(server):
        client = await Client.greeted(server)
        os.kill(server.session._worker.pid, signal.SIGKILL)
        assert (await client.comes("error"))["code"] == "worker_died"
        client.say("spec", spec=reading.read({"layers": []}).canonical())
        assert (await client.comes("spec_ok"))["spec"]["layers"] == []
        client.say("restart")
        frame = await client.comes("frame")
        assert len(frame["columns"]) == 2

    serve(test)


def test_a_client_that_goes_in_the_middle_of_a_frame_harms_nobody(caplog):
    async def test(server):
        for _ in range(5):
            client = await Client.greeted(server)
            client.say("run", action="play")
            await client.comes("frame", lambda m: m["step"] > 0)
            client.connection.stream = None
            client.connection.protocol._abort()
        await Client.greeted(server)

    serve(test, changed(training={"steps": 50000, "every": 50}))
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


# ------------------------------------------------------------------------ command


def lab(*arguments):
    return subprocess.Popen(
        [sys.executable, "-m", "dropcore", "lab", "--no-browser", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@pytest.mark.skipif(os.name != "posix", reason="signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_serves_until_it_is_interrupted(number):
    with lab() as process:
        line = process.stdout.readline()
        assert "http://127.0.0.1:" in line
        assert "#token=" in line
        os.killpg(process.pid, number)  # also the child processes, as a terminal does
        _, errors = process.communicate(timeout=30)
        assert process.returncode == 0, errors
        assert not errors


def test_the_command_begins_with_a_file_or_a_link(tmp_path):
    from dropcore_lab import command, link

    path = tmp_path / "net.json"
    path.write_text(json.dumps(SMALL), "utf-8")
    wanted = reading.read(SMALL)
    assert command._read(str(path)) == wanted
    assert command._read("http://127.0.0.1:9/#" + link.link_of(wanted)) == wanted


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--spec", "/no/such/file"], "No such file"),
        (["--spec", "#spec=broken"], "whole link"),
        (["--spec", "spec=" + "A" * 400], "whole link"),  # longer than any file name
        (["--spec", "/"], "Is a directory"),
    ],
)
def test_what_the_command_cannot_read_is_said(arguments, says, capsys):
    from dropcore_lab import command

    assert command.main(arguments) == 1
    assert says in capsys.readouterr().err


def test_a_fault_in_a_file_is_said_with_its_place(tmp_path, capsys):
    from dropcore_lab import command

    path = tmp_path / "net.json"
    path.write_text(json.dumps({"layers": [{"name": "hidden1", "units": 0}]}), "utf-8")
    assert command.main(["--spec", str(path)]) == 1
    assert "/layers/0/units: units must be" in capsys.readouterr().err


def test_a_damaged_link_is_said_in_words(capsys):
    from dropcore_lab import command

    assert command.main(["--spec", "#spec=broken"]) == 1
    said = capsys.readouterr().err
    assert "a whole link (its text is damaged)" in said
    assert "Error -" not in said


@pytest.mark.parametrize("port", ["-1", "65536", "http", "1.5", "٣"])
def test_what_is_no_port_is_refused(port, capsys):
    from dropcore_lab import command

    with pytest.raises(SystemExit):
        command.main([f"--port={port}"])
    assert "port" in capsys.readouterr().err


def test_a_port_that_is_taken_is_said(capsys):
    import socket

    from dropcore_lab import command

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert command.main(["--no-browser", "--port", str(port)]) == 1
    assert f"port {port}" in capsys.readouterr().err


def test_files_that_are_no_specification_are_refused(tmp_path, capsys):
    from dropcore_lab import command

    for content in (b"\xff\xfe\x00", b"{", b"[]", b" " * (limits.MESSAGE + 5)):
        path = tmp_path / "net.json"
        path.write_bytes(content)
        assert command.main(["--spec", str(path)]) == 1
        assert str(path) in capsys.readouterr().err
