//! Slots and fork servers: shared by everything that runs Python scripts.

use super::forkserver::{ForkServer, Kind};
use super::home::{self, Files, Home};
use super::job::{End, Request, Trial, execute, try_sandbox};
use super::remedy::Place;
use crate::config::{RenderConfig, RenderError, RenderStats, UserEnv, io};
use crate::lock::lock;
use crate::sandbox;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use vsdpo_artifact::{ExecError, Source};

/// Fork servers, started when they are first needed, and the slots that scripts run in.
pub(crate) struct Pool {
    cfg: RenderConfig,
    /// Tests the sandbox of every new fork server.
    trial: Trial,
    home: Home,
    /// The fork server's file.
    zygote: PathBuf,
    servers: [Mutex<Option<Arc<ForkServer>>>; 4],
    free: Mutex<Vec<usize>>,
    freed: Condvar,
    slots: Vec<PathBuf>,
    stats: Mutex<RenderStats>,
    /// Removed with the pool.
    _scratch: tempfile::TempDir,
}

impl Pool {
    /// A pool without fork servers yet.
    pub fn new(cfg: RenderConfig, trial: Trial) -> Result<Self, RenderError> {
        let home = Home::of_scripts(&cfg)?;
        require_sandbox(&cfg)?;
        let scratch =
            tempfile::Builder::new().prefix("vsdpo-").tempdir().map_err(io("create a scratch folder"))?;
        let slots: Vec<PathBuf> =
            (0..cfg.workers.max(1)).map(|i| scratch.path().join(format!("slot{i}"))).collect();
        let zygote = match &cfg.python {
            Some(folder) => folder.join("zygote.py"),
            None => home::unpack(&scratch.path().join("python"))?,
        };
        for slot in &slots {
            for folder in [slot.join("w"), layer(slot)] {
                std::fs::create_dir_all(folder).map_err(io("create a scratch folder"))?;
            }
        }
        Ok(Self {
            free: Mutex::new((0..slots.len()).rev().collect()),
            freed: Condvar::new(),
            servers: Default::default(),
            stats: Mutex::default(),
            _scratch: scratch,
            cfg,
            trial,
            home,
            zygote,
            slots,
        })
    }

    /// Scripts that run at the same time.
    pub fn workers(&self) -> usize {
        self.slots.len()
    }

    /// Counters since the start.
    pub fn stats(&self) -> RenderStats {
        lock(&self.stats).clone()
    }

    /// Counts a script that ran, with its CPU seconds.
    pub fn ran(&self, cpu: f64, failed: bool) {
        let mut stats = lock(&self.stats);
        stats.jobs += 1;
        stats.failures += u64::from(failed);
        stats.cpu_seconds += cpu;
    }

    /// Counts an outcome that came from the cache.
    pub fn recalled(&self) {
        lock(&self.stats).cache_hits += 1;
    }

    /// Process ids of the running fork servers.
    pub fn pids(&self) -> Vec<u32> {
        self.servers.iter().filter_map(|s| lock(s).as_ref().map(|s| s.pid())).collect()
    }

    /// Runs a script in a slot. A run under a dying fork server is repeated once.
    pub fn run(&self, kind: Kind, slot: usize, request: &Request<'_>) -> Result<End, RenderError> {
        for _ in 0..2 {
            let server = self.server(kind, slot)?;
            match execute(&server, slot, request, self.cfg.timeout)? {
                Some(end) => return Ok(end),
                None => self.retire(kind, &server),
            }
        }
        let message = "died twice under the same script".into();
        Err(RenderError::ForkServer { server: kind.name(), message })
    }

    /// The fork server of a kind, started (and tried in `slot`) if it is not there. Others wait
    /// meanwhile.
    pub fn server(&self, kind: Kind, slot: usize) -> Result<Arc<ForkServer>, RenderError> {
        let mut place = lock(&self.servers[kind as usize]);
        if let Some(server) = place.as_ref().filter(|s| s.alive()) {
            return Ok(Arc::clone(server));
        }
        let restarted = place.take().is_some();
        let server = Arc::new(ForkServer::start(kind, &self.files(), &self.cfg, &self.slots)?);
        try_sandbox(&server, slot, &self.trial, sandbox::abi() > 0)?;
        *place = Some(Arc::clone(&server));
        lock(&self.stats).restarts += u64::from(restarted);
        Ok(server)
    }

    /// The folder that a script may read, and its options: of a person's script also its name, its
    /// arguments and its cells. There is no folder where the environment is the closed one, and it
    /// is never the whole file system.
    pub fn asked(&self, source: &Source, mut options: Value) -> (Option<PathBuf>, Value) {
        let Some(user) = &self.cfg.user else { return (None, options) };
        let folder = source.folder.as_ref().and_then(|folder| folder.canonicalize().ok());
        let folder = folder.filter(|folder| folder.parent().is_some());
        let name = source.name.as_deref().unwrap_or("script.py");
        let path = folder.as_ref().map_or(PathBuf::from(name), |folder| folder.join(name));
        let (path, args, cells) = (path.to_string_lossy(), &user.args, &source.cells);
        options["script"] = json!({"path": path, "args": args, "cells": cells});
        (folder, options)
    }

    /// Completes the help of a person's script that failed.
    pub fn explain(&self, error: &mut ExecError, kind: Kind, folder: Option<&Path>) {
        if self.cfg.user.is_some() {
            self.place(kind, folder).complete(error);
        }
    }

    /// Where scripts run, in the words of a message.
    fn place(&self, kind: Kind, folder: Option<&Path>) -> Place {
        let server = lock(&self.servers[kind as usize]);
        let version = server.as_ref().map_or(String::new(), |server| server.facts.python.clone());
        let read = self.cfg.user.as_ref().map_or(&[][..], |user| &user.read[..]);
        let folders = folder.into_iter().chain(read.iter().map(PathBuf::as_path));
        Place {
            python: format!("{} (Python {version})", self.home.python.display()),
            own: self.home.own,
            folders: folders.map(|folder| folder.display().to_string()).collect(),
        }
    }

    /// Whether every script runs in the server of few imports, which then imports what it needs:
    /// for a few scripts in an environment that is not known, a second server costs more.
    pub fn one_server(&self) -> bool {
        self.cfg.user.is_some() && !self.cfg.warm_up
    }

    /// The user's environment of the scripts.
    pub fn user(&self) -> Option<&UserEnv> {
        self.cfg.user.as_ref()
    }

    fn files(&self) -> Files<'_> {
        Files { home: &self.home, zygote: &self.zygote }
    }

    /// Puts a fork server that failed out of service, unless another thread has done so already.
    fn retire(&self, kind: Kind, server: &Arc<ForkServer>) {
        let place = lock(&self.servers[kind as usize]);
        if place.as_ref().is_some_and(|s| Arc::ptr_eq(s, server)) {
            server.retire();
        }
    }

    /// The next free slot; waits for one.
    pub fn take_slot(&self) -> Slot<'_> {
        let mut free = lock(&self.free);
        loop {
            if let Some(index) = free.pop() {
                return Slot { pool: self, index };
            }
            free = self.freed.wait(free).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Where a slot keeps what a script writes beside itself; no rule opens it to the script.
pub(crate) fn layer(slot: &Path) -> PathBuf {
    slot.with_extension("layer")
}

/// A slot in use; given back when dropped, also by a panic.
pub(crate) struct Slot<'a> {
    pool: &'a Pool,
    pub index: usize,
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        lock(&self.pool.free).push(self.index);
        self.pool.freed.notify_one();
    }
}

/// Refuses to run untrusted code without the layers that it must not run without.
pub(crate) fn require_sandbox(cfg: &RenderConfig) -> Result<(), RenderError> {
    let lacking =
        if sandbox::abi() == 0 { Some("landlock") } else { (!sandbox::available()).then_some("seccomp") };
    match lacking.filter(|_| !cfg.unsafe_no_sandbox) {
        Some(layer) => Err(RenderError::NoSandbox { layer }),
        None => Ok(()),
    }
}
