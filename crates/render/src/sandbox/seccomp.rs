//! Which system calls a script may make: a list of those that plotting needs, and nothing else.
//!
//! A call outside the list fails with EPERM, so that Python raises and the script's author (or the
//! model) sees why. Calls of another architecture kill the process. Calls that change a file's mode,
//! owner or times are not on the list although harmless in themselves: landlock does not see them.

use crate::config::RenderError;
use libc::{EPERM, c_long};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen as Len, SeccompCmpOp as Op, SeccompCondition, SeccompFilter,
    SeccompRule, sock_filter,
};
use std::collections::BTreeMap;

/// Allowed whatever the arguments are.
#[rustfmt::skip]
const ALLOWED: &[c_long] = &[
    // Files. Which of them is landlock's business.
    libc::SYS_openat, libc::SYS_read, libc::SYS_write, libc::SYS_readv, libc::SYS_writev, libc::SYS_pread64,
    libc::SYS_pwrite64, libc::SYS_lseek, libc::SYS_close, libc::SYS_close_range, libc::SYS_fstat,
    libc::SYS_newfstatat, libc::SYS_statx, libc::SYS_statfs, libc::SYS_fstatfs, libc::SYS_faccessat,
    libc::SYS_faccessat2, libc::SYS_readlinkat, libc::SYS_getdents64, libc::SYS_getcwd, libc::SYS_chdir,
    libc::SYS_fchdir, libc::SYS_dup, libc::SYS_dup3, libc::SYS_fcntl, libc::SYS_fsync, libc::SYS_fdatasync,
    libc::SYS_ftruncate, libc::SYS_truncate, libc::SYS_fallocate, libc::SYS_fadvise64, libc::SYS_flock,
    libc::SYS_mkdirat, libc::SYS_unlinkat, libc::SYS_renameat2, libc::SYS_umask, libc::SYS_sendfile,
    libc::SYS_copy_file_range, libc::SYS_pipe2, libc::SYS_ppoll, libc::SYS_pselect6, libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl, libc::SYS_epoll_pwait, libc::SYS_eventfd2,
    // Memory and threads.
    libc::SYS_mmap, libc::SYS_munmap, libc::SYS_mprotect, libc::SYS_mremap, libc::SYS_madvise, libc::SYS_brk,
    libc::SYS_msync, libc::SYS_mincore, libc::SYS_membarrier, libc::SYS_rseq, libc::SYS_futex,
    libc::SYS_set_robust_list, libc::SYS_get_robust_list, libc::SYS_set_tid_address, libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity, libc::SYS_sched_getparam, libc::SYS_sched_getscheduler, libc::SYS_getcpu,
    libc::SYS_exit, libc::SYS_exit_group, libc::SYS_wait4, libc::SYS_waitid,
    // Signals to oneself by timers and faults; sending any is not allowed.
    libc::SYS_rt_sigaction, libc::SYS_rt_sigprocmask, libc::SYS_rt_sigreturn, libc::SYS_sigaltstack,
    libc::SYS_rt_sigpending, libc::SYS_rt_sigtimedwait, libc::SYS_rt_sigsuspend, libc::SYS_restart_syscall,
    libc::SYS_setitimer, libc::SYS_getitimer,
    // Time and facts about oneself.
    libc::SYS_nanosleep, libc::SYS_clock_nanosleep, libc::SYS_clock_gettime, libc::SYS_clock_getres,
    libc::SYS_gettimeofday, libc::SYS_times, libc::SYS_getrusage, libc::SYS_sysinfo, libc::SYS_uname,
    libc::SYS_getpid, libc::SYS_gettid, libc::SYS_getppid, libc::SYS_getuid, libc::SYS_geteuid,
    libc::SYS_getgid, libc::SYS_getegid, libc::SYS_getgroups, libc::SYS_getpgid, libc::SYS_getsid,
    libc::SYS_getpriority, libc::SYS_getrandom,
];

/// The old forms that only x86-64 has.
#[cfg(target_arch = "x86_64")]
#[rustfmt::skip]
const ALLOWED_HERE: &[c_long] = &[
    libc::SYS_open, libc::SYS_stat, libc::SYS_lstat, libc::SYS_access, libc::SYS_readlink, libc::SYS_getdents,
    libc::SYS_dup2, libc::SYS_mkdir, libc::SYS_rmdir, libc::SYS_unlink, libc::SYS_rename, libc::SYS_renameat,
    libc::SYS_pipe, libc::SYS_poll, libc::SYS_select, libc::SYS_epoll_create, libc::SYS_epoll_wait,
    libc::SYS_eventfd, libc::SYS_time, libc::SYS_getpgrp, libc::SYS_getrlimit, libc::SYS_alarm,
    libc::SYS_pause, libc::SYS_arch_prctl,
];

/// The old forms that this architecture has.
#[cfg(not(target_arch = "x86_64"))]
const ALLOWED_HERE: &[c_long] = &[];

/// Allowed when one argument has one of these values, or (`Bits`) all of these bits.
fn conditional() -> Vec<(c_long, u8, Op, Vec<u64>)> {
    let bits = libc::CLONE_THREAD as u64;
    let terminal = [libc::TCGETS, libc::FIOCLEX, libc::FIONCLEX, libc::FIONREAD, libc::TIOCGWINSZ];
    let names = [libc::PR_SET_NAME, libc::PR_GET_NAME, libc::PR_SET_VMA];
    vec![
        // Threads, but no processes.
        (libc::SYS_clone, 0, Op::MaskedEq(bits), vec![bits]),
        (libc::SYS_ioctl, 1, Op::Eq, terminal.map(|c| c as u64).to_vec()),
        (libc::SYS_prctl, 0, Op::Eq, names.map(|c| c as u64).to_vec()),
        // One's own limits only.
        (libc::SYS_prlimit64, 0, Op::Eq, vec![0]),
    ]
}

/// The filter as the bytes that the kernel takes, in hexadecimal; 8 bytes an instruction.
pub(crate) fn program_hex() -> Result<String, RenderError> {
    let failed = |e: seccompiler::BackendError| RenderError::Sandbox { message: format!("seccomp: {e}") };
    let mut hex = String::new();
    for f in program().map_err(failed)? {
        let bytes = [f.code.to_ne_bytes().as_slice(), &[f.jt, f.jf], &f.k.to_ne_bytes()].concat();
        hex.extend(bytes.iter().map(|b| format!("{b:02x}")));
    }
    Ok(hex)
}

fn program() -> Result<BpfProgram, seccompiler::BackendError> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> =
        ALLOWED.iter().chain(ALLOWED_HERE).map(|&call| (call, vec![])).collect();
    for (call, argument, op, values) in conditional() {
        let rule = |&value: &u64| {
            SeccompRule::new(vec![SeccompCondition::new(argument, Len::Dword, op.clone(), value)?])
        };
        rules.insert(call, values.iter().map(rule).collect::<Result<_, _>>()?);
    }
    let arch = std::env::consts::ARCH.try_into()?;
    let deny = SeccompAction::Errno(EPERM as u32);
    let filter: BpfProgram = SeccompFilter::new(rules, deny, SeccompAction::Allow, arch)?.try_into()?;
    Ok(clone3_is_unknown().into_iter().chain(filter).collect())
}

/// Instructions before the filter: clone3 keeps its arguments in memory, where no filter can look, so it
/// is answered with ENOSYS and the C library falls back to clone. Jumps are relative, so the filter
/// behind them (which checks the architecture first) works unchanged.
fn clone3_is_unknown() -> [sock_filter; 3] {
    let step = |code: u32, jf, k| sock_filter { code: code as u16, jt: 0, jf, k };
    [
        step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0),
        step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 1, libc::SYS_clone3 as u32),
        step(libc::BPF_RET | libc::BPF_K, 0, libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32),
    ]
}

/// Whether the kernel can filter system calls.
pub(crate) fn available() -> bool {
    let action: u32 = libc::SECCOMP_RET_ERRNO;
    // SAFETY: the kernel reads four bytes at `action`, which outlives the call, and changes nothing.
    let answer = unsafe {
        libc::syscall(libc::SYS_seccomp, libc::SECCOMP_GET_ACTION_AVAIL, 0, std::ptr::from_ref(&action))
    };
    answer == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_call_that_reaches_outside_is_on_the_list() {
        let denied = [
            libc::SYS_socket,
            libc::SYS_execve,
            libc::SYS_execveat,
            libc::SYS_kill,
            libc::SYS_tgkill,
            libc::SYS_ptrace,
            libc::SYS_process_vm_readv,
            libc::SYS_unshare,
            libc::SYS_setns,
            libc::SYS_mount,
            libc::SYS_io_uring_setup,
            libc::SYS_memfd_create,
            libc::SYS_userfaultfd,
            libc::SYS_bpf,
            libc::SYS_perf_event_open,
            libc::SYS_keyctl,
            libc::SYS_symlinkat,
            libc::SYS_linkat,
            libc::SYS_fchmodat,
            libc::SYS_fchownat,
            libc::SYS_utimensat,
            libc::SYS_setxattr,
            libc::SYS_pidfd_send_signal,
            libc::SYS_shmget,
            libc::SYS_clone3,
        ];
        for call in denied {
            assert!(!ALLOWED.contains(&call) && !ALLOWED_HERE.contains(&call), "{call}");
        }
        assert!(!conditional().iter().any(|c| denied.contains(&c.0)));
        let hex = program_hex().unwrap();
        assert_eq!(hex.len() % 16, 0);
        assert!(hex.len() / 16 < 4096, "the kernel takes at most 4096 instructions");
    }
}
