"""The output of the command `dropcore`."""

import os
import re
import signal
import subprocess
import sys
from importlib.metadata import entry_points

import pytest

from dropcore import cli

COMMANDS = ("info", "variants", "plugins", "stream")


def _help(capsys, *words):
    with pytest.raises(SystemExit, match="0"):
        cli.main([*words, "--help"])
    return " ".join(capsys.readouterr().out.split())


def test_help_lists_every_command_and_the_package_that_brings_it(capsys):
    printed = _help(capsys)
    for name in (*COMMANDS, *cli.ELSEWHERE):
        assert f" {name} " in printed
    for summary, distribution in cli.ELSEWHERE.values():
        assert f"{summary} (package {distribution})" in printed
    assert printed.endswith("dropcore COMMAND --help says what a command takes.")


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_a_command_says_what_it_does(name, capsys):
    usage, _, rest = _help(capsys, name).partition(" options: ")
    assert usage.startswith(f"usage: dropcore {name} [-h]")
    assert ". " in f"{usage} "  # the help has a sentence besides the usage line
    assert "-h, --help" in rest


def test_alone_it_helps(capsys):
    assert cli.main([]) == 0
    assert capsys.readouterr().out.startswith("usage: dropcore [-h]")


def test_an_unknown_variant_is_said_with_where_there_are_more(capsys):
    assert cli.main(["variants", "nothing"]) == 1
    assert "plugins/ of dropcore's repository: make plugins" in capsys.readouterr().err


def test_plugins_are_those_with_variants(capsys):
    assert cli.main(["info"]) == 0
    assert "\nplugins with variants: " in capsys.readouterr().out


DROPCORE = [sys.executable, "-m", "dropcore"]


@pytest.mark.parametrize(("checks", "says"), [("1", "on"), ("0", "off")])
def test_info_says_whether_checks_are_on_and_who_compiled(checks, says):
    environment = os.environ | {"DROPCORE_CHECKS": checks}
    done = subprocess.run(
        [*DROPCORE, "info"], env=environment, capture_output=True, text=True, check=True
    )
    assert f"\nchecks of exported functions: {says}\n" in done.stdout
    assert re.search(r"^compiled by: (GCC|Clang) \d+\.|^compiled by: unknown", done.stdout, re.M)
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("name", "value"),
    [("DROPCORE_ISA", "v9"), ("DROPCORE_CHECKS", "yes"), ("DROPCORE_NUM_THREADS", "many")],
)
def test_a_wrong_setting_is_one_line(name, value):
    program = "import dropcore_command, sys; sys.exit(dropcore_command.main())"
    done = subprocess.run(
        [sys.executable, "-c", program, "info"],
        env=os.environ | {name: value},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"dropcore: {name}")
    assert repr(value) in line


def test_info_names_a_misspelt_setting(monkeypatch, capsys):
    monkeypatch.setenv("DROPCORE_CHECK", "1")
    monkeypatch.setenv("DROPCORE_THREADS", "2")
    assert cli.main(["info"]) == 0
    assert capsys.readouterr().err.splitlines() == [
        "DROPCORE_CHECK is set, but never read: did you mean DROPCORE_CHECKS?",
        "DROPCORE_THREADS is set, but never read: did you mean DROPCORE_NUM_THREADS?",
    ]


posix = pytest.mark.skipif(sys.platform == "win32", reason="pipes and signals of POSIX")


@posix
@pytest.mark.parametrize("words", [["info"], ["variants"], ["plugins"], ["stream", "raw"]])
def test_a_reader_that_has_enough_ends_the_command_quietly(words):
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([*DROPCORE, *words], stdout=writer, stderr=subprocess.PIPE, timeout=60)
    os.close(writer)
    assert (done.returncode, done.stderr) == (cli.NOT_READ, b"")


def test_the_status_is_that_of_a_program_which_the_signal_ends():
    assert cli.INTERRUPTED == 128 + signal.SIGINT
    if hasattr(signal, "SIGPIPE"):
        assert cli.NOT_READ == 128 + signal.SIGPIPE


@posix
def test_an_interrupt_is_no_traceback():
    # `--bytes` ends the process even without the signal: children of a shell's background job may
    # ignore SIGINT.
    command = [*DROPCORE, "stream", "raw", "--bytes", str(1 << 30)]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        process.stdout.read(1)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (130, b"")


def test_an_interrupt_while_it_imports_is_no_traceback(tmp_path):
    (tmp_path / "numpy.py").write_text("raise KeyboardInterrupt")
    (entry,) = entry_points(group="console_scripts", name="dropcore")
    code = f"import sys, {entry.module} as command; sys.exit(command.{entry.attr}())"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        stderr=subprocess.PIPE,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (130, b"")


@posix
def test_bytes_are_not_written_to_a_terminal():
    pty = pytest.importorskip("pty")
    master, slave = pty.openpty()
    done = subprocess.run(
        [*DROPCORE, "stream", "masks"], stdout=slave, stderr=subprocess.PIPE, timeout=60
    )
    os.close(slave)
    os.close(master)
    assert done.returncode == 1
    assert b"dropcore stream masks --bytes 64 | xxd" in done.stderr
