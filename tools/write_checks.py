"""The part of `write_interface.py` that writes `_core/checks.pxd` and `_core/checked.pyx`."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator

import interface
from interface import DTYPES, Block, Dtype, Function

ELEMENT = r"\belement\b"
STRUCTS = tuple(struct.name for struct in interface.STRUCTS)


def checked() -> Iterator[tuple[Block, Function]]:
    """The functions that can get a wrong argument and cannot raise. `draw_of` raises by itself."""
    for block in interface.BLOCKS:
        for function in block.functions:
            if function.exported and function.arguments and function.where.endswith(".api"):
                yield block, function


def arguments_of(function: Function) -> list[tuple[str, str]]:
    """Type and name of each argument."""
    text = re.sub(r"#.*", "", function.arguments)
    parts = [part.split() for part in text.split(",") if part.strip()]
    return [(" ".join(words[:-1]), words[-1]) for words in parts]


def count_of(function: Function) -> str:
    """The number of elements, bits or words that a call reads and writes."""
    names = [name for _, name in arguments_of(function)]
    if "layout" in names:
        return "layout.elements"
    return function.elements if "n" in names or "times" in names else "0"


def tests(function: Function) -> Iterator[str]:
    """The calls of the checks; counts come before the pointers whose check needs a count."""
    arguments = arguments_of(function)
    names = [name for _, name in arguments]
    count = count_of(function)
    for kind, name in arguments:
        if kind.removeprefix("const ").rstrip("*") in STRUCTS:
            yield f'given(f, "{name}", {name}, 8)'
            if kind in ("const dropcore_layout*", "const dropcore_shard*"):
                yield f"{name}_was_made(f, {name})"
        elif name == "p":
            yield "probability(f, p)"
        elif kind == "Py_ssize_t":
            yield f'count(f, "{name}", {name})'
        elif name == "axes":
            yield "axes_count(f, axes)"
    if "times" in names:
        yield "product(f, decisions, times)"
    if "shard" in names and "x" in names:
        yield "unshared(f, shard)"
    if "shard" in names and "first" in names:
        yield "in_shard(f, first, n, shard)"
    for name in ("start", "first"):
        if ("uint64_t", name) in arguments:
            yield f'reaches(f, "{name}", {name}, {"decisions" if "times" in names else "n"})'
    for kind, name in arguments:
        yield from pointer_tests(function, kind, name, count)
    for source, target in (("x", "y"), ("dy", "dx")):
        if source in names and target in names:
            yield f'apart(f, "{source}", {source}, "{target}", {target}, {count}, size)'
            if "bits" in names:
                yield from bits_tests(names, (source, target), count)


def bits_tests(names: list[str], arrays: tuple[str, str], count: str) -> Iterator[str]:
    """That bits, and scratch memory, share no memory with the elements."""
    first = "first" if "first" in names and "shard" not in names else "0"
    decisions = {"layout": "layout.decisions", "times": "decisions"}
    n = next((count for name, count in decisions.items() if name in names), "n")
    for name in arrays:
        elements = f'"{name}", {name}, {count} * size'
        yield f"bits_apart(f, bits, {first}, {n}, {elements})"
        if "scratch" in names:
            yield f"scratch_apart(f, scratch, layout, {elements})"
    if "scratch" in names:
        yield f'scratch_apart(f, scratch, layout, "bits", bits, ({n} + 7) >> 3)'


def pointer_tests(function: Function, kind: str, name: str, count: str) -> Iterator[str]:
    """The checks of a pointer to elements, words, bits, lengths or text."""
    if name in function.may_be_null or not kind.endswith("*"):
        return
    if "element" in kind:
        yield f'needed(f, "{name}", {name}, {count}, size)'
    elif "Py_ssize_t" in kind:
        yield f'needed(f, "{name}", {name}, axes, sizeof(Py_ssize_t))'
    elif name == "scratch":
        yield 'needed(f, "scratch", scratch, scratch_bytes(layout), 4)'
    elif "uint64_t" in kind:
        yield f'needed(f, "{name}", {name}, {count}, 8)'
    elif kind.removeprefix("const ") in ("uint8_t*", "char*"):
        yield f'needed(f, "{name}", {name}, {count}, 1)'


def passed(function: Function) -> list[str]:
    """The arguments of a check: the function's name, an element's size, the call's arguments."""
    size = ["size_t size"] if function.of_dtype else []
    own = [f"{kind} {name}" for kind, name in arguments_of(function)]
    return ["const char* f", *size, *(re.sub(ELEMENT, "void", each) for each in own)]


def filled(words: list[str], indent: str) -> str:
    """Words separated by commas, in lines that break only after commas."""
    joined = ", ".join(word.replace(" ", "\0") for word in words) + ","
    text = textwrap.fill(joined, 100, initial_indent=indent, subsequent_indent=indent)
    return text.replace("\0", " ")


def call_tests() -> str:
    """The functions that check a call, for each row of the table."""
    parts = []
    for _, function in checked():
        every = "\n".join(f"        {'and ' * (i > 0)}{t}" for i, t in enumerate(tests(function)))
        parts.append(
            f"cdef inline bint {function.name}_is_right(\n"
            f"{filled(passed(function), '    ')}\n) noexcept nogil:\n"
            f"    return (\n{every}\n    )\n"
        )
    return "\n\n".join(parts)


def dtypes_of(block: Block) -> tuple[Dtype | None, ...]:
    """The dtypes of a block's functions; (None,) for functions without a dtype."""
    return DTYPES if block.of_dtype else (None,)


def head(function: Function, dtype: Dtype | None, end: str = "") -> str:
    """The declaration of one function."""
    name = function.name if dtype is None else f"{function.name}_{dtype.name}"
    words = [f"{kind} {argument}" for kind, argument in arguments_of(function)]
    if dtype is not None:
        words = [re.sub(ELEMENT, dtype.passed, word) for word in words]
    return (
        f"cdef {function.result} dropcore_{name}(\n{filled(words, '    ')}\n) noexcept nogil{end}\n"
    )


def checked_declarations() -> str:
    """The declarations of all functions."""
    return "\n".join(
        head(function, dtype) for block, function in checked() for dtype in dtypes_of(block)
    )


def checked_functions() -> str:
    """The bodies of all functions: the check, then the call. A refused struct gets zeros."""
    parts = []
    for block, function in checked():
        for dtype in dtypes_of(block):
            name = function.name if dtype is None else f"{function.name}_{dtype.name}"
            names = [argument for _, argument in arguments_of(function)]
            size = [] if dtype is None else [f"sizeof({dtype.passed})"]
            result = "" if function.result == "void" else "return "
            test = [f'"{name}"', *size, *names]
            body = called(f"    if {function.name}_is_right(", test, "):")
            body += called(f"        {result}api.dropcore_{name}(", names, ")")
            for kind, argument in arguments_of(function):
                if kind in ("dropcore_layout*", "dropcore_shard*"):
                    body += f"    set_to_zeros({argument}, sizeof({kind.rstrip('*')}))\n"
            if result:
                body += "    return 0\n"
            parts.append(head(function, dtype, ":") + body)
    return "\n".join(parts)


def called(begin: str, arguments: list[str], end: str) -> str:
    """Write a call, on one line if there is room."""
    line = f"{begin}{', '.join(arguments)}{end}\n"
    if len(line) <= 101:
        return line
    indent = " " * (len(begin) - len(begin.lstrip()))
    inside = filled(arguments, indent + "    ").removesuffix(",")
    return f"{begin}\n{inside}\n{indent}{end}\n"


def tests_imported() -> str:
    """The cimport of the tests."""
    names = sorted(f"{function.name}_is_right" for _, function in checked())
    return f"from dropcore._core.checks cimport (\n{filled(names, '    ')}\n)\n"
