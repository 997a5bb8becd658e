//! Allocator settings for training and sampling.

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
