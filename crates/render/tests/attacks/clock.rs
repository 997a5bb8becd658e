//! Scripts that only the clock ends.

use crate::list::{Attack, Layer::*, Sees::*};
use vsdpo_artifact::FailureKind;

pub fn attacks() -> Vec<Attack> {
    let late = Ends(FailureKind::Timeout, "");
    let new = |name, script: &str| Attack::new(name, Clock, late, script).short();
    let mut attacks = vec![
        new("a loop", "while True: pass"),
        new(
            "a sleep behind ignored signals",
            "import signal, time\nfor s in range(1, 65):\n  try: signal.signal(s, signal.SIG_IGN)\n  except (OSError, ValueError): pass\ntime.sleep(600)",
        ),
        new(
            "a loop that catches everything",
            "while True:\n  try:\n    while True: pass\n  except BaseException: pass",
        ),
        new(
            "a turned-back clock",
            "import time, datetime\nfor name in ('time', 'monotonic', 'perf_counter', 'process_time'): setattr(time, name, lambda: 0.0)\n\
             while time.monotonic() < 1: pass",
        ),
        new("a pattern that takes for ever, in native code", "import re\nre.match('(a+)+$', 'a' * 60 + 'b')"),
        new("a number of a billion digits", "x = 7 ** (10 ** 9)"),
        new(
            "output without end into a large pipe",
            "import fcntl, os\ntry: fcntl.fcntl(1, 1031, 1 << 20)\nexcept OSError: pass\nx = bytes(1 << 20)\nwhile True: os.write(1, x)",
        ),
        new(
            "an error message without end",
            "class E(Exception):\n  def __str__(self):\n    while True: pass\nraise E",
        ),
        new(
            "a lock that nobody gives back",
            "import threading\nl = threading.Lock()\nl.acquire()\nl.acquire()",
        ),
        new("a pipe that nobody fills", "import os\nr, w = os.pipe()\nos.read(r, 1)"),
    ];
    // Memory ends it, but only after Python has walked a chain of a million errors for each frame.
    let deep = "import sys\nsys.setrecursionlimit(1 << 30)\ndef f(): f()\nf()";
    attacks.push(Attack::new("recursion without end", Clock, Fails, deep).short());
    if cfg!(target_arch = "x86_64") {
        // jmp to itself, in as many threads as there may be
        attacks.push(new(
            "native loops in 48 threads",
            "import ctypes, mmap, threading\n\
             code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)\n\
             code.write(bytes([0xeb, 0xfe]))\n\
             spin = ctypes.CFUNCTYPE(None)(ctypes.addressof(ctypes.c_char.from_buffer(code)))\n\
             try:\n  for i in range(48): threading.Thread(target=spin, daemon=True).start()\nexcept RuntimeError: pass\nspin()",
        ));
    }
    attacks
}
