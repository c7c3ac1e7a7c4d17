"""The part of `write_interface.py` that writes `core/__init__.pxd`: functions over memoryviews."""

from __future__ import annotations

import textwrap

import interface
from interface import DTYPES, Dtype, Function

# The type of each argument, by its name; `element` stands for the type of an element.
TYPES = {
    "draw": "const dropcore_draw*",
    "p": "double",
    "shard": "const dropcore_shard*",
    "x": "const element[::1]",
    "dy": "const element[::1]",
    "y": "element[::1]",
    "dx": "element[::1]",
    "bits": "const uint8_t[::1]",
    "start": "uint64_t",
    "first": "uint64_t",
    "decisions": "Py_ssize_t",
    "times": "Py_ssize_t",
    "scale": "double",
    "shift": "double",
    "drop": "double",
}
FLOATING = tuple(dtype for dtype in DTYPES if dtype.passed in ("float", "double"))
NAMED = tuple(dtype for dtype in DTYPES if dtype not in FLOATING)


def arguments(function: Function) -> list[tuple[str, str]]:
    """Name and default of each argument; "" without a default."""
    parts = [part.strip().partition("=") for part in function.views.split(",")]
    return [(name, default) for name, _, default in parts]


def type_of(name: str, function: Function, element: str) -> str:
    """The type of an argument in the declaration."""
    written = name == "bits" and "uint8_t* bits" in function.arguments.replace("const uint8_t*", "")
    kind = "uint8_t[::1]" if written else TYPES[name]
    return kind.replace("element", element)


def functions(shards: bool) -> list[Function]:
    """The functions with a form over memoryviews: those for shards, or all others."""
    every = [f for block in interface.BLOCKS for f in block.functions if f.views]
    return [f for f in every if ("shard" in f.views) == shards]


def view_functions(shards: bool = False) -> str:
    """Functions over memoryviews: one for float and double, and one for each half type."""
    parts = []
    for function in functions(shards):
        parts.append(view_function(function, "", "floating", FLOATING))
        parts += [view_function(function, f"_{d.name}", d.passed, (d,)) for d in NAMED]
    return "\n\n".join(parts)


def view_imports(shards: bool = False) -> str:
    """The cimports that these functions need."""
    names = sorted(f"dropcore_{f.name}_{dtype.name}" for f in functions(shards) for dtype in DTYPES)
    imports = f"from dropcore._core.api cimport (\n{wrapped(names)}\n)\n"
    if not shards:
        named = [f"{f.name}{end}" for f in functions(True) for end in endings()]
        names = sorted(["keep_shard", *named])
        imports += f"from dropcore.core.shard_views cimport (\n{wrapped(names)}\n)\n"
    return imports


def endings() -> tuple[str, ...]:
    """The suffixes of a function's name: one for each form over memoryviews."""
    return ("", *(f"_{dtype.name}" for dtype in NAMED))


def wrapped(words: list[str]) -> str:
    """Words separated by commas, in indented lines that break only after commas."""
    joined = ", ".join(word.replace(" ", "\0") for word in words)
    lines = textwrap.fill(f"{joined},", 100, initial_indent="    ", subsequent_indent="    ")
    return lines.replace("\0", " ")


def view_function(function: Function, ending: str, element: str, dtypes: tuple[Dtype, ...]) -> str:
    """One function: its checks, and the call."""
    declared = wrapped(
        [
            f"{type_of(name, function, element)} {name}" + (f"={default}" if default else "")
            for name, default in arguments(function)
        ]
    )
    names = [name for name, _ in arguments(function)]
    source, target = ("dy", "dx") if "dy" in names else ("x", "y")
    lines = [f"cdef Py_ssize_t n = {source}.shape[0]"]
    if "scale" in names:
        lines.append("cdef dropcore_plan plan")
        lines += [f"plan.{field} = {field}" for field in ("scale", "shift", "drop")]
    if names[0] == "bits":
        lines.append('check_view(b"bits", bits is None)')
    lines.append(f'check_views(b"{source}", {source} is None, b"{target}", {target} is None)')
    lines += argument_checks(names)
    given = (
        f'b"{source}", b"{target}", &{source}[0], n, &{target}[0], {target}.shape[0], '
        f"sizeof({source}[0]), &bits[0], "
    )
    lines.append(f"with {UNCHECKED}:")
    if "times" in names:
        lines += ["    check_arrays(", f"        {given}first, decisions,", "    )"]
    else:
        lines.append(f"    check_arrays({given}{'first' if 'first' in names else '0'}, n)")
    parts = function.arguments.replace("\n", " ").split(",")
    call = [argument(part, names) for part in parts]
    passed = ", ".join(part for part in call if part)
    for k, dtype in enumerate(dtypes):
        indent = "    "
        if len(dtypes) > 1:
            last = k == len(dtypes) - 1
            lines.append("    else:" if last else f"    if floating is {dtype.passed}:")
            indent += "    "
        lines.append(f"{indent}dropcore_{function.name}_{dtype.name}({passed})")
    lines.append("return 0")
    body = textwrap.indent("\n".join(lines), "    ")
    return f"cdef inline int {function.name}{ending}(\n{declared}\n) except -1 nogil:\n{body}\n"


# Without these checks, `&x[0]` of a view that is None is NULL.
UNCHECKED = "cython.boundscheck(False), cython.wraparound(False), cython.initializedcheck(False)"


def argument_checks(names: list[str]) -> list[str]:
    """The checks of the arguments besides x and y."""
    found = []
    if "shard" in names:
        found += ["check_draws(p, 0, n)", "check_unshared(shard.shared)"]
        found += ["check_elements(dropcore_shard_decisions(shard), n)"]
        found += ["if bits is not None:", "    check_bits(bits.shape[0], n)"]
    elif "draw" in names:
        found += ["check_draws(p, start, n)"]
        found += ["if bits is not None:", "    check_bits(bits.shape[0], n)"]
    elif "times" in names:
        found += ["check_shared(decisions, times, n)"]
        found += ["check_window(bits.shape[0], first, decisions)"]
    else:
        found += ["check_window(bits.shape[0], first, n)"]
    return found


def argument(declared: str, names: list[str]) -> str:
    """The expression for one argument of the function over pointers."""
    name = declared.split("#")[0].split()[-1].lstrip("*") if declared.strip() else ""
    if name in ("x", "y", "dx", "dy"):
        return f"&{name}[0]"
    if name == "first" and "shard" in names:  # a view function takes the whole shard
        return "0"
    return {"bits": "&bits[0]", "plan": "&plan"}.get(name, name)


# ------------------------------------------------------------------- for Python


def python_arguments(function: Function, declared: dict[str, str] | None = None) -> str:
    """The arguments of a `def`; with `declared`, the annotated arguments of a stub."""
    parts = []
    for name, default in arguments(function):
        if name in ("shift", "drop") and default == "0":
            default = "0.0"
        if declared is None:
            parts.append(f"{name}={default}" if default else name)
            continue
        kind = declared[name] + (" | None" if default == "None" else "")
        parts.append(f"{name}: {kind}" + (" = ..." if default else ""))
    return ", ".join(parts)


def named_functions() -> str:
    """The functions for the half types, with the dtype in their names."""
    names = ", ".join(sorted(dtype.name.upper() for dtype in NAMED))
    parts = [f"from dropcore._core.table cimport {names}\n"]
    for block in interface.BLOCKS:
        for function in block.functions:
            if not function.views:
                continue
            kind = function.name.upper() + ", " if function.name in ("repeat", "tile") else ""
            body = "shared" if kind else function.name
            names = ", ".join(name for name, _ in arguments(function))
            for dtype in NAMED:
                parts.append(
                    f"def {function.name}_{dtype.name}({python_arguments(function)}):\n"
                    f'    """Like `{function.name}`, for {dtype.name} as 16-bit integers."""\n'
                    f"    {body}_of({kind}{dtype.name.upper()}, {names})\n"
                )
    return "\n\n".join(parts)


STUB_TYPES = {
    "draw": "Draw",
    "p": "_Real",
    "shard": "Shard",
    **dict.fromkeys(("x", "dy", "y", "dx", "bits"), "_Buffer"),
    **dict.fromkeys(("start", "first", "decisions", "times"), "_Int"),
    **dict.fromkeys(("scale", "shift", "drop"), "float"),
}


def stubs() -> str:
    """The stub of all functions."""
    parts = []
    for block in interface.BLOCKS:
        for function in block.functions:
            for ending in ("", *(f"_{d.name}" for d in NAMED)) if function.views else ():
                declared = python_arguments(function, STUB_TYPES)
                line = f"def {function.name}{ending}({declared}) -> None: ..."
                if len(line) > 100:
                    each = "".join(f"    {part},\n" for part in declared.split(", "))
                    line = f"def {function.name}{ending}(\n{each}) -> None: ..."
                parts.append(line)
    return "\n".join(parts) + "\n\n"


def public_names() -> list[str]:
    """The public names of `dropcore.core`."""
    names = ["keep_bits", "keep_shard"]
    for block in interface.BLOCKS:
        for function in block.functions:
            if function.views:
                names += [function.name, *(f"{function.name}_{d.name}" for d in NAMED)]
    return sorted(names)


def public_imports() -> str:
    """The imports of the public names, and `__all__`."""
    names = public_names()
    imported = "".join(f"    {name},\n" for name in names)
    listed = "".join(f'    "{name}",\n' for name in ("Shard", *names))
    return (
        f"from dropcore.core.functions import (\n{imported})\n"
        "from dropcore.core.shards import Shard\n\n"
        f"__all__ = [\n{listed}]\n"
    )
