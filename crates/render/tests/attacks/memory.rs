//! Using up memory, threads and output.

use crate::list::{Attack, Layer::*, RESULT, Sees, Sees::*};
use vsdpo_artifact::FailureKind;

const MEMORY: Sees = Ends(FailureKind::Memory, "");

pub fn attacks() -> Vec<Attack> {
    let mut attacks = memory();
    attacks.extend(figures());
    attacks.extend(threads());
    attacks
}

fn memory() -> Vec<Attack> {
    vec![
        Attack::new("10 GB at once", Limits, MEMORY, "x = bytearray(10 << 30)"),
        Attack::new(
            "16 MB again and again",
            Limits,
            MEMORY,
            "x = []\nwhile True: x.append(bytearray(1 << 24))",
        ),
        Attack::new("many small objects", Limits, MEMORY, "x = []\nwhile True: x.append([x] * 1000)"),
        Attack::new("an array of a terabyte", Limits, MEMORY, "import numpy\nnumpy.ones(1 << 37)"),
        Attack::new(
            "recursion without end in native code",
            Process,
            Fails,
            "import sys\nsys.setrecursionlimit(1 << 30)\nclass A:\n  def __getattr__(self, name): return getattr(self, name)\nA().x",
        ),
        Attack::new(
            "shared memory without a file",
            Limits,
            Raises("Cannot allocate memory"),
            "import mmap\nkept = []\nwhile True:\n  kept.append(mmap.mmap(-1, 1 << 26))\n  kept[-1].write(bytes(1 << 20))",
        ),
        Attack::new(
            "the result buffer mapped again and again",
            Limits,
            Raises("Cannot allocate memory"),
            format!("import mmap\n{RESULT}kept = []\nwhile True: kept.append(mmap.mmap(result, 0))"),
        ),
    ]
}

fn figures() -> Vec<Attack> {
    let chart = |size: &str| {
        format!("import matplotlib.pyplot as plt\nplt.figure(figsize={size}, dpi=100)\nplt.savefig('x.png')")
    };
    let limit = Ends(FailureKind::Limit, "the limit is");
    vec![
        Attack::new(
            "a figure of a million by a million pixels",
            Probe,
            Raises("too large"),
            chart("(10000, 10000)"),
        ),
        Attack::new("a figure of 20000 by 20000 pixels", Probe, limit, chart("(200, 200)")),
    ]
}

fn threads() -> Vec<Attack> {
    vec![
        Attack::new(
            "threads that sleep, without end",
            Limits,
            Raises("can't start new thread"),
            "import threading, time\nwhile True: threading.Thread(target=time.sleep, args=(60,), daemon=True).start()",
        ),
        Attack::new(
            "a gigabyte of output",
            Output,
            Draws,
            "import sys\nline = 'x' * (1 << 20)\nfor i in range(1024): sys.stdout.write(line)\n\
             import matplotlib.pyplot as plt\nplt.plot([1, 2])",
        ),
    ]
}
