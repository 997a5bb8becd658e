//! Forged results, and tricks with the channels between a job and the supervisor.

use crate::list::{Attack, Layer, Layer::*, RESULT, Sees, Sees::*};
use vsdpo_artifact::FailureKind;

pub fn attacks() -> Vec<Attack> {
    let mut attacks = headers();
    attacks.extend(records());
    attacks.extend(channels());
    attacks.extend(endings());
    attacks
}

/// A script that writes into every descriptor that it holds, and ends itself before the probe
/// reports.
fn forge(body: &str) -> String {
    format!(
        "import os, struct\n\
         def forge(data, at):\n  \
           for fd in range(3, 64):\n    \
             try: os.pwrite(fd, data, at)\n    \
             except OSError: pass\n\
         def head(status, width, height, records, pixels, version=1):\n  \
           forge(struct.pack('<8sIIIIQQ', b'VSDPOFRM', version, status, width, height, records, pixels), 0)\n\
         def result(json, status=0):\n  forge(json, 64)\n  head(status, 2, 2, len(json), 16)\n\
         {body}\nos._exit(0)"
    )
}

fn refused(name: &'static str, body: &str, why: &'static str) -> Attack {
    Attack::new(name, Verdict, Ends(FailureKind::Limit, why), forge(body))
}

fn headers() -> Vec<Attack> {
    vec![
        refused("a frame of garbage", "forge(b'garbage!' * 4, 0)", "no valid header"),
        refused("a frame of another version", "head(0, 2, 2, 2, 16, version=2)", "no valid header"),
        refused(
            "a pickled object for the supervisor",
            "import pickle\nforge(pickle.dumps(print), 0)",
            "no valid header",
        ),
        refused("a terabyte of records", "head(0, 10, 10, 1 << 40, 400)", "bytes of records"),
        refused(
            "a picture of a terapixel",
            "head(0, 1 << 20, 1 << 20, 2, 1 << 42)",
            "bytes for 1048576x1048576 pixels",
        ),
        refused("sides whose product overflows", "head(0, 0xffffffff, 0xffffffff, 2, 4)", "bytes for"),
        refused("more pixels than the sides say", "head(0, 10, 10, 2, 401)", "401 bytes for 10x10 pixels"),
        refused(
            "a picture of one line, 16 million pixels long",
            "forge(b'{\"elements\":[],\"notes\":[]}', 64)\nhead(0, 1 << 24, 1, 26, 1 << 26)",
            "bytes for 16777216x1 pixels",
        ),
        refused("a header without records", "head(0, 2, 2, 0, 16)", "malformed records"),
        refused(
            "a failure that only the supervisor can report",
            "result(b'{\"kind\":\"timeout\",\"message\":\"\"}', 1)",
            "only the supervisor",
        ),
    ]
}

fn records() -> Vec<Attack> {
    let element = |name, change: &str, why| {
        let body = format!(
            "one = dict(id=0, kind='text', **{{'class': 'text'}}, stack=[], region=[0, 0, 1, 1], order=0)\n\
             import json\n\
             def report(elements): result(json.dumps(dict(elements=elements, notes=[])).encode())\n\
             {change}"
        );
        refused(name, &body, why)
    };
    vec![
        refused("records cut short", "result(b'{')", "malformed records"),
        refused("records 200000 levels deep", "result(b'[' * 200000)", "malformed records"),
        refused(
            "records that are no text",
            "result(b'{\"elements\":[],\"notes\":[\"\\xff\"]}')",
            "malformed records",
        ),
        element(
            "a number that is not one",
            "report([one | dict(region=[0, 0, float('nan'), 1])])",
            "malformed records",
        ),
        element(
            "a number beyond all bounds",
            "result(json.dumps(dict(elements=[one | dict(values=[1])], notes=[])).replace('[1]', '[1e999]').encode())",
            "malformed records",
        ),
        element(
            "a number beyond single precision",
            "report([one | dict(region=[0, 0, 1e39, 1])])",
            "number out of range",
        ),
        element("30000 records", "report([one | dict(id=i) for i in range(30000)])", "30000 elements"),
        element(
            "a number in place of its neighbour's",
            "report([one | dict(id=7)])",
            "ids must count from 0",
        ),
        element(
            "a span outside the script",
            "report([one | dict(stack=[dict(start=0, end=99999)])])",
            "a span outside the source",
        ),
        element("a stack without end", "report([one | dict(stack=[dict(start=0, end=0)] * 65)])", "too many"),
        element(
            "an escape sequence for the name of an axis",
            "report([one | dict(axis=chr(27))])",
            "an axis that is not x, y or z",
        ),
        element("a record that is a part of itself", "report([one | dict(parent=0)])", "a part of a part"),
        element(
            "two records that are parts of each other",
            "report([one | dict(parent=1), one | dict(id=1, parent=0)])",
            "a part of a part",
        ),
        element("an axes that is a text", "report([one | dict(axes=0)])", "axes that are none"),
    ]
}

fn channels() -> Vec<Attack> {
    let new = |name, layer: Layer, sees: Sees, body: &str| Attack::new(name, layer, sees, body);
    let draw = "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.title('x')\n";
    vec![
        refused(
            "the fork server's own packets into every descriptor",
            "for fd in range(3, 1024):\n  try: os.write(fd, b'{\"job\":0,\"ended\":0,\"cpu\":0}')\n  except OSError: pass",
            "no valid header",
        ),
        new(
            "the fork server's socket by the frames below",
            Descriptors,
            Raises("[Errno 9]"),
            "import os, socket, sys\nframe = sys._getframe()\nwhile frame:\n  \
               for value in list(frame.f_locals.values()):\n    \
                 if isinstance(value, socket.socket): os.write(value.fileno(), b'{}')\n  frame = frame.f_back\n\
             import gc\nfor value in gc.get_objects():\n  if isinstance(value, socket.socket): os.write(value.fileno(), b'{}')",
        ),
        new(
            "more descriptors than the own four",
            Descriptors,
            Draws,
            &format!(
                "import os, stat\nheld = []\nfor fd in range(4096):\n  try: held.append((fd, stat.S_IFMT(os.fstat(fd).st_mode)))\n  except OSError: pass\n\
                 assert held[:3] == [(0, stat.S_IFCHR), (1, stat.S_IFIFO), (2, stat.S_IFIFO)], held\n\
                 assert len(held) == 4 and held[3][1] == stat.S_IFREG, held\n{draw}"
            ),
        ),
        new(
            "what an earlier job left in the result buffer",
            Descriptors,
            Draws,
            &format!(
                "{RESULT}for i in range(72): assert not os.pread(result, 1 << 20, i << 20).strip(b'\\0')\n{draw}"
            ),
        ),
        new(
            "variables and files of ours in sight",
            Descriptors,
            Draws,
            &format!(
                "import os\nassert not os.environ, os.environ\nassert os.listdir('.') == [], os.listdir('.')\n{draw}"
            ),
        ),
        new(
            "another size for the result buffer",
            Descriptors,
            NotPermitted,
            &format!("{RESULT}os.ftruncate(result, 0)"),
        ),
        new(
            "a result larger than the buffer",
            Descriptors,
            Raises("[Errno"),
            &format!("{RESULT}os.pwrite(result, b'x', 72 << 20)"),
        ),
    ]
}

/// How a script ends proves nothing.
fn endings() -> Vec<Attack> {
    let crash = |name, script: &str, why| Attack::new(name, Verdict, Ends(FailureKind::Crash, why), script);
    let no_result = "ended itself without a result";
    vec![
        crash("an early exit", "import os\nos._exit(0)", no_result),
        crash("the status of a child without a sandbox", "import os\nos._exit(97)", no_result),
        crash(
            "all descriptors closed",
            "import os\nos.closerange(0, 4096)\nimport matplotlib.pyplot as plt\nplt.plot([1])",
            no_result,
        ),
        crash("a fault", "import ctypes\nctypes.string_at(0)", "signal 11"),
        crash("an abort", "import os\nos.abort()", ""),
        Attack::new(
            "an error whose message is an error",
            Process,
            Ends(FailureKind::Exception, "E"),
            "class E(Exception):\n  def __str__(self): raise SystemExit(0)\nraise E",
        ),
        Attack::new(
            "an error that steers the terminal",
            Verdict,
            Fails,
            "raise type('\\x1b[2J\\x9b\\u202e', (Exception,), {})('\\x1b]0;owned\\x07\\u202eabc')",
        ),
        Attack::new(
            "the fork server's loop in the job's place",
            Process,
            Fails,
            "import os\nos._exit = lambda status: None\nclass E(BaseException):\n  def __str__(self): raise E\nraise E",
        ),
        Attack::new(
            "the probe's and the fork server's functions replaced",
            Process,
            Fails,
            "import json, mmap, struct\njson.dumps = lambda *a, **k: 'x' * (9 << 20)\nmmap.mmap = None\nraise ValueError('x')",
        ),
    ]
}
