//! Bombs for the parsers inside the job: fonts, pictures, archives, source code, mathematics. What
//! breaks is the job's own process; how it ends does not matter as long as nobody else notices.

use crate::list::{Attack, Layer::*, Sees::*};
use vsdpo_artifact::FailureKind;

pub fn attacks() -> Vec<Attack> {
    let mut attacks = pictures();
    attacks.extend(fonts());
    attacks.extend(languages());
    attacks
}

/// A script with a PNG of one colour and any size.
fn png(width: u32, height: u32, body: &str) -> String {
    format!(
        "import io, struct, zlib, PIL.Image\n\
         def chunk(kind, data): return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))\n\
         packer = zlib.compressobj(1)\nrow = bytes(1 + 3 * {width})\n\
         data = b''.join([packer.compress(row) for _ in range(4)]) + packer.flush()\n\
         file = b'\\x89PNG\\r\\n\\x1a\\n' + chunk(b'IHDR', struct.pack('>IIBBBBB', {width}, {height}, 8, 2, 0, 0, 0)) + chunk(b'IDAT', data) + chunk(b'IEND', b'')\n\
         {body}\n"
    )
}

fn pictures() -> Vec<Attack> {
    let load = "PIL.Image.open(io.BytesIO(file)).load()";
    let mutated = "import random\npicture = io.BytesIO()\nPIL.Image.effect_noise((64, 64), 50).convert('RGB').save(picture, kind)\n\
        for i in range(300):\n  spoilt = bytearray(picture.getvalue())\n  \
        for _ in range(8): spoilt[random.randrange(len(spoilt))] = random.randrange(256)\n  \
        try: PIL.Image.open(io.BytesIO(spoilt)).load()\n  except Exception: pass\n";
    let spoilt = |kinds: &str| {
        format!(
            "import io, PIL.Image\nfor kind in {kinds}:\n  {}raise ValueError('survived')",
            mutated.replace('\n', "\n  ")
        )
        .replace("\n  raise", "\nraise")
    };
    vec![
        Attack::new(
            "a picture of 3.6 gigapixels",
            Process,
            Raises("decompression bomb"),
            png(60_000, 60_000, load),
        ),
        Attack::new(
            "a picture of 120 megapixels",
            Limits,
            Ends(FailureKind::Memory, ""),
            png(12_000, 10_000, load),
        ),
        Attack::new(
            "spoilt pictures of five formats",
            Process,
            Fails,
            spoilt("('png', 'jpeg', 'gif', 'tiff', 'webp')"),
        ),
        Attack::new(
            "zeros packed a thousandfold",
            Limits,
            Ends(FailureKind::Memory, ""),
            "import zlib\np = zlib.compressobj(1)\nd = b''.join([p.compress(bytes(1 << 20)) for _ in range(300)]) + p.flush()\nzlib.decompress(d)",
        ),
    ]
}

fn fonts() -> Vec<Attack> {
    vec![
        Attack::new(
            "spoilt fonts",
            Process,
            Fails,
            "import io, random, matplotlib\nfrom matplotlib.ft2font import FT2Font\n\
             good = open(matplotlib.get_data_path() + '/fonts/ttf/DejaVuSans.ttf', 'rb').read()\n\
             for i in range(150):\n  \
               spoilt = bytearray(good)\n  \
               for _ in range(2 + i): spoilt[random.randrange(2000 if i % 2 else len(good))] = random.randrange(256)\n  \
               try:\n    font = FT2Font(io.BytesIO(bytes(spoilt)))\n    font.set_size(12, 100)\n    \
                 font.set_text('spoilt')\n    font.draw_glyphs_to_bitmap()\n  \
               except Exception: pass\n\
             raise ValueError('survived')",
        ),
        Attack::new(
            "a font of an absurd size",
            Process,
            Fails,
            "import matplotlib.pyplot as plt\nplt.text(0.5, 0.5, 'x' * 100, fontsize=1e5)\nplt.savefig('x.png')\nraise ValueError('survived')",
        ),
        Attack::new(
            "a formula 100000 levels deep",
            Process,
            Fails,
            "import matplotlib.pyplot as plt\nplt.title('$' + '{' * 100_000 + 'x' + '}' * 100_000 + '$')\nplt.savefig('x.png')",
        ),
    ]
}

fn languages() -> Vec<Attack> {
    vec![
        Attack::new(
            "source code 100000 brackets deep",
            Process,
            Ends(FailureKind::Syntax, ""),
            "(".repeat(100_000),
        ),
        Attack::new("source code with 100000 signs", Process, Fails, format!("x = {}1", "-".repeat(100_000))),
        Attack::new(
            "code from garbage",
            Process,
            Fails,
            "import marshal, random\nfor i in range(5000):\n  try: marshal.loads(b'\\xe3' + random.randbytes(60))\n  except Exception: pass\nraise ValueError('survived')",
        ),
        Attack::new(
            "spoilt byte code",
            Process,
            Fails,
            "def f(): return 1\nf.__code__ = f.__code__.replace(co_code=bytes(range(256)) * 4, co_stacksize=1)\nf()\nraise ValueError('survived')",
        ),
        Attack::new(
            "a billion laughs",
            Process,
            Fails,
            "import xml.etree.ElementTree as e\nx = '<!DOCTYPE x [<!ENTITY a0 \"' + 'ha' * 1000 + '\">'\n\
             for i in range(9): x += f'<!ENTITY a{i + 1} \"' + f'&a{i};' * 10 + '\">'\ne.fromstring(x + ']><x>&a9;</x>')",
        ),
        Attack::new(
            "JSON 100000 levels deep",
            Process,
            Raises("RecursionError"),
            "import json\njson.loads('[' * 100_000)",
        ),
    ]
}
