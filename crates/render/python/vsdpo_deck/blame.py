"""Which statements of the user answer for a shape.

Every change of a deck ends in one of a few methods of the XML elements: a child is put in or taken out, an
attribute is set, a text is set. They are replaced, on the class that all elements of python-pptx have in common, by
methods that do the same and note the user's call stack for the shape around: the first note of a shape, when it
comes into a slide, is its creation, all later ones are edits, named after what they changed (`sz`, `off`, `t`). So
scripts that reach into the XML are seen as well, except what lxml's own functions do to an element from outside
(`SubElement`, `.text` of plain elements).

A stack is `(code, f_lasti)` pairs, innermost first, as in `vsdpo_probe.blame`, whose notes are used.
"""

import functools

from lxml import etree
from pptx.oxml import xmlchemy
from pptx.oxml.text import CT_RegularTextRun
from pptx.slide import Slides

from vsdpo_probe import blame

P = "{http://schemas.openxmlformats.org/presentationml/2006/main}"
SHAPES = frozenset(P + name for name in ("sp", "pic", "graphicFrame", "grpSp", "cxnSp", "contentPart"))
C = "{http://schemas.openxmlformats.org/drawingml/2006/chart}"
R = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
ROOTS = frozenset((P + "sld", P + "presentation", C + "chartSpace"))
MAX_EDITS = 64  # of one shape
MAX_SHAPES = 20_000


class History:
    """Notes by element. An element that is held keeps its identity: lxml makes no second object for it."""

    def __init__(self):
        self.made = {}  # shape or slide -> number of a note
        self.edits = {}  # shape, slide or presentation -> {(what, stack): None}, in order

    def of(self, element):
        made = self.made.get(element)
        stack = None if made is None else blame.STATE.notes[made]
        return stack, [list(edit) for edit in self.edits.get(element, ()) if edit[1] != stack]


HISTORY = History()


def local(tag):
    return tag.rpartition("}")[2] if isinstance(tag, str) else "comment"


def holder(element):
    """The shape around an element, else the slide or the presentation; None for what stands alone."""
    while element is not None:
        if element.tag in SHAPES or element.tag in ROOTS:
            return element
        element = element.getparent()
    return None


def note_edit(element, what):
    """The user's statement has changed `what` in or around `element`."""
    if blame.STATE.muted:
        return
    target = holder(element)
    if target is None:
        return
    number = blame.note()
    if number is None:
        return
    edits = HISTORY.edits.setdefault(target, {})
    key = what, blame.STATE.notes[number]
    edits.pop(key, None)
    if len(edits) >= MAX_EDITS:
        del edits[next(iter(edits))]
    edits[key] = None


def note_arrival(parent, element):
    """The user's statement has put `element` below `parent`."""
    if blame.STATE.muted or not isinstance(element, etree._Element):
        return
    arrived = [element] if element.tag in SHAPES else []
    if element.tag == P + "grpSp" or not arrived:
        arrived += [shape for shape in element.iterdescendants() if shape.tag in SHAPES]
    if not arrived:
        note_edit(parent, local(element.tag))
        return
    number = blame.note()
    if number is None:
        return
    for shape in arrived:
        if shape not in HISTORY.made and len(HISTORY.made) < MAX_SHAPES:
            HISTORY.made[shape] = number


def install():
    """Hooks python-pptx; once per process, before any script."""
    hook_elements(xmlchemy.BaseOxmlElement)
    hook_text(CT_RegularTextRun)
    hook_slides()


def hook_elements(cls):
    base = etree.ElementBase

    def method(name, after, owner=base):
        inner = getattr(owner, name)

        @functools.wraps(inner)
        def hooked(self, *args, **kwargs):
            result = inner(self, *args, **kwargs)
            after(self, *args, **kwargs)
            return result

        setattr(cls, name, hooked)

    method("append", lambda self, element: note_arrival(self, element))
    method("insert", lambda self, index, element: note_arrival(self, element))
    method("extend", lambda self, elements: note_edit(self, local(self.tag)))
    method("addnext", lambda self, element: note_arrival(self.getparent(), element))
    method("addprevious", lambda self, element: note_arrival(self.getparent(), element))
    method("replace", lambda self, old, new: note_arrival(self, new))
    method("remove", lambda self, element: note_edit(self, local(element.tag)))
    # Its successor may be of a tag without a class of its own, whose methods are lxml's.
    method("insert_element_before", lambda self, element, *tags: note_arrival(self, element), cls)
    method("set", lambda self, key, value: note_edit(self, attribute(self, key)))


def attribute(element, key):
    """Places and sizes are known by their element: `off`, `ext`; other attributes by their own name."""
    tag = local(element.tag)
    return tag if tag in ("off", "ext", "chOff", "chExt", "spcPct", "spcPts", "sldSz") else local(key)


def hook_text(cls):
    """The setter of a text changes a plain element inside."""
    inner = cls.__dict__["text"]

    def setter(self, value):
        inner.fset(self, value)
        note_edit(self, "t")

    cls.text = inner.setter(setter)


def hook_slides():
    inner = Slides.add_slide

    @functools.wraps(inner)
    def add_slide(self, *args, **kwargs):
        slide = inner(self, *args, **kwargs)
        number = None if blame.STATE.muted else blame.note()
        if number is not None:
            HISTORY.made[slide._element] = number
        return slide

    Slides.add_slide = add_slide


def table(package):
    """What is known of every slide in a package: for the slide and each of its shapes, in the order of the tree,
    the number of the stack that made it and the later edits."""
    slides = []
    for part in package.iter_parts():
        root = getattr(part, "_element", None)
        if root is None or root.tag != P + "sld":
            continue
        made, edits = HISTORY.of(root)
        shapes = [record(part, shape) for shape in root.iterdescendants(*SHAPES)]
        slides.append({"part": str(part.partname).lstrip("/"), "made": made, "edits": edits, "shapes": shapes})
    return slides


def record(part, shape):
    made, edits = HISTORY.of(shape)
    chart = shape.find(".//" + C + "chart")
    if shape.tag == P + "graphicFrame" and chart is not None:
        # A chart is a part of its own.
        relation = part.rels.get(chart.get(R + "id"))
        root = None if relation is None or relation.is_external else getattr(relation.target_part, "_element", None)
        edits += [edit for edit in HISTORY.of(root)[1] if edit[1] != made]
    names = shape.find(".//" + P + "cNvPr")
    number = names.get("id") if names is not None else None
    number = int(number) if number and number.isdecimal() and len(number) < 10 else 0
    return {"id": number, "made": made, "edits": edits}


def deck_edits(package):
    """Edits of the presentation itself, such as the size of its slides."""
    for part in package.iter_parts():
        root = getattr(part, "_element", None)
        if root is not None and root.tag == P + "presentation":
            return HISTORY.of(root)[1]
    return []
