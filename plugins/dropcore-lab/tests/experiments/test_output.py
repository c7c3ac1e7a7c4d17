"""An experiment that fails prints one line, and leaves no incomplete file."""

import os
import signal
import subprocess
import sys

import pytest
from dropcore_lab.experiments import command, extras, mlp, output, plot

from dropcore import cli

for module in extras.NEEDED:
    pytest.importorskip(module)

TINY = ["--p", "0.5", "--seeds", "2", "--rows", "40", "--hidden", "4", "--epochs", "1"]


def _run(out, *words):
    return command.main(["rates", *TINY, "--out", str(out), *words])


def _one_line(capsys, start):
    printed = capsys.readouterr()
    assert printed.err.startswith(f"dropcore experiment rates: {start}")
    assert printed.err.count("\n") == 1
    return printed


def _not_trained(*args, **options):
    raise AssertionError("it is trained")


def test_a_directory_that_cannot_be_made_is_known_before_training(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(mlp, "build", _not_trained)
    (tmp_path / "file").touch()
    assert _run(tmp_path / "file" / "out") == 1
    said = _one_line(capsys, f"--out: cannot write in '{tmp_path / 'file' / 'out'}': ").err
    assert said.endswith("Not a directory\n")


def test_a_directory_in_the_place_of_the_picture_is_known_before_training(
    tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(mlp, "build", _not_trained)
    (tmp_path / "rates.png").mkdir()
    assert _run(tmp_path) == 1
    start = f"--out: cannot write in '{tmp_path}': rates.png in it is a directory"
    assert _one_line(capsys, start).out == ""


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="needs Linux")
def test_a_directory_that_takes_no_files_is_known_before_training(capsys, monkeypatch):
    monkeypatch.setattr(mlp, "build", _not_trained)
    assert _run("/proc/self/fd") == 1
    assert _one_line(capsys, "--out: cannot write in '/proc/self/fd': ").out == ""


def test_a_name_that_is_too_long_is_one_line(tmp_path, capsys):
    assert _run(tmp_path / ("x" * 5000)) == 1
    _one_line(capsys, "--out: cannot write in ")


def test_no_name_is_not_the_current_directory(capsys):
    with pytest.raises(SystemExit):
        command.main(["rates", "--out", ""])
    assert "must be a directory or a new path, not ''" in capsys.readouterr().err


def test_a_picture_that_is_replaced_is_said(tmp_path, capsys):
    assert _run(tmp_path) == 0
    assert "earlier picture" not in capsys.readouterr().out
    assert _run(tmp_path) == 0
    assert "The picture has replaced an earlier picture" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (OSError(28, "No space left on device"), 1, "[Errno 28] No space left on device"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_a_picture_that_is_half_written_is_not_left(
    error, status, line, tmp_path, capsys, monkeypatch
):
    def half(fig, path, **options):
        path.write_bytes(b"half")
        raise error

    matplotlib_figure = pytest.importorskip("matplotlib.figure")
    (tmp_path / "rates.png").write_bytes(b"older")
    monkeypatch.setattr(matplotlib_figure.Figure, "savefig", half)
    assert _run(tmp_path) == status
    _one_line(capsys, line)
    assert [path.name for path in tmp_path.iterdir()] == ["rates.png"]
    assert (tmp_path / "rates.png").read_bytes() == b"older"


def test_an_interruption_of_the_training_is_one_line(tmp_path, capsys, monkeypatch):
    def build(*args, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(mlp, "build", build)
    assert _run(tmp_path) == 130
    _one_line(capsys, "interrupted")
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(os.name != "posix", reason="pipes of POSIX")
@pytest.mark.parametrize("lines", [0, 1, 3])
@pytest.mark.parametrize("name", ["rates", "churn"])
def test_a_reader_that_has_enough_ends_it_quietly(name, lines, tmp_path):
    own = ["--hidden", "8", "--epochs", "3"] if name == "rates" else ["--steps", "20"]
    words = ["experiment", name, "--seeds", "2", *own, "--out", str(tmp_path)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-m", "dropcore", *words], **pipes) as running:
        for _ in range(lines):
            assert running.stdout.readline()
        running.stdout.close()
        said = running.stderr.read()
        status = running.wait(timeout=60)
    assert (status, said) == (cli.NOT_READ, b"")
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(os.name != "posix", reason="pipes of POSIX")
def test_the_lab_ends_quietly_if_nobody_reads_its_address():
    reader, writer = os.pipe()
    os.close(reader)
    words = [sys.executable, "-m", "dropcore", "lab", "--no-browser"]
    done = subprocess.run(words, stdout=writer, stderr=subprocess.PIPE, timeout=60)
    os.close(writer)
    assert (done.returncode, done.stderr) == (cli.NOT_READ, b"")


@pytest.mark.skipif(os.name != "posix", reason="sends a signal")
def test_ctrl_c_ends_the_command(tmp_path):
    code = (
        "import signal, sys; from dropcore import cli\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)  # it may be ignored here\n"
        "sys.exit(cli.main(sys.argv[1:]))"
    )
    words = ["experiment", "rates", "--epochs", "100000", "--out", str(tmp_path)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", code, *words], **pipes) as running:
        try:
            assert running.stdout.readline().startswith("Handwritten digits")
            running.send_signal(signal.SIGINT)
            _, printed = running.communicate(timeout=60)
        finally:
            running.kill()
    assert running.returncode == 130
    assert printed == "dropcore experiment rates: interrupted, no picture is written\n"
    assert not list(tmp_path.iterdir())


def test_a_picture_replaces_the_older_one(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(b"older")
    assert output.write(path, lambda part: part.write_bytes(b"new")) == path
    assert path.read_bytes() == b"new"
    assert [one.name for one in tmp_path.iterdir()] == ["a.png"]
    assert plot.output is output
