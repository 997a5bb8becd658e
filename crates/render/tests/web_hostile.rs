//! Hostile pages: each ends as its entry says, by the layer that it names, while honest pages of
//! the same renderer are drawn as always. Nothing of them stays, and nothing that they must not see
//! shows in a picture.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use vsdpo_artifact::{FailureKind, Image, Language, Source};
use vsdpo_render::{CheckState, ChromiumRenderer, RenderConfig, doctor, spread};

/// How a page ends.
#[derive(Clone, Copy, PartialEq)]
enum End {
    /// With a picture.
    Drawn,
    /// Without one, for this reason.
    Failed(FailureKind),
    /// By its luck with the machine's speed, with a picture or without.
    Either,
}

use End::{Drawn, Either, Failed};
use FailureKind::{Limit, Memory, NoFigure, Timeout};

/// Name, the layer that stops it, how it ends, and its source. `PORT` becomes a port that must see
/// nobody.
type Attack = (&'static str, &'static str, End, &'static str);

const CLOCK: [Attack; 13] = [
    ("endless script", "clock", Failed(Timeout), "<script>while (true) {}</script>"),
    (
        "endless script after the load",
        "clock",
        Failed(Timeout),
        "<script>addEventListener('load', () => { while (true) {} })</script>",
    ),
    (
        "endless script at the end",
        "browser replaced if need be",
        Either,
        "<script>for (const e of ['pagehide', 'unload', 'beforeunload', 'visibilitychange'])
         addEventListener(e, () => { while (true) {} })</script>on",
    ),
    (
        "regular expression",
        "clock",
        Failed(Timeout),
        "<script>/^(a|a|b?)*$/.test('a'.repeat(99) + 'c'); while (true) {}</script>",
    ),
    (
        "load that never comes",
        "clock",
        Failed(Timeout),
        "<script>let n = 0; const more = () => { const i = new Image(); i.onerror = more; i.src = 'x' + n++ + '.png';
         document.body.append(i) }; more()</script>",
    ),
    (
        "fonts without end",
        "clock",
        Either,
        "<p>on<script>let n = 0; setInterval(() => { const f = new FontFace('f' + n++, 'url(' + n + '.woff2)');
         document.fonts.add(f); f.load().catch(() => 0) }, 0)</script>",
    ),
    (
        "300000 elements",
        "clock",
        Either,
        "<script>let h = ''; for (let i = 0; i < 3e5; i++) h += '<i>x</i>'; document.body.innerHTML = h</script>",
    ),
    (
        "2 million elements by script",
        "clock",
        Either,
        "<script>for (let i = 0; i < 2e6; i++) document.body.append(document.createElement('p'))</script>",
    ),
    (
        "50 spinning workers",
        "context disposed",
        Either,
        "<p>on<script>const b = URL.createObjectURL(new Blob(['while (true) {}']));
         for (let i = 0; i < 50; i++) new Worker(b)</script>",
    ),
    (
        "shared worker that spins",
        "context disposed",
        Either,
        "<p>on<script>new SharedWorker(URL.createObjectURL(new Blob(['while (true) {}'])))</script>",
    ),
    (
        "selectors",
        "clock",
        Either,
        "<style>:has(:has(*)), * * * * * * *:not(:has(b)) ~ * { color: red }</style>
         <script>document.write('<div><p>'.repeat(3000))</script>",
    ),
    (
        "flood of requests",
        "clock",
        Either,
        "<p>on<script>let n = 0; setInterval(() => { for (let i = 0; i < 500; i++) new Image().src = 'f' + n++ }, 0)
         </script>",
    ),
    (
        "flood of the console and of dialogs",
        "clock",
        Either,
        "<script>setInterval(() => { for (let i = 0; i < 1e4; i++) console.log('x'.repeat(999)); alert(1) }, 0)</script>",
    ),
];

const MEMORY: [Attack; 12] = [
    (
        "heap",
        "heap cap",
        Failed(Memory),
        "<script>const a = []; while (true) a.push(new Array(1e6).fill(1.5))</script>",
    ),
    (
        "buffers outside the heap",
        "memory limits",
        Either,
        "<script>const a = []; while (true) a.push(new Uint8Array(1 << 28).fill(1))</script>",
    ),
    (
        "memory of WebAssembly",
        "memory limits",
        Either,
        "<script>const a = []; while (true) { const m = new WebAssembly.Memory({ initial: 16384 });
         new Uint8Array(m.buffer).fill(1); a.push(m) }</script>",
    ),
    (
        "workers that fill buffers",
        "memory measured",
        Either,
        "<script>const b = URL.createObjectURL(new Blob(['const a = []; while (true) a.push(new Uint8Array(1 << 26).fill(1))']));
         for (let i = 0; i < 8; i++) new Worker(b); let n = 0; const more = () => { const i = new Image(); i.onerror = more;
         i.src = 'x' + n++ + '.png'; document.body.append(i) }; more()</script>",
    ),
    (
        "canvases",
        "memory limits",
        Either,
        "<script>for (let i = 0; i < 40; i++) { const c = document.createElement('canvas'); c.width = c.height = 16000;
         c.getContext('2d').fillRect(0, 0, 16000, 16000); document.body.append(c) }</script>",
    ),
    (
        "picture of 30000 x 30000 pixels in 100 kB",
        "memory limits",
        Either,
        "<script>document.write('<img src=\"data:image/svg+xml,<svg xmlns=%22http://www.w3.org/2000/svg%22 width=%2230000%22 \
         height=%2230000%22><rect width=%2230000%22 height=%2230000%22/></svg>\" style=\"width:99px\">')</script>",
    ),
    (
        "endless text",
        "clock, pixels",
        Either,
        "<script>const s = 'x '.repeat(1e6); setInterval(() => document.body.append(s), 0)</script>",
    ),
    ("huge element", "pixels", Failed(Limit), "<div style='width: 1e7px; height: 1e7px'></div>"),
    (
        "posted 300 MB",
        "only what shows is answered here",
        Drawn,
        "<p>on<script>fetch('x', { method: 'POST', body: new Uint8Array(3e8) }).catch(() => 0)</script>",
    ),
    (
        "form of 300 MB",
        "memory limits",
        Either,
        "<form method=post action=x><input name=a></form><script>document.querySelector('input').value = 'a'.repeat(3e8);
         document.forms[0].submit()</script>",
    ),
    (
        "address of 100 MB",
        "Chromium",
        Either,
        "<p>on<script>const i = new Image(); i.src = 'data:image/png;base64,' + 'A'.repeat(1e8); document.body.append(i)
         </script>",
    ),
    (
        "shapes that use themselves ten times, nine deep",
        "clock",
        Either,
        "<script>let s = '<g id=a0><rect width=9 height=9 /></g>'; for (let i = 1; i < 9; i++)
         s += `<g id=a${i}>` + `<use href=#a${i - 1} />`.repeat(10) + '</g>'; document.write(`<svg>${s}</svg>`)</script>",
    ),
];

const LEAVING: [Attack; 15] = [
    (
        "refresh to a file",
        "Chromium",
        Drawn,
        "<meta http-equiv=refresh content='0;url=file:///etc/passwd'><p>on",
    ),
    ("file as a place", "Chromium", Drawn, "<script>location = 'file:///etc/passwd'</script><p>on"),
    (
        "file in a frame, a picture, a style",
        "Chromium",
        Drawn,
        "<iframe src=file:///etc/passwd></iframe><img src=file:///etc/hostname><link rel=stylesheet href=file:///etc/passwd>",
    ),
    (
        "page that loads itself again and again",
        "clock",
        Either,
        "<meta http-equiv=refresh content=0><p>on<script>setTimeout(() => location.reload(), 1)</script>",
    ),
    ("closed window", "outcome", Either, "<script>close()</script><p>on"),
    ("removed root", "outcome", Failed(NoFigure), "<script>document.documentElement.remove()</script>"),
    (
        "99 windows",
        "context disposed",
        Either,
        "<p>on<script>for (let i = 0; i < 99; i++) open('about:blank')</script>",
    ),
    (
        "windows that open windows",
        "context disposed",
        Either,
        "<p>on<script>const w = open(''); w?.document.write('<script>setInterval(() => open(\"\"), 9)<\\/script>')</script>",
    ),
    (
        "dialogs, printing, downloads",
        "Chromium",
        Drawn,
        "<p>on<a download=x href='data:text/plain,x'>x</a><script>alert(1); confirm(2); prompt(3); print();
         document.querySelector('a').click(); onbeforeunload = () => 'stay'</script>",
    ),
    ("crash address", "Chromium", Drawn, "<iframe src=chrome://crash></iframe><script>location = 'chrome://kill'</script>on"),
    (
        "3000 frames",
        "clock",
        Either,
        "<script>document.write('<iframe srcdoc=x></iframe>'.repeat(3000))</script>",
    ),
    (
        "frames in frames without end",
        "clock",
        Either,
        "<script>const f = (d, n) => { const i = d.createElement('iframe'); i.srcdoc = '<p>' + n;
         i.onload = () => { f(i.contentDocument, n + 1); f(i.contentDocument, n + 1) }; d.body.append(i) }; f(document, 0)
         </script>",
    ),
    (
        "service worker, storage, permissions",
        "Chromium",
        Drawn,
        "<p>on<script>navigator.serviceWorker?.register('sw.js').catch(() => 0); localStorage.x = 'y'.repeat(4e6);
         Notification?.requestPermission(); navigator.mediaDevices?.getUserMedia({ audio: true }).catch(() => 0);
         navigator.geolocation?.getCurrentPosition(() => 0)</script>",
    ),
    (
        "prototypes replaced",
        "own world",
        Drawn,
        "<p>on<script>for (const k of ['scrollWidth', 'scrollHeight', 'offsetHeight', 'clientHeight'])
         for (const o of [Element.prototype, HTMLElement.prototype])
         Object.defineProperty(o, k, { get() { return 9e9 } }); Math.max = () => 9e9; Promise = null;
         Document.prototype.getAnimations = () => { while (true) {} }</script>",
    ),
    (
        "animation without end",
        "animations end",
        Drawn,
        "<style>@keyframes a { to { left: 1px } } p { position: relative; animation: a 1s infinite }</style><p>on
         <script>const f = () => { document.title = Math.random(); requestAnimationFrame(f) }; f()</script>",
    ),
];

const REACHING: [Attack; 8] = [
    (
        "requests to this machine",
        "requests answered here, network namespace, resolver",
        Drawn,
        "<p>on<script>fetch('http://127.0.0.1:PORT/', { mode: 'no-cors' }).catch(() => 0);
         new EventSource('http://127.0.0.1:PORT/'); navigator.sendBeacon('http://localhost:PORT/', 'x');
         new WebSocket('ws://127.0.0.1:PORT/')</script><img src=http://127.0.0.1:PORT/a.png>",
    ),
    (
        "link hints",
        "network namespace, resolver",
        Drawn,
        "<link rel=preconnect href=http://127.0.0.1:PORT><link rel=dns-prefetch href=//localhost:PORT>
         <link rel=prefetch href=http://127.0.0.1:PORT/x><link rel=prerender href=http://127.0.0.1:PORT/y><p>on",
    ),
    (
        "requests of another window",
        "network namespace, resolver",
        Drawn,
        "<p>on<script>open('http://127.0.0.1:PORT/'); const w = open('');
         w?.document.write('<img src=http://localhost:PORT/b.png><img src=http://127.0.0.1:PORT/c.png>')</script>",
    ),
    (
        "requests of a frame of its own process",
        "network namespace, resolver",
        Drawn,
        "<iframe sandbox=allow-scripts srcdoc='<img src=http://127.0.0.1:PORT/d.png><script>
         new WebSocket(`ws://127.0.0.1:PORT/`)</script>'></iframe><p>on",
    ),
    (
        "requests of workers",
        "network namespace, resolver",
        Drawn,
        "<p>on<script>const b = URL.createObjectURL(new Blob(['fetch(\"http://127.0.0.1:PORT/\", { mode: \"no-cors\" })' +
         '.catch(() => 0); new WebSocket(\"ws://127.0.0.1:PORT/\")'])); new Worker(b); new SharedWorker(b)</script>",
    ),
    (
        "peer connections",
        "network namespace",
        Drawn,
        "<p>on<script>const p = new RTCPeerConnection({ iceServers: [{ urls: 'turn:127.0.0.1:PORT?transport=tcp',
         username: 'u', credential: 'c' }] }); p.createDataChannel('x'); p.createOffer().then((o) => p.setLocalDescription(o))
         </script>",
    ),
    (
        "files beside the folder",
        "store",
        Drawn,
        "<img src=../secret.png><img src=%2e%2e/secret.png><img src=..%2fsecret.png><img src=link.png>
         <img src=up/secret.png><img src=/secret.png><link rel=stylesheet href=../secret.css><iframe src=../secret.html></iframe>
         <iframe src=up/secret.html></iframe><p>on",
    ),
    (
        "another page of its address",
        "store",
        Drawn,
        "<iframe src=http://page.test/other.html></iframe><img src=http://user@page.test/../secret.png>
         <img src=http://page.test:80/up/secret.png><p>on",
    ),
];

const HONEST: &str = "<script src=https://cdn.tailwindcss.com></script><h1 class='text-3xl m-4'>honest</h1>";
/// The colour of what no page may show.
const SECRET: [u8; 4] = [255, 0, 254, 255];
const SETTING: &str = "VSDPO_HOSTILE_SETTING";
/// An id that no system gives out and no slot uses.
const SOMEBODY: u32 = 1_999_999_998;

#[test]
fn all_layers() {
    run(&[&CLOCK[..], &MEMORY[..], &LEAVING[..], &REACHING[..]].concat());
}

/// Where user namespaces are denied, as in a container: no network namespace and no sandbox of
/// Chromium.
#[test]
fn unprivileged() {
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "inside", "--ignored", "--nocapture"]).env(SETTING, "unprivileged");
    if rustix::process::geteuid().is_root() {
        command.uid(SOMEBODY).gid(SOMEBODY).env_remove("TMPDIR");
    }
    let filter = no_namespaces();
    // SAFETY: between fork and exec the closure makes two system calls; it takes no lock and
    // allocates nothing.
    unsafe {
        command.pre_exec(move || {
            seccompiler::apply_filter(&filter).map_err(|_| std::io::ErrorKind::Unsupported.into())
        })
    };
    let status = command.status().unwrap_or_else(|e| {
        panic!("user {SOMEBODY} cannot run this program: {e}; help: keep the target folder readable for all")
    });
    assert!(status.success(), "see above");
}

#[test]
#[ignore = "the part of `unprivileged` that runs in the other process"]
fn inside() {
    assert_eq!(std::env::var(SETTING).as_deref(), Ok("unprivileged"), "started by the test above");
    for layer in ["browser network", "browser sandbox"] {
        let check = doctor().into_iter().find(|check| check.name == layer).unwrap();
        assert!(check.state == CheckState::Off && !check.help.is_empty(), "{check:?}");
    }
    run(&[&LEAVING[..3], &REACHING[..]].concat());
}

/// What Docker's default profile does to a container without extra rights.
fn no_namespaces() -> seccompiler::BpfProgram {
    use seccompiler::{SeccompAction, SeccompFilter};
    let calls = [libc::SYS_unshare, libc::SYS_setns, libc::SYS_mount].map(|call| (call, vec![]));
    let deny = SeccompAction::Errno(libc::EPERM as u32);
    let arch = std::env::consts::ARCH.try_into().unwrap();
    SeccompFilter::new(calls.into(), SeccompAction::Allow, deny, arch).unwrap().try_into().unwrap()
}

/// Draws every attack beside honest pages, and reports everything that went wrong at once.
fn run(attacks: &[Attack]) {
    let descriptors = count("/proc/self/fd");
    let site = Site::plant();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let config = |timeout| RenderConfig { timeout, workers: 2, ..RenderConfig::default() };
    let start =
        |timeout| ChromiumRenderer::start(config(timeout)).unwrap_or_else(|e| panic!("draws for real: {e}"));
    let patient = start(Duration::from_secs(60));
    let alone = site.draw(&patient, HONEST).unwrap();
    // Honest pages beside those that use up every core must be done in time, also on a slow
    // machine.
    let began = Instant::now();
    site.draw(&patient, HONEST).unwrap();
    drop(patient);
    let timeout = (began.elapsed() * 12).clamp(Duration::from_secs(3), Duration::from_secs(30));
    let renderer = start(timeout);
    let attacks: Vec<_> = attacks.iter().filter(|attack| chosen(attack)).collect();
    let began = Instant::now();
    let browsers = std::sync::Mutex::new(BTreeSet::new());
    let wrong: Vec<String> = spread(2, attacks.len(), |i| {
        let &(name, layer, end, html) = attacks[i];
        let began = Instant::now();
        let outcome = site.draw(&renderer, &format!("<body>{}", html.replace("PORT", &port)));
        let seconds = began.elapsed().as_secs_f32();
        browsers.lock().unwrap().extend(children());
        eprintln!("{seconds:5.1} s  {name} ({layer}): {}", in_words(&outcome));
        let honest = site.draw(&renderer, HONEST);
        let mut wrong = Vec::new();
        if honest.as_ref().ok() != Some(&alone) {
            wrong.push(format!("after {name}: the honest page: {}", in_words(&honest)));
        }
        if !ends(end, &outcome) {
            wrong.push(format!("{name}: {}", in_words(&outcome)));
        }
        if outcome.is_ok_and(|image| image.rgba.as_chunks::<4>().0.contains(&SECRET)) {
            wrong.push(format!("{name}: the secret shows"));
        }
        Ok::<_, vsdpo_render::RenderError>(wrong)
    })
    .unwrap()
    .concat();
    drop(renderer);
    eprintln!(
        "{} pages in {:.0} s, {timeout:.1?} each at most",
        attacks.len(),
        began.elapsed().as_secs_f32()
    );
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    assert!(listener.accept().is_err(), "a page reached this machine");
    let _ourselves = std::net::TcpStream::connect(("127.0.0.1", port.parse().unwrap())).unwrap();
    assert!(listener.accept().is_ok(), "nobody could have reached it");
    drop((listener, _ourselves));
    nothing_stays(&browsers.into_inner().unwrap(), descriptors);
}

fn chosen(attack: &Attack) -> bool {
    std::env::var("VSDPO_ATTACK").is_ok_and(|part| attack.0.contains(&part))
        || std::env::var("VSDPO_ATTACK").is_err()
}

fn ends(end: End, outcome: &Result<Image, (FailureKind, String)>) -> bool {
    match (end, outcome) {
        (Either, _) | (Drawn, Ok(_)) => true,
        (Failed(kind), Err((found, _))) => kind == *found,
        _ => false,
    }
}

fn in_words(outcome: &Result<Image, (FailureKind, String)>) -> String {
    match outcome {
        Ok(image) => format!("{} x {} pixels", image.width, image.height),
        Err((kind, message)) => format!("{kind:?}: {message}"),
    }
}

/// A folder that pages may show, with paths out of it to a secret beside it.
struct Site {
    root: tempfile::TempDir,
}

impl Site {
    fn plant() -> Self {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("site");
        std::fs::create_dir(&folder).unwrap();
        let secret = image::RgbaImage::from_pixel(64, 64, image::Rgba(SECRET));
        secret.save(root.path().join("secret.png")).unwrap();
        let colour = "background: #ff00fe";
        std::fs::write(root.path().join("secret.css"), format!("body {{ {colour} }}")).unwrap();
        std::fs::write(root.path().join("secret.html"), format!("<body style='{colour}'>")).unwrap();
        std::fs::write(folder.join("other.html"), format!("<body style='{colour}'>")).unwrap();
        std::os::unix::fs::symlink("../secret.png", folder.join("link.png")).unwrap();
        std::os::unix::fs::symlink("..", folder.join("up")).unwrap();
        Self { root }
    }

    fn draw(&self, renderer: &ChromiumRenderer, html: &str) -> Result<Image, (FailureKind, String)> {
        let page =
            Source { folder: Some(self.root.path().join("site")), ..Source::new(html, Language::Html) };
        let outcome = renderer.shoot(&page).unwrap_or_else(|e| panic!("the renderer itself failed: {e}"));
        outcome.map(|shot| shot.image).map_err(|error| (error.kind, error.message))
    }
}

/// Our browsers: process number and profile.
fn children() -> Vec<(u32, PathBuf)> {
    let list =
        |task: std::fs::DirEntry| std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
    let tasks =
        std::fs::read_dir("/proc/self/task").unwrap().flatten().map(list).collect::<Vec<_>>().join(" ");
    let children = tasks.split_whitespace().filter_map(|word| word.parse::<u32>().ok());
    let profile = |child: u32| {
        let words = std::fs::read_to_string(format!("/proc/{child}/cmdline")).ok()?;
        Some((child, words.split('\0').find_map(|word| word.strip_prefix("--user-data-dir="))?.into()))
    };
    children.filter_map(profile).collect()
}

/// Processes that belong to the group of one of these.
fn group(leaders: &BTreeSet<(u32, PathBuf)>) -> Vec<String> {
    let all = std::fs::read_dir("/proc").unwrap().flatten();
    let stats = all.filter_map(|entry| std::fs::read_to_string(entry.path().join("stat")).ok());
    let of =
        |stat: &String| -> Option<u32> { stat.rsplit_once(')')?.1.split_whitespace().nth(2)?.parse().ok() };
    stats
        .filter(|stat| of(stat).is_some_and(|group| leaders.iter().any(|leader| leader.0 == group)))
        .collect()
}

fn nothing_stays(browsers: &BTreeSet<(u32, PathBuf)>, descriptors: usize) {
    assert!(!browsers.is_empty());
    // What was killed needs a moment to be gone.
    let patience = Instant::now() + Duration::from_secs(5);
    while !group(browsers).is_empty() && Instant::now() < patience {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(group(browsers), Vec::<String>::new(), "processes stay");
    for (_, profile) in browsers {
        assert!(!profile.exists(), "{} stays", profile.display());
    }
    while count("/proc/self/fd") > descriptors && Instant::now() < patience {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(count("/proc/self/fd") <= descriptors, "descriptors stay");
}

fn count(folder: impl AsRef<Path>) -> usize {
    std::fs::read_dir(folder).unwrap().count()
}
