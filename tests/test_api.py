"""The names of `import mithra as mt`: lazy, typed, and functions whatever was imported before."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import mithra as mt

HEAVY = [
    *["numpy", "scipy", "pyarrow", "pandas", "polars", "duckdb", "deltalake", "narwhals", "networkx"],
    *["torch", "torch_geometric", "sklearn", "lightgbm", "matplotlib", "rich", "typer"],
]
VERBS = [name for name in mt.__all__ if name[0].islower()]


def python(code: str) -> str:
    """What a fresh interpreter prints."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_importing_mithra_imports_nothing_heavy():
    loaded = python(f"import sys, mithra; print([m for m in {HEAVY} if m in sys.modules])")
    assert loaded == "[]"


def test_importing_mithra_takes_less_than_300_milliseconds():
    code = "import time; t = time.perf_counter(); import mithra; print(time.perf_counter() - t)"
    assert min(float(python(code)) for _ in range(3)) < 0.3


@pytest.mark.parametrize("name", mt.__all__)
def test_every_name_is_there_and_comes_from_where_it_says(name):
    found = getattr(mt, name)
    assert found.__name__ == name
    assert found.__module__.startswith("mithra.")


def test_a_verb_is_a_function_whatever_was_imported_before():
    """Every package that has the name of a verb, and a module in it, is imported first."""
    shared = [verb for verb in VERBS if find_spec(f"mithra.{verb}")]
    assert {"decide", "explain", "publish", "score", "simulate"} <= set(shared)
    code = f"""
import importlib, pkgutil, mithra as mt
for verb in {shared}:
    package = importlib.import_module(f"mithra.{{verb}}")
    for module in list(pkgutil.iter_modules(package.__path__))[:1]:
        importlib.import_module(f"mithra.{{verb}}.{{module.name}}")
print({{verb: type(getattr(mt, verb)).__name__ for verb in {VERBS}}})"""
    assert python(code) == str(dict.fromkeys(VERBS, "function"))


def test_a_package_that_shares_its_name_with_a_verb_can_be_imported_from():
    assert python(
        "import mithra as mt; mt.publish; from mithra.publish import hosts; print(hosts.__name__)"
    ) == ("mithra.publish.hosts")


def test_a_name_can_be_replaced_and_put_back(monkeypatch):
    original = mt.publish
    monkeypatch.setattr(mt, "publish", len)
    assert mt.publish is len
    monkeypatch.undo()
    assert mt.publish is original


def test_a_wrong_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'scores'"):
        _ = mt.scores


def test_dir_and_version():
    assert set(mt.__all__) <= set(dir(mt))
    assert python("import mithra; print(mithra.__version__)").count(".") == 2


def test_type_checkers_see_every_name():
    """The imports under TYPE_CHECKING are the same names from the same homes as the lazy ones."""
    tree = ast.parse(Path(mt.__file__).read_text())
    guarded = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {
        alias.name: node.module
        for node in guarded.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert seen == mt._HOMES
    assert sorted(seen) == mt.__all__
