"""Decks for the tests, the soak and the bench of the office: `office_decks.py FOLDER [PORT]`.

Honest ones, and hostile ones made of them by editing the archive. A deck `linked-*` asks for a picture beside the
decks, or at a port of this machine; neither may come.
"""

import io
import os
import re
import struct
import sys
import zipfile
import zlib

from pptx import Presentation
from pptx.chart.data import CategoryChartData
from pptx.dml.color import RGBColor
from pptx.enum.chart import XL_CHART_TYPE
from pptx.oxml.ns import qn
from pptx.util import Emu, Inches, Pt

SLIDE, RELATIONS = "ppt/slides/slide1.xml", "ppt/slides/_rels/slide1.xml.rels"
MAIN, MAIN_RELATIONS, TYPES = "ppt/presentation.xml", "ppt/_rels/presentation.xml.rels", "[Content_Types].xml"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
TREE_END = b"</p:spTree>"


def blank(slides=1, height=6858000, width=12192000):
    deck = Presentation()
    deck.slide_width, deck.slide_height = width, height
    for number in range(slides):
        slide = deck.slides.add_slide(deck.slide_layouts[5])
        slide.shapes.title.text = f"slide {number}"
    return deck


def packed(deck):
    buffer = io.BytesIO()
    deck.save(buffer)
    return buffer.getvalue()


def edited(data, edits, more=()):
    """The archive with parts replaced: `edits` from names to functions of bytes; None takes a part out."""
    source, buffer = zipfile.ZipFile(io.BytesIO(data)), io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            part = edits.get(name, lambda part: part)(source.read(name))
            if part is not None:
                target.writestr(name, part)
        for name, part in more:
            target.writestr(name, part)
    return buffer.getvalue()


def png(width, height, depth, kind, rows):
    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    packer = zlib.compressobj(9)
    data = b"".join([packer.compress(row) for row in rows] + [packer.flush()])
    head = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def plain_png(colour):
    return png(40, 40, 8, 2, [b"\0" + bytes(colour) * 40] * 40)


def box(slide, left, top, width, height, text=""):
    shape = slide.shapes.add_shape(1, Emu(left), Emu(top), Emu(width), Emu(height))
    shape.fill.solid()
    shape.fill.fore_color.rgb = RGBColor(255, 0, 0)
    shape.line.fill.background()
    # The theme's style has a shadow.
    shape._element.remove(shape._element.find(qn("p:style")))
    shape.text_frame.text = text
    return shape


def honest():
    """Decks that draw."""
    rect = blank()
    # 100 pixels are 952500 EMU at this width.
    box(rect.slides[0], 952500, 2857500, 1905000, 952500)
    text = rect.slides[0].shapes.add_textbox(Emu(4762500), Emu(2857500), Emu(5715000), Emu(952500)).text_frame
    text.word_wrap = True
    text.text = "measured 漢字"
    text.paragraphs[0].runs[0].font.size = Pt(30)
    yield "box", packed(rect)
    ten = blank(10)
    for number, slide in enumerate(ten.slides):
        frame = slide.shapes.add_textbox(Inches(1), Inches(2), Inches(5), Inches(2)).text_frame
        frame.word_wrap = True
        frame.text = "Words that wrap over a few lines because their box is too narrow for one."
        box(slide, 6400800, 1828800, 2743200, 914400, "a box")
        if number % 5 == 4:
            data = CategoryChartData()
            data.categories = ["a", "b", "c"]
            data.add_series("s", (1, 2, 3))
            slide.shapes.add_chart(
                XL_CHART_TYPE.COLUMN_CLUSTERED, Inches(7), Inches(3.5), Inches(4), Inches(3), data
            )
    ten.slides[3]._element.set("show", "0")
    yield "ten", packed(ten)
    crossed = blank()
    for words in ("alpha beta gamma delta", "one two three four"):
        frame = crossed.slides[0].shapes.add_textbox(Inches(1), Inches(3), Inches(9), Inches(1)).text_frame
        frame.text = words
    yield "crossed", packed(crossed)
    yield "standard", packed(blank(1, 9144000))
    yield "tall", packed(blank(1, 51206400, 3657600))
    yield "picture", with_picture()


def with_picture():
    deck = blank()
    deck.slides[0].shapes.add_picture(io.BytesIO(plain_png((16, 128, 255))), Inches(1), Inches(3))
    return packed(deck)


def damaged(one):
    yield "truncated", one[: len(one) // 2]
    yield "no-parts", edited(one, {name: lambda _: None for name in zipfile.ZipFile(io.BytesIO(one)).namelist()})
    yield "no-slide-part", edited(one, {SLIDE: lambda _: None})
    yield "half-a-slide", edited(one, {SLIDE: lambda part: part[: len(part) // 2]})
    picture = with_picture()
    media = next(name for name in zipfile.ZipFile(io.BytesIO(picture)).namelist() if name.startswith("ppt/media"))
    yield "picture-corrupt", edited(picture, {media: lambda part: part[:40] + b"\xff" * 60})
    side = 20000
    bits = [b"\0" * (1 + side // 8)] * side
    yield "picture-of-400-million-pixels", edited(picture, {media: lambda _: png(side, side, 1, 0, bits)})


def endless(one):
    group = (
        b'<p:grpSp><p:nvGrpSpPr><p:cNvPr id="9" name="g"/><p:cNvGrpSpPr/><p:nvPr/></p:nvGrpSpPr><p:grpSpPr/>'
    )
    depth = 20000
    nest = group * depth + b"</p:grpSp>" * depth + TREE_END
    yield "groups-20000-deep", edited(one, {SLIDE: lambda part: part.replace(TREE_END, nest)})
    words = b"<a:t>" + b"word " * 400000 + b"</a:t>"
    yield "text-of-2-mb", edited(one, {SLIDE: lambda part: part.replace(b"<a:t>slide 0</a:t>", words)})
    yield "zip-bomb", edited(one, {SLIDE: lambda part: part.replace(TREE_END, b" " * (400 << 20) + TREE_END)})
    names = [bytes([98 + level]) for level in range(9)]
    entities = b'<!ENTITY a "aaaaaaaaaa">' + b"".join(
        b'<!ENTITY %s "%s">' % (name, (b"&%c;" % (name[0] - 1)) * 10) for name in names
    )
    yield "entities", edited(one, {SLIDE: lambda part: with_entities(part, entities, b"&j;")})
    huge = blank()
    for edge in (10**9, -(10**9), 2**31 - 1):
        shape = box(huge.slides[0], edge // 2, -edge // 3, 10**9, 10**9, "far")
        shape.text_frame.paragraphs[0].runs[0].font.size = Pt(4000)
    yield "shapes-of-1e9-emu", packed(huge)
    yield "slides-5000", many_slides(one, 5000)


def with_entities(part, entities, text):
    kind = b"<!DOCTYPE l [" + entities + b"]>"
    return b'<?xml version="1.0"?>' + kind + part.split(b"?>", 1)[1].replace(b"slide 0", text)


def many_slides(one, count):
    archive = zipfile.ZipFile(io.BytesIO(one))
    slide, relations = archive.read(SLIDE), archive.read(RELATIONS)
    numbers = range(count)
    listed = b"".join(b'<p:sldId id="%d" r:id="rIdS%d"/>' % (256 + i, i) for i in numbers)
    form = '<Relationship Id="rIdS%d" Type="' + OFFICE + '/slide" Target="slides/s%d.xml"/>'
    links = "".join(form % (i, i) for i in numbers).encode()
    kind = "application/vnd.openxmlformats-officedocument.presentationml.slide+xml"
    form = '<Override PartName="/ppt/slides/s%d.xml" ContentType="' + kind + '"/>'
    types = "".join(form % i for i in numbers).encode()
    more = [(f"ppt/slides/s{i}.xml", slide) for i in numbers]
    more += [(f"ppt/slides/_rels/s{i}.xml.rels", relations) for i in numbers]
    edits = {
        MAIN: lambda part: re.sub(rb"(<p:sldIdLst>).*(</p:sldIdLst>)", rb"\1" + listed + rb"\2", part),
        MAIN_RELATIONS: lambda part: part.replace(b"</Relationships>", links + b"</Relationships>"),
        TYPES: lambda part: part.replace(b"</Types>", types + b"</Types>"),
    }
    return edited(one, edits, more)


def reaching_out(one, folder, port):
    picture = with_picture()
    for name, target in (("file", f"file://{folder}/secret.png"), ("port", f"http://127.0.0.1:{port}/secret.png")):
        link = f'<Relationship Id="rIdX" Type="{OFFICE}/image" Target="{target}" TargetMode="External"/>'
        edits = {
            RELATIONS: lambda part, link=link: part.replace(b"</Relationships>", link.encode() + b"</Relationships>"),
            SLIDE: lambda part: re.sub(rb'r:embed="\w+"', b'r:link="rIdX"', part),
        }
        yield f"linked-{name}", edited(picture, edits)
    entity = b'<!ENTITY a SYSTEM "file:///etc/passwd">'
    yield "entity-of-a-file", edited(one, {SLIDE: lambda part: with_entities(part, entity, b"[&a;]")})
    plain, macro = b"openxmlformats-officedocument.presentationml.presentation.main", b"ms-powerpoint.presentation.macroEnabled.main"
    link = b'<Relationship Id="rIdV" Type="http://schemas.microsoft.com/office/2006/relationships/vbaProject" Target="vbaProject.bin"/>'
    edits = {
        TYPES: lambda part: part.replace(plain, macro),
        MAIN_RELATIONS: lambda part: part.replace(b"</Relationships>", link + b"</Relationships>"),
    }
    yield "macros", edited(one, edits, [("ppt/vbaProject.bin", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 4096)])


def main(folder, port):
    with open(os.path.join(folder, "secret.png"), "wb") as file:
        file.write(plain_png((255, 0, 255)))
    one = packed(blank())
    decks = [("one", one), *honest(), *damaged(one), *endless(one), *reaching_out(one, folder, port)]
    for name, data in decks:
        with open(os.path.join(folder, name + ".pptx"), "wb") as file:
            file.write(data)


if __name__ == "__main__":
    main(os.path.realpath(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "9")
