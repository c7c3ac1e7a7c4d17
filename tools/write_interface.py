"""Generate the declarations of the compiled interface from `interface.py`.

    python tools/write_interface.py

Only the text between two marks is generated; the rest of each file is written by hand.
"""

from __future__ import annotations

import re
import sys
import textwrap
from collections.abc import Iterator
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import interface
from interface import DTYPES, STRUCTS, Block, Dtype, Function
from write_checks import call_tests, checked_declarations, checked_functions, tests_imported
from write_views import named_functions, public_imports, stubs, view_functions, view_imports

SOURCE = Path(__file__).resolve().parent.parent / "src" / "dropcore"
WIDTH = 100

# ------------------------------------------------------------------ the pieces


def functions(*, in_c: bool = False) -> Iterator[tuple[Block, Function, Dtype | None]]:
    """Each exported function, in the order of the C table."""
    for block in interface.BLOCKS:
        for dtype in DTYPES if block.of_dtype else (None,):
            for function in block.functions:
                if function.exported and (function.in_c or not in_c):
                    yield block, function, dtype


def name_of(function: Function, dtype: Dtype | None) -> str:
    """The function's name without `dropcore_`."""
    return function.name if dtype is None else f"{function.name}_{dtype.name}"


def arguments_of(function: Function, dtype: Dtype | None = None) -> list[str]:
    """The arguments, one by one, without comments."""
    text = re.sub(r"#.*", "", function.arguments)
    if dtype is not None:
        text = re.sub(r"\belement\b", dtype.passed, text)
    return [" ".join(argument.split()) for argument in text.split(",") if argument.strip()]


def argument_name(argument: str) -> str:
    """`y` for `float* y`."""
    return argument.split()[-1].lstrip("*")


def as_c(argument: str) -> str:
    """An argument or a field in C: the star beside the name, an object as PyObject."""
    return argument.replace("* ", " *").replace("object ", "PyObject *")


def wrapped(
    words: list[str], indent: str, *, first: str = "", last: str = "", width: int = WIDTH
) -> str:
    """Words separated by commas, in lines that break only after commas."""
    joined = ", ".join(word.replace(" ", "\0") for word in words)
    lines = textwrap.fill(
        first.replace(" ", "\0") + joined + last,
        width,
        initial_indent=indent,
        subsequent_indent=indent + ("    " if first else ""),
        break_long_words=False,
    )
    return lines.replace("\0", " ")


def filled(text: str, indent: str) -> str:
    """A text as lines with this indent."""
    return textwrap.fill(text, WIDTH, initial_indent=indent, subsequent_indent=indent)


def comment(text: str, indent: str = "") -> str:
    """A Cython comment."""
    return textwrap.fill(text, 92, initial_indent=f"{indent}# ", subsequent_indent=f"{indent}# ")


def heading(title: str, mark: str = "-") -> str:
    """A heading line in a file."""
    return f"# {mark * (77 - len(title))} {title}"


# --------------------------------------------------------------- _core/table.pxd


def core_structs() -> str:
    """The structs, with the exported names for the C compiler."""
    parts = []
    for struct in STRUCTS:
        fields = "\n".join(f"    {field}" for field in struct.fields)
        parts.append(
            f'{comment(struct.says)}\ncdef struct {struct.inside} "{struct.name}":\n{fields}\n'
        )
    return "\n\n".join(parts)


def kernel_arguments(function: Function) -> list[str]:
    """The arguments of the kernel for a function."""
    found = []
    for argument in arguments_of(function):
        for struct in STRUCTS:
            argument = re.sub(rf"\b{struct.name}\b", struct.inside, argument)
        if argument == "const Plan* plan":
            found += ["Plan plan", "bint nontemporal"]
        else:
            found.append(re.sub(r"\belement\b", "void", argument))
    return found


def kernels() -> list[tuple[str, Function]]:
    """The name of each kernel in the table, and its function."""
    return [(f.kernel, f) for block in interface.BLOCKS for f in block.functions if f.kernel]


def kernel_table() -> str:
    """The enum of dtypes, the kernels' types and their table."""
    lines = ["# The order of the arrays in KernelTable.", "cdef enum Dtype:"]
    lines += [f"    {dtype.name.upper()}" for dtype in DTYPES]
    lines += ["    DTYPES", ""]
    for name, function in kernels():
        lines += [
            f"ctypedef void (*{name}_kernel)(",
            wrapped(kernel_arguments(function), "    ", last=","),
            ") noexcept nogil",
            "",
        ]
    lines += ["", "cdef struct KernelTable:"]
    for name, function in kernels():
        places = "[<int> DTYPES]" if function.of_dtype else ""
        lines.append(f"    {name}_kernel{places} {name}")
    return "\n".join(lines) + "\n"


# -------------------------------------------------------------- _core/kernels.pyx


def dtype_names(dtypes: tuple[Dtype, ...]) -> list[str]:
    """The names of dtypes in the enum."""
    return [dtype.name.upper() for dtype in dtypes]


def cimported(names: list[str]) -> str:
    """A cimport of names from the table, in the order of cython-lint."""
    names = sorted(names, key=lambda name: (not name.isupper(), name[0].islower(), name))
    line = f"from dropcore._core.table cimport {', '.join(names)}"
    if len(line) > WIDTH:
        return f"from dropcore._core.table cimport (\n{wrapped(names, '    ', last=',')}\n)\n"
    return f"{line}\n"


def filled_table() -> str:
    """The table of one instruction set."""
    types = [f"{name}_kernel" for name, function in kernels() if function.of_dtype]
    lines = [cimported(["KernelTable", *dtype_names(DTYPES), *types]), "cdef KernelTable table"]
    for name, function in kernels():
        if not function.of_dtype:
            lines.append(f"table.{name} = {function.name}")
            continue
        lines += [
            f"table.{name}[<int> {dtype.name.upper()}] = <{name}_kernel> {name}[{dtype.kernel}]"
            for dtype in DTYPES
        ]
    return "\n".join(lines) + "\n"


# ---------------------- _core/api.pxd, _core/api.pyx and _core/api_functions.pxi


def declarations() -> str:
    """The declarations of all exported functions for Cython."""
    parts = []
    for block in interface.BLOCKS:
        inside = [f for f in block.functions if f.exported and f.where == "dropcore._core.api"]
        if inside:
            parts.append(heading(block.title) + "\n")
        for function in inside:
            for dtype in DTYPES if block.of_dtype else (None,):
                first = dtype in (None, DTYPES[0])
                says = comment(function.says) + "\n" if function.says and first else ""
                parts.append(says + declaration(function, dtype))
    return "\n".join(parts)


def declaration(function: Function, dtype: Dtype | None, end: str = "") -> str:
    """The declaration of one function, with the comments of its arguments."""
    head = f"cdef {function.result} dropcore_{name_of(function, dtype)}("
    text = function.arguments
    if dtype is not None:
        text = re.sub(r"\belement\b", dtype.passed, text)
    if not text or ("\n" not in text and len(text) < 40):
        return f"{head}{text}) noexcept nogil{end}\n"
    return f"{head}\n{textwrap.indent(text, '    ')}\n) noexcept nogil{end}\n"


def bodies() -> str:
    """The bodies of functions that call a kernel, or a function of `_core/api.pyx` with a dtype."""
    parts = []
    for _, function, dtype in functions():
        if dtype is None and not function.kernel:
            continue
        names = [argument_name(argument) for argument in arguments_of(function)]
        place = "" if dtype is None else dtype.name.upper()
        if not function.kernel:
            call = f"{function.name}({', '.join([place, *names])})"
        elif dtype is None:
            call = f"kernels.{function.kernel}({', '.join(names)})"
        else:
            flag = f"nontemporal({place}, {function.elements}, x, y)"
            names = [f"plan[0], {flag}" if name == "plan" else name for name in names]
            call = f"kernels.{function.kernel}[<int> {place}]({', '.join(names)})"
        parts.append(definition(function, dtype, call))
    return "\n\n".join(parts)


def sizes() -> str:
    """The bytes of an element of each dtype."""
    each = wrapped([f"sizeof({dtype.passed})" for dtype in DTYPES], "    ", last=",")
    names = cimported(["DTYPES", *dtype_names(DTYPES)])
    return f"{names}\ncdef size_t[<int> DTYPES] SIZES = [\n{each}\n]\n"


def definition(function: Function, dtype: Dtype | None, call: str) -> str:
    """The definition of one function, which consists of one call."""
    indent = "    "
    guard = ""
    if function.elements != "n":
        guard = f"{indent}if {function.elements} > 0:\n"
        indent += "    "
    if len(indent + call) > WIDTH:
        head, _, rest = call.partition("(")
        call = f"{head}(\n{filled(rest[:-1], indent + '    ')}\n{indent})"
    return declaration(function, dtype, ":") + f"{guard}{indent}{call}\n"


# ------------------------------------------------------------------- __init__.pxd


def imported() -> str:
    """The names that `from dropcore cimport` finds."""
    names: dict[str, list[str]] = {}
    for _, function, dtype in functions():
        names.setdefault(function.where, []).append(f"dropcore_{name_of(function, dtype)}")
    names["dropcore._core.api"] += ["DROPCORE_ABI", *(struct.name for struct in STRUCTS)]
    parts = []
    for module, exported in names.items():
        line = f"from {module} cimport {', '.join(exported)}"
        if len(line) > WIDTH:
            line = f"from {module} cimport (\n{wrapped(sorted(exported), '    ', last=',')}\n)"
        parts.append(line)
    return "\n".join(parts) + "\n"


# ---------------------------------------------------------------------- c_api.pyx


def c_table() -> str:
    """The table of `dropcore.h` as a struct, and its contents."""
    head = ("abi", "size", "stream_version", "reserved")
    lines = ["cdef struct Table:", *(f"    uint32_t {field}" for field in head)]
    for _, function, dtype in functions(in_c=True):
        how = "except -1" if function.result == "int" else "noexcept nogil"
        lines += [
            f"    {function.result} (*{name_of(function, dtype)})(",
            wrapped(arguments_of(function, dtype), " " * 8),
            f"    ) {how}",
        ]
    lines += ["", "", "cdef Table table"]
    for _, function, dtype in functions(in_c=True):
        name, module = name_of(function, dtype), function.where.rpartition(".")[2]
        lines.append(f"table.{name} = {module}.dropcore_{name}")
    return "\n".join(lines) + "\n"


# --------------------------------------------------------------------- dropcore.h


def c_comment(text: str, indent: str = "") -> str:
    """A C comment."""
    return textwrap.fill(
        f"/* {text} */", 88, initial_indent=indent, subsequent_indent=f"{indent}   "
    )


def c_structs() -> str:
    """The structs."""
    parts = []
    for struct in STRUCTS:
        fields = "\n".join(f"    {field};" for field in struct.fields)
        typedef = f"typedef struct {struct.name} {{\n{fields}\n}} {struct.name};\n"
        parts.append(f"{c_comment(struct.says)}\n{typedef}")
    return "\n".join(parts)


def c_field(function: Function, name: str) -> str:
    """The field of one function in the table, after its comment."""
    arguments = [as_c(argument) for argument in arguments_of(function)]
    says = c_comment(function.says, "    ") + "\n" if function.says else ""
    first = f"{function.result} (*{name})("
    return says + wrapped(arguments, "    ", first=first, last=");", width=84)


def c_macro(block: Block) -> str:
    """The functions of a block for one dtype, as a macro."""
    lines = [f"#define {macro_name(block)}(name, element)"]
    for function in block.functions:
        lines += c_field(function, f"{function.name}_##name").splitlines()
    return "\n".join(f"{line:<88}\\" for line in lines[:-1]) + f"\n{lines[-1]}\n"


def macro_name(block: Block) -> str:
    """DROPCORE_OF_DTYPE, with a number from the second macro on."""
    place = [other for other in interface.BLOCKS if other.of_dtype].index(block)
    return "DROPCORE_OF_DTYPE" + (f"_{place + 1}" if place else "")


def c_api() -> str:
    """The macros of the dtypes, and the table."""
    parts = [c_macro(block) for block in interface.BLOCKS if block.of_dtype]
    lines = ["typedef struct dropcore_api {"]
    lines += [
        "    uint32_t abi;            /* DROPCORE_ABI of the installed dropcore */",
        "    uint32_t size;           /* bytes of this table in the installed dropcore */",
        "    uint32_t stream_version; /* the version of the mask stream: 1 */",
        "    uint32_t reserved;",
    ]
    for block in interface.BLOCKS:
        lines.append("")
        if block.of_dtype:
            lines += [f"    {macro_name(block)}({d.name}, {d.passed})" for d in DTYPES]
        else:
            lines += [c_field(f, f.name) for f in block.functions if f.in_c and f.exported]
    lines.append("} dropcore_api;")
    return "\n".join([*parts, "\n".join(lines) + "\n"])


# ----------------------------------------------------------------------- the files

FILES = {
    "_core/table.pxd": {"structs": core_structs, "kernels": kernel_table},
    "_core/kernels.pyx": {"table": filled_table},
    "_core/api.pxd": {"declarations": declarations},
    "_core/api.pyx": {"sizes": sizes},
    "_core/api_functions.pxi": {"functions": bodies},
    "_core/checks.pxd": {"tests": call_tests},
    "_core/checked.pxd": {"declarations": checked_declarations},
    "_core/checked.pyx": {"imports": tests_imported, "functions": checked_functions},
    "__init__.pxd": {"imports": imported},
    "c_api.pyx": {"table": c_table},
    "core/__init__.pxd": {"imports": view_imports, "functions": view_functions},
    "core/shard_views.pxd": {
        "imports": partial(view_imports, shards=True),
        "functions": partial(view_functions, shards=True),
    },
    "core/__init__.py": {"names": public_imports},
    "core/functions.pyx": {"named": named_functions},
    "core/functions.pyi": {"functions": stubs},
    "dropcore.h": {"structs": c_structs, "table": c_api},
}


def written(path: str, text: str) -> str:
    """The text of a file of `FILES`, with new text between its marks."""
    begin, end = ("/* ", " */") if path.endswith(".h") else ("# ", "")
    for name, make in FILES[path].items():
        first = f"{begin}written by tools/write_interface.py: {name}{end}\n"
        last = f"{begin}end of {name}{end}\n"
        before, found, rest = text.partition(first)
        _, ended, after = rest.partition(last)
        if not found or not ended:
            raise ValueError(f"{path} must have the lines {first!r} and {last!r}")
        text = f"{before}{first}{make()}{last}{after}"
    return text


def main() -> None:
    """Write all files."""
    for path in FILES:
        file = SOURCE / path
        text = file.read_text("utf-8")
        new = written(path, text)
        if new != text:
            file.write_text(new, "utf-8")
            print(f"wrote {path}")


if __name__ == "__main__":
    main()
