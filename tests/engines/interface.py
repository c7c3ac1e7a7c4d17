"""The exported functions, called through ctypes, which releases the GIL.

The layout of the table is read from the text of dropcore.h, so no compiler is needed.
"""

import ctypes
import re
from pathlib import Path

import dropcore

HEADER = Path(dropcore.get_include(), "dropcore", "dropcore.h")
FIELD = re.compile(r"(\w+) \(\*(\w+)\)\(([^)]*)\);")
TYPES = {
    "void": None,
    "int": ctypes.c_int,
    "int32_t": ctypes.c_int32,
    "double": ctypes.c_double,
    "uint64_t": ctypes.c_uint64,
    "Py_ssize_t": ctypes.c_ssize_t,
}
DTYPES = ("float32", "float64", "float16", "bfloat16")

pointer_of = ctypes.pythonapi.PyCapsule_GetPointer
pointer_of.argtypes, pointer_of.restype = [ctypes.py_object, ctypes.c_char_p], ctypes.c_void_p
name_of = ctypes.pythonapi.PyCapsule_GetName
name_of.argtypes, name_of.restype = [ctypes.py_object], ctypes.c_char_p


class Head(ctypes.Structure):
    """The first fields of the table."""

    _fields_ = [(name, ctypes.c_uint32) for name in ("abi", "size", "stream_version", "reserved")]


class Draw(ctypes.Structure):
    """`dropcore_draw`."""

    _fields_ = [("key", ctypes.c_uint32 * 8), ("index", ctypes.c_uint64)]


class Plan(ctypes.Structure):
    """`dropcore_plan`."""

    _fields_ = [(name, ctypes.c_double) for name in ("scale", "shift", "drop")]


class KeyPath(ctypes.Structure):
    """`dropcore_path`."""

    _fields_ = [
        ("hash", ctypes.c_uint64 * 8),
        ("block", ctypes.c_uint8 * 128),
        ("length", ctypes.c_uint64),
    ]


class Layout(ctypes.Structure):
    """`dropcore_layout`."""

    _fields_ = [(f"field_{place}", ctypes.c_ssize_t) for place in range(9 + 4 * 64)]


class Shard(ctypes.Structure):
    """`dropcore_shard`."""

    _fields_ = [(f"field_{place}", ctypes.c_ssize_t) for place in range(4 + 2 * 64)]


def declared():
    """Name, result and arguments of each function in the table, in the header's order."""
    text = re.sub(r"/\*.*?\*/", "", HEADER.read_text("ascii").replace("\\\n", ""), flags=re.S)
    macros = dict(re.findall(r"#define (DROPCORE_OF_DTYPE\w*)\(name, element\)(.*)", text))
    body = re.search(r"typedef struct dropcore_api \{(.*?)\} dropcore_api;", text, re.S).group(1)
    body = re.sub(
        r"(DROPCORE_OF_DTYPE\w*)\((\w+), (\w+)\)",
        lambda call: macros[call[1]].replace("##name", call[2]).replace("element", call[3]),
        body,
    )
    for result, name, arguments in FIELD.findall(body):
        yield name, result, [" ".join(argument.split()) for argument in arguments.split(",")]


def ctype(argument):
    """The type of an argument for ctypes."""
    if argument.startswith("PyObject"):
        return ctypes.py_object
    return ctypes.c_void_p if "*" in argument else TYPES[argument.split()[0]]


class Table:
    """The installed table: its head, and a function for each name."""

    def __init__(self):
        address = pointer_of(dropcore._C_API, b"dropcore._C_API")
        self.head = Head.from_address(address)
        self.addresses, self.functions = {}, {}
        for place, (name, result, arguments) in enumerate(declared()):
            field = address + ctypes.sizeof(Head) + place * ctypes.sizeof(ctypes.c_void_p)
            self.addresses[name] = ctypes.c_void_p.from_address(field).value
            prototype = ctypes.PYFUNCTYPE if name == "draw_of" else ctypes.CFUNCTYPE
            function = prototype(TYPES[result], *map(ctype, arguments))
            self.functions[name] = function(self.addresses[name])
        self.bytes = field + ctypes.sizeof(ctypes.c_void_p) - address

    def __getattr__(self, name):
        return self.functions[name]


def draw_of(stream_draw):
    """The struct of a Draw, for compiled code."""
    words = [int.from_bytes(stream_draw.key[4 * k : 4 * k + 4], "little") for k in range(8)]
    return Draw((ctypes.c_uint32 * 8)(*words), stream_draw.index)


def address(array):
    """The address of an array; NULL for None."""
    return None if array is None else array.ctypes.data
