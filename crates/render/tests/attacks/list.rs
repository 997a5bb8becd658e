//! What an attack is: a script, the layer that stops it, and what the script gets to see.

use std::path::Path;
use vsdpo_artifact::{FailureKind, Outcome};

/// What stands in the way of a script, from the outside to the inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layer {
    /// The supervisor's clock, with the processor time limit behind it.
    Clock,
    /// The supervisor believes a complete, valid frame and nothing else.
    Verdict,
    /// The supervisor empties the output pipe and keeps its end.
    Output,
    /// Size-limited scratch file systems in a mount namespace that is otherwise read-only.
    Mounts,
    /// Which files may be opened.
    Landlock,
    /// Which system calls may be made.
    Seccomp,
    /// Address space, file size, open files, tasks.
    Limits,
    /// The script holds its own end of its own channels; nobody else's.
    Descriptors,
    /// The probe refuses figures that no reader could use.
    Probe,
    /// Whatever the script breaks is its own process.
    Process,
}

/// What becomes of an attack.
#[derive(Clone, Copy, Debug)]
pub enum Sees {
    /// PermissionError by the rules over files (EACCES).
    NoAccess,
    /// PermissionError by the filter over system calls (EPERM).
    NotPermitted,
    /// An exception whose message contains this.
    Raises(&'static str),
    /// The end by a failure of this kind whose message contains this.
    Ends(FailureKind, &'static str),
    /// Any failure: an exception, the end of the process or a limit.
    Fails,
    /// Nothing: the script draws its picture and has reached nobody.
    Draws,
}

/// Which pool runs the attack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// Enough time for every honest script on a busy machine.
    Long,
    /// For scripts that only the clock ends.
    Short,
}

pub struct Attack {
    pub name: &'static str,
    pub script: String,
    pub patience: Patience,
    /// With namespaces, and without.
    stopped: [(Layer, Sees); 2],
}

impl Attack {
    pub fn new(name: &'static str, layer: Layer, sees: Sees, script: impl Into<String>) -> Self {
        let patience = Patience::Long;
        Self { name, script: script.into(), patience, stopped: [(layer, sees); 2] }
    }

    /// What is different where no namespaces are allowed.
    pub fn bare(mut self, layer: Layer, sees: Sees) -> Self {
        self.stopped[1] = (layer, sees);
        self
    }

    pub fn short(mut self) -> Self {
        self.patience = Patience::Short;
        self
    }

    /// Whether it writes into its working folder, which other layers guard without namespaces.
    pub fn writes_here(&self) -> bool {
        self.stopped[0].0 != self.stopped[1].0
    }

    pub fn expected(&self, bare: bool) -> (Layer, Sees) {
        self.stopped[usize::from(bare)]
    }
}

/// The whole list. `secret` is a file that the user of the pool may read and write; scripts may
/// not.
pub fn all(secret: &Path) -> Vec<Attack> {
    let mut attacks = on_others(secret);
    attacks.extend(crate::kernel::attacks());
    attacks.extend(crate::memory::attacks());
    attacks.extend(crate::clock::attacks());
    attacks.extend(crate::frames::attacks());
    attacks.extend(crate::parsers::attacks());
    attacks
}

/// The part of the list to which it matters whose user id the jobs have.
pub fn on_others(secret: &Path) -> Vec<Attack> {
    let mut attacks = crate::files::attacks(secret);
    attacks.extend(crate::locks::attacks());
    attacks.extend(crate::processes::attacks());
    attacks
}

/// Compares what happened with what should have happened.
pub fn check(outcome: &Outcome, sees: Sees) -> Result<(), String> {
    let result = |ok: bool| if ok { Ok(()) } else { Err(format!("{sees:?} expected: {}", short(outcome))) };
    let Outcome::Failed { error } = outcome else {
        return result(matches!(sees, Sees::Draws) && drawn(outcome));
    };
    let steers = |c: char| c.is_control() && c != '\n' && c != '\t';
    if error.message.contains(|c: char| c.is_control()) || error.traceback.contains(steers) {
        return Err(format!("control characters in {error:?}"));
    }
    let exception = error.kind == FailureKind::Exception;
    result(match sees {
        Sees::NoAccess => exception && error.message.starts_with("PermissionError: [Errno 13]"),
        Sees::NotPermitted => exception && error.message.starts_with("PermissionError: [Errno 1]"),
        Sees::Raises(what) => exception && error.message.contains(what),
        Sees::Ends(kind, what) => error.kind == kind && error.message.contains(what),
        Sees::Fails => error.kind != FailureKind::NoFigure,
        Sees::Draws => false,
    })
}

fn short(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Rendered(r) => format!("it drew {:?}", r.pages[0].image),
        Outcome::Failed { error } if error.kind == FailureKind::NoFigure => "it went through".into(),
        Outcome::Failed { error } => format!("{:?}: {}", error.kind, error.message),
    }
}

pub fn drawn(outcome: &Outcome) -> bool {
    outcome.rendered().is_some_and(|r| {
        let colours: std::collections::BTreeSet<&[u8]> = r.pages[0].image.rgba.chunks(4).collect();
        r.pages[0].image.width >= 100 && r.pages[0].image.height >= 100 && colours.len() > 10
    })
}

/// The start of a script: the descriptor of its result.
pub const RESULT: &str = "import os\nfor result in range(3, 4096):\n  try: os.fstat(result)\n  except OSError: continue\n  break\n";

/// A script that makes raw system calls with `call`.
pub fn native(body: &str) -> String {
    format!(
        "import ctypes, os\n\
         libc = ctypes.CDLL(None, use_errno=True)\n\
         def call(number, *args):\n  \
           answer = libc.syscall(*(ctypes.c_long(a) if isinstance(a, int) else a for a in (number, *args)))\n  \
           if answer == -1: raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))\n  \
           return answer\n\
         {body}\n"
    )
}
