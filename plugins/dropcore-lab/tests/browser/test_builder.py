"""Building a network: menus, fields, undo, refused values, links and files."""

import json
import re

from browser.driving import SMALL


def head(page, layer):
    return page.locator(".head", has_text=layer)


def columns(page):
    return [text.split("\n")[0] for text in page.locator(".head").all_inner_texts()]


def menu(page, layer, choice):
    head(page, layer).get_by_role("button", name=f"Change {layer}").click()
    page.get_by_role("menu").get_by_text(choice, exact=True).click()


def field(page, name):
    return page.locator(".selection-form").get_by_label(name, exact=True)


def test_layers_come_and_go_by_every_way(open_page, hands):
    page = open_page()
    me = hands(page)
    page.get_by_role("button", name="Add a layer between hidden1 and hidden2").click()
    page.get_by_role("menuitem", name="Add a dense layer here").click()
    head(page, "hidden3").wait_for()
    assert columns(page) == ["input", "hidden1", "hidden3", "hidden2", "output"]

    me.unit("hidden2", 1).click(button="right", force=True)
    page.get_by_role("menuitem", name="Add a layer after").click()
    head(page, "hidden4").wait_for()
    assert columns(page)[-2:] == ["hidden4", "output"]

    me.unit("hidden3", 1).focus()
    page.keyboard.press("Delete")
    head(page, "hidden3").wait_for(state="detached")
    me.button("Undo").click()
    head(page, "hidden3").wait_for()
    me.button("Undo").click()
    me.button("Undo").click()
    page.wait_for_function("() => document.querySelectorAll('.head').length === 4")
    me.button("Redo").click()
    head(page, "hidden3").wait_for()


def test_the_menu_and_the_form_change_the_same(open_page):
    page = open_page()
    menu(page, "hidden1", "tanh")
    page.get_by_text("8 units · tanh").wait_for()
    menu(page, "hidden1", "p = 0.8")
    head(page, "hidden1").get_by_text("p 0.8").wait_for()
    menu(page, "hidden1", "Edit…")
    assert field(page, "p").input_value() == "0.8"
    assert field(page, "activation").input_value() == "tanh"
    field(page, "units").fill("12")
    field(page, "units").press("Enter")
    page.get_by_text("12 units · tanh").wait_for()
    field(page, "batch normalisation").check()
    head(page, "hidden1").get_by_text("norm").wait_for()
    page.locator(".selection-form").get_by_label("drop units of this layer").uncheck()
    head(page, "hidden1").get_by_text("p 0.8").wait_for(state="detached")


def test_a_change_of_one_layer_moves_no_other_mask(open_page, hands):
    page = open_page()
    me = hands(page)
    me.step()
    menu(page, "hidden1", "p = 0.2")
    me.says("hidden2 the same to the bit; hidden1 changed.")


def test_what_is_not_accepted_is_said_beside_its_field(open_page, hands):
    page = open_page()
    me = hands(page)
    menu(page, "hidden1", "Edit…")
    for typed, said in (("5000", "not 5000"), ("many", 'not "many"'), ("", 'not ""')):
        field(page, "units").fill(typed)
        field(page, "units").press("Enter")
        fault = page.locator(".selection-form .fault")
        fault.get_by_text(f"units must be an integer from 1 to 1024, {said}").wait_for()
        assert field(page, "units").input_value() == typed  # nothing typed is lost
        assert field(page, "units").get_attribute("aria-invalid") == "true"
        assert page.locator(".notice.bad code").inner_text() == "/layers/0/units"
    assert "8 units" in head(page, "hidden1").inner_text()  # the last accepted network stays
    me.step()  # the network trains

    field(page, "name").fill("input")
    field(page, "name").press("Enter")
    page.locator(".notice.bad li").nth(1).wait_for()
    assert page.locator(".selection-form .fault").count() == 2
    me.button("Back to the last valid network").click()
    page.locator(".notice.bad").wait_for(state="detached")
    assert field(page, "units").input_value() == "8"
    assert field(page, "name").input_value() == "hidden1"


def test_variants_come_with_their_options(open_page):
    page = open_page()
    menu(page, "hidden1", "Edit…")
    field(page, "variant").select_option("alpha")
    field(page, "fixed_mean").wait_for()
    field(page, "fixed_var").fill("-1")
    field(page, "fixed_var").press("Enter")
    page.locator(".selection-form .fault").first.wait_for()
    field(page, "fixed_var").fill("2")
    field(page, "fixed_var").press("Enter")
    page.locator(".selection-form .fault").first.wait_for(state="detached")
    # The variant of one run differs from the layer's variant.
    page.locator(".selection-form").get_by_role("radio", name="A", exact=True).check()
    page.get_by_label("run A has its own dropout here").check()
    field(page, "variant").select_option("spatial")
    field(page, "channel_axis").wait_for()
    page.get_by_text("Its own dropout at hidden1").wait_for()


def test_runs_are_added_rated_and_removed(open_page, hands):
    page = open_page()
    me = hands(page)
    me.button("Add a run").click()
    page.locator(".losses tbody tr").nth(2).wait_for()
    page.get_by_label("p of run C").fill("2")
    page.get_by_label("p of run C").press("Enter")
    page.locator(".run .fault").wait_for()
    page.get_by_label("p of run C").fill("0.9")
    page.get_by_label("p of run C").press("Enter")
    page.locator(".run .fault").wait_for(state="detached")
    me.button("Remove run A").click()
    page.wait_for_function("() => document.querySelectorAll('.losses tbody tr').length === 2")


def test_zoom_pan_and_fit(open_page, hands):
    page = open_page()
    me = hands(page)
    where = "() => document.querySelector('.graph svg > g').getAttribute('transform')"
    fitted = page.evaluate(where)
    me.button("Zoom in").click()
    assert page.evaluate(where) != fitted
    me.button("Fit").click()
    assert page.evaluate(where) == fitted
    box = page.locator(".graph").bounding_box()
    page.mouse.move(box["x"] + 60, box["y"] + 150)
    page.mouse.wheel(0, -300)
    page.wait_for_function(f"before => ({where})() !== before", arg=fitted)
    zoomed = page.evaluate(where)
    page.mouse.down()
    page.mouse.move(box["x"] + 160, box["y"] + 190)
    page.mouse.up()
    assert page.evaluate(where) != zoomed
    me.unit("hidden1", 1).focus()
    page.keyboard.press("Shift+ArrowLeft")
    page.keyboard.press("0")
    assert page.evaluate(where) == fitted


def test_a_link_holds_the_set_up_and_never_the_token(open_page, hands, server):
    page = open_page()
    assert page.evaluate("() => location.hash") == ""
    menu(page, "hidden1", "Twice as many units")
    page.get_by_text("16 units · relu").wait_for()
    hands(page).button("Share").click()
    link = page.locator(".link").input_value()
    assert link.startswith(server.origin + "/#spec=")
    assert server.address.rpartition("=")[2] not in link
    page.keyboard.press("Escape")

    other = open_page(None, address=server.address + "&" + link.partition("#")[2])
    other.get_by_text("16 units · relu").wait_for()
    page.get_by_text("Another tab").wait_for()


def test_a_saved_file_is_opened_again(open_page, hands, tmp_path):
    page = open_page()
    me = hands(page)
    me.button("Share").click()
    with page.expect_download() as waiting:
        me.button("Save as a file").click()
    saved = json.loads(waiting.value.path().read_text())
    assert [layer["units"] for layer in saved["layers"]] == [8, 6]
    page.keyboard.press("Escape")

    saved["layers"][0]["units"] = 5
    (tmp_path / "five.json").write_text(json.dumps(saved))
    me.button("Open").click()
    page.locator("dialog input[type=file]").set_input_files(tmp_path / "five.json")
    page.get_by_text("5 units · relu").wait_for()
    assert page.locator("dialog").count() == 0


def test_a_file_with_faults_lists_them_all(open_page, hands):
    page = open_page()
    me = hands(page)
    faulty = {
        **SMALL,
        "layers": [{"name": "a", "units": 0}, {"name": "a"}, {"name": "b", "type": "magic"}],
        "colour": "red",
    }
    me.button("Open").click()
    text = page.locator("dialog textarea")
    for content, least in (("{", 1), (json.dumps(faulty), 4), ("spec=AAAA", 1)):
        text.fill(content)
        me.button("Open it").click()
        page.wait_for_function(
            "least => document.querySelectorAll('dialog .fault-list li').length >= least",
            arg=least,
        )
    page.keyboard.press("Escape")
    assert "8 units" in head(page, "hidden1").inner_text()


def test_a_csv_of_ones_own(open_page, hands, tmp_path):
    page = open_page()
    me = hands(page)
    rows = [f"{i / 10},{(i * 7) % 11},{'yes' if i % 3 else 'no'}" for i in range(60)]
    good = tmp_path / "own.csv"
    good.write_text("\n".join(["age,height,bought", *rows]))
    big = tmp_path / "big.csv"
    big.write_text("x,y,z\n" + "1,2,3\n" * 100_000)

    page.get_by_label("Data set").select_option("csv")
    chosen = page.locator("dialog input[type=file]")
    chosen.set_input_files(big)
    page.locator("dialog .fault").get_by_text(re.compile("the Lab takes 128 KB")).wait_for()
    assert me.button("Train on it").is_disabled()
    chosen.set_input_files(good)
    me.button("Train on it").click()
    page.locator(".setup").get_by_text("60 rows").wait_for()
    page.locator(".losses tbody tr").first.wait_for()
    me.step()


def test_a_csv_that_cannot_be_read_is_said_in_words(open_page, hands):
    page = open_page()
    me = hands(page)
    for text, said in (
        ("a\n1\n2\n3", "2 to 64 columns"),
        ("a,b,c\n1,nan,0\n2,3,1", "line 2, column b has nan"),
        ("a,b,c\n1,2,0\n2,tall,1", "line 3, column b has tall"),
    ):
        page.get_by_label("Data set").select_option("csv")
        page.locator("dialog textarea").fill(text)
        me.button("Train on it").click()
        page.locator("dialog .fault").filter(has_text=said).wait_for()
        assert page.locator("dialog textarea").input_value() == text
        page.keyboard.press("Escape")
        assert page.locator(".notice").count() == 0  # the network is unchanged
    assert "8 units" in head(page, "hidden1").inner_text()
    page.get_by_label("Data set").select_option("csv")
    assert page.locator("dialog textarea").input_value() == text  # the person can correct the text
    page.locator("dialog textarea").fill(text.replace("tall", "1.9"))
    me.button("Train on it").click()
    page.locator("dialog").wait_for(state="detached")
    page.locator(".setup").get_by_text("2 rows").wait_for()


def test_undo_works_wherever_the_focus_is(open_page, hands):
    page = open_page()
    head(page, "hidden1").locator(".dots").click()
    page.get_by_role("menuitem", name="Twice as many units").click()
    head(page, "hidden1").get_by_text("16 units").wait_for()
    page.evaluate("() => document.activeElement.blur()")
    page.keyboard.press("Control+z")
    head(page, "hidden1").get_by_text("8 units").wait_for()
    page.keyboard.press("Control+Shift+z")
    head(page, "hidden1").get_by_text("16 units").wait_for()


def test_a_part_that_was_opened_stays_open_once_its_faults_are_mended(open_page, hands):
    page = open_page()
    page.locator(".setup summary").click()
    rate = page.locator(".setup").get_by_label("learning rate", exact=True)
    rate.fill("1e6")
    rate.press("Enter")
    page.locator(".notice.bad").wait_for()
    rate.fill("0.02")
    rate.press("Enter")
    page.locator(".notice.bad").wait_for(state="detached")
    assert rate.is_visible()


def test_a_text_that_is_far_too_long_is_not_pasted(open_page):
    """A browser needs minutes for the layout of millions of lines."""
    page = open_page()
    paste = """([text, length]) => {
        const area = document.querySelector('dialog textarea');
        const data = new DataTransfer();
        data.setData('text', text.repeat(length));
        const how = {clipboardData: data, bubbles: true, cancelable: true};
        const event = new ClipboardEvent('paste', how);
        return !area.dispatchEvent(event);
    }"""
    page.get_by_label("Data set").select_option("csv")
    assert page.evaluate(paste, ["1,2,3\n", 10**6])
    page.locator("dialog .fault").filter(has_text="the Lab takes 128 KB").wait_for()
    assert not page.evaluate(paste, ["1,2,3\n", 10])
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Open").click()
    assert page.evaluate(paste, ["{", 10**6])
    page.locator("dialog .fault").filter(has_text="one message").wait_for()


def test_presets_and_data_sets_are_all_reached(open_page):
    page = open_page()
    ready = page.get_by_label("Start from a network that is ready")
    ids = ready.locator("option:not([disabled])").evaluate_all(
        "options => options.map(option => option.value).filter(Boolean)"
    )
    assert len(ids) >= 10
    for preset in ids:
        before = page.evaluate("() => document.querySelector('.heads').textContent")
        ready.select_option(preset)
        page.wait_for_function(
            "before => document.querySelector('.heads').textContent !== before"
            " || document.querySelector('.state-line').textContent.includes('back at step 0')",
            arg=before,
        )
        page.wait_for_timeout(150)
