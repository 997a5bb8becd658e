"""Letters that no font of a text has: matplotlib draws an empty box for each of them."""

from matplotlib import cbook, rcParams
from matplotlib.font_manager import fontManager, get_font

MAX_MISSING = 32
PATHS = {}  # properties of a font -> files of the families that are found
KNOWN = {}  # (file, letter) -> whether the font has it


def missing(artist):
    """The letters of a text that are drawn as empty boxes, each once, and the name of an installed font that has
    all of them; None for a text without such letters. Formulas are left out: their fonts are matplotlib's own."""
    text = artist.get_text()
    if text.isascii() or artist.get_usetex() or (artist.get_parse_math() and cbook.is_math_text(text)):
        return None
    letters = dict.fromkeys(letter for letter in text if letter > "\x7f" and not joins(letter))
    files = files_of(artist.get_fontproperties())
    lost = [letter for letter in letters if not any(has(file, letter) for file in files)]
    if not lost:
        return None
    lost = lost[:MAX_MISSING]
    return {"missing": "".join(lost), "font": font_with(lost)}


def joins(letter):
    """Marks that only say how others are joined or shown; a missing one shows nothing wrong."""
    return letter.isspace() or letter in "\u200b\u200c\u200d\u200e\u200f\u2060\ufeff" or "\ufe00" <= letter <= "\ufe0f"


def files_of(properties):
    key = (hash(properties), tuple(rcParams["font.family"]), tuple(rcParams["font.sans-serif"]))
    if key not in PATHS:
        find = getattr(fontManager, "_find_fonts_by_props", None)  # matplotlib 3.5 takes letters from one font
        PATHS[key] = find(properties) if find else [fontManager.findfont(properties)]
    return PATHS[key]


def has(file, letter):
    key = (file, letter)
    if key not in KNOWN:
        KNOWN[key] = get_font(file).get_char_index(ord(letter)) != 0
    return KNOWN[key]


def font_with(letters):
    for entry in fontManager.ttflist:
        try:
            if entry.style == "normal" and all(has(entry.fname, letter) for letter in letters):
                return entry.name
        except (OSError, RuntimeError):
            continue
    return None
