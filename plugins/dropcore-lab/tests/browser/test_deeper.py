"""Replay, Monte Carlo, sub-networks, advice, export, guided experiments, the page in words."""

import re
import subprocess
import sys

from browser.driving import SMALL

from dropcore import Draw, keep_mask

TINY = {
    **SMALL,
    "layers": [{"name": "hidden1", "units": 6, "dropout": {"p": 0.5}}],
    "training": {"batch": 20, "steps": 40, "every": 10},
    "runs": [{"name": "B"}],
}


def test_a_mask_is_replayed_by_its_address_and_of_any_step(open_page, hands):
    page = open_page()
    me = hands(page)
    me.step()
    me.settle()
    address = page.locator(".strip .address").get_attribute("title")
    me.button("Replay").click()
    dialog = page.locator("dialog")
    assert dialog.locator("textarea").input_value() == address
    me.button("Replay it").click()
    kept = int(keep_mask((20, 8), 0.5, rng=Draw.parse(address)).sum())
    dialog.get_by_text(f"kept {kept} of 160").first.wait_for()

    dialog.get_by_label("step, counted from 0").fill("777")
    me.button("Show the masks").click()
    dialog.locator(".step-mask").nth(1).wait_for()
    later = dialog.locator(".step-mask code").first.inner_text()
    assert later == re.sub(r":\d+$", ":777", address)
    kept = int(keep_mask((20, 8), 0.5, rng=Draw.parse(later)).sum())
    dialog.locator(".step-mask").first.get_by_text(f"kept {kept} of 160").wait_for()

    dialog.locator("textarea").fill("dc1:nonsense")
    me.button("Replay it").click()
    dialog.get_by_role("alert").wait_for()


def test_monte_carlo_shows_a_mean_and_a_spread(open_page, hands):
    page = open_page()
    me = hands(page)
    me.step()
    me.button("Monte Carlo").click()
    page.get_by_text("mean of the passes").wait_for()
    page.get_by_text(re.compile("spread: standard deviation")).wait_for()
    me.button("Back").click()
    page.get_by_text("Boundary, dropout off").wait_for()


def test_monte_carlo_pauses_the_training_so_that_it_can_be_seen(open_page, hands):
    page = open_page()
    me = hands(page)
    me.button("Play").click()
    page.wait_for_function(f"() => {me.STEP} > 3")
    me.button("Monte Carlo").click()
    page.get_by_text("mean of the passes").wait_for()
    page.wait_for_timeout(600)
    assert page.get_by_text("mean of the passes").is_visible()
    assert me.button("Play").is_visible()


def test_monte_carlo_of_a_line_is_a_band(open_page, hands):
    page = open_page({**SMALL, "data": {"name": "sine", "rows": 40}})
    me = hands(page)
    me.step()
    me.button("Monte Carlo").click()
    page.get_by_text(re.compile("mean ± 2 standard deviations")).wait_for()


def test_all_sub_networks_stand_beside_the_one_pass(open_page, hands):
    page = open_page(TINY)
    me = hands(page)
    me.step()
    me.button("Sub-networks").click()
    dialog = page.locator("dialog")
    dialog.get_by_text(re.compile("2⁶ = 64 networks")).wait_for()
    figures = dialog.locator("dd").all_inner_texts()
    assert len(figures) == 3
    assert all(re.fullmatch(r"\d\.\d{4}", figure) for figure in figures)
    dialog.locator(".subnetworks").focus()
    dialog.get_by_text("hidden1 keeps none").wait_for()
    page.keyboard.press("ArrowRight")
    dialog.get_by_text("Sub-network 2: hidden1 keeps 1.").wait_for()
    page.keyboard.press("ArrowDown")
    dialog.get_by_text("Sub-network 10: hidden1 keeps 1, 4.").wait_for()


def test_advice_is_a_badge_with_why_and_what_to_do(open_page):
    page = open_page({**SMALL, "output": {"dropout": {"p": 0.5}}})
    badge = page.get_by_role("button", name=re.compile("finding.* on output"))
    badge.wait_for()
    badge.click()
    page.get_by_text("to show this mistake").wait_for()
    finding = page.locator(".finding").filter(has_text="output").first
    finding.locator("summary").click()
    finding.get_by_text("What to do:").wait_for()


def test_the_exported_script_prints_the_page_s_losses_and_addresses(open_page, hands, tmp_path):
    page = open_page(TINY)
    me = hands(page)
    me.button("Play").click()
    page.wait_for_function(f"() => {me.STEP} === 40")
    me.settle()
    shown = page.locator(".losses tbody td").nth(2).inner_text()  # validation, dropout off
    address = page.locator(".strip .address").get_attribute("title")
    me.button("Export").click()
    page.wait_for_function("() => document.querySelector('.script').textContent.length > 100")
    script = tmp_path / "lab.py"
    script.write_text(page.locator(".script").inner_text())
    printed = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, check=True
    ).stdout
    losses = [f"{float(number):.3f}" for number in re.findall(r"\d+\.\d{4,}", printed)]
    assert shown in losses
    assert address.rpartition(":")[0] in printed


def test_a_card_asks_for_a_guess_and_says_what_was_measured(open_page, hands):
    page = open_page()
    me = hands(page)
    me.button("p = 0.2").click()
    dialog = page.locator("dialog")
    run = dialog.get_by_role("button", name=re.compile("Run . seeds"))
    assert run.is_disabled()
    dialog.get_by_role("radio").first.check()
    run.click()
    dialog.get_by_role("progressbar").wait_for()
    dialog.locator(".arms").wait_for(timeout=120_000)
    assert dialog.locator("h3").inner_text() in (
        "Your guess was right.",
        "Your guess was wrong.",
        "Too few seeds for an answer.",
    )
    assert dialog.locator(".arms tbody tr").count() == 2
    assert re.search(r"\d\.\d{3} ± \d\.\d{3}", dialog.locator(".arms").inner_text())


def test_a_card_is_stopped(open_page, hands):
    page = open_page()
    me = hands(page)
    me.button("p = 0.8").click()
    dialog = page.locator("dialog")
    dialog.get_by_role("radio").first.check()
    dialog.get_by_role("button", name=re.compile("Run . seeds")).click()
    me.button("Stop").click()
    dialog.get_by_role("button", name=re.compile("Run . seeds")).wait_for()
    page.keyboard.press("Escape")
    me.step()


def test_the_page_in_words_has_every_figure(open_page, hands):
    page = open_page()
    me = hands(page)
    me.step()
    me.settle()
    validation = page.locator(".losses tbody tr").nth(1).locator("td").nth(2).inner_text()
    dropped = [i + 1 for i, gone in enumerate(me.dropped("hidden1")) if gone]
    me.button("In words").click()
    words = page.locator("dialog").inner_text()
    assert f"validation rows, dropout off {validation}" in words
    assert page.locator(".strip .address").get_attribute("title") in words
    listed = ", ".join(map(str, dropped[:-1])) + f" and {dropped[-1]}"
    assert (listed if len(dropped) > 1 else str(dropped[0])) in words
