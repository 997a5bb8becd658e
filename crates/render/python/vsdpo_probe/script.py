"""The user's script as a text: spans of code positions, and errors in the user's own frames."""

import ast
import dis
import re

from .blame import USER

LINE_END = re.compile(rb"\r\n|\r|\n")
TRACE_FRAMES = 20


class Source:
    """The bytes of a script, with the places where its lines start."""

    def __init__(self, source):
        self.bytes = source
        self.starts = [0] + [m.end() for m in LINE_END.finditer(source)]
        self.positions = {}  # code object -> list of co_positions
        self.spans = None  # the statements, the shortest first; for a Python without positions

    def offset(self, line, column):
        """Byte offset of a place as CPython gives it: line from 1, column in UTF-8 bytes."""
        start = self.starts[min(max(line, 1), len(self.starts)) - 1]
        return min(start + max(column, 0), len(self.bytes))

    def span(self, code, lasti):
        """The expression that the instruction belongs to, as {start, end}; None if it has no position."""
        if not hasattr(code, "co_positions"):
            return self.statement(code, lasti)
        table = self.positions.get(code)
        if table is None:
            table = self.positions[code] = list(code.co_positions())
        line, end_line, column, end_column = table[lasti // 2] if 0 <= lasti // 2 < len(table) else (None,) * 4
        if line is None:
            return None
        if column is None or end_column is None or end_line is None:
            return self.clipped(self.offset(line, 0), self.offset(line + 1, 0))
        return self.clipped(self.offset(line, column), self.offset(end_line, end_column))

    def statement(self, code, lasti):
        """Before Python 3.11 an instruction only has a line: the span of the smallest statement around it."""
        lines = [line for start, line in dis.findlinestarts(code) if start <= lasti and line]
        if not lines:
            return None
        if self.spans is None:
            nodes = [node for node in ast.walk(ast.parse(self.bytes)) if isinstance(node, ast.stmt)]
            self.spans = sorted(nodes, key=lambda node: node.end_lineno - node.lineno)
        node = next((node for node in self.spans if node.lineno <= lines[-1] <= node.end_lineno), None)
        if node is None:
            return self.clipped(self.offset(lines[-1], 0), self.offset(lines[-1] + 1, 0))
        end = self.offset(node.end_lineno, node.end_col_offset)
        return self.clipped(self.offset(node.lineno, node.col_offset), end)

    def clipped(self, start, end):
        return {"start": start, "end": max(start, end)}

    def stacks(self, stacks):
        """Spans for every noted stack, innermost first."""
        spans = [[self.span(code, lasti) for code, lasti in stack] for stack in stacks]
        return [[span for span in stack if span is not None] for stack in spans]

    def raw_line(self, number):
        if not 1 <= number <= len(self.starts):
            return ""
        end = self.starts[number] if number < len(self.starts) else len(self.bytes)
        return self.bytes[self.starts[number - 1] : end].decode("utf-8", "replace")

    def line(self, number):
        return self.raw_line(number).strip()


def failure(kind, message, traceback="", span=None):
    result = {"status": "error", "kind": kind, "message": message}
    if traceback:
        result["traceback"] = traceback
    if span is not None:
        result["span"] = span
    return result


def headline(error):
    """`NameError: name 'x' is not defined`, one line."""
    try:
        text = str(error)
    except BaseException:  # the script's own method: it may raise anything
        text = "(no message)"
    first = " ".join(text.split())[:500]
    return f"{type(error).__name__}: {first}" if first else type(error).__name__


def syntax_error(error, source):
    """A script that does not compile."""
    line = getattr(error, "lineno", None) or 1
    span, column = None, getattr(error, "offset", None)
    if isinstance(error, SyntaxError) and error.lineno:
        text = source.raw_line(line)
        before = text[: max((column or 1) - 1, 0)]
        start = source.offset(line, len(before.encode()))
        end = source.offset(line, len(text.rstrip("\r\n").encode()))
        if getattr(error, "end_lineno", None) == line and (error.end_offset or 0) > (column or 1):
            end = source.offset(line, len(text[: error.end_offset - 1].encode()))
        span = source.clipped(start, end)
    message = f"{type(error).__name__}: {getattr(error, 'msg', None) or ' '.join(str(error).split())}"[:500]
    trace = f'  File "{USER}", line {line}\n    {source.line(line)}\n{message}\n'
    return failure("syntax", message, trace, span)


def runtime_error(error, source, kind="exception"):
    """An exception that reached the top: the user's frames, and the place in the innermost of them."""
    frames, span = [], None
    tb = error.__traceback__
    while tb is not None:
        code = tb.tb_frame.f_code
        if code.co_filename == USER:
            frames.append((tb.tb_lineno, code.co_name))
            span = source.span(code, tb.tb_lasti) or span
        tb = tb.tb_next
    if len(frames) > TRACE_FRAMES:
        frames = frames[: TRACE_FRAMES // 2] + [None] + frames[-TRACE_FRAMES // 2 :]
    message = headline(error)
    lines = ["Traceback (most recent call last):"]
    for frame in frames:
        if frame is None:
            lines.append("  ...")
        else:
            lines += [f'  File "{USER}", line {frame[0]}, in {frame[1]}', f"    {source.line(frame[0])}"]
    return failure(kind, message, "\n".join([*lines, message]) + "\n", span)
