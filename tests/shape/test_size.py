import ast
from pathlib import Path

import pytest

from tests.shape.tree import ROOT, functions, sources, where

MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 60
MAX_DEPTH = 3
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "misc", "base"}
BLOCKS = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith, ast.Try, ast.Match)
LIBRARY = "velocity_local/lens/__init__.py"
SHIPPED = ("velocity_local", "tui", "packaging", "benchmarks")
SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)


def depth(node: ast.AST) -> int:
    """How deep blocks lie in each other; an elif is no deeper than its if."""
    deepest = 0
    for child in ast.iter_child_nodes(node):
        if isinstance(child, SCOPES):
            continue
        is_elif = isinstance(node, ast.If) and isinstance(child, ast.If) and [child] == node.orelse
        own = 1 if isinstance(child, BLOCKS) and not is_elif else 0
        deepest = max(deepest, own + depth(child))
    return deepest


def test_files_are_short_enough_to_read() -> None:
    long = [
        f"{where(file)} {lines} lines"
        for file in sources(*SHIPPED, "tests")
        if (lines := len(file.read_text(encoding="utf-8").splitlines())) > MAX_FILE_LINES
    ]
    assert long == []


def test_functions_are_short_enough_to_read() -> None:
    long = [
        f"{where(file, node.lineno)} {node.name} {lines} lines"
        for file in sources(*SHIPPED)
        for node in functions(file)
        if (lines := (node.end_lineno or 0) - node.lineno + 1) > MAX_FUNCTION_LINES
    ]
    assert long == []


def test_blocks_do_not_nest_deeper_than_three() -> None:
    deep = [
        f"{where(file, node.lineno)} {node.name} depth {found}"
        for file in sources("velocity_local", "tui", "packaging")
        for node in functions(file)
        if (found := depth(node)) > MAX_DEPTH
    ]
    assert deep == []


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("def f():\n  pass", 0),
        ("def f():\n  if a:\n    pass\n  elif b:\n    pass\n  elif c:\n    pass", 1),
        ("def f():\n  for a in b:\n    with c:\n      if d:\n        pass", 3),
        ("def f():\n  if a:\n    def g():\n      if b:\n        pass", 1),
    ],
)
def test_depth_counts_blocks_as_a_reader_does(code: str, expected: int) -> None:
    assert depth(ast.parse(code).body[0]) == expected


def test_modules_are_named_after_what_they_hold() -> None:
    vague = [where(file) for file in sources(*SHIPPED) if file.stem in FORBIDDEN_NAMES]
    assert vague == []


def test_package_files_are_empty() -> None:
    def has_code(file: Path) -> bool:
        return file.name == "__init__.py" and bool(file.read_text(encoding="utf-8").strip())

    found = [where(file) for file in sources("velocity_local", "tui") if has_code(file)]
    assert found == [f"{LIBRARY}:1"]


def test_a_librarys_package_file_only_names_what_others_may_import() -> None:
    tree = ast.parse((ROOT / LIBRARY).read_text(encoding="utf-8"))
    docstring, *imports, names = tree.body
    assert isinstance(docstring, ast.Expr)
    assert all(isinstance(node, ast.ImportFrom) for node in imports)
    assert isinstance(names, ast.Assign)
    imported = {alias.name for node in imports for alias in node.names}  # type: ignore[attr-defined]  # looked at above
    assert imported == set(ast.literal_eval(names.value))
