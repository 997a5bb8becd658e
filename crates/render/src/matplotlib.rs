//! The pool of chart renderers.

use crate::cache::{Cache, Key, key};
use crate::config::{RenderConfig, RenderError, RenderStats, io};
use crate::forkserver::{Facts, ForkServer, Kind, lock};
use crate::home::Home;
use crate::imports::needs_full;
use crate::job::{Run, run, try_sandbox};
use crate::sandbox;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use vsdpo_artifact::Outcome;

/// Renders matplotlib scripts in forked, sandboxed processes. Thread safe; share it by reference.
pub struct ChartRenderer {
    cfg: RenderConfig,
    home: Home,
    /// Names everything beside the source that decides a picture.
    identity: String,
    servers: [Mutex<Option<Arc<ForkServer>>>; 2],
    free: Mutex<Vec<usize>>,
    freed: Condvar,
    slots: Vec<PathBuf>,
    cache: Mutex<Cache>,
    stats: Mutex<RenderStats>,
    /// Removed with the renderer.
    _scratch: tempfile::TempDir,
}

impl ChartRenderer {
    /// Starts the light fork server; the full one follows when a script first needs it.
    ///
    /// # Errors
    /// A missing part of the installation or of the sandbox, each with its mend.
    pub fn start(cfg: RenderConfig) -> Result<Self, RenderError> {
        let home = Home::find(cfg.home.as_deref())?;
        require_sandbox(&cfg)?;
        let scratch =
            tempfile::Builder::new().prefix("vsdpo-").tempdir().map_err(io("create a scratch folder"))?;
        let slots: Vec<PathBuf> =
            (0..cfg.workers.max(1)).map(|i| scratch.path().join(format!("slot{i}"))).collect();
        for slot in &slots {
            std::fs::create_dir_all(slot.join("w")).map_err(io("create a scratch folder"))?;
        }
        let mut renderer = Self {
            cache: Mutex::new(Cache::new(cfg.cache_entries)),
            free: Mutex::new((0..slots.len()).rev().collect()),
            freed: Condvar::new(),
            servers: [Mutex::new(None), Mutex::new(None)],
            stats: Mutex::default(),
            identity: String::new(),
            _scratch: scratch,
            cfg,
            home,
            slots,
        };
        let light = renderer.server(Kind::Light, 0)?;
        renderer.identity = identity(&renderer.home, &light.facts)?;
        Ok(renderer)
    }

    /// Runs one script, or recalls what became of the same script earlier. Blocks until a slot is free
    /// and the script has ended, at the latest after the time limit.
    ///
    /// # Errors
    /// Only when *we* failed; a script that fails is an [`Outcome::Failed`].
    pub fn render(&self, source: &str) -> Result<Outcome, RenderError> {
        let key = key(&self.identity, source);
        if let Some(known) = lock(&self.cache).get(&key) {
            lock(&self.stats).cache_hits += 1;
            return Ok(known);
        }
        let outcome = self.render_anew(source)?;
        lock(&self.cache).put(key, &outcome);
        Ok(outcome)
    }

    /// Renders many scripts over all slots. Results stand in the order of `sources`; equal sources run
    /// once (an error of ours is then told in the first one's place and retried for the others).
    pub fn render_all(&self, sources: &[&str]) -> Vec<Result<Outcome, RenderError>> {
        let mut first: HashMap<Key, usize> = HashMap::new();
        let same: Vec<usize> =
            (0..sources.len()).map(|i| *first.entry(key(&self.identity, sources[i])).or_insert(i)).collect();
        let distinct: Vec<usize> = (0..sources.len()).filter(|&i| same[i] == i).collect();
        let results: Vec<Mutex<Option<Result<Outcome, RenderError>>>> =
            sources.iter().map(|_| Mutex::new(None)).collect();
        let next = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..self.slots.len().min(distinct.len()) {
                scope.spawn(|| {
                    while let Some(&i) = distinct.get(next.fetch_add(1, Ordering::Relaxed)) {
                        *lock(&results[i]) = Some(self.render(sources[i]));
                    }
                });
            }
        });
        for i in 0..sources.len() {
            if same[i] != i {
                let known = match &*lock(&results[same[i]]) {
                    Some(Ok(outcome)) => Some(outcome.clone()),
                    _ => None,
                };
                lock(&self.stats).cache_hits += u64::from(known.is_some());
                *lock(&results[i]) = Some(known.map_or_else(|| self.render(sources[i]), Ok));
            }
        }
        let taken = |(i, m): (usize, Mutex<Option<_>>)| {
            m.into_inner().unwrap_or_else(PoisonError::into_inner).unwrap_or_else(|| self.render(sources[i]))
        };
        results.into_iter().enumerate().map(taken).collect()
    }

    /// Counters since the start.
    pub fn stats(&self) -> RenderStats {
        lock(&self.stats).clone()
    }

    /// Process ids of the running fork servers.
    pub fn server_pids(&self) -> Vec<u32> {
        self.servers.iter().filter_map(|s| lock(s).as_ref().map(|s| s.pid())).collect()
    }

    /// What the light fork server found at its start.
    pub(crate) fn facts(&self) -> Result<Facts, RenderError> {
        let slot = self.take_slot();
        Ok(self.server(Kind::Light, slot.index)?.facts.clone())
    }

    /// Runs a script in the next free slot. A run under a dying fork server is repeated once.
    fn render_anew(&self, source: &str) -> Result<Outcome, RenderError> {
        let slot = self.take_slot();
        let result = self.render_in(slot.index, source);
        drop(slot);
        let (outcome, cpu) = result?;
        let mut stats = lock(&self.stats);
        stats.jobs += 1;
        stats.failures += u64::from(outcome.rendered().is_none());
        stats.cpu_seconds += cpu;
        Ok(outcome)
    }

    fn render_in(&self, slot: usize, source: &str) -> Result<(Outcome, f64), RenderError> {
        let light = self.server(Kind::Light, slot)?;
        let kind = if needs_full(source, &light.facts.modules) { Kind::Full } else { Kind::Light };
        for _ in 0..2 {
            let server = self.server(kind, slot)?;
            match run(&server, slot, source, self.cfg.timeout)? {
                Run::Done(outcome, cpu) => return Ok((outcome, cpu)),
                Run::ServerDied => self.retire(kind, &server),
            }
        }
        let message = "died twice under the same script".into();
        Err(RenderError::ForkServer { server: kind.name(), message })
    }

    /// The fork server of a kind, started (and tried in `slot`) if it is not there. Others wait meanwhile.
    fn server(&self, kind: Kind, slot: usize) -> Result<Arc<ForkServer>, RenderError> {
        let mut place = lock(&self.servers[kind as usize]);
        if let Some(server) = place.as_ref().filter(|s| s.alive()) {
            return Ok(Arc::clone(server));
        }
        let restarted = place.take().is_some();
        let server = Arc::new(ForkServer::start(kind, &self.home, &self.cfg, &self.slots)?);
        try_sandbox(&server, slot, sandbox::abi() > 0)?;
        *place = Some(Arc::clone(&server));
        lock(&self.stats).restarts += u64::from(restarted);
        Ok(server)
    }

    /// Puts a fork server that failed out of service, unless another thread has done so already.
    fn retire(&self, kind: Kind, server: &Arc<ForkServer>) {
        let place = lock(&self.servers[kind as usize]);
        if place.as_ref().is_some_and(|s| Arc::ptr_eq(s, server)) {
            server.retire();
        }
    }

    fn take_slot(&self) -> Slot<'_> {
        let mut free = lock(&self.free);
        loop {
            if let Some(index) = free.pop() {
                return Slot { pool: self, index };
            }
            free = self.freed.wait(free).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// A slot in use; given back when dropped, also by a panic.
struct Slot<'a> {
    pool: &'a ChartRenderer,
    index: usize,
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        lock(&self.pool.free).push(self.index);
        self.pool.freed.notify_one();
    }
}

fn require_sandbox(cfg: &RenderConfig) -> Result<(), RenderError> {
    let lacking =
        if sandbox::abi() == 0 { Some("landlock") } else { (!sandbox::available()).then_some("seccomp") };
    match lacking.filter(|_| !cfg.unsafe_no_sandbox) {
        Some(layer) => Err(RenderError::NoSandbox { layer }),
        None => Ok(()),
    }
}

/// Versions and the text of our Python files: a change of any of them may change pictures or records.
fn identity(home: &Home, facts: &Facts) -> Result<String, RenderError> {
    let mut files = Vec::new();
    let mut folders: Vec<PathBuf> = home.zygote.parent().map(Path::to_path_buf).into_iter().collect();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).map_err(io("list the python folder"))? {
            let path = entry.map_err(io("list the python folder"))?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "py") {
                files.push(path);
            }
        }
    }
    files.sort();
    let mut identity = format!("{} {:?}", facts.python, facts.versions);
    for file in files {
        identity.push_str(&std::fs::read_to_string(file).map_err(io("read the probe"))?);
    }
    Ok(identity)
}
