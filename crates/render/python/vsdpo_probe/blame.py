"""Which statement of the user answers for an artist.

Every artist passes `Artist.__init__`, every change of it the setter of `stale`, and every text `set_text`.
The three are hooked; each notes the user's call stack as `(code, f_lasti)` pairs, innermost first, which
`script.Source` turns into spans afterwards. An artist carries the *number of a note* in three attributes
(`_vs_made`, `_vs_text`, `_vs_last`), plain integers so that figures stay picklable.

Two things keep the cost down: an artist that has a creator needs no later notes (the rule below never reads
them), and a note from module level equal to the previous one is not walked further.

Muted code notes nothing: drawing, layout, and the constructors of axes and figures, whose furniture
(titles, spines, ticks, patches) nobody asked for by name.
"""

import functools
import sys

USER = "<user>"
DEPTH = 24  # user frames kept of one stack


class State:
    """Notes of one run. `muted` is a depth; nothing is noted while it is above 0."""

    def __init__(self):
        self.muted = 1
        self.host = None  # the axes that a twin is being made for
        self.start(None)

    def start(self, module):
        self.module = module
        self.last = (None, -1)
        self.stacks = []  # stack number -> ((code, lasti), ...)
        self.known = {}  # the reverse
        self.notes = []  # note number -> stack number; later notes have larger numbers


STATE = State()


def note():
    """Notes the user's stack at this moment; the note's number, or None where no user code runs."""
    frame = sys._getframe(2)
    while frame is not None and frame.f_code.co_filename != USER:
        frame = frame.f_back
    if frame is None:
        return None
    state = STATE
    here = (frame.f_code, frame.f_lasti)
    at_top = here[0] is state.module
    if at_top and here == state.last:
        return len(state.notes) - 1
    stack = [here]
    while not at_top and len(stack) < DEPTH:
        frame = frame.f_back
        if frame is None:
            break
        if frame.f_code.co_filename == USER:
            stack.append((frame.f_code, frame.f_lasti))
            at_top = frame.f_code is state.module
    stack = tuple(stack)
    number = state.known.setdefault(stack, len(state.stacks))
    if number == len(state.stacks):
        state.stacks.append(stack)
    state.last = here if len(stack) == 1 else (None, -1)
    state.notes.append(number)
    return len(state.notes) - 1


def mute(owner, name):
    """Replaces a function by one that notes nothing while it runs; one that this matplotlib lacks stays away."""
    inner = owner.__dict__.get(name)
    if inner is None:
        return

    @functools.wraps(inner)
    def muted(*args, **kwargs):
        STATE.muted += 1
        try:
            return inner(*args, **kwargs)
        finally:
            STATE.muted -= 1

    setattr(owner, name, muted)


def note_then_mute(owner, name):
    """For constructors of axes and figures: the note goes to the object, its furniture gets none."""
    inner = owner.__dict__[name]

    @functools.wraps(inner)
    def made(self, *args, **kwargs):
        if not STATE.muted:
            self._vs_made = note()
        STATE.muted += 1
        try:
            return inner(self, *args, **kwargs)
        finally:
            STATE.muted -= 1

    setattr(owner, name, made)


def note_setter(owner, name, touched):
    """For the setters of an axis: notes the statement for every part of the axis that `touched` names.

    `touched` gets the arguments and returns pairs of (minor, part); a part is marks, labels, lines (of the
    grid) or grid (a call that asked for the grid, which later limits do not outrank).
    """
    inner = owner.__dict__[name]

    @functools.wraps(inner)
    def setter(self, *args, **kwargs):
        state = STATE
        if state.muted or state.host is self.axes:
            return inner(self, *args, **kwargs)
        remember(self, touched(*args, **kwargs), note())
        # The grid is drawn by the ticks, but its statement did not mean the ticks. Limits run on to
        # shared axes, which must hear of them.
        state.muted += name == "grid"
        try:
            return inner(self, *args, **kwargs)
        finally:
            state.muted -= name == "grid"

    setattr(owner, name, setter)


def remember(axis, touched, number):
    """The note that answers for these parts of an axis from now on."""
    axis._vs_set = {**(axis._vs_set or {}), **dict.fromkeys(touched, number)}


def parts(names, *minor):
    return [(m, name) for m in minor for name in names.split()]


EVERYTHING = parts("marks labels lines", False, True)
# What the keys of tick_params change; the others change both marks and labels.
LABEL_KEYS = set("pad labelsize labelcolor labelrotation rotation labelfontfamily labelbottom labeltop labelleft labelright".split())
MARK_KEYS = set("direction length width color size tickdir left right bottom top zorder".split())


def by_which(which):
    return {"major": (False,), "minor": (True,)}.get(which, (False, True))


def of_params(which="major", reset=False, **keys):
    names = set()
    for key in keys:
        if key.startswith("grid_"):
            names.add("lines")
        else:
            names |= {"labels"} if key in LABEL_KEYS else {"marks"} if key in MARK_KEYS else {"marks", "labels"}
    if reset:
        names |= {"marks", "labels", "lines"}
    return parts(" ".join(names), *by_which(which))


def of_ticks(ticks=None, labels=None, *, minor=False, **keys):
    return parts("marks labels lines", minor)


def of_labels(labels=None, *, minor=False, **keys):
    return parts("labels", minor)


def of_grid(visible=None, which="major", **keys):
    return parts("grid", *by_which(which))


def always(touched):
    return lambda *args, **keys: touched


# What changes ticks, limits or scale. `ax.set(xlabel=..)` also touches the axis and is not here.
AXIS_SETTERS = {
    "grid": of_grid,
    "set_ticks": of_ticks,
    "set_ticklabels": of_labels,
    "set_tick_params": of_params,
    "set_major_locator": always(parts("marks labels lines", False)),
    "set_minor_locator": always(parts("marks labels lines", True)),
    "set_major_formatter": always(parts("labels", False)),
    "set_minor_formatter": always(parts("labels", True)),
    **dict.fromkeys(
        ("set_inverted", "set_view_interval", "_set_scale", "_set_axes_scale", "_set_lim", "_update_axisinfo"),
        always(EVERYTHING),
    ),
}
# Which side the ticks stand on.
SIDES = always(parts("marks labels", False, True))


def note_margins(owner, name, axis):
    """Margins are limits in other words."""
    inner = owner.__dict__[name]

    @functools.wraps(inner)
    def setter(self, *args, **kwargs):
        if not STATE.muted:
            remember(getattr(self, axis), EVERYTHING, note())
        return inner(self, *args, **kwargs)

    setattr(owner, name, setter)


def spare_host(owner, name):
    """A twin moves the ticks of its host to one side; nobody asked for that."""
    inner = owner.__dict__[name]

    @functools.wraps(inner)
    def twin(self, *args, **kwargs):
        before, STATE.host = STATE.host, self
        try:
            return inner(self, *args, **kwargs)
        finally:
            STATE.host = before

    setattr(owner, name, twin)


def note_legend(cls):
    """The parts of a legend are its own until somebody changes one: then the change answers for it."""
    init = cls.__init__

    @functools.wraps(init)
    def hooked(self, *args, **kwargs):
        init(self, *args, **kwargs)
        if not STATE.muted:
            for part in self.findobj(include_self=False):
                part._vs_made = part._vs_text = part._vs_last = None

    cls.__init__ = hooked


def install():
    """Hooks matplotlib; once per process, before any script."""
    from matplotlib import artist, axis, figure, legend, text
    from matplotlib.axes import _base

    hook_artist(artist.Artist)
    hook_text(text.Text)
    note_legend(legend.Legend)
    axis.Axis._vs_set = None
    for name, touched in AXIS_SETTERS.items():
        if name in axis.Axis.__dict__:
            note_setter(axis.Axis, name, touched)
    for owner in (axis.XAxis, axis.YAxis):
        for name in ("set_ticks_position", "tick_top", "tick_bottom", "tick_left", "tick_right"):
            if name in owner.__dict__:
                note_setter(owner, name, SIDES)
    for name, letter in (("set_xmargin", "xaxis"), ("set_ymargin", "yaxis")):
        if name in _base._AxesBase.__dict__:
            note_margins(_base._AxesBase, name, letter)
    for name in ("twinx", "twiny"):
        spare_host(_base._AxesBase, name)
    # Ticks are made when somebody first looks at them, which is nobody's statement.
    for name in ("_get_tick", "_copy_tick_props", "get_major_ticks", "get_minor_ticks", "_update_ticks", "get_tightbbox"):
        mute(axis.Axis, name)
    for name in ("get_tightbbox", "autoscale_view"):
        mute(_base._AxesBase, name)
    for owner, names in (
        (figure.FigureBase, ("get_tightbbox",)),
        (figure.Figure, ("draw", "draw_without_rendering", "tight_layout", "savefig")),
        *((engine, ("execute",)) for engine in layout_engines()),
    ):
        for name in names:
            mute(owner, name)
    note_then_mute(figure.Figure, "__init__")
    note_then_mute(figure.SubFigure, "__init__")


def layout_engines():
    """The classes that lay out figures; until 3.5 these were functions of the figure."""
    try:
        from matplotlib import layout_engine
    except ImportError:
        return ()
    return layout_engine.TightLayoutEngine, layout_engine.ConstrainedLayoutEngine


def adopt_axes(cls):
    """Hooks one class of axes (also those that are defined later)."""
    if "__init__" in cls.__dict__:
        note_then_mute(cls, "__init__")
    if "clear" in cls.__dict__:
        mute(cls, "clear")
    if "autoscale_view" in cls.__dict__ and not hasattr(cls.__dict__["autoscale_view"], "__wrapped__"):
        mute(cls, "autoscale_view")


def hook_artist(cls):
    init, stale = cls.__init__, cls.stale
    cls._vs_made = cls._vs_text = cls._vs_last = None

    @functools.wraps(init)
    def hooked_init(self, *args, **kwargs):
        init(self, *args, **kwargs)
        if not STATE.muted:
            self._vs_made = note()

    # The setter of matplotlib 3.8.4 with one condition more; it runs tens of thousands of times a chart,
    # so it is written out instead of called. The change runs on to the axes and the figure, which have
    # creators and so note nothing.
    def hooked_stale(self, value):
        if value and self._vs_made is None and not STATE.muted:
            self._vs_last = note()
        self._stale = value
        if self._animated:
            return
        if value and self.stale_callback is not None:
            self.stale_callback(self, value)

    cls.__init__ = hooked_init
    cls.stale = property(stale.fget, hooked_stale, stale.fdel, stale.__doc__)


def hook_text(cls):
    set_text = cls.set_text

    @functools.wraps(set_text)
    def hooked(self, s):
        if not STATE.muted:
            before = self._text
            set_text(self, s)
            if self._text != before:
                self._vs_text = note()
            return
        set_text(self, s)

    cls.set_text = hooked


def answer(artist, role):
    """The class of attribution and the stack number (or None) for one drawn artist.

    Ticks and grid: the later of a change to themselves and a setter of their axis. Parts of a legend: the
    last change of them, else the legend's creator. Else, in order: the statement that set the text, if it is not the creator; the creator; the last change; the constructor
    of the axes or the figure.
    """
    notes = STATE.notes
    made, worded, last = artist._vs_made, artist._vs_text, artist._vs_last
    if role.part is not None:
        last = max((n for n in (last, worded, made) if n is not None), default=None)
        known = role.axis_object._vs_set or {}
        setting = known.get((role.minor, role.part))
        if role.part == "lines":
            setting = known.get((role.minor, "grid"), setting)
        if setting is not None and (last is None or setting >= last or notes[setting] == notes[last]):
            return "axis", notes[setting]
        if last is not None:
            return "modifier", notes[last]
    elif role.parent is not None and made is None:
        changed = max((n for n in (last, worded) if n is not None), default=None)
        if changed is not None:
            return "text" if changed == worded else "modifier", notes[changed]
        if role.parent._vs_made is not None:
            return "creator", notes[role.parent._vs_made]
    else:
        if worded is not None and (made is None or notes[worded] != notes[made]):
            return "text", notes[worded]
        if made is not None:
            return "creator", notes[made]
        if last is not None:
            return "modifier", notes[last]
    for holder in (role.axes, getattr(role.axes, "figure", None) or artist.figure):
        if holder is not None and holder._vs_made is not None:
            return "container", notes[holder._vs_made]
    return "container", None
