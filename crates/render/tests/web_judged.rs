//! What is found on pages of every kind that a browser shows, and what is not judged. These tests
//! need Chromium, which `cargo xtask setup` installs.

use std::collections::BTreeSet;
use std::time::Duration;
use vsdpo_artifact::{Defect, Domain, FailureKind, Language, Level, Outcome, Rendered, Source, Task};
use vsdpo_diagnose::diagnose;
use vsdpo_render::{ChromiumRenderer, RenderConfig, Renderer};

const HEAD: &str = "<!doctype html><meta charset=utf-8><style>body{font:16px/1.5 sans-serif;margin:24px;color:#222;\
    background:#fff}</style>";
/// A sentence that fills most of a line.
const LONG: &str = "<p>The night train leaves platform four at ten and reaches the border before six. Bring a pillow and \
    something to read.</p>";

fn renderer() -> ChromiumRenderer {
    let config =
        RenderConfig { timeout: Duration::from_secs(60), max_pixels: 40 << 20, ..RenderConfig::default() };
    ChromiumRenderer::start(config).unwrap_or_else(|e| panic!("these tests draw pages for real: {e}"))
}

fn page(html: &str) -> Source {
    Source::new(html.replace("LONG", LONG), Language::Html)
}

fn drawn(outcome: Outcome) -> Rendered {
    match outcome {
        Outcome::Rendered(rendered) => rendered,
        Outcome::Failed { error } => panic!("{error:?}"),
    }
}

fn found(outcome: &Outcome) -> Vec<Defect> {
    diagnose(&Task::unspecified(Domain::Web, Language::Html), outcome, None).defects
}

/// Pages with the rules that find something, without `web/`.
const PAGES: [(&str, &str, &str); 48] = [
    (
        "white letters on the white end of a gradient",
        "low-contrast",
        "<h1 style='background:linear-gradient(90deg,#123,#123 30%,#fff 60%);color:#fff;padding:30px;text-align-last:justify'>\
      Trains trams and night buses for the whole valley</h1>",
    ),
    (
        "white letters on a gradient that stays dark",
        "",
        "<h1 style='background:linear-gradient(90deg,#123,#345);color:#fff;padding:30px'>Trains and trams</h1>",
    ),
    (
        "disabled controls and their labels",
        "",
        "<style>.d{color:#bbb}</style><button class=d disabled>Pay</button><label class=d for=a>Name</label><input id=a disabled>\
      <p id=b class=d>Second name</p><input aria-labelledby=b disabled><label class=d>Size <input disabled></label>\
      <fieldset disabled><legend class=d>Bicycle</legend><label class=d><input type=checkbox> Trailer</label></fieldset>",
    ),
    (
        "a label that names a control in use",
        "low-contrast",
        "<label style='color:#bbb' for=a>Name</label><input id=a>",
    ),
    (
        "an outline around white letters",
        "",
        "<h1 style='color:#fff;font-size:44px;text-shadow:0 0 2px #000,0 0 2px #000,0 0 3px #000,0 0 3px #000'>Market on Sunday</h1>",
    ),
    (
        "letters made of their shadow",
        "",
        "<h1 style='color:transparent;text-shadow:0 0 3px #333'>Morning mist</h1>",
    ),
    (
        "a pale placeholder",
        "low-contrast",
        "<style>::placeholder{color:#ddd}</style><input style='padding:10px;width:300px' placeholder='Your street and number'>",
    ),
    (
        "a placeholder of the browser's colour",
        "",
        "<input style='padding:10px;width:300px' placeholder='Your street and number'>",
    ),
    (
        "a placeholder that a label stands for",
        "",
        "<style>::placeholder{color:transparent}</style><input style='padding:10px;width:300px' placeholder=Street>",
    ),
    (
        "pale text in a field",
        "low-contrast",
        "<input style='color:#ccc;padding:10px;width:300px' value='Two beds, upper deck'>",
    ),
    (
        "pale text in a selection",
        "low-contrast",
        "<select style='color:#ccc'><option>Aisle</option><option selected>Window seat</option></select>",
    ),
    (
        "pale text in a drawing",
        "low-contrast",
        "<svg width=400 height=90><text x=10 y=50 font-size=18 fill='#ddd'>Spring: 4 200 people</text></svg>",
    ),
    (
        "dark text in a drawing",
        "",
        "<svg width=400 height=90 style='color:#ddd'><text x=10 y=50 font-size=18 fill='#333'>Spring: 4 200 people</text></svg>",
    ),
    (
        "tiny text in a drawing that is drawn small",
        "tiny-text",
        "<svg width=400 height=90 viewBox='0 0 1600 360'><text x=40 y=200 font-size=18>Spring: 4 200 people</text></svg>",
    ),
    ("tiny text by zoom", "tiny-text", "<div style='zoom:.45'>LONG</div>"),
    ("tiny text by a transform", "tiny-text", "<div style='transform:scale(.5)'>LONG</div>"),
    (
        "a pale text before an item",
        "low-contrast",
        "<style>li{list-style:none}li::before{content:'Step ' attr(data-n) ': ';color:#ddd}</style><ul><li data-n=1>Untie the rope</ul>",
    ),
    (
        "a text before an item in its own colour",
        "",
        "<style>li{list-style:none}li::before{content:'Step '}</style><ul><li>Untie the rope</ul>",
    ),
    (
        "colours of every notation",
        "low-contrast",
        "<p style='color:oklch(.9 .02 200)'>Oklch: breakfast from seven</p>",
    ),
    ("lab", "low-contrast", "<p style='color:lab(90% 0 0)'>Lab: breakfast from seven</p>"),
    (
        "display-p3",
        "low-contrast",
        "<p style='color:color(display-p3 .9 .9 .9)'>P3: breakfast from seven</p>",
    ),
    (
        "color-mix",
        "low-contrast",
        "<p style='color:color-mix(in oklab,white 85%,black)'>Mix: breakfast from seven</p>",
    ),
    (
        "dark oklch on pale oklch",
        "",
        "<p style='color:oklch(.3 .1 260);background:oklch(.97 .01 260)'>Oklch: breakfast from seven</p>",
    ),
    (
        "a filter",
        "low-contrast",
        "<div style='filter:opacity(.2)'><h2>Breakfast from seven to ten</h2></div>",
    ),
    (
        "a filter that changes little",
        "",
        "<div style='filter:drop-shadow(1px 1px 1px #ccc)'><p>Breakfast from seven</p></div>",
    ),
    (
        "a veil over a text",
        "low-contrast",
        "<div style='position:relative'><p>Breakfast from seven to ten</p><div style='position:absolute;inset:0;background:rgba(255,255,255,.8)'></div></div>",
    ),
    (
        "a pale gradient in letters",
        "low-contrast",
        "<h1 style='font-size:48px;color:transparent;background:linear-gradient(90deg,#eee,#fff5e0);-webkit-background-clip:text'>Summer timetable</h1>",
    ),
    (
        "a strong gradient in letters",
        "",
        "<h1 style='font-size:48px;color:transparent;background:linear-gradient(90deg,#125,#512);-webkit-background-clip:text'>Summer timetable</h1>",
    ),
    (
        "dark on white, both at half opacity",
        "",
        "<body style='background:#000'><div style='opacity:.5;background:#fff;padding:20px'><p style='color:#000'>Breakfast from seven</p></div>",
    ),
    (
        "a footer out of the flow over the text",
        "overlap invisible-text",
        "<style>html{position:relative}footer{position:absolute;top:200px;left:0;right:0;background:#eee;padding:14px}</style>\
      <h1>House rules</h1>LONGLONGLONGLONGLONG<footer>Questions: the office on the second floor</footer>",
    ),
    (
        "a side column over the text",
        "overlap",
        "<style>aside{position:absolute;left:300px;top:80px;width:260px;height:300px;background:#eef;padding:20px}</style>\
      <h1>House rules</h1>LONGLONGLONGLONGLONG<aside><h3>Weather</h3><p>Fair, wind from the west</p></aside>",
    ),
    (
        "a menu that hangs from its entry",
        "",
        "<style>nav span{position:relative}nav div{position:absolute;top:24px;left:0;width:300px;height:200px;background:#fff}</style>\
      <nav><span>Tickets<div class=drop>Single<br>Return<br>Ten rides</div></span></nav>LONGLONGLONG",
    ),
    (
        "a dialogue",
        "",
        "<dialog open style='top:40px;width:300px;height:120px;background:#fff'>Do you want to leave?</dialog>LONGLONGLONG",
    ),
    (
        "a ticker",
        "",
        "<style>div{overflow:hidden;white-space:nowrap;width:300px}span{display:inline-block;animation:m 9s linear infinite}\
      @keyframes m{to{transform:translateX(-50%)}}</style><div><span>North gate open - south gate closed - fish market on Friday</span></div>",
    ),
    (
        "a cut line that stands still",
        "text-clipped",
        "<div style='overflow:hidden;white-space:nowrap;width:300px'>North gate open - south gate closed - fish market on Friday</div>",
    ),
    (
        "decoration beyond a root that hides it",
        "",
        "<style>html,body{overflow-x:hidden}</style><div style='position:absolute;right:-120px;top:40px;width:300px;height:300px;background:#e6ecff;z-index:-1'></div><h1>Hire a bicycle</h1>",
    ),
    (
        "a body that hides what is beyond it",
        "",
        "<style>body{overflow-x:hidden;margin:0}</style><div style='display:flex;margin:0 -12px'><div style='flex:1;padding:20px;background:#dde'>Small</div></div>",
    ),
    (
        "a text beyond a root that hides it",
        "text-clipped",
        "<style>html{overflow-x:hidden}</style><p style='white-space:nowrap;font-size:40px'>The night train leaves platform four at ten and reaches the border before six</p>",
    ),
    (
        "a first item without a border",
        "",
        "<style>ul{list-style:none;padding:0;width:320px;border:1px solid #ccc}li{padding:10px;border-top:1px solid #ccc}\
      li:first-child{border-top:0}</style><ul><li>Small<li>Medium<li>Large<li>Very large</ul>",
    ),
    (
        "choices and switches",
        "",
        "<style>label{display:block;margin:6px 0}i{display:inline-block;width:36px;height:18px;background:#18a;margin-right:8px}</style>\
      <label><input type=radio> North</label><label><input type=radio> South</label><label><input type=radio> East</label>\
      <label><i></i> Send me news</label><label><i></i> Remember me</label>",
    ),
    (
        "a name of shifted letters",
        "",
        "<style>.l{letter-spacing:-2px}sup{font-size:.85em;vertical-align:.15em;margin:0 -.15em 0 -.36em}sub{vertical-align:-.5ex;margin:0 -.125em 0 -.1667em;font-size:1em}</style>\
      <p style='font-size:22px'>Set with <span class=l>L<sup>A</sup>T<sub>E</sub>X</span></p>",
    ),
    (
        "parts that appear when a reader gets there",
        "",
        "<style>section{height:700px}.r{opacity:0;transition:opacity .5s}.on{opacity:1}</style><section><h1>One</h1></section>\
      <section class=r><h2>Two</h2></section><script>const o=new IntersectionObserver((all)=>all.forEach((e)=>e.isIntersecting\
      &&e.target.classList.add('on')));document.querySelectorAll('.r').forEach((e)=>o.observe(e))</script>",
    ),
    (
        "a late picture that is not there",
        "broken-image",
        "<div style='height:4000px'></div><img loading=lazy src=none.png width=90 height=90>",
    ),
    (
        "a bar that changes colour with the width of the window",
        "",
        "<style>body{margin:0}header{background:#26303a;height:260px}nav{position:absolute;top:0;left:0;right:0;padding:20px;background-color:#fff;color:#222}\
      @media (min-width:900px){nav{background:transparent;color:#fff;transition:background-color .2s}}main{height:1400px}</style>\
      <nav>Trains Prices Weather</nav><header></header><main>LONG</main>",
    ),
    (
        "pale text in a frame of the page",
        "low-contrast",
        "<iframe width=500 height=120 srcdoc=\"<p style='color:#ddd;font:16px sans-serif'>The bridge is closed</p>\"></iframe>",
    ),
    (
        "a frame too small for its text",
        "text-clipped",
        "<iframe width=200 height=60 scrolling=no srcdoc=\"<p style='font:20px sans-serif;white-space:nowrap'>The bridge is closed all week</p>\"></iframe>",
    ),
    (
        "readable text in a frame of the page",
        "",
        "<iframe width=500 height=120 srcdoc=\"<p style='font:16px sans-serif'>The bridge is closed</p>\"></iframe>LONG",
    ),
    ("large letters with a contrast between 3 and 4.5", "", "<h1 style='color:#888'>House rules</h1>"),
];

#[test]
fn each_kind_of_page_has_its_findings_and_no_others() {
    let pages: Vec<Source> = PAGES.iter().map(|(_, _, html)| page(&format!("{HEAD}{html}"))).collect();
    let outcomes = renderer().render_all(&pages).unwrap();
    let mut wrong = Vec::new();
    for ((name, want, _), outcome) in PAGES.iter().zip(outcomes) {
        let want: BTreeSet<String> = want.split_whitespace().map(|rule| format!("web/{rule}")).collect();
        let defects = found(&outcome);
        let got: BTreeSet<String> = defects.iter().map(|d| d.rule.to_owned()).collect();
        if let Some(error) = outcome.error() {
            wrong.push(format!("{name}: {}", error.message));
        } else if got != want {
            let messages: Vec<&str> = defects.iter().map(|d| d.message.as_str()).collect();
            wrong.push(format!("{name}: wanted {want:?}, found {messages:?}"));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn findings_say_what_would_do_and_how_much_it_matters() {
    let renderer = renderer();
    let of = |html: &str| {
        let outcome = renderer.render(&page(&format!("{HEAD}{html}"))).unwrap();
        let defects = found(&outcome);
        assert_eq!(defects.len(), 1, "{html}: {defects:?}");
        (defects[0].level, defects[0].help.clone().unwrap_or_default())
    };
    let help = |what: &str| what.to_owned();
    assert_eq!(
        of("<p style='color:#ddd'>Breakfast</p>"),
        (Level::Warning, help("#757575 on #ffffff reaches 4.6"))
    );
    assert_eq!(
        of("<p style='color:#808080'>Breakfast</p>"),
        (Level::Note, help("#767676 on #ffffff reaches 4.5"))
    );
    assert_eq!(of("<h1 style='color:#aaa'>Breakfast</h1>").0, Level::Note);
    assert_eq!(of("<h1 style='color:#eee'>Breakfast</h1>").0, Level::Warning);
    let tiny = (Level::Warning, "font-size: 9px or more, as it is drawn".to_owned());
    assert_eq!(of("<p style='font-size:7px'>Breakfast</p>"), tiny);
}

#[test]
fn what_is_not_judged_is_told() {
    let renderer = renderer();
    let notes = |html: &str| drawn(renderer.render(&page(&format!("{HEAD}{html}"))).unwrap()).notes;
    assert_eq!(
        notes("LONG<iframe src=inner.html width=300 height=90></iframe>"),
        ["not judged: what is in frames (inner.html); check the pages that they show by themselves"]
    );
    assert_eq!(
        notes("LONG<canvas width=300 height=90></canvas>"),
        ["not judged: what scripts draw on 1 canvas element(s); texts there have no boxes"]
    );
    assert_eq!(notes("LONG<iframe width=500 height=90 srcdoc='<p>in</p>'></iframe>"), [""; 0]);
    let onward = |to: &str| {
        [format!(
            "the page sends its readers on to {to}, which is not judged; it is drawn as it is before that"
        )]
    };
    let refresh = "<meta http-equiv=refresh content='0;url=https://example.org/'>LONG";
    assert_eq!(notes(refresh), onward("https://example.org/"));
    assert_eq!(notes("<h1>Moving</h1><script>location.href='other.html'</script>"), onward("other.html"));
    assert_eq!(notes("LONG<script>onload=()=>location.replace('other.html')</script>"), onward("other.html"));
}

#[test]
fn a_page_that_shows_nothing_says_why() {
    let renderer = renderer();
    let why = |html: &str| {
        let outcome = renderer.render(&page(html)).unwrap();
        let error = outcome.error().cloned().unwrap_or_else(|| panic!("{html} shows something"));
        assert_eq!(error.kind, FailureKind::NoFigure);
        error.message
    };
    let app = "<script src=https://unpkg.com/react@18/umd/react.development.js></script><div id=root></div>";
    let message = why(app);
    assert!(message.contains("https://unpkg.com/react@18/umd/react.development.js"), "{message}");
    assert!(message.contains("help: save these scripts beside the page"), "{message}");
    let frames = why("<frameset cols='30%,70%'><frame src=a.html><frame src=b.html></frameset>");
    assert!(frames.ends_with("check the pages that they show: a.html, b.html"), "{frames}");
    assert!(
        why("<script>location.href='other.html'</script>").contains("sends its readers on to other.html")
    );
}

#[test]
fn a_long_page_is_drawn_in_pieces() {
    let renderer = renderer();
    let rows: String = (0..200u32)
        .map(|i| format!("<div style='height:100px;background:rgb({i},{},90)'>row {i}</div>", 255 - i))
        .collect();
    let html = format!("<!doctype html><body style='margin:0'>{rows}");
    let rendered = drawn(renderer.render(&page(&html)).unwrap());
    let image = &rendered.pages[0].image;
    assert_eq!((image.width, image.height), (1280, 20_000));
    for i in 0..200u32 {
        let (top, bottom) = (image.pixel(900, 100 * i), image.pixel(900, 100 * i + 99));
        let want = [i as u8, 255 - i as u8, 90, 255];
        assert_eq!((top, bottom), (want, want), "row {i}");
    }
    let outcome = renderer.render(&page("<div style='height:40000px'>high</div>")).unwrap();
    let error = outcome.error().unwrap();
    assert_eq!(error.kind, FailureKind::Limit);
    assert!(error.message.contains("at most 41943040 pixels are drawn (1280 x 32768)"), "{}", error.message);
}

#[test]
fn rules_of_a_linked_sheet_are_named_by_file_and_line() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("site.css"), "h1 { margin: 0 }\n\n.pale { color: #ddd }\n").unwrap();
    let html = format!("{HEAD}<link rel=stylesheet href=site.css><p class=pale>Breakfast from seven</p>");
    let source = Source { folder: Some(folder.path().into()), ..page(&html) };
    let outcome = renderer().render(&source).unwrap();
    let messages: Vec<String> = found(&outcome).into_iter().map(|d| d.message).collect();
    assert_eq!(messages, ["low contrast: 'Breakfast from seven' #dddddd on #ffffff 1.3 (set in site.css:3)"]);
}

/// The rules of a page beside the large sheet of a public server: what the server's sheet overrides
/// is not the page's own.
#[test]
fn own_rules_are_found_beside_a_large_sheet() {
    let html = format!(
        "<!doctype html><style>.own {{ color: #ddd }}\n.text-gray-800 {{ color: #eee }}</style>\
         <link rel=stylesheet href=https://unpkg.com/tailwindcss@2.2.19/dist/tailwind.min.css>\
         <p class=own>Breakfast from seven</p>{}",
        "<p class='text-gray-800 mb-2'>Supper from six</p>".repeat(100)
    );
    let began = std::time::Instant::now();
    let rendered = drawn(renderer().render(&page(&html)).unwrap());
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    let decides: Vec<(&str, usize)> = rendered
        .styles
        .iter()
        .map(|rule| {
            let colours = rule.decides.iter().filter(|(name, _)| name == "color");
            (rule.span.text(&html).unwrap(), colours.map(|(_, ids)| ids.len()).sum())
        })
        .collect();
    assert_eq!(decides, [(".own { color: #ddd }", 1)]);
}
