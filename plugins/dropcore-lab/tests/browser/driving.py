"""Shared by the browser tests: a server, a specification, and the actions of a person."""

import base64
import json
import re
import subprocess
import sys
import zlib

SMALL = {
    "data": {"name": "moons", "rows": 60, "validation": 100, "noise": 0.25, "wrong": 0.1},
    "layers": [
        {"name": "hidden1", "units": 8, "dropout": {"p": 0.5}},
        {"name": "hidden2", "units": 6, "dropout": {"p": 0.3}},
    ],
    "training": {"batch": 20, "steps": 2000, "every": 10},
    "runs": [{"name": "A", "p": 0}, {"name": "B"}],
}


def link_of(spec):
    """A specification as the fragment of a link."""
    packed = zlib.compress(json.dumps(spec).encode())
    return "spec=" + base64.urlsafe_b64encode(packed).rstrip(b"=").decode()


class Server:
    """A process that runs `dropcore lab`."""

    def __init__(self, *arguments):
        command = [sys.executable, "-m", "dropcore", "lab", "--no-browser", *arguments]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        line = self.process.stdout.readline()
        self.address = re.search(r"http\S+", line)[0]
        self.origin = self.address.partition("/#")[0]

    def end(self):
        self.process.terminate()
        self.process.wait(20)
        self.process.stdout.close()


class Hands:
    """The actions of a person on a page."""

    STEP = (
        "Number(document.querySelector('.steps').textContent"
        ".replace(/,/g, '').match(/step (\\d+)/)[1])"
    )

    def __init__(self, page):
        self.page = page

    def button(self, name, **options):
        return self.page.get_by_role("button", name=name, exact=True, **options)

    def step(self):
        """One step, and wait for its frame."""
        before = self.steps()
        self.button("Step").click()
        self.page.wait_for_function(f"() => {self.STEP} === {before + 1}")

    def steps(self):
        return self.page.evaluate(f"() => {self.STEP}")

    def unit(self, layer, number):
        """A unit of a layer, counted from 1."""
        return self.page.locator(f".unit[aria-label^='{layer}, unit {number} of']")

    def says(self, text):
        """Wait until the line under the controls contains a text."""
        self.page.locator(".state-line p").filter(has_text=text).wait_for()

    def dropped(self, layer):
        """The units of a layer that the page draws as dropped."""
        return self.page.evaluate(
            """layer => [...document.querySelectorAll('.unit')]
                .filter(unit => unit.getAttribute('aria-label').startsWith(layer + ','))
                .map(unit => unit.classList.contains('dropped'))""",
            layer,
        )

    def set_row(self, row):
        """Choose a row of the batch, counted from 0."""
        slider = self.page.get_by_label("Row of the batch")
        slider.fill(str(row))

    def settle(self):
        """Wait until the page shows the last mask: it shows at most three masks each second."""
        self.page.wait_for_timeout(450)
