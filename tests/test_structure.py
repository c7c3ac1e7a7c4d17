"""The structure of the package: imports go downwards, import is light, nothing is left out."""

import ast
import doctest
import importlib
import inspect
import json
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import dropcore

REPOSITORY = Path(__file__).parent.parent
SOURCE = REPOSITORY / "src" / "dropcore"
INSTALLED = Path(dropcore.__file__).parent

# A file imports from its own floor or from lower floors. A file that is not listed is not allowed.
FLOORS = {
    "_core": 0,
    "autograd": 0,
    "_version": 0,
    "draw": 1,
    "stream": 1,
    "rng": 1,
    "c_api": 2,
    "core": 2,
    "variants": 2,
    "hookspecs": 2,
    "plugins": 3,
    "records": 4,
    "mask": 4,  # a record names a variant
    "runners": 4,
    "functional": 4,
    "adapters": 5,
    "ensemble": 6,
    "findings": 6,
    "testing": 6,
    "feed": 6,
    "cli": 6,
    "__main__": 6,
    "__init__": 6,  # `import dropcore`: the public names
}
MOST_LINES = 400
ALONE = ("_core", "autograd")  # each of the two imports nothing from the other or from the rest
EXTRAS = ("testing",)  # may need packages of an extra

needs_source = pytest.mark.skipif(not SOURCE.is_dir(), reason="the source is not beside the tests")


# -------------------------------------------------------------------- imports

STRING = re.compile(r'("""|\'\'\').*?\1', re.DOTALL)
COMMENT = re.compile(r"#.*")
FROM = re.compile(r"^[ \t]*from\s+([\w.]+)\s+c?import\s+(?:\(([^)]*)\)|([^\n;]*))", re.MULTILINE)
IMPORT = re.compile(r"^[ \t]*c?import\s+([^\n;(]*)", re.MULTILINE)


def imports(text):
    """Dotted names of all imports and cimports of a .py, .pyx or .pxd file, also in functions."""
    text = COMMENT.sub("", STRING.sub('""', text)).replace("\\\n", " ")
    for module, inside, plain in FROM.findall(text):
        for name in (inside or plain).split(","):
            if name.strip():
                yield f"{module}.{name.split()[0]}"
    for names in IMPORT.findall(text):
        for name in names.split(","):
            yield name.split()[0]


def sources(*endings):
    return sorted(path for path in SOURCE.rglob("*") if path.suffix in endings)


def place(path):
    """The entry of FLOORS to which a file belongs."""
    part = path.relative_to(SOURCE).parts[0].partition(".")[0]
    assert part in FLOORS, f"{path} has no floor: give it one in FLOORS"
    return part


def imported_place(name):
    """The entry of FLOORS to which an imported name belongs; None for names outside of dropcore."""
    if name.partition(".")[0] != "dropcore":
        return None
    return part_of(name) if part_of(name) in FLOORS else "__init__"


def part_of(name):
    return name.partition(".")[2].partition(".")[0]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("import os, sys as s\n", ["os", "sys"]),
        ("from dropcore import plugins\n", ["dropcore.plugins"]),
        ("from a.b cimport (\n    c, d as e,  # f\n    g,\n)\n", ["a.b.c", "a.b.d", "a.b.g"]),
        ("def f():\n    from a import b\n", ["a.b"]),
        ("cimport numpy as cnp\n", ["numpy"]),
        ("from a import b, \\\n    c\n", ["a.b", "a.c"]),
        ('"""\nimport a\n"""\n# import b\nimport c\n', ["c"]),
        ("if TYPE_CHECKING:\n    import dropcore.mask\n", ["dropcore.mask"]),
    ],
)
def test_imports_are_found(text, names):
    assert list(imports(text)) == names


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("numpy.ndarray", None),
        ("dropcore._core.apply.forward", "_core"),
        ("dropcore.mask", "mask"),
        ("dropcore.dropout", "__init__"),
        ("dropcore", "__init__"),
    ],
)
def test_an_imported_name_has_a_place(name, expected):
    assert imported_place(name) == expected


@needs_source
def test_imports_go_only_downwards():
    upward = []
    for path in sources(".py", ".pyx", ".pxd"):
        for name in imports(path.read_text("utf-8")):
            to = imported_place(name)
            if to is not None and FLOORS[to] > FLOORS[place(path)]:
                upward.append(f"{path.relative_to(SOURCE)} imports {name}")
            assert not name.startswith("."), f"{path} imports {name}: write the whole name"
    assert not upward, "\n".join(upward)


@needs_source
def test_no_file_is_too_long_to_read():
    files = sources(".py", ".pyx", ".pxd", ".pxi", ".h")
    lines = {path.relative_to(SOURCE): len(path.read_text("utf-8").splitlines()) for path in files}
    assert not {str(path): n for path, n in lines.items() if n > MOST_LINES}


@needs_source
@pytest.mark.parametrize("part", ALONE)
def test_the_ground_floor_knows_nothing_of_the_rest(part):
    known = {
        imported_place(name)
        for path in sources(".py", ".pyx", ".pxd")
        if place(path) == part
        for name in imports(path.read_text("utf-8"))
    }
    assert known == {None, part}


def run_text(path):
    """The syntax tree of a file without the parts that are only for type checkers."""
    text = path.read_text("utf-8")
    if path.suffix != ".py":
        return text
    tree = ast.parse(text)
    tree.body = [node for node in tree.body if not is_for_checkers(node)]
    return ast.unparse(tree)


def is_for_checkers(node):
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def test_what_is_for_checkers_is_not_run(tmp_path):
    path = tmp_path / "some.py"
    path.write_text("import a\nif TYPE_CHECKING:\n    import b\nif c:\n    import d\n")
    assert list(imports(run_text(path))) == ["a", "d"]


@needs_source
def test_only_numpy_and_pluggy_are_needed_to_run():
    others = set()
    for path in sources(".py", ".pyx", ".pxd"):
        if place(path) not in EXTRAS:
            others |= {name.partition(".")[0] for name in imports(run_text(path))}
    compiled = {"cython", "cpython", "libc"}  # cimports
    newer = {"annotationlib"}  # of Python 3.14
    assert others - sys.stdlib_module_names - compiled - newer == {"dropcore", "numpy", "pluggy"}


def loaded_by(statement):
    code = f"import sys; before = set(sys.modules); {statement}; import json; " + (
        "print(json.dumps(sorted(set(sys.modules) - before)))"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_importing_is_light():
    heavy = {"scipy", "sklearn", "matplotlib", "rich", "ml_dtypes", "torch", "jax", "tensorflow"}
    late = {part for part, floor in FLOORS.items() if floor == 6} | {"autograd"}
    loaded = loaded_by("import dropcore")
    assert "dropcore.functional" in loaded
    assert not [name for name in loaded if name.partition(".")[0] in heavy]
    assert not [name for name in loaded if name.startswith("dropcore.") and part_of(name) in late]
    assert not [name for name in loaded if name.startswith("dropcore_")]  # plugins


def test_autograd_is_loaded_on_first_use():
    assert "dropcore.autograd" in loaded_by("import dropcore; dropcore.autograd.Tensor")


# --------------------------------------------------------------- public names


def described(thing):
    """A docstring without the signature that Cython puts before it."""
    return re.sub(r"\A[\w.]+\(.*\)( -> .*)?$", "", thing.__doc__ or "", flags=re.MULTILINE).strip()


@pytest.mark.parametrize("name", dropcore.__all__)
def test_a_public_name_is_there_and_says_what_it_is(name):
    thing = getattr(dropcore, name)
    assert name in dir(dropcore)
    if name in ("__version__", "STREAM_VERSION"):
        return
    assert described(thing), f"{name} has no docstring"
    if inspect.isclass(thing):
        for member, value in vars(thing).items():
            if not member.startswith("_") and callable(getattr(thing, member)):
                function = value.__func__ if isinstance(value, staticmethod) else value
                assert described(function), f"{name}.{member} has no docstring"


# --------------------------------------------------------------- what is shipped


def tree(root, *endings):
    return {
        path.relative_to(root).as_posix()
        for path in root.rglob("*")
        if path.name == "py.typed" or path.suffix in endings
    }


@needs_source
def test_every_source_file_is_installed():
    assert tree(INSTALLED, ".py", ".pxd", ".pyi") == tree(SOURCE, ".py", ".pxd", ".pyi")


def test_nothing_else_is_installed():
    allowed = {".py", ".pxd", ".pyi", ".h", ".so", ".pyd", ".pyc"}
    files = [path for path in INSTALLED.rglob("*") if path.is_file() and path.name != "py.typed"]
    assert not [str(path) for path in files if path.suffix not in allowed]


# ------------------------------------------------------------------- doctests


def modules():
    found = [name for _, name, _ in pkgutil.walk_packages(dropcore.__path__, "dropcore.")]
    # Kernels for another processor cannot be imported, and the module of the command would run.
    return ["dropcore", *(n for n in found if "_kernels_" not in n and "__main__" not in n)]


def documented(module):
    """The name and docstring of everything that a module defines; the module may be compiled."""
    yield module.__name__, module.__doc__
    for name, thing in vars(module).copy().items():  # an example may import more
        if getattr(thing, "__module__", None) != module.__name__:
            continue
        yield f"{module.__name__}.{name}", thing.__doc__
        for member, value in vars(thing).items() if isinstance(thing, type) else ():
            yield f"{module.__name__}.{name}.{member}", getattr(value, "__doc__", None)


def examples(module):
    parser = doctest.DocTestParser()
    for name, doc in documented(module):
        if isinstance(doc, str):
            test = parser.get_doctest(inspect.cleandoc(doc), dict(vars(module)), name, None, 0)
            if test.examples:
                yield test


def run(test):
    said = []
    result = doctest.DocTestRunner(verbose=False).run(test, out=said.append)
    assert result.failed == 0, "".join(said)


@pytest.mark.parametrize("name", modules())
def test_examples_in_docstrings(name):
    for test in examples(importlib.import_module(name)):
        run(test)


@pytest.mark.parametrize("name", ["functional", "mask", "stream"])
def test_examples_of_compiled_modules_are_found(name):
    module = importlib.import_module(f"dropcore.{name}")
    assert not module.__file__.endswith(".py")
    found = {test.name for test in examples(module)}
    public = [thing for thing in dropcore.__all__ if f"dropcore.{name}.{thing}" in found]
    assert public


def test_examples_in_the_readme(tmp_path, monkeypatch):
    readme = REPOSITORY / "README.md"
    text = readme.read_text("utf-8") if readme.is_file() else ""
    blocks = re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    if not blocks:
        pytest.skip("no README with Python in it beside the tests")
    monkeypatch.chdir(tmp_path)
    names = {}
    for block in blocks:  # each block continues the block before
        if ">>>" in block:
            run(doctest.DocTestParser().get_doctest(block, names, "README", None, 0))
        else:
            exec(compile(ast.parse(block), "README", "exec"), names)
