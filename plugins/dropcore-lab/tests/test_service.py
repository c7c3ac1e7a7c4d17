"""The service of the worker, in this process: playing, edits, acknowledgements, jobs."""

import time
from itertools import pairwise

import numpy as np
import pytest
from dropcore_lab import reading
from dropcore_lab.service import FRAME_EVERY, Service
from helpers import SMALL, Page, changed


def canonical(**parts):
    return reading.read(changed(**parts)).canonical()


# ------------------------------------------------------------------------ frames


def test_the_first_frame_previews_the_first_step():
    page = Page()
    assert [m.get("kind", m["type"]) for m, _ in page.got] == ["data", "advise", "frame"]
    frame = page.frame
    assert (frame["step"], frame["shown"], frame["percent"]) == (0, 0, 0)
    assert frame["state"]["reason"] == "start"
    assert frame["columns"][1]["mask"]["address"].endswith(":0")


def test_no_frame_comes_before_the_last_was_acknowledged_and_then_the_newest():
    page = Page(acknowledges=False)
    (first,) = page.of_type("frame")
    for _ in range(5):
        page.run("step")
        page.work()
    assert len(page.of_type("frame")) == 1
    page.say("ack", frame=first["frame"] - 1)
    page.work()
    assert len(page.of_type("frame")) == 1
    page.say("ack", frame=first["frame"])
    page.work(3)
    assert [frame["step"] for frame in page.of_type("frame")] == [0, 5]


def test_training_does_not_wait_for_a_page_that_does_not_acknowledge():
    page = Page(acknowledges=False)
    page.run("play")
    page.work_until_idle()
    assert page.service.training.finished
    page.say("ack", frame=page.frame["frame"])
    page.work()
    assert page.frame["step"] == 40
    assert page.frame["shown"] == 39


def test_nothing_is_sent_where_nothing_changed():
    page = Page()
    count = len(page.got)
    page.work(50)
    assert len(page.got) == count


def test_while_playing_frames_keep_their_distance():
    page = Page(changed(training={"steps": 3000, "every": 100}))
    page.run("play")
    times = []
    send = page.service.send

    def noting(message, buffers):
        if message["type"] == "frame" and message["state"]["playing"]:
            times.append(page.now)
        send(message, buffers)

    page.service.send = noting
    page.work_until_idle()
    gaps = [b - a for a, b in pairwise(times)]
    assert len(gaps) > 3
    assert min(gaps) >= FRAME_EVERY * 0.9
    pictures = [frame["picture"] is not None for frame in page.of_type("frame")]
    assert not all(pictures)
    assert pictures[-1]


def test_frames_that_take_long_leave_most_of_the_time_to_training():
    page = Page(changed(training={"steps": 1000, "every": 100}))
    make, spent, advance = page.service.frames.make, [], page.service.training.advance

    def step(*, show):
        page.now += 0.02
        advance(show=show)

    page.service.training.advance = step

    def slow(*args, **kwargs):
        page.now += 1.0
        spent.append(1.0)
        return make(*args, **kwargs)

    page.service.frames.make = slow
    page.run("play")
    begun = page.now
    page.work_until_idle()
    assert 4 < sum(spent) < 0.4 * (page.now - begun)


# ----------------------------------------------------------------------- playing


def test_it_plays_to_the_end_and_says_so():
    page = Page()
    page.run("play")
    page.work_until_idle()
    frame = page.frame
    assert (frame["step"], frame["shown"], frame["percent"]) == (40, 39, 100)
    assert frame["state"]["reason"] == "finished"
    assert "All 40 steps" in frame["state"]["text"]
    page.run("play")
    page.work()
    assert page.frame["state"]["reason"] == "finished"
    page.run("step")
    page.work()
    assert page.frame["step"] == 40
    page.run("reset")
    page.work()
    assert (page.frame["step"], page.frame["state"]["reason"]) == (0, "start")


@pytest.mark.parametrize("reason", ["user", "hidden"])
def test_a_pause_shows_the_last_step(reason):
    page = Page(changed(training={"steps": 5000, "every": 50}))
    page.run("play")
    page.work(7)
    page.run("pause", reason=reason)
    page.work(3)
    frame = page.frame
    assert frame["state"] == {**frame["state"], "playing": False, "reason": reason}
    assert frame["shown"] == frame["step"] - 1 < 4999
    step = frame["step"]
    page.work(20)
    assert page.service.training.step == step


def test_a_speed_is_kept():
    page = Page(changed(training={"steps": 100, "every": 10}))
    page.run("play", speed=10)
    start = page.now
    while page.service.training.step < 20:
        wait = page.service.work()
        page.now += min(wait, 0.05)
    assert page.now - start == pytest.approx(1.9, rel=0.1)
    assert page.frame["rate"] == pytest.approx(10, rel=0.2)


def test_play_goes_on_after_a_plateau():
    page = Page(changed(training={"lr": 0, "every": 1, "steps": 200}))
    page.run("play")
    page.work_until_idle()
    assert page.frame["state"]["reason"] == "plateau"
    assert page.frame["shown"] == page.frame["step"] - 1
    first = page.frame["step"]
    page.run("play")
    page.work_until_idle()
    assert page.frame["step"] > first + 20


def test_a_training_that_diverges_names_run_and_layer():
    diverging = changed(
        data={"name": "sine", "rows": 30},
        training={"optimizer": "sgd", "lr": 100, "steps": 400},
    )
    page = Page(diverging)
    page.run("play")
    with np.errstate(all="ignore"):
        page.work_until_idle()
        state = page.frame["state"]
        assert state["reason"] == "not_finite"
        assert state["layer"] in state["text"]
        assert state["run"] in (0, 1)
        assert page.frame["shown"] == page.frame["step"]
        page.run("play")
        page.work()
        page.run("step")
        page.work()
        assert page.frame["state"]["reason"] == "not_finite"
        page.run("reset")
        page.work()
    assert page.frame["state"]["reason"] == "start"


def test_again_needs_a_step():
    page = Page()
    page.run("again")
    assert page.of_type("error")[-1]["code"] == "not_possible"
    page.run("step")
    page.run("again")
    page.work()
    assert page.frame["again"] == {"losses": True, "masks": True}
    page.run("step")
    page.work()
    assert page.frame["again"] is None


# ------------------------------------------------------------------------- edits


def edit(page, **parts):
    page.got.clear()
    page.say("spec", spec=canonical(**parts))
    page.work()
    return page.results("edit")[-1]


def test_more_steps_and_other_names_go_on():
    page = Page()
    page.run("play")
    page.work_until_idle()
    renamed = [{"name": "one", "p": 0}, {"name": "two"}]
    answer = edit(page, training={"steps": 60}, runs=renamed)
    assert answer["restarted"] is False
    assert (page.frame["step"], page.frame["steps"]) == (40, 60)
    page.run("play")
    page.work_until_idle()
    assert page.frame["step"] == 60
    assert edit(page, training={"steps": 50}, runs=renamed)["restarted"] is True


def test_extending_gives_what_so_many_steps_give():
    extended, whole = Page(changed(training={"steps": 37})), Page(changed(training={"steps": 60}))
    extended.run("play")
    extended.work_until_idle()
    edit(extended, training={"steps": 60})
    for page in (extended, whole):
        page.run("play")
        page.work_until_idle()
    assert extended.frame["numbers"] == whole.frame["numbers"]
    assert extended.service.training.steps == whole.service.training.steps


@pytest.mark.parametrize(
    "parts",
    [
        {"training": {"lr": 0.02}},
        {"training": {"seed": 1}},
        {"training": {"every": 4}},
        {"data": {"name": "xor", "rows": 30}},
        {"layers": SMALL["layers"][:1]},
        {"runs": [{"name": "with"}]},
        {"runs": [{"name": "without", "p": 0.1}, {"name": "with"}]},
    ],
)
def test_any_other_edit_begins_anew_and_plays_on(parts):
    page = Page()
    page.run("play", speed=1000)
    page.work(5)
    assert edit(page, **parts)["restarted"] is True
    assert page.service.playback.playing
    page.work_until_idle()
    assert page.frame["step"] == 40
    paused = Page()
    paused.run("step")
    edit(paused, **parts)
    assert (paused.frame["step"], paused.frame["state"]["reason"]) == (0, "edit")
    assert paused.frame["curves"]["from"] == 0


def test_data_comes_only_where_it_changed():
    page = Page()
    edit(page, training={"lr": 0.02})
    assert not page.results("data")
    edit(page, data={"name": "xor", "rows": 30})
    assert len(page.results("data")) == 1


def test_an_edit_says_whose_masks_moved():
    page = Page()
    page.say("inspect", run=1)
    for _ in range(7):
        page.run("step")
    first, second = SMALL["layers"]
    re_rated = [{**first, "dropout": {"p": 0.1}}, second]
    moved = edit(page, layers=re_rated)["moved"]
    assert moved == {"step": 6, "columns": {"hidden1": "moved", "hidden2": "same"}}
    wider = [{**first, "units": 9, "dropout": {"p": 0.1}}, {**second, "dropout": {"p": 0.3}}]
    third = {"name": "hidden3", "dropout": {"p": 0.5}}
    moved = edit(page, layers=[*wider, third])["moved"]
    assert moved["columns"] == {"hidden1": "new", "hidden2": "same", "hidden3": "new"}
    page.run("step")
    renamed = [{**wider[0], "name": "other"}, wider[1]]
    assert edit(page, layers=renamed)["moved"]["columns"] == {"other": "new", "hidden2": "same"}


# -------------------------------------------------------------------------- jobs


def test_a_job_waits_for_nobody_and_training_waits_for_it():
    page = Page(changed(training={"steps": 5000, "every": 50}))
    page.run("play")
    page.work(3)
    page.say("mc", id="m", run=1, samples=2)
    step = page.service.training.step
    page.say("mc", id="n", run=1, samples=2)
    assert page.of_type("error")[-1] == {**page.of_type("error")[-1], "re": "n", "code": "busy"}
    page.work()
    assert page.service.training.step == step
    while not page.results("mc"):
        page.work()
    assert page.results("mc")[0]["re"] == "m"
    page.work(10)
    assert page.service.training.step > step


def test_a_job_can_be_ended():
    page = Page()
    page.say("card", id=7, card="none", guess=None, seeds=9)
    page.work()
    page.say("cancel")
    error = page.of_type("error")[-1]
    assert (error["code"], error["re"]) == ("cancelled", 7)
    page.work(5)
    assert not any(message["done"] for message in page.results("card"))
    assert page.frame["state"]["reason"] != "job"


def test_an_edit_ends_what_is_computed():
    page = Page()
    page.say("mc", id=7, run=1, samples=100)
    edit(page, training={"lr": 0.02})
    assert page.of_type("error")[0]["code"] == "cancelled"
    page.work(20)
    assert not page.results("mc")


@pytest.mark.parametrize("kind", ["mc", "subnetworks", "masks", "export"])
def test_a_run_that_is_not_there_is_said(kind):
    page = Page()
    page.say(kind, run=3, samples=2, row=0, step=0)
    assert page.of_type("error")[-1]["code"] == "not_possible"


def test_a_fault_of_the_lab_is_reported_and_the_worker_lives(monkeypatch, capfd):
    page = Page()
    monkeypatch.setattr("dropcore_lab.jobs.advise", lambda training: 1 / 0)
    page.say("advise")
    error = page.of_type("error")[-1]
    assert error["code"] == "failed"
    assert "ZeroDivisionError" in error["text"]
    assert "ZeroDivisionError" in capfd.readouterr().err
    monkeypatch.setattr(
        "dropcore_lab.training.Training.advance", lambda self, show: exec("raise MemoryError('x')")
    )
    page.run("play")
    page.work(5)
    assert "MemoryError" in page.of_type("error")[-1]["text"]
    assert not page.service.playback.playing
    capfd.readouterr()


def test_a_new_page_gets_everything_and_the_training_is_kept():
    page = Page()
    page.run("play", speed=1000)
    page.work(3)
    step = page.service.training.step
    page.say("detach")
    page.got.clear()
    page.say("attach", page=2, spec=reading.read(SMALL).canonical())
    page.work()
    assert [m.get("kind", m["type"]) for m, _ in page.got] == ["data", "advise", "frame"]
    assert all(message["page"] == 2 for message, _ in page.got)
    assert page.frame["step"] >= step
    assert page.frame["curves"]["from"] == 0
    assert page.frame["state"]["playing"] is False
    page.say("attach", page=3, spec=canonical(training={"lr": 0.5}))
    page.work()
    assert page.frame["step"] == 0


def test_the_clock_is_that_of_the_machine():
    service = Service(lambda message, buffers: None)
    assert service.clock() == pytest.approx(time.monotonic(), abs=5)
