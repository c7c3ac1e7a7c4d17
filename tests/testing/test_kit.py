"""The kit passes right variants, and names the fault of wrong variants."""

import inspect
import re

import pytest
from testing.impure_variants import LooksAtTheFirst, OptionWithoutHash, ViewOfX
from testing.misshapen_variants import MISSHAPEN, NoPlan
from testing.right_variants import (
    RIGHT,
    Exact,
    Rectified,
    SignedSquare,
    SomeElements,
    Standard,
    another,
)
from testing.unclear_variants import UNCLEAR
from testing.wrong_variants import WRONG, IdentityForgotten, Multiplied, NoScale

import dropcore
from dropcore._core import threads as core_threads
from dropcore.testing import CHECKS, Outcome, Report, check_variant, declaration, purity
from dropcore.testing import case as case_module
from dropcore.testing.subject import SHAPES, Subject

BUILT_IN = [
    ("standard", {}),
    ("standard", {"shared_axes": -1}),
    ("standard", {"shared_axes": 0}),
    ("spatial", {"channel_axis": 1}),
    ("spatial", {"channel_axis": -1}),
    ("spatial", {"channel_axis": 0, "batch_axis": None}),
    ("alpha", {}),
    ("alpha", {"fixed_mean": 1.0}),
    ("alpha", {"fixed_var": 3.0}),
    ("alpha", {"fixed_mean": 2.0, "fixed_var": 0.5, "shared_axes": -1}),
]


# ------------------------------------------------------------------ what is right


@pytest.mark.parametrize(("name", "options"), BUILT_IN, ids=str)
def test_built_in_variants_pass(name, options):
    report = check_variant(name, **options)
    assert report.passed
    skipped = set(report.names("skipped"))
    assert skipped <= {"kept_moments", "zero_d", "independent_units"}
    assert ("kept_moments" in skipped) == (name != "alpha")


@pytest.mark.parametrize("variant", RIGHT, ids=repr)
def test_right_variants_of_every_kind_pass(variant):
    assert check_variant(variant).passed


@pytest.mark.parametrize("at_kink", [0.0, 0.5, 1.0])
def test_a_gradient_at_a_kink_is_right_between_its_two_slopes(at_kink):
    assert check_variant(Rectified(at_kink), checks=["gradient"]).passed


def test_a_gradient_where_the_curvature_jumps_is_right():
    assert check_variant(SignedSquare(), checks=["gradient"]).passed


# ------------------------------------------------------------------ what is wrong


@pytest.mark.parametrize("at_kink", [-0.5, 1.5])
def test_a_gradient_at_a_kink_beyond_its_slopes_is_wrong(at_kink):
    with pytest.raises(AssertionError, match="gradient of x: "):
        check_variant(Rectified(at_kink), checks=["gradient"])


def test_every_wrong_variant_differs():
    kinds = [type(variant) for variant, _ in WRONG]
    assert len(kinds) == len(set(kinds) | {ViewOfX}) + 1  # two checks find the fault of ViewOfX
    assert len(kinds) >= 12


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # NumPy itself warns of some faults
@pytest.mark.parametrize(
    ("variant", "check"), WRONG, ids=[f"{type(v).__name__}-{check}" for v, check in WRONG]
)
def test_a_wrong_variant_is_caught_by_the_check_that_names_its_fault(variant, check):
    with pytest.raises(AssertionError, match=f"\n{check} +failed: "):
        check_variant(variant, checks=[check])


OF_THE_CORE = ["strides", "out", "store", "drop_rate"]


def dropout_of_a_wrong_core(fault):
    def dropout(x, p, *, rng, **arguments):
        if fault == "strides" and not x.flags.c_contiguous:
            x = x.ravel("K").reshape(x.shape)
        if fault == "out":
            y, mask = dropcore.dropout(x, p, rng=rng, **arguments)
            return y.copy(), mask
        if fault == "store" and arguments.get("store") == "draw":
            rng = dropcore.Stream(1).at(0)
        if fault == "drop_rate":
            p *= 0.99
        return dropcore.dropout(x, p, rng=rng, **arguments)

    return dropout


@pytest.mark.parametrize("check", OF_THE_CORE)
def test_what_the_core_does_for_a_variant_is_checked_too(monkeypatch, check):
    subject = Subject("standard")
    CHECKS[check](subject)
    monkeypatch.setattr(case_module, "dropout", dropout_of_a_wrong_core(check))
    with pytest.raises(AssertionError, match="p="):
        CHECKS[check](subject)


def test_a_record_of_another_draw_is_caught(monkeypatch):
    class WrongMask:
        @staticmethod
        def from_record(record):
            draw = record["draw"] and str(another(dropcore.Draw.parse(record["draw"])))
            return dropcore.Mask.from_record({**record, "draw": draw})

    monkeypatch.setattr(purity, "Mask", WrongMask)
    with pytest.raises(AssertionError, match="y of a mask from its record"):
        CHECKS["record"](Subject("standard"))


def test_every_check_is_seen_to_fail():
    assert {check for _, check in WRONG} | {*OF_THE_CORE, "record", "structure"} == set(CHECKS)


# ------------------------------------------------------------- structure, first


@pytest.mark.parametrize(
    ("variant", "says"), MISSHAPEN, ids=[type(variant).__name__ for variant, _ in MISSHAPEN]
)
def test_a_misshapen_variant_is_told_so_and_nothing_else(variant, says):
    with pytest.raises(AssertionError) as caught:
        check_variant(variant)
    _, *lines, summary = str(caught.value).splitlines()
    assert [line.split()[:2] for line in lines] == [["structure", "failed:"]]
    line = re.sub(r" \(in \w+, misshapen_variants.py, line \d+\)$", "", lines[0])
    assert line.endswith(says)
    assert summary == f"not run, because structure failed: {len(CHECKS) - 1} more"


def test_structure_runs_first_wherever_it_is_named():
    with pytest.raises(AssertionError, match="\\nstructure  failed: NoPlan must define plan"):
        check_variant(NoPlan(), checks=["gradient", "structure"])


def test_checks_that_fail_alike_are_told_once():
    with pytest.raises(AssertionError) as caught:
        check_variant(NoPlan(), checks=["gradient", "inference", "out", "strides"])
    _, first, others, summary = str(caught.value).splitlines()
    assert first == (
        "gradient   failed: TypeError: NoPlan must define plan, as each PlannedVariant must"
    )
    assert others == "  and the same for 3 more: inference, out, strides"
    assert summary == "4 of 4 checks say that it is wrong"


# ------------------------------------------------------------ messages and report


def test_the_message_lists_every_failing_check_and_no_other():
    with pytest.raises(AssertionError) as caught:
        check_variant(IdentityForgotten(), p_values=[0.25], shapes=[(6, 10)])
    title, *lines, summary = str(caught.value).splitlines()
    assert title == "IdentityForgotten(), p = 0.25, shapes (6, 10)"
    assert [line.split()[0] for line in lines] == ["inference"]
    assert "p=0.25, shape (6, 10): y in inference" in lines[0]
    assert summary == f"1 of {len(CHECKS)} checks say that it is wrong"


def test_an_exception_is_a_failure_that_names_it():
    says = r"\nempty +failed: IndexError: index 0 is out.* \(in \w+, impure_variants.py, line \d+\)"
    with pytest.raises(AssertionError, match=says):
        check_variant(LooksAtTheFirst(), checks=["empty"])


def test_the_report_has_a_line_for_each_check():
    report = check_variant("spatial", channel_axis=1)
    title, *lines, summary = repr(report).splitlines()
    assert title.startswith("Spatial(channel_axis=1, batch_axis=0), p = 0.1, 0.37, 0.8, shapes (2")
    assert [line.split()[0] for line in lines] == list(CHECKS)
    assert sum("  skipped: " in line for line in lines) == 2
    assert summary == f"{len(CHECKS)} checks: {len(CHECKS) - 2} passed, 2 skipped"


def test_a_message_of_several_lines_takes_one_line_of_the_report():
    report = Report("Mine()", (Outcome("gradient", "failed", "not [[1]\n  [2]]"),))
    assert repr(report).splitlines()[1:-1] == ["gradient  failed: not [[1] [2]]"]


def test_a_zero_of_the_other_sign_says_what_to_do():
    with pytest.raises(AssertionError, match=r"p_one  failed: .*selected, not multiplied"):
        check_variant(Multiplied(), checks=["p_one"])


def test_an_option_that_is_no_json_is_named():
    with pytest.raises(AssertionError, match=r"declaration  failed: .*factors of .*, not \[1.0"):
        check_variant(OptionWithoutHash([1.0]), checks=["declaration"])


@pytest.mark.parametrize(
    ("variant", "check", "says"), UNCLEAR, ids=[type(variant).__name__ for variant, *_ in UNCLEAR]
)
def test_messages_say_what_is_compared_and_what_to_do(variant, check, says):
    with pytest.raises(AssertionError) as caught:
        check_variant(variant, checks=[check])
    (line,) = str(caught.value).splitlines()[1:-1]
    assert re.search(says, line), line


def test_every_check_says_what_it_proves():
    for name, check in CHECKS.items():
        first = check.__doc__.strip().splitlines()[0]
        assert first.endswith("."), name
        assert len(first) > 30, name


# ------------------------------------------------------------- expected failures


def test_an_expected_failure_is_reported_with_its_reason():
    report = check_variant(
        IdentityForgotten(), expected_failures={"inference": "scales in both modes"}
    )
    assert report.passed
    (outcome,) = [o for o in report.outcomes if o.name == "inference"]
    assert (outcome.result, outcome.message) == ("failed as expected", "scales in both modes")


def test_an_expected_failure_that_passes_is_a_failure():
    with pytest.raises(AssertionError, match=r"dtypes +passed unexpectedly: .*only float32"):
        check_variant("standard", expected_failures={"dtypes": "only float32"})


def test_an_expected_failure_that_is_skipped_is_a_failure():
    with pytest.raises(
        AssertionError, match=r"zero_d +skipped unexpectedly: expected to fail: no channels; .*axis"
    ):
        check_variant("spatial", channel_axis=1, expected_failures={"zero_d": "no channels"})


def test_expected_failures_have_names_and_reasons():
    with pytest.raises(
        ValueError, match="names of checks, not 'gradients': structure, declaration, "
    ):
        check_variant("standard", expected_failures={"gradients": "why"})
    with pytest.raises(TypeError, match=r"expected_failures\['gradient'\] must be a reason"):
        check_variant("standard", expected_failures={"gradient": ""})
    with pytest.raises(TypeError, match="expected_failures must be a dict, from a check's name"):
        check_variant("standard", expected_failures=["gradient"])


def test_an_expected_failure_is_among_the_checks():
    with pytest.raises(
        ValueError, match=r"must be among checks, \['gradient', 'store'\], not 'inference'"
    ):
        check_variant(
            IdentityForgotten(),
            checks=["gradient", "store"],
            expected_failures={"inference": "scales in both modes"},
        )


# ----------------------------------------------------------- p, shapes, arguments


def test_shapes_that_a_variant_does_not_read_are_left_out():
    assert Subject("standard").shapes == SHAPES
    assert Subject("spatial", {"channel_axis": 1}).shapes == SHAPES[2:]


def test_a_variant_that_reads_no_usual_shape_needs_shapes():
    with pytest.raises(ValueError, match=r"accepts none of the usual: \(60,\): "):
        Subject("standard", {"shared_axes": 5})
    assert check_variant("standard", shared_axes=5, shapes=[(1, 2, 1, 5, 1, 6)]).passed


def test_shapes_that_are_given_have_to_be_read():
    with pytest.raises(
        AssertionError, match=r"structure +failed: .*decide\(draw, p, shape\) raises ValueError"
    ):
        check_variant(Exact(), shapes=[()])


def test_arrays_without_elements_need_not_be_read():
    assert check_variant(SomeElements(), checks=["empty"]).names("passed") == ["empty"]
    (outcome,) = check_variant(SomeElements(), shapes=[(60,)], checks=["empty"]).outcomes
    assert outcome.result == "skipped"
    assert outcome.message == "does not accept arrays without elements: needs a row with elements"


@pytest.mark.parametrize("p_values", [[], [0.0], [0.5, 1.0], [0.99]])
def test_p_values_are_inside(p_values):
    with pytest.raises(ValueError, match="p_values"):
        check_variant("standard", p_values=p_values)


@pytest.mark.parametrize("p_values", [0.3, "0.3", ["0.3"], [None]])
def test_p_values_are_a_list_of_numbers(p_values):
    with pytest.raises(TypeError, match=r"p_values must be a list of one or more p in \[0.05"):
        check_variant("standard", p_values=p_values)


@pytest.mark.parametrize("shapes", [6, (6, 10), "(6, 10)", [(6, 2.5)], [("6",)]])
def test_shapes_are_a_list_of_shapes(shapes):
    with pytest.raises(
        TypeError, match=r"shapes must be one or more shapes.*such as \[\(6, 10\)\]"
    ):
        check_variant("standard", shapes=shapes)


@pytest.mark.parametrize("shapes", [[], [(6, 0)], [(-6, -1)]])
def test_shapes_have_elements(shapes):
    with pytest.raises(ValueError, match="shapes must be one or more shapes with elements"):
        check_variant("standard", shapes=shapes)


def test_a_single_element_can_be_all_there_is():
    assert check_variant("standard", shapes=[()]).passed


def test_checks_can_be_chosen():
    report = check_variant("standard", checks=["gradient", "store"])
    assert report.names("passed") == ["gradient", "store"]
    with pytest.raises(ValueError, match="checks must be names of checks, not 'grad'"):
        check_variant("standard", checks=["grad"])
    with pytest.raises(TypeError, match=r"checks must be a list of names, such as \['gradient'\]"):
        check_variant("standard", checks="gradient")


def test_two_threads_share_a_call_also_outside_of_this_suite(monkeypatch):
    # The fixture `threads_for_small_arrays` lets threads share small arrays in this suite. Authors
    # of variants have no such fixture.
    shared = []
    monkeypatch.setattr(core_threads, "PIECE", 2**20)
    run_pieces = core_threads.run_pieces
    monkeypatch.setattr(
        core_threads, "run_pieces", lambda pieces: (shared.append(len(pieces)), run_pieces(pieces))
    )
    assert check_variant("standard", checks=["threads"]).passed
    assert shared
    assert core_threads.PIECE == 2**20


def test_no_option_has_the_name_of_an_argument_of_dropout():
    names = set(inspect.signature(dropcore.dropout).parameters) - {"x", "options"}
    assert names == declaration.OF_DROPOUT


def test_a_name_and_its_options_are_looked_up():
    with pytest.raises(LookupError, match="did you mean 'standard'"):
        check_variant("standart")
    with pytest.raises(TypeError, match="part of the Variant"):
        check_variant(Standard(), factor=2)


def test_verdicts_repeat():
    messages = set()
    for _ in range(2):
        with pytest.raises(AssertionError) as caught:
            check_variant(NoScale(), shapes=[(60,)])
        messages.add(str(caught.value))
    assert len(messages) == 1
