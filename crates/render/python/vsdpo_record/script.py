"""What can be told of a script without running it, and how it is run."""

import ast
import builtins
import random
import sys
import types
import warnings

import numpy as np

SILENCED = (UserWarning, DeprecationWarning, FutureWarning)
MARK = "__vsdpo_caught__"


class Script:
    """A script as text, or as bytes where the benchmark runs it untouched."""

    def __init__(self, source, wrapped):
        self.source, self.wrapped = source, wrapped
        self.caught = None  # what the wrapper's own `try` has swallowed
        self.error = None  # what ended the script

    def run(self, leaked, seed):
        """Runs it as the main module; False if it did not reach its end."""
        main = types.ModuleType("__main__")
        self.namespace = main.__dict__
        main.__dict__.update(leaked, __file__="script.py")
        sys.modules["__main__"] = main
        sys.argv = ["script.py"]
        # Unseeded scripts come out alike every time, but a prediction must not share the numbers of the truth.
        random.seed(seed)
        np.random.seed(seed)
        try:
            code = compile(self.noted(ast.parse(self.source)), "script.py", "exec", dont_inherit=True)
            exec(code, main.__dict__)
            return True
        except BaseException as error:
            self.error = error
            return False

    def noted(self, tree):
        """The wrapper's handler also tells what it catches."""
        if self.wrapped and tree.body and isinstance(tree.body[0], ast.Try):
            setattr(builtins, MARK, self.note)
            handler = tree.body[0].handlers[0]
            mark = ast.Expr(ast.Call(ast.Name(MARK, ast.Load()), [], []))
            handler.body.insert(0, ast.copy_location(mark, handler.body[0]))
            ast.fix_missing_locations(tree)
        return tree

    def note(self):
        self.caught = sys.exc_info()[1]


def parsed(source):
    """The syntax tree; None if there is none."""
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError):
        return None


def silence():
    for category in SILENCED:
        warnings.filterwarnings("ignore", category=category)


def body(tree, wrapped):
    """The statements of the author."""
    inner = wrapped and tree.body and isinstance(tree.body[0], ast.Try)
    return tree.body[0].body if inner else tree.body


def independent_of(names, tree, wrapped):
    """Whether the script cannot tell that these names were there before it: it binds those that it uses by
    imports at its beginning, and does not look at names in other ways."""
    bound = set()
    for statement in body(tree, wrapped):
        if isinstance(statement, (ast.Import, ast.ImportFrom)):
            bound.update(alias.asname or alias.name.split(".")[0] for alias in statement.names)
        elif not is_text(statement):
            break
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    return not (used & set(names)) - bound and not used & set("globals locals vars dir eval exec".split())


def is_text(statement):
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def indent_matters(tree):
    """Whether the wrapper's indent may make another program of the author's: of a string over several lines,
    other than one that stands alone, or of code that was indented below a comment."""
    if any(statement.col_offset != 4 for statement in body(tree, True)):
        return True
    alone = {id(node.value) for node in ast.walk(tree) if is_text(node)}
    return any(
        isinstance(node, (ast.Constant, ast.JoinedStr)) and node.end_lineno > node.lineno and id(node) not in alone
        for node in ast.walk(tree)
    )


def is_last_statement(tree, source, at):
    """Whether the place, where ticks are taken off, begins a line, and the rest of the script, from there on,
    cannot see the two names that this leaves behind: it only saves, shows and closes."""
    line = source.count("\n", 0, at) + 1
    later = [s for s in tree.body if s.end_lineno >= line]
    begins = at >= 0 and later and later[0].lineno == line and not source[source.rfind("\n", 0, at) + 1 : at]
    names = {node.id for s in later for node in ast.walk(s) if isinstance(node, ast.Name)}
    return bool(begins) and all(isinstance(s, ast.Expr) for s in later) and names <= {"plt"}
