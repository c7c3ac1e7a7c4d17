"""The page reports each failure, and keeps all typed text."""

import os
import re
import signal
import subprocess

import pytest
from browser.driving import SMALL, Server


def children(process):
    """The child processes of a process, and their child processes."""
    found = subprocess.run(
        ["ps", "-e", "-o", "pid=,ppid="], capture_output=True, text=True, check=True
    ).stdout
    parents = dict(map(int, line.split()) for line in found.splitlines())
    mine = [process]
    for parent in mine:
        mine += [pid for pid, above in parents.items() if above == parent]
    return mine[1:]


@pytest.fixture
def own_server():
    lab = Server()
    yield lab
    lab.end()


def test_a_killed_training_process_is_said_and_started_again(open_page, hands, server):
    page = open_page()
    me = hands(page)
    me.step()
    page.locator(".dots").nth(1).click()
    page.get_by_role("menuitem", name="Edit…").click()
    units = page.locator(".selection-form").get_by_label("units", exact=True)
    units.fill("11")  # typed and not sent yet
    for pid in children(server.process.pid):
        os.kill(pid, signal.SIGKILL)
    page.get_by_role("alert").filter(has_text="training process").wait_for()
    assert units.input_value() == "11"
    me.button("Restart").click()
    page.wait_for_function(f"() => {me.STEP} === 0")
    assert page.get_by_role("alert").count() == 0
    me.step()


def test_what_is_looked_at_and_what_was_refused_outlive_the_training_process(
    open_page, hands, server
):
    page = open_page()
    me = hands(page)
    page.locator("input[value=inference]").check(force=True)
    page.get_by_text("Inference: nothing is dropped").wait_for()
    page.locator(".dots").nth(1).click()
    page.get_by_role("menuitem", name="Edit…").click()
    units = page.locator(".selection-form").get_by_label("units", exact=True)
    units.fill("5000")
    units.press("Enter")
    refused = page.get_by_role("alert").filter(has_text="not accepted")
    refused.wait_for()
    for pid in children(server.process.pid):
        os.kill(pid, signal.SIGKILL)
    page.get_by_role("alert").filter(has_text="training process").wait_for()
    me.button("Restart").click()
    page.get_by_role("alert").filter(has_text="training process").wait_for(state="detached")
    page.get_by_text("Inference: nothing is dropped").wait_for()
    refused.wait_for()
    assert units.input_value() == "5000"
    assert page.locator(".graph.run-1").count() == 1


def test_a_card_says_that_the_training_process_ended(open_page, hands, server):
    page = open_page()
    page.get_by_role("button", name="p = 0.5", exact=True).click()
    page.locator("dialog input[type=radio]").first.check()
    page.get_by_role("button", name=re.compile("Run . seeds")).click()
    page.locator("dialog .running").get_by_text("seed 1 of").wait_for()
    for pid in children(server.process.pid):
        os.kill(pid, signal.SIGKILL)
    page.locator("dialog .fault").filter(has_text="training process").wait_for()
    assert page.locator("dialog .running").count() == 0
    page.keyboard.press("Escape")
    hands(page).button("Restart").click()
    page.get_by_role("alert").wait_for(state="detached")
    hands(page).step()


def test_a_second_tab_takes_over_and_gives_back(open_page, hands):
    first = open_page()
    second = open_page()
    first.get_by_text("Another tab uses the Lab now.").wait_for()
    hands(second).step()
    hands(first).button("Use it here").click()
    second.get_by_text("Another tab uses the Lab now.").wait_for()
    first.wait_for_function(f"() => {hands(first).STEP} === 1")  # the same run goes on
    hands(first).step()


def test_without_the_token_the_page_says_what_to_do(open_page, server):
    page = open_page(None, address=server.origin + "/")
    page.get_by_role("alert").filter(has_text="dropcore lab").wait_for()
    assert page.get_by_role("button", name="Play", exact=True).is_disabled()


def test_the_token_is_kept_for_the_tab_alone(open_page, server):
    page = open_page()
    assert page.url == server.origin + "/"
    page.reload()
    page.locator(".unit").first.wait_for()
    assert page.evaluate("() => document.cookie + JSON.stringify(localStorage)") == "{}"


def test_a_broken_link_opens_what_was_there_with_a_notice(open_page, server):
    page = open_page(None, address=server.address + "&spec=broken")
    page.locator(".unit").first.wait_for()
    page.get_by_text("The link is broken").wait_for()
    page.evaluate("() => { location.hash = 'spec=AAAA'; }")  # in a tab that is open
    page.get_by_text("The link is broken, so the network stays.").wait_for()
    assert page.get_by_role("button", name="Back to the last valid network").count() == 0


def test_the_end_of_the_server_is_said(chromium, own_server):
    page = chromium.new_page()
    page.goto(own_server.address)
    page.locator(".unit").first.wait_for()
    own_server.end()
    page.get_by_role("alert").filter(has_text="The connection to the Lab has ended").wait_for()
    page.get_by_role("button", name="Connect again").wait_for()
    page.close()


def test_a_loss_that_is_not_finite_pauses_and_names_the_layer(open_page, hands):
    wild = {
        **SMALL,
        "training": {"optimizer": "sgd", "lr": 100, "momentum": 0.9, "batch": 20, "steps": 2000},
        "layers": [{"name": "first", "units": 8, "activation": "none", "dropout": {"p": 0.5}}],
        "data": {"name": "sine", "rows": 40},
    }
    page = open_page(wild)
    hands(page).button("Play").click()
    page.locator(".state-line.bad").wait_for()
    text = page.locator(".state-line").inner_text()
    assert "finite" in text or "nan" in text
    page.locator(".tag.bad").first.wait_for()


def test_a_hidden_tab_pauses(open_page, hands):
    page = open_page()
    hands(page).button("Play").click()
    page.wait_for_function(f"() => {hands(page).STEP} > 0")
    page.evaluate(
        """() => {
            Object.defineProperty(document, 'hidden', {value: true, configurable: true});
            document.dispatchEvent(new Event('visibilitychange'));
        }"""
    )
    page.get_by_role("button", name="Play", exact=True).wait_for()
    assert "hidden" in page.locator(".state-line").inner_text()
