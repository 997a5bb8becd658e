//! Allocator settings for training and sampling.

/// Tells the allocator to keep freed memory instead of returning it to the system.
///
/// Every op allocates its output. With glibc's defaults, blocks of tens of megabytes are mapped and
/// unmapped each time, and the page faults take 15 to 60 % of a training step. Call it once, at the
/// start of a process that trains or samples; it does nothing where the C library is not glibc.
pub fn tune_allocator() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: mallopt only sets parameters of the allocator, under its own lock.
    unsafe {
        libc::mallopt(libc::M_MMAP_MAX, 0);
        // Minus one is the documented way to switch trimming off.
        libc::mallopt(libc::M_TRIM_THRESHOLD, -1);
        libc::mallopt(libc::M_TOP_PAD, 64 << 20);
    }
}
