//! Which files a script may open: Python and its libraries to read, one scratch folder to write.
//! And which a browser may: programs and fonts to read, its profile to write.

use crate::config::RenderError;
use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset,
    RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetError, Scope,
};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

/// What every program reads: shared libraries, fonts, time zones.
const SYSTEM: [&str; 16] = [
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
    "/usr/local/lib",
    "/usr/share/fonts",
    "/usr/local/share/fonts",
    "/usr/share/fontconfig",
    "/usr/share/zoneinfo",
    "/etc/fonts",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/dev/null",
    "/dev/zero",
    "/dev/random",
    "/dev/urandom",
];

/// What a browser reads and runs beside it.
const BROWSER: [&str; 5] = ["/usr", "/bin", "/opt", "/etc/chromium.d", "/sys/devices/system/cpu"];

/// What the rules of one slot grant.
pub(crate) struct Rules<'a> {
    /// Folders of Python and its packages.
    pub libraries: &'a [PathBuf],
    /// Folders of the user that the script may read.
    pub read: &'a [PathBuf],
    /// The slot's folder; its scratch file system is mounted inside.
    pub slot: &'a Path,
    /// Whether the scratch folder is limited in size and so may be written.
    pub writable: bool,
}

impl Rules<'_> {
    /// Builds the ruleset; a process that restricts itself by it opens nothing else. Rights that
    /// the kernel does not know yet are left out, from ABI 1 on.
    pub fn build(&self) -> Result<OwnedFd, RenderError> {
        self.create().map_err(failed)?.ok_or(RenderError::NoSandbox { layer: "landlock" })
    }

    fn create(&self) -> Result<Option<OwnedFd>, RulesetError> {
        let read = AccessFs::ReadFile | AccessFs::ReadDir;
        let mut ruleset = nothing()?;
        let system = SYSTEM.iter().map(Path::new);
        let folders = self.libraries.iter().chain(self.read);
        for path in system.chain(folders.map(PathBuf::as_path)) {
            ruleset = add(ruleset, path, read)?;
        }
        for device in ["/dev/null", "/dev/zero"] {
            ruleset = add(ruleset, Path::new(device), AccessFs::WriteFile.into())?;
        }
        let scratch = if self.writable { read | writes() } else { read };
        Ok(add(ruleset, self.slot, scratch)?.into())
    }
}

/// The ruleset of a browser whose program and profile lie there; `None` where the kernel has no
/// landlock.
pub(crate) fn around_browser(program: &Path, profile: &Path) -> Result<Option<OwnedFd>, RenderError> {
    let create = || {
        let read = AccessFs::ReadFile | AccessFs::ReadDir;
        let real = program.canonicalize().unwrap_or_else(|_| program.to_owned());
        let mut ruleset = nothing()?;
        for path in BROWSER.iter().map(Path::new).chain(SYSTEM.iter().map(Path::new)).chain(real.parent()) {
            ruleset = add(ruleset, path, read | AccessFs::Execute)?;
        }
        // Its own sandbox writes who it is there; what belongs to others is closed to tracing.
        for path in ["/proc", "/dev/null", "/dev/zero"] {
            ruleset = add(ruleset, Path::new(path), read | AccessFs::WriteFile)?;
        }
        Ok(add(ruleset, profile, AccessFs::from_all(ABI::V7))?.into())
    };
    create().map_err(failed)
}

/// Handles every right and grants none.
fn nothing() -> Result<RulesetCreated, RulesetError> {
    Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(ABI::V7))?
        .handle_access(AccessNet::from_all(ABI::V7))?
        .scope(Scope::AbstractUnixSocket | Scope::Signal)?
        .create()
}

fn failed(error: RulesetError) -> RenderError {
    RenderError::Sandbox { message: format!("landlock: {error}") }
}

/// Gives up everything that the ruleset does not grant, for good. Makes two system calls and
/// allocates nothing, so it may run between fork and exec.
pub(crate) fn restrict(ruleset: &OwnedFd) -> std::io::Result<()> {
    rustix::thread::set_no_new_privs(true)?;
    // SAFETY: the arguments are a descriptor that is open and a number; the kernel reads no memory
    // of ours.
    match unsafe { libc::syscall(libc::SYS_landlock_restrict_self, ruleset.as_raw_fd(), 0) } {
        0 => Ok(()),
        _ => Err(std::io::Error::last_os_error()),
    }
}

/// The rights in a script's own folder as the kernel's numbers: without a layer that keeps what is
/// written from the folder, and with one.
pub(crate) fn folder_rights() -> [u64; 2] {
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    // The kernel refuses a rule with a right that it does not know.
    let known = |rights: BitFlags<AccessFs>| if abi() < 3 { rights & !AccessFs::Truncate } else { rights };
    [read.bits(), known(read | writes()).bits()]
}

/// Plain files and folders, no devices, sockets, pipes or links.
fn writes() -> BitFlags<AccessFs> {
    use AccessFs::{MakeDir, MakeReg, RemoveDir, RemoveFile, Truncate, WriteFile};
    MakeDir | MakeReg | RemoveDir | RemoveFile | Truncate | WriteFile
}

/// Grants `access` beneath `path`; a path that this machine lacks is left out.
fn add(
    ruleset: RulesetCreated,
    path: &Path,
    access: BitFlags<AccessFs>,
) -> Result<RulesetCreated, RulesetError> {
    let Ok(fd) = PathFd::new(path) else { return Ok(ruleset) };
    let access = if path.is_dir() { access } else { access & AccessFs::from_file(ABI::V7) };
    ruleset.add_rule(PathBeneath::new(fd, access))
}

/// The kernel's landlock version; 0 where it is missing or switched off.
pub(crate) fn abi() -> i64 {
    const VERSION: libc::c_ulong = 1;
    // SAFETY: with the version flag the kernel reads no memory of ours; the arguments are plain
    // numbers.
    let abi = unsafe {
        libc::syscall(libc::SYS_landlock_create_ruleset, std::ptr::null::<u8>(), 0 as libc::size_t, VERSION)
    };
    abi.max(0)
}
