"""Widths, themes, contrast and names: each screen passes axe-core, and is kept as a picture."""

import json
import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from browser.driving import SMALL

APPEARANCES = {
    "light": {},
    "dark": {"color_scheme": "dark"},
    "forced": {"forced_colors": "active"},
    "still": {"reduced_motion": "reduce"},
}


def check(page):
    """axe-core finds nothing; its best practices are included."""
    found = Axe().run(page).response["violations"]
    told = [(each["id"], [node["html"][:160] for node in each["nodes"]]) for each in found]
    assert not told


def trained(page, me, steps=60):
    """A network after some steps, paused."""
    page.get_by_label("Speed").select_option("200")
    me.button("Play").click()
    page.wait_for_function(f"() => {me.STEP} >= {steps}")
    me.button("Pause").click()
    me.says("Paused.")
    me.settle()


def keep(page, pictures, name):
    page.screenshot(path=pictures / f"{name}.png")


def overflowing(page):
    """The elements wider than the page, or the page itself if it can be scrolled sideways."""
    return page.evaluate(
        """() => [...document.querySelectorAll('.dropcore-lab, .dropcore-lab *')]
            .filter(element => {
                const box = element.getBoundingClientRect();
                const hidden = element.closest('.graph, .unseen, .scroll') || box.width <= 1;
                return !hidden && (box.right > innerWidth + 1 || box.left < -1);
            })
            .map(element => element.outerHTML.slice(0, 120))"""
    )


@pytest.mark.parametrize("name", APPEARANCES)
def test_every_appearance(open_page, hands, pictures, name):
    page = open_page(size=(1400, 900), **APPEARANCES[name])
    me = hands(page)
    trained(page, me)
    me.unit("hidden1", 3).click(force=True)
    page.mouse.move(700, 10)
    page.locator(".details").get_by_text("hidden1, unit 3").wait_for()
    check(page)
    keep(page, pictures, f"page-{name}")


@pytest.mark.parametrize("width", [800, 360])
def test_narrow_screens_have_tabs(open_page, hands, pictures, width):
    page = open_page(size=(width, 720))
    me = hands(page)
    trained(page, me)
    for tab in ("Set-up", "Network", "Results", "Details"):
        page.get_by_role("tab", name=tab).click()
        if tab == "Details":
            page.get_by_role("tab", name="Network").click()
            me.unit("hidden1", 3).click(force=True)
            page.get_by_role("tab", name=tab).click()
        page.wait_for_timeout(200)
        assert overflowing(page) == []
        check(page)
        keep(page, pictures, f"{width}-{tab.lower()}")
    page.get_by_role("tab", name="Details").focus()
    page.keyboard.press("ArrowRight")
    assert page.get_by_role("tab", name="Set-up").get_attribute("aria-selected") == "true"


@pytest.mark.parametrize("size", [(1280, 720), (1400, 900)])
def test_one_screen_without_scrolling(open_page, hands, size):
    page = open_page(size=size)
    me = hands(page)
    trained(page, me, steps=30)
    scrolls = page.evaluate(
        """() => [document.scrollingElement, ...document.querySelectorAll('.middle, .middle *')]
            .filter(element => element.scrollHeight > element.clientHeight + 1
                && !['visible', 'hidden'].includes(getComputedStyle(element).overflowY))
            .map(element => element.className)"""
    )
    assert scrolls == []
    assert overflowing(page) == []
    cut = page.evaluate(
        """() => [...document.querySelectorAll('.topbar .button span, .losses td, .losses th')]
            .filter(element => element.scrollWidth > element.clientWidth + 1 && element.clientWidth)
            .map(element => element.textContent)"""
    )
    assert cut == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_picture_of_the_documentation(open_page, hands, pictures, scheme):
    """The first network of `dropcore lab`, after some steps, with one unit selected."""
    page = open_page(None, size=(1280, 720), color_scheme=scheme)
    me = hands(page)
    page.get_by_label("Start from a network that is ready").select_option("overfit")
    page.locator(".head", has_text="hidden1").get_by_text("16 units").wait_for()
    me.button("Reset").click()
    page.wait_for_function(f"() => {me.STEP} === 0")
    trained(page, me, steps=300)
    me.unit("hidden1", 5).click(force=True)
    page.mouse.move(640, 10)
    page.locator(".details").get_by_text("hidden1, unit 5").wait_for()
    me.settle()
    keep(page, pictures, f"lab-{scheme}")


def test_reduced_motion_moves_nothing_by_itself(open_page):
    page = open_page({**SMALL, "runs": [{"name": "B"}]}, reduced_motion="reduce")
    durations = page.evaluate(
        """() => [...new Set([...document.querySelectorAll('.dropcore-lab *')].flatMap(element => {
            const style = getComputedStyle(element);
            return [...style.transitionDuration.split(', '), style.animationDuration];
        }))]"""
    )
    assert {float(re.sub("[a-z]+", "", duration)) for duration in durations} == {0}
    page.wait_for_timeout(300)
    assert "step 0 of" in page.locator(".state-line").inner_text()


def test_dialogs_and_menus(open_page, hands, pictures):
    page = open_page()
    me = hands(page)
    trained(page, me)
    for name in ("Open", "Share", "Export", "Keys and signs", "Replay", "In words", "p = 0.5"):
        me.button(name).click()
        page.locator("dialog").wait_for()
        page.wait_for_timeout(400)
        check(page)
        keep(page, pictures, f"dialog-{name.lower().replace(' ', '-').replace('.', '')}")
        page.keyboard.press("Escape")
        page.locator("dialog").wait_for(state="detached")
    page.locator(".dots").nth(1).click()
    page.get_by_role("menu").wait_for()
    check(page)
    keep(page, pictures, "menu")
    page.keyboard.press("Escape")
    assert page.evaluate("() => document.activeElement.getAttribute('aria-label')") == (
        page.locator(".dots").nth(1).get_attribute("aria-label")
    )


def test_states_that_are_empty_or_wrong(open_page, hands, pictures, server):
    page = open_page({**SMALL, "layers": [{"name": "only", "units": 4}], "runs": [{"name": "A"}]})
    page.get_by_text("This network has no dropout.").wait_for()
    check(page)
    keep(page, pictures, "state-no-dropout")
    page.locator(".dots").nth(1).click()
    page.get_by_role("menuitem", name="Edit…").click()
    units = page.locator(".selection-form").get_by_label("units", exact=True)
    units.fill("5000")
    units.press("Enter")
    page.locator(".notice.bad").wait_for()
    check(page)
    keep(page, pictures, "state-refused")
    page = open_page(None, address=server.origin + "/")
    page.get_by_role("alert").wait_for()
    check(page)
    keep(page, pictures, "state-no-token")


@pytest.mark.parametrize("width", [1400, 1280, 800, 360])
def test_what_is_said_is_not_cut_off(open_page, hands, width):
    page = open_page(size=(width, 900))
    me = hands(page)
    one = {"name": "hidden1", "units": 8, "dropout": {"p": 0.2}}
    me.button("Open").click()
    page.locator("dialog textarea").fill(json.dumps({"data": {"name": "sine"}, "layers": [one]}))
    me.button("Open it").click()
    page.locator("dialog").wait_for(state="detached")
    page.get_by_text("back at step 0").wait_for()
    page.get_by_role("tab", name="Set-up").click() if width < 900 else None
    rows = page.locator(".setup").get_by_label("training rows", exact=True)
    rows.fill("5000000")
    rows.press("Enter")
    said = page.locator(".notice.bad .text")
    said.wait_for()
    box = said.bounding_box()
    assert box["width"] > min(300, width - 80)
    me.button("Back to the last valid network").click()
    page.get_by_role("tab", name="Results").click() if width < 900 else None
    me.button("Monte Carlo").click()
    me.button("Back").wait_for()
    cut = page.evaluate(
        """() => [...document.querySelectorAll('.panel > header :is(h2, .facts), .panel > .hint')]
            .filter(element => element.scrollWidth > element.clientWidth + 1)
            .map(element => element.textContent)"""
    )
    assert cut == []


@pytest.mark.parametrize("preset", ["digits", "convolutions", "sine", "wide"])
def test_presets_of_other_shapes(open_page, hands, pictures, preset):
    page = open_page()
    page.get_by_label("Start from a network that is ready").select_option(preset)
    page.get_by_text("back at step 0").wait_for()
    hands(page).step()
    hands(page).settle()
    check(page)
    keep(page, pictures, f"preset-{preset}")


def test_the_bundle_is_a_widget_too(open_page, server):
    """anywidget's contract: a module whose default export renders a model into an element."""
    page = open_page(None, address=server.origin + "/lab.js")  # a document without the page
    page.evaluate(
        """async ([socketAddress, token]) => {
            const listeners = new Set();
            const socket = new WebSocket(socketAddress);
            socket.binaryType = 'arraybuffer';
            await new Promise(done => { socket.onopen = done; });
            socket.onmessage = ({data}) => {
                let message, views = [];
                if (typeof data === 'string') message = JSON.parse(data);
                else {
                    const length = new DataView(data).getUint32(0, true);
                    const text = new TextDecoder().decode(new Uint8Array(data, 4, length));
                    message = JSON.parse(text);
                    let place = 4 + length;
                    for (const {dtype, shape} of message.buffers) {
                        const bytes = shape.reduce((a, b) => a * b, 1) * Number(dtype[1]);
                        views.push(new DataView(data, place, bytes));
                        place = (place + bytes + 7) & ~7;
                    }
                }
                for (const listener of listeners) listener(message, views);
            };
            const model = {
                on: (event, listener) => event === 'msg:custom' && listeners.add(listener),
                off: (event, listener) => listeners.delete(listener),
                send: message => socket.send(JSON.stringify(
                    message.type === 'hello' ? {...message, token} : message)),
            };
            const sheet = document.createElement('link');
            sheet.rel = 'stylesheet';
            sheet.href = '/lab.css';
            document.head.append(sheet);
            const element = document.createElement('div');
            document.body.replaceChildren(element);
            const lab = (await import('/lab.js')).default;
            window.endLab = lab.render({model, el: element});
            window.listeners = listeners;
        }""",
        [server.origin.replace("http", "ws") + "/ws", server.address.rpartition("=")[2]],
    )
    page.locator(".dropcore-lab-widget .unit").first.wait_for()
    page.get_by_role("button", name="Step", exact=True).click()
    page.get_by_text("One step was done.").wait_for()
    page.get_by_role("button", name="Share").click()
    assert page.locator("dialog .link").input_value().startswith("spec=")
    page.keyboard.press("Escape")
    page.evaluate("() => window.endLab()")
    assert page.evaluate("() => window.listeners.size") == 0
    assert page.locator(".dropcore-lab").count() == 0
