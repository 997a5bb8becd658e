"""What is told about the failure of a person's script, so that the supervisor can say what to do about it.

Facts, not prose: classes, modules and numbers, which mean the same in every version and language.
"""

import ast
import re
import sys

from .blame import USER

MAX_NAMES = 64
MAX_CAUSES = 4
PLOTTERS = ("plotly", "bokeh", "altair", "holoviews", "pygal", "pyecharts", "vispy", "pyqtgraph", "lets_plot")


def of(error):
    """The facts of an exception, in the form of `remedy::Facts`."""
    modules, uses = [], ()
    cause = error
    for _ in range(MAX_CAUSES):
        ran, used = frames(cause)
        modules += ran
        uses = uses or used
        cause = cause.__cause__ or cause.__context__
        if cause is None:
            break
    facts = {
        "classes": [cls.__name__ for cls in type(error).__mro__][:MAX_NAMES],
        "modules": modules[:MAX_NAMES],
        "uses": list(uses)[:MAX_NAMES],
    }
    name, path = missing(error), getattr(error, "filename", None)
    number, status = getattr(error, "errno", None), getattr(error, "code", None)
    facts.update({"name": name} if name else {}, **({"path": path} if isinstance(path, str) else {}))
    facts.update({"errno": number} if type(number) is int and abs(number) < 1 << 16 else {})
    facts.update({"status": status} if type(status) is int and abs(status) < 1 << 31 else {})
    return facts


def frames(error):
    """The modules whose code ran, outermost first, and the names that the innermost code of the script uses."""
    modules, uses = [], ()
    trace = error.__traceback__
    while trace is not None and len(modules) < MAX_NAMES:
        name = trace.tb_frame.f_globals.get("__name__")
        if isinstance(name, str) and modules[-1:] != [name]:
            modules.append(name)
        if trace.tb_frame.f_code.co_filename == USER:
            uses = trace.tb_frame.f_code.co_names
        trace = trace.tb_next
    return modules, uses


def missing(error):
    """The name of the module or variable that is not there."""
    if not isinstance(error, (ImportError, NameError)):
        return None
    name = getattr(error, "name", None)
    if name is None:  # Python 3.9 has the name in its message only
        found = re.search(r"'(\w+)'", str(error))
        name = found and found.group(1)
    return name if isinstance(name, str) else None


def of_none(source):
    """The facts of a script that left no figure."""
    plotters = [name for name in PLOTTERS if name in sys.modules]
    return {"classes": ["no-figure"], "plotters": plotters, "uncalled": uncalled(source)}


def uncalled(source):
    """Whether the script defines functions and does nothing else."""
    body = ast.parse(source).body
    functions = [node for node in body if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))]
    passive = (ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign)
    idle = [node for node in body if isinstance(node, passive)]
    idle += [node for node in body if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)]
    return bool(functions) and len(functions) + len(idle) == len(body)
