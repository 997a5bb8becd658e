//! Settings of the whole process for training and sampling.

/// The number of threads of candle-core's own pool for elementwise operations.
const ELEMENTWISE_THREADS: &str = "CANDLE_NUM_THREADS";

/// Makes the allocator keep freed memory instead of returning it to the operating system.
///
/// Every op allocates its output. With glibc's defaults, blocks of tens of megabytes are mapped and
/// unmapped each time, and the page faults take 15 to 60 % of a training step. Call this once, at
/// the start of a process that trains or samples. Without glibc it has no effect.
pub fn tune_allocator() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: mallopt only sets parameters of the allocator, under its own lock.
    unsafe {
        libc::mallopt(libc::M_MMAP_MAX, 0);
        // -1 disables trimming.
        libc::mallopt(libc::M_TRIM_THRESHOLD, -1);
        libc::mallopt(libc::M_TOP_PAD, 64 << 20);
    }
}

/// Turns off the pool in which candle-core splits additions and products of tensors among threads,
/// unless its variable is set.
///
/// A caller of that pool spins until the last of its threads is done. The operations take
/// microseconds, and waking a thread takes longer: on two cores that other programs used too,
/// waiting was 30 % of the processor time of a training step. The ops of this crate have their own
/// pool.
///
/// Call this first in `main`: the setting is a variable of the environment, which is changed only
/// while no other thread can read it. Where that is not known, as on other systems than Linux, it
/// has no effect.
pub fn tune_threads() {
    let alone = std::fs::read_dir("/proc/self/task").is_ok_and(|threads| threads.count() == 1);
    if alone && std::env::var_os(ELEMENTWISE_THREADS).is_none() {
        // SAFETY: no other thread exists.
        unsafe { std::env::set_var(ELEMENTWISE_THREADS, "1") };
    }
}
