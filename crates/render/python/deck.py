"""Runs one python-pptx script and reports the deck that it saved last, and for every shape the statements.

`prepare` is called once in the fork server, `run` once in each forked child. Everything here runs inside the
untrusted process, so what it reports is a claim that the supervisor checks. The file is what the script would have
written without us, byte for byte.
"""

import os
import random
import sys
import types

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pptx
import pptx.chart.data  # noqa: F401
import pptx.dml.color  # noqa: F401
import pptx.enum.chart  # noqa: F401
import pptx.enum.dml  # noqa: F401
import pptx.enum.shapes  # noqa: F401
import pptx.enum.text  # noqa: F401
import pptx.util  # noqa: F401

from vsdpo_deck import blame as history
from vsdpo_deck import saves
from vsdpo_probe import blame, facts, own
from vsdpo_probe.script import Source, failure, runtime_error, syntax_error


def prepare(full, warm):
    """Hooks python-pptx and, if asked, warms up; leaves nothing noted."""
    history.install()
    saves.install()
    if warm:
        deck = pptx.Presentation()
        slide = deck.slides.add_slide(deck.slide_layouts[1])
        slide.shapes.title.text = "Title"
        slide.shapes.add_textbox(0, 0, 914400, 914400).text_frame.text = "Text"


def run(source, options):
    """Runs the script; see the module for what is reported."""
    instrument = options.get("instrument", True)
    history.HISTORY = history.History()
    saves.SAVES = saves.Saves(instrument)
    text, script = Source(source), own.Script(options["script"]) if "script" in options else None
    try:
        code = compile(source.decode("utf-8"), blame.USER, "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError) as error:
        return syntax_error(error, text)
    folder = os.getcwd()
    failed = execute(code, text, instrument, script)
    if failed is not None:
        return failed
    found = saves.SAVES
    found.collect(folder)
    if found.last is None:
        return failure("no-figure", "the script ended without saving a deck")
    records = {
        "slides": found.slides,
        "edits": found.edits,
        "stacks": text.stacks(blame.STATE.stacks),
        "names": found.names,
    }
    return {"status": "deck", "records": records, "deck": found.last}


def execute(code, text, instrument, script):
    """Runs the compiled script; a failure or None."""
    main = types.ModuleType("__main__")
    main.__dict__.update(__file__="script.py", __builtins__=__builtins__)
    sys.modules["__main__"] = main
    sys.argv = ["script.py"]
    if script:
        script.introduce(main)
    random.seed(0)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(0)
    blame.STATE.start(code)
    blame.STATE.muted = 0 if instrument else 1
    try:
        exec(code, main.__dict__)
    except SystemExit as error:
        if error.code not in (None, 0):
            return explained(error, text, script)
    except MemoryError as error:
        return runtime_error(error, text, "memory")
    except BaseException as error:
        return explained(error, text, script)
    finally:
        blame.STATE.muted = 1
    return None


def explained(error, text, script):
    """The failure, with the facts that a person's script is helped by."""
    return runtime_error(error, text) | ({"facts": facts.of(error)} if script else {})
