"""The examples of docs/python.md run, and the stubs name what the module has."""

import ast
import inspect
import re

from conftest import ROOT

import visual_sdpo


def test_the_examples_of_the_page_run():
    page = (ROOT / "docs" / "python.md").read_text()
    found = list(re.finditer(r"^```python\n(.*?)^```$", page, re.DOTALL | re.MULTILINE))
    # Each block after empty lines, so that an error names the line of the page.
    blocks = ["\n" * page[: block.start(1)].count("\n") + block[1] for block in found]
    assert len(blocks) >= 8
    # One after another in one namespace, as a reader would type them.
    names = {}
    for block in blocks:
        exec(compile(block, "docs/python.md", "exec"), names)
    used = "\n".join(blocks)
    missing = [name for name in visual_sdpo.__all__ if name[0].islower() and name not in used]
    assert missing == []


def parameters(arguments):
    return [a.arg for a in arguments.posonlyargs + arguments.args], [a.arg for a in arguments.kwonlyargs]


def test_the_stubs_have_the_parameters_of_the_module():
    tree = ast.parse((ROOT / "python" / "visual_sdpo" / "_core.pyi").read_text())
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name[0] != "_"]
    assert {f.name for f in functions} <= set(visual_sdpo.__all__)
    for function in functions:
        signature = inspect.signature(getattr(visual_sdpo, function.name))
        kinds = [inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY]
        has = tuple([p.name for p in signature.parameters.values() if p.kind == kind] for kind in kinds)
        assert has == parameters(function.args), function.name
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            told = {f.name for f in node.body if not f.name.startswith("__")}
            has = {name for name in dir(getattr(visual_sdpo, node.name)) if not name.startswith("_")}
            assert told == has, node.name


def test_everything_is_documented():
    for name in visual_sdpo.__all__:
        thing = getattr(visual_sdpo, name)
        assert isinstance(thing, str) or len(inspect.getdoc(thing)) > 60, name
