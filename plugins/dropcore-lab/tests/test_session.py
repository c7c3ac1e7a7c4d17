"""The session: the messages that it answers, forwards and refuses."""

import pytest
from dropcore_lab import limits, link, messages, reading
from dropcore_lab.session import Session
from helpers import SMALL, changed


class Worker:
    """A substitute for the training process."""

    def __init__(self, on_message, on_end):
        self.on_message, self.on_end = on_message, on_end
        self.sent = []
        self.stopped = False

    def send(self, message):
        self.sent.append(message)

    def stop(self):
        self.stopped = True

    @property
    def page(self):
        return max(message.get("page", 0) for message in self.sent)


class Talk:
    """A session and the messages that its page received."""

    def __init__(self, spec=SMALL, hello=True):
        self.workers = []
        self.session = Session(self.start, reading.read(spec))
        self.got = []
        self.session.attach(self.receive)
        if hello:
            self.say("hello")
            self.got.clear()

    def start(self, on_message, on_end):
        self.workers.append(Worker(on_message, on_end))
        return self.workers[-1]

    def receive(self, message, buffers):
        self.got.append(message)

    def say(self, kind, **fields):
        self.session.handle({"type": kind, **fields})

    @property
    def worker(self):
        return self.workers[-1]


# ------------------------------------------------------------------------- hello


def test_hello_is_answered_by_all_the_page_has_to_know():
    talk = Talk(hello=False)
    talk.say("hello", id="h", protocol=1, token="any")
    ready, ok = talk.got
    assert (ready["type"], ready["re"], ready["protocol"]) == ("ready", "h", 1)
    catalogue = ready["catalogue"]
    assert {"limits", "fields", "datasets", "variants", "presets", "cards"} == set(catalogue)
    assert catalogue["fields"]["layers.dense.units"]["max"] == limits.UNITS
    assert catalogue["limits"]["masks_a_second"] == 3
    assert ok["type"] == "spec_ok"
    assert ok["spec"] == reading.read(SMALL).canonical()
    assert link.read_text(ok["link"]) == reading.read(SMALL)
    assert ok["analysis"]["units"] == 14
    assert talk.worker.sent[-1]["type"] == "attach"


def test_hello_with_a_link_takes_it():
    talk = Talk(hello=False)
    talk.say("hello", text="#" + link.link_of(reading.read({"layers": []})))
    assert talk.got[-1]["spec"]["layers"] == []
    assert talk.worker.sent[-1]["spec"]["layers"] == []


def test_a_broken_link_opens_what_was_there_with_a_notice():
    talk = Talk(hello=False)
    talk.say("hello", text="#spec=broken")
    ready, error, ok = talk.got
    assert (ready["type"], error["type"], ok["type"]) == ("ready", "spec_error", "spec_ok")
    assert "broken" in error["notice"]
    assert error["notice"] == ok["notice"]
    assert ok["spec"] == reading.read(SMALL).canonical()


def test_nothing_is_done_before_hello():
    talk = Talk(hello=False)
    talk.say("run", id=5, action="play")
    assert talk.got == [{**talk.got[0], "code": "order", "re": 5}]
    assert not [m for m in talk.worker.sent if m["type"] == "run"]


def test_another_protocol_is_refused():
    talk = Talk(hello=False)
    talk.say("hello", protocol=2)
    assert talk.got[0]["code"] == "malformed"
    talk.say("run", action="play")
    assert talk.got[1]["code"] == "order"


# -------------------------------------------------------------------------- spec


def test_a_specification_is_answered_at_once_and_handed_on():
    talk = Talk()
    talk.say("spec", id=1, spec={"layers": []})
    (ok,) = talk.got
    assert (ok["type"], ok["re"]) == ("spec_ok", 1)
    assert ok["analysis"]["hidden"] == 0
    sent = talk.worker.sent[-1]
    assert sent == {"type": "spec", "id": 1, "spec": reading.read({"layers": []}).canonical()}


def test_a_faulty_one_leaves_the_last_good_network():
    talk = Talk()
    sent = len(talk.worker.sent)
    for wrong in ({"spec": {"layers": [{"units": -1}]}}, {"text": "{"}, {"text": "spec=x"}, {}):
        talk.got.clear()
        talk.say("spec", id=1, **wrong)
        (error,) = talk.got
        assert (error["type"], error["re"]) == ("spec_error", 1)
        for fault in error["errors"]:
            assert set(fault) == {"path", "value", "accepted", "text"}
    assert len(talk.worker.sent) == sent
    assert talk.session.spec == reading.read(SMALL)


def test_a_file_is_taken_as_text():
    talk = Talk()
    talk.say("spec", text=reading.read({"layers": []}).text)
    assert talk.got[0]["type"] == "spec_ok"


def test_the_analysis_counts():
    talk = Talk()
    talk.say("spec", spec=SMALL)
    analysis = talk.got[0]["analysis"]
    assert analysis["parameters"] == (2 * 8 + 8) + (8 * 6 + 6) + (6 + 1)
    assert [run["decisions"] for run in analysis["runs"]] == [0, 14]
    assert [column["name"] for column in analysis["columns"]] == [
        "input",
        "hidden1",
        "hidden2",
        "output",
    ]
    assert [d["decisions"] for d in analysis["columns"][1]["dropout"]] == [0, 8]
    assert analysis["columns"][3]["dropout"] is None


def test_channels_that_are_dropped_whole_are_one_decision():
    spatial = {"p": 0.5, "variant": "spatial", "options": {"channel_axis": 1}}
    layer = {"name": "c", "type": "conv", "channels": 3, "dropout": {"p": 0.5}}
    talk = Talk()
    runs = [{}, {"dropout": {"c": spatial}}]
    talk.say("spec", spec={"data": {"name": "digits"}, "layers": [layer], "runs": runs})
    assert [run["decisions"] for run in talk.got[0]["analysis"]["runs"]] == [3 * 64, 3]


# --------------------------------------------------------------------- messages


@pytest.mark.parametrize(
    "message",
    [
        None,
        [],
        "hello",
        7,
        {},
        {"type": "unknown"},
        {"type": ["hello"]},
        {"type": None},
        {"type": "__init__"},
        {"type": "run"},
        {"type": "run", "action": "explode"},
        {"type": "run", "action": "play", "speed": 0},
        {"type": "run", "action": "play", "speed": float("nan")},
        {"type": "run", "action": "play", "speed": "fast"},
        {"type": "run", "action": "play", "steps": 4},
        {"type": "run", "action": "play", "id": {}},
        {"type": "run", "action": "play", "id": "x" * 65},
        {"type": "inspect", "run": -1},
        {"type": "inspect", "run": 4},
        {"type": "inspect", "row": 1.5},
        {"type": "inspect", "mode": "quantum"},
        {"type": "inspect", "focus": "hidden1"},
        {"type": "inspect", "focus": {"layer": 3, "unit": 0}},
        {"type": "inspect", "focus": {"layer": "hidden1", "unit": -1}},
        {"type": "inspect", "focus": {"unit": 1}},
        {"type": "replay"},
        {"type": "replay", "text": "x" * 3000},
        {"type": "replay", "text": "dc1:", "shape": [-1]},
        {"type": "replay", "text": "dc1:", "shape": [2] * 9},
        {"type": "masks", "step": -1},
        {"type": "masks", "step": 10**9},
        {"type": "mc", "samples": 1},
        {"type": "mc", "samples": 10**6},
        {"type": "subnetworks", "row": -3},
        {"type": "card", "card": "none", "seeds": 0},
        {"type": "card", "card": "no such card"},
        {"type": "card"},
        {"type": "ack"},
        {"type": "ack", "frame": "1"},
        {"type": "export", "run": 9},
        {"type": "cancel", "now": True},
    ],
)
def test_a_malformed_message_is_refused_in_one_line(message, caplog):
    talk = Talk()
    sent = len(talk.worker.sent)
    talk.session.handle(message)
    (error,) = talk.got
    assert error["code"] == "malformed"
    assert error["errors"]
    assert len(talk.worker.sent) == sent
    (record,) = caplog.records
    assert "\n" not in record.getMessage()
    assert len(record.getMessage()) <= 300
    talk.say("run", action="play")
    assert talk.worker.sent[-1]["action"] == "play"


def test_buffers_are_refused():
    talk = Talk()
    talk.session.handle({"type": "advise"}, [b"x"])
    assert talk.got[0]["code"] == "malformed"


def test_every_message_is_known_to_session_or_service():
    from dropcore_lab.service import Service

    for kind in messages.MESSAGES:
        assert hasattr(Session, f"_on_{kind}") or hasattr(Service, f"_on_{kind}")


def test_what_is_absent_gets_its_default_but_in_inspect():
    assert messages.read({"type": "mc"}) == {"type": "mc", "id": None, "run": 0, "samples": 50}
    assert messages.read({"type": "inspect", "row": 2}) == {"type": "inspect", "id": None, "row": 2}
    focus = {"layer": "a", "unit": None}
    assert messages.read({"type": "inspect", "focus": focus})["focus"] == focus
    assert messages.read({"type": "inspect", "focus": None})["focus"] is None


# ----------------------------------------------------------------- the worker's end


def test_when_the_worker_dies_the_page_is_told_and_nothing_is_lost():
    talk = Talk()
    talk.worker.on_end(-9)
    (error,) = talk.got
    assert (error["code"], error["re"]) == ("worker_died", None)
    assert "Restart" in error["text"]
    talk.got.clear()
    talk.say("run", id=3, action="play")
    assert (talk.got[0]["code"], talk.got[0]["re"]) == ("worker_died", 3)
    talk.got.clear()
    talk.say("spec", id=4, spec={"layers": []})
    assert [m["type"] for m in talk.got] == ["spec_ok", "error"]
    talk.got.clear()
    talk.say("restart", id=5)
    assert len(talk.workers) == 2
    assert talk.got[0]["spec"]["layers"] == []
    assert talk.worker.sent == [
        {"type": "attach", "page": 2, "spec": reading.read({"layers": []}).canonical()}
    ]


def test_a_restart_ends_a_worker_that_lives():
    talk = Talk()
    talk.say("restart")
    assert talk.workers[0].stopped
    assert len(talk.workers) == 2
    talk.workers[0].on_message({"type": "frame", "page": 1}, [])
    assert not [m for m in talk.got if m["type"] == "frame"]


def test_what_was_made_for_another_page_is_not_sent():
    talk = Talk()
    talk.worker.on_message({"type": "frame", "page": 1}, [])
    assert talk.got.pop()["type"] == "frame"
    newer = []
    talk.session.attach(lambda message, buffers: newer.append(message))
    talk.worker.on_message({"type": "frame", "page": 1}, [])
    assert talk.got == newer == []
    talk.say("hello")
    newer.clear()
    talk.worker.on_message({"type": "frame", "page": 1}, [])
    assert newer == []
    talk.worker.on_message({"type": "frame", "page": 2}, [])
    assert newer == [{"type": "frame"}]


def test_a_page_that_goes_pauses_the_training_unless_another_came():
    talk = Talk()
    talk.session.attach(lambda message, buffers: None)
    talk.session.detach(talk.receive)
    assert talk.worker.sent[-1]["type"] == "attach"
    other = Talk()
    other.session.detach(other.receive)
    assert other.worker.sent[-1] == {"type": "detach"}
    other.session.close()
    assert other.worker.stopped


def test_a_card_that_cannot_run_says_why(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    talk = Talk()
    talk.say("card", card="spatial")
    assert talk.got[0]["code"] == "not_possible"
    assert "scikit-learn" in talk.got[0]["text"]
    talk.say("card", card="none", guess="higher")
    assert talk.worker.sent[-1]["card"] == "none"


def test_the_page_is_told_all_faults_of_a_preset_it_changed():
    talk = Talk()
    talk.say("spec", spec=changed(layers=[{"name": "a", "units": 0, "dropout": {"p": 2}}]))
    assert {e["path"] for e in talk.got[0]["errors"]} == {
        "/layers/0/units",
        "/layers/0/dropout/p",
    }
