//! What a fork server is handed for one job.

use super::buffer::BUFFER_BYTES;
use crate::config::{RenderError, io};
use rustix::fs::{MemfdFlags, memfd_create};
use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;

/// The descriptors of one job.
pub(crate) struct Submission {
    /// The script.
    pub source: OwnedFd,
    /// Bytes of the script.
    pub size: u64,
    /// The shared buffer for the result, [`BUFFER_BYTES`] long and sealed at that size.
    pub buffer: File,
    /// Where the script's standard output and error go.
    pub output: OwnedFd,
}

impl Submission {
    /// Buffers for one run of `source`, with the end of the pipe from which its output is read.
    pub fn new(source: &str) -> Result<(Self, OwnedFd), RenderError> {
        use rustix::fs::SealFlags;
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let script = File::from(memfd_create("source", flags).map_err(io("create a buffer"))?);
        script.write_all_at(source.as_bytes(), 0).map_err(io("fill a buffer"))?;
        let size = SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL;
        rustix::fs::fcntl_add_seals(&script, size | SealFlags::WRITE).map_err(io("seal a buffer"))?;
        let buffer = File::from(memfd_create("result", flags).map_err(io("create a buffer"))?);
        buffer.set_len(BUFFER_BYTES).map_err(io("size a buffer"))?;
        rustix::fs::fcntl_add_seals(&buffer, size).map_err(io("seal a buffer"))?;
        let (reader, output) =
            rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).map_err(io("create a pipe"))?;
        rustix::io::ioctl_fionbio(&reader, true).map_err(io("set up a pipe"))?;
        Ok((Self { source: script.into(), size: source.len() as u64, buffer, output }, reader))
    }
}
