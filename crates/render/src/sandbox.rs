//! The rules that a render process lives under: what it may open, call and use up.
//!
//! Everything is decided here and handed to the fork server as data. Layers, from the outside: a
//! network and mount namespace around the fork server (where the kernel allows it), then per job
//! resource limits, another user id (where Python stays readable under it), no capabilities, no new
//! privileges, landlock and seccomp.

mod landlock;
mod seccomp;

pub(crate) use self::landlock::{Rules, abi, around_browser, folder_rights, restrict};
pub(crate) use self::seccomp::{Caller, available, program_hex};

use std::time::Duration;

/// Largest file that a script may write, in bytes.
const FILE_BYTES: u64 = 64 << 20;

/// Largest file that an office may write, in bytes.
const OFFICE_FILE_BYTES: u64 = 256 << 20;

/// Open files of a script, or of an office.
const OPEN_FILES: u64 = 128;

/// First user id of the slots; far above any that a system gives out.
pub(crate) const FIRST_UID: u32 = 2_000_000_000;

/// Size limits of a slot's scratch file system, as mount options.
pub(crate) const SCRATCH_OPTIONS: &str = "size=64m,nr_inodes=1024,mode=0777";

/// Size limits of an office's scratch file system: its profile, one deck and its PDF.
pub(crate) const OFFICE_SCRATCH: &str = "size=512m,nr_inodes=4096,mode=0777";

/// Resource limits of an office, which lives longer than one deck, so that no limit of processor
/// time applies.
pub(crate) fn office_rlimits() -> Vec<(u32, u64, u64)> {
    vec![
        (libc::RLIMIT_FSIZE, OFFICE_FILE_BYTES, OFFICE_FILE_BYTES),
        (libc::RLIMIT_NOFILE, OPEN_FILES, OPEN_FILES),
        (libc::RLIMIT_CORE, 0, 0),
        (libc::RLIMIT_MEMLOCK, 0, 0),
        (libc::RLIMIT_NPROC, 64, 64),
    ]
}

/// Resource limits as (resource, soft, hard). Address space is set apart, since it depends on what
/// the imported libraries already hold.
pub(crate) fn rlimits(timeout: Duration) -> Vec<(u32, u64, u64)> {
    // The wall clock ends a script; processor time only stands behind it.
    let seconds = timeout.as_secs() + 2;
    vec![
        (libc::RLIMIT_CPU, seconds, seconds + 1),
        (libc::RLIMIT_FSIZE, FILE_BYTES, FILE_BYTES),
        (libc::RLIMIT_NOFILE, OPEN_FILES, OPEN_FILES),
        (libc::RLIMIT_CORE, 0, 0),
        (libc::RLIMIT_MEMLOCK, 0, 0),
        (libc::RLIMIT_NPROC, 64, 64),
    ]
}
