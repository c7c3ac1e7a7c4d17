"""The first minute of a person on the page: by mouse, then with the keyboard only."""

import itertools
import re

import pytest

from dropcore import Draw, keep_mask

SHAPE = (20, 8)  # of hidden1's masks: rows of a batch, units


def bits_of(page, shape=SHAPE, p=0.5):
    """The mask that dropcore computes from the address on the page."""
    address = page.locator(".strip .address").get_attribute("title")
    return address, keep_mask(shape, p, rng=Draw.parse(address))


def test_by_mouse(open_page, hands):
    page = open_page(None)  # the first network of `dropcore lab`
    me = hands(page)

    # Two runs with equal first weights: their losses with dropout off are equal at step 0.
    table = page.locator(".losses tbody tr")
    assert table.count() == 2
    first = [row.locator("td").nth(1).inner_text() for row in table.all()]
    assert first[0] == first[1]
    heads = page.locator(".losses thead").inner_text().split()
    assert " ".join(heads).startswith("training rows validation rows")
    assert heads.count("on") == 1
    assert heads.count("off") == 2

    # Play: the run takes steps, the gap is a number, the curves appear. Pause.
    me.button("Play").click()
    page.wait_for_function("() => document.querySelector('.lines canvas') !== null")
    me.button("Pause").click()
    me.says("Paused.")
    done = me.steps()
    assert done > 0
    assert re.fullmatch("\N{MINUS SIGN}?" r"\d+\.\d{3}", table.nth(0).locator(".gap").inner_text())

    # Hover over a unit: weights, activation, share of steps that kept it, address of the step.
    me.unit("hidden1", 2).hover(force=True)
    details = page.locator(".details")
    details.get_by_text("hidden1, unit 2").wait_for()
    details.get_by_text("weights in").wait_for()
    text = details.inner_text()
    assert "activation" in text
    assert "kept so far" in text
    assert details.locator("code").get_attribute("title").endswith(f":{done - 1}")

    # Replay of the step: the server compares masks and losses bit for bit.
    me.settle()
    before = me.dropped("hidden1")
    me.button("This step again").click()
    me.says("the same masks and the same losses, to the bit")
    me.settle()
    assert me.dropped("hidden1") == before
    assert me.steps() == done

    # Inference drops nothing; with dropout left on, the output for one row changes.
    page.get_by_role("radio", name="Inference").check()
    page.get_by_text("Inference: nothing is dropped").wait_for()
    assert not any(me.dropped("hidden1"))
    page.get_by_role("radio", name="Left on").check()
    page.locator(".prediction.left_on").wait_for()
    low, high = re.findall(r"\d\.\d{3}", page.locator(".prediction .left").inner_text())
    assert float(low) < float(high)


def test_by_keys(open_page, hands):
    page = open_page()
    me = hands(page)

    def tab_to(name, most=40):
        for _ in range(most):
            page.keyboard.press("Tab")
            if name in page.evaluate(
                "() => (document.activeElement.getAttribute('aria-label') ?? '')"
                " + '|' + document.activeElement.textContent.trim()"
            ):
                return
        pytest.fail(f"Tab does not reach {name}")

    tab_to("Play")
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.querySelector('.lines canvas') !== null")
    page.keyboard.press("Enter")
    me.says("Paused.")
    done = me.steps()
    tab_to("Step")
    page.keyboard.press("Enter")
    page.wait_for_function(f"() => {me.STEP} === {done + 1}")

    # The network is one tab stop; arrow keys move between units and layers, Enter opens the form.
    tab_to("input, unit 1 of 2", most=80)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    assert label(page) == "hidden1, unit 2 of 8"
    page.locator(".details").get_by_text("hidden1, unit 2").wait_for()
    page.keyboard.press("Shift+F10")
    assert page.get_by_role("menu").get_attribute("aria-label") == "What to do with hidden1"
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.get_by_text("9 units · relu").wait_for()
    assert page.get_by_role("menu").count() == 0
    assert label(page).startswith("hidden1, unit")
    page.keyboard.press("Control+z")
    page.get_by_text("8 units · relu").wait_for()
    page.keyboard.press("Control+Shift+z")
    page.get_by_text("9 units · relu").wait_for()

    # Keys of the network: one step, replay of it, one unit less, add and remove a layer.
    page.keyboard.press("s")
    me.says("One step was done.")
    page.keyboard.press("a")
    me.says("the same masks and the same losses, to the bit")
    page.keyboard.press("-")
    page.get_by_text("8 units · relu").wait_for()
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.activeElement.matches('.selection-form input')")


def test_every_row_has_the_mask_that_training_used(open_page, hands):
    page = open_page()
    me = hands(page)
    me.step()
    me.step()
    me.settle()
    address, kept = bits_of(page)
    assert address.endswith(":1")
    seen = []
    for row in (0, 7, 19):
        me.set_row(row)
        me.settle()
        seen.append(me.dropped("hidden1"))
        assert seen[-1] == [not one for one in kept[row].tolist()]
    assert seen[0] != seen[1] != seen[2]


def test_the_strip_shows_all_bits(open_page, hands):
    page = open_page()
    me = hands(page)
    me.step()
    me.settle()
    _, kept = bits_of(page)
    drawn = page.evaluate(
        """([rows, units]) => {
            const canvas = document.querySelector('.strip .rows canvas');
            const context = canvas.getContext('2d');
            const [w, h] = [canvas.width / rows, canvas.height / units];
            const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
            const seen = [];
            for (let row = 0; row < rows; row += 1) for (let unit = 0; unit < units; unit += 1) {
                const x = Math.round((row + 0.25) * w), y = Math.round((unit + 0.3) * h);
                seen.push(data[4 * (y * canvas.width + x) + 3] > 0);
            }
            return seen;
        }""",
        list(SHAPE),
    )
    assert drawn == kept.ravel().tolist()


def test_at_most_three_masks_a_second_are_shown(open_page, hands):
    page = open_page()
    me = hands(page)
    me.step()
    page.evaluate(
        """() => {
            window.changes = [];
            const units = document.querySelector('.graph svg');
            new MutationObserver(all => {
                if (all.some(({oldValue, target}) => target.matches('.unit')
                        && oldValue.includes('dropped') !== target.classList.contains('dropped'))) {
                    window.changes.push(performance.now());
                }
            }).observe(units, {subtree: true, attributeFilter: ['class'], attributeOldValue: true});
        }"""
    )
    unit = me.unit("hidden1", 1)
    unit.focus()
    for _ in range(40):
        page.keyboard.press("s")
        page.wait_for_timeout(25)
    me.settle()
    page.get_by_label("Speed").select_option("20")
    me.button("Play").click()
    page.wait_for_timeout(1500)
    me.button("Pause").click()
    me.settle()
    changes = page.evaluate("() => window.changes")
    assert len(changes) >= 3
    gaps = [later - earlier for earlier, later in itertools.pairwise(changes)]
    assert min(gaps) > 250  # 333 ms, minus the delay of a frame


def test_while_steps_come_fast_units_show_how_often_they_were_kept(open_page, hands):
    page = open_page()
    me = hands(page)
    me.button("Play").click()
    page.locator(".arc.on").first.wait_for(state="attached")
    assert not any(me.dropped("hidden1"))
    share = page.evaluate(
        """() => parseFloat(
            document.querySelector('.column:nth-child(2) .arc').style.strokeDasharray)"""
    )
    assert 30 < share < 70


def label(page):
    return page.evaluate("() => document.activeElement.getAttribute('aria-label')")
