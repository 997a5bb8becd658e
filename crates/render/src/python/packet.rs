//! Packets of JSON between the supervisor and its Python processes, with descriptors.

use crate::config::{RenderError, io};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType,
};
use serde::Serialize;
use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::Duration;

/// Packets are small; a longer one is not ours.
const PACKET: usize = 1 << 16;

/// Two ends; the second one becomes the standard input of the process.
pub(crate) fn pair() -> Result<(OwnedFd, OwnedFd), RenderError> {
    rustix::net::socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
        .map_err(io("create a socket pair"))
}

/// Sends one packet with at most four descriptors.
pub(crate) fn send(
    socket: &OwnedFd,
    message: &impl Serialize,
    fds: &[BorrowedFd<'_>],
) -> Result<(), RenderError> {
    let bytes = serde_json::to_vec(message).map_err(io("write a request"))?;
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !fds.is_empty() {
        control.push(SendAncillaryMessage::ScmRights(fds));
    }
    rustix::net::sendmsg(socket, &[IoSlice::new(&bytes)], &mut control, SendFlags::NOSIGNAL)
        .map_err(io("speak to a Python process"))?;
    Ok(())
}

/// Whether a packet, or the end, comes within `limit`.
pub(crate) fn wait(socket: &OwnedFd, limit: Duration) -> Result<bool, RenderError> {
    let limit = Timespec::try_from(limit).unwrap_or_default();
    let ready = poll(&mut [PollFd::new(socket, PollFlags::IN)], Some(&limit));
    Ok(ready.map_err(io("wait for a Python process"))? > 0)
}

/// One packet with at most one descriptor; `None` at the end.
pub(crate) fn receive(socket: BorrowedFd<'_>) -> std::io::Result<Option<(Vec<u8>, Option<OwnedFd>)>> {
    let mut bytes = vec![0; PACKET];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let flags = RecvFlags::CMSG_CLOEXEC;
    let got = loop {
        match rustix::net::recvmsg(socket, &mut [IoSliceMut::new(&mut bytes)], &mut control, flags) {
            Err(rustix::io::Errno::INTR) => (),
            other => break other?.bytes,
        }
    };
    let mut fds = control.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(fds) => Some(fds),
        _ => None,
    });
    let fd = fds.next().and_then(|mut fds| fds.next());
    bytes.truncate(got);
    Ok((got > 0).then_some((bytes, fd)))
}
