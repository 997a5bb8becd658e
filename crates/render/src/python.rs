//! Runs Python scripts in forked, sandboxed processes.

pub(crate) mod buffer;
pub(crate) mod failure;
pub(crate) mod forkserver;
pub(crate) mod home;
pub(crate) mod job;
pub(crate) mod packet;
pub(crate) mod pool;
pub(crate) mod remedy;
pub(crate) mod submission;
