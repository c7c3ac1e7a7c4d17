"""The notebook widget: the same session with another transport."""

import asyncio
import sys

import dropcore_lab
import pytest
from dropcore_lab import link, reading
from dropcore_lab.fields import Faults
from helpers import SMALL

widget = pytest.importorskip("dropcore_lab.widget", reason="anywidget is not installed")


def with_lab(test, *arguments):
    async def run():
        lab = widget.Lab(*arguments)
        sent = []
        lab.send = lambda message, buffers: sent.append((message, buffers))
        try:
            await test(lab, sent)
        finally:
            lab.close()

    asyncio.run(run())


async def comes(sent, kind):
    async with asyncio.timeout(30):
        while True:
            for message, buffers in sent:
                if message["type"] == kind:
                    return message, buffers
            await asyncio.sleep(0.01)


def test_the_widget_speaks_the_protocol():
    async def test(lab, sent):
        lab._handle_custom_msg({"type": "hello"}, [])
        frame, buffers = await comes(sent, "frame")
        assert [m["type"] for m, _ in sent[:2]] == ["ready", "spec_ok"]
        assert len(buffers) == len(frame["buffers"])
        assert frame["columns"][1]["name"] == "hidden1"
        lab._handle_custom_msg({"type": "spec", "spec": {"layers": []}}, [])
        assert lab.spec["layers"] == []

    with_lab(test, SMALL)


@pytest.mark.parametrize("given", [SMALL, reading.read(SMALL).text])
def test_it_begins_with_what_it_is_given(given):
    async def test(lab, sent):
        assert lab.spec == reading.read(SMALL).canonical()

    with_lab(test, given)
    with_lab(test, link.link_of(reading.read(SMALL)))


def test_what_is_wrong_is_raised():
    async def test():
        with pytest.raises(Faults, match="units"):
            widget.Lab({"layers": [{"name": "a", "units": 0}]})

    asyncio.run(test())


def test_the_page_is_that_of_the_server():
    async def test(lab, sent):
        assert "export" in lab._esm
        assert lab._css

    with_lab(test)


def test_the_package_has_it_where_anywidget_is(monkeypatch):
    assert dropcore_lab.Lab is widget.Lab
    monkeypatch.setitem(sys.modules, "anywidget", None)
    monkeypatch.delitem(sys.modules, "dropcore_lab.widget")
    with pytest.raises(ImportError, match="notebook"):
        dropcore_lab.Lab  # noqa: B018
    with pytest.raises(AttributeError, match="Page"):
        dropcore_lab.Page  # noqa: B018


def test_a_closed_widget_has_no_process():
    async def test(lab, sent):
        process = lab._session._worker
        lab.close()
        assert process._process.poll() is not None

    with_lab(test)
