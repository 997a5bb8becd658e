//! The definitions of docs/specs/aeslides.md, 4 to 6, sentence by sentence, without regard to
//! time.

use vsdpo_artifact::{Rect, SlideElement, SlideLayout, Visibility};

#[derive(Clone, Debug)]
struct Item {
    kind: usize,
    el: usize,
    raw: Vec<Rect>,
    vis: Vec<Rect>,
    clip: [f64; 4],
}

const MEDIA: &str = " img canvas video svg iframe object embed input textarea select progress meter ";

fn media(e: &SlideElement) -> bool {
    MEDIA.contains(&format!(" {} ", e.tag))
}

struct Slide<'a> {
    e: &'a [SlideElement],
    /// Every element with those around it, itself first, up to body.
    up: Vec<Vec<usize>>,
    /// Whether the walk from body comes to it.
    walked: Vec<bool>,
}

fn area(r: &Rect) -> f64 {
    r.w * r.h
}

fn total(rs: &[Rect]) -> f64 {
    rs.iter().map(area).sum()
}

fn inter(a: &Rect, b: [f64; 4]) -> Option<Rect> {
    let (x0, y0) = (a.x.max(b[0]), a.y.max(b[1]));
    let (x1, y1) = ((a.x + a.w).min(b[2]), (a.y + a.h).min(b[3]));
    (x1 > x0 && y1 > y0).then(|| Rect::new(x0, y0, x1 - x0, y1 - y0))
}

fn edges(r: &Rect) -> [f64; 4] {
    [r.x, r.y, r.x + r.w, r.y + r.h]
}

fn outside(rs: &[Rect], of: [f64; 4]) -> f64 {
    let mut sum = 0.0;
    for r in rs {
        let sides = [of[0] - r.x, of[1] - r.y, r.x + r.w - of[2], r.y + r.h - of[3]];
        if sides.iter().any(|side| *side > 2.0) {
            sum += area(r) - inter(r, of).map_or(0.0, |i| area(&i));
        }
    }
    sum
}

impl<'a> Slide<'a> {
    fn new(layout: &'a SlideLayout) -> Self {
        let e = &layout.elements[..];
        let mut up: Vec<Vec<usize>> = vec![vec![], vec![1]];
        let mut walked = vec![false, true];
        for (i, element) in e.iter().enumerate().skip(2) {
            let parent = element.parent.unwrap() as usize;
            walked.push(walked[parent] && !media(&e[parent]));
            up.push(std::iter::once(i).chain(up[parent].iter().copied()).collect());
        }
        Self { e, up, walked }
    }

    fn within(&self, outer: usize, inner: usize) -> bool {
        self.up[inner].contains(&outer)
    }

    fn seen(&self, i: usize) -> bool {
        let opacity: f64 = self.up[i].iter().map(|at| self.e[*at].opacity).product();
        self.walked[i] && self.e[i].visibility == Visibility::Visible && opacity >= 0.05
    }

    fn text(&self, i: usize) -> &[Rect] {
        if media(&self.e[i]) { &[] } else { &self.e[i].text_rects }
    }

    fn clip(&self, i: usize, own: bool) -> [f64; 4] {
        let mut c: [f64; 4] = [-1e9, -1e9, 1e9, 1e9];
        for at in self.up[i].iter().skip(usize::from(!own)).filter(|at| **at != 1) {
            let (q, [x0, y0, x1, y1]) = (&self.e[*at], edges(&self.e[*at].rect));
            if q.clips[0] {
                (c[0], c[2]) = (c[0].max(x0), c[2].min(x1));
            }
            if q.clips[1] {
                (c[1], c[3]) = (c[1].max(y0), c[3].min(y1));
            }
        }
        c
    }

    fn items(&self, sa: f64) -> Vec<Item> {
        let mut items = Vec::new();
        for i in (1..self.e.len()).filter(|i| self.seen(*i)) {
            let e = &self.e[i];
            let own = area(&e.rect);
            let small = i != 1 && (4.0..0.75 * sa).contains(&own);
            let holds = (1..self.e.len()).any(|j| {
                let shows = !self.text(j).is_empty() || media(&self.e[j]) && area(&self.e[j].rect) >= 4.0;
                self.seen(j) && self.within(i, j) && shows
            });
            let paint = e.background >= 0.05 || e.background_image || e.border;
            let classes = e.classes.to_lowercase();
            let class = |word: &str| classes.split(' ').any(|token| token.contains(word));
            let icon = matches!(e.tag.as_str(), "i" | "span")
                && (class("icon") || class("symbols") || e.icon_font || e.tag == "i" && e.text_len <= 16);
            let trimmed = |r: &Rect| {
                let h = if e.font_px > 0.0 { r.h.min(e.font_px) } else { r.h };
                Rect::new(r.x, r.y + (r.h - h) / 2.0, r.w, h)
            };
            let text: Vec<Rect> = match self.text(i) {
                [] => vec![],
                _ if icon => vec![e.rect],
                rects => rects.iter().map(trimmed).collect(),
            };
            for (kind, raw) in [
                (0, if small && paint && !media(e) && holds { vec![e.rect] } else { vec![] }),
                (1, if small && media(e) { vec![e.rect] } else { vec![] }),
                (2, text),
            ] {
                let clip = self.clip(i, kind == 2);
                let vis = raw.iter().filter_map(|r| inter(r, clip)).collect();
                if total(&raw) >= 4.0 {
                    items.push(Item { kind, el: i, raw, vis, clip });
                }
            }
        }
        items.sort_by_key(|item| (self.up[item.el].len(), item.el, item.kind));
        items
    }

    fn allowed(&self, a: &Item, b: &Item, x: f64) -> Option<bool> {
        let (va, vb) = (total(&a.vis), total(&b.vis));
        match (a.kind == 2, b.kind == 2) {
            (true, true) => return None,
            (true, false) => return (x >= 0.95 * va).then_some(false),
            (false, true) => return (x >= 0.95 * vb).then_some(false),
            (false, false) => (),
        }
        if x >= 0.95 * va.min(vb) {
            return Some(false);
        }
        let (small, large) = if va <= vb { (a, b) } else { (b, a) };
        let lowest = self.up[small.el].iter().position(|at| self.within(*at, large.el)).unwrap();
        let placed = self.up[small.el][..lowest].iter().any(|at| self.e[*at].placed);
        (placed && total(&small.vis) <= 0.1 * total(&large.vis)).then_some(true)
    }
}

type Found = (&'static str, usize, f64, f64);

fn severity(x: f64, base: f64) -> f64 {
    (x / (0.25 * base)).min(1.0)
}

/// Kind, first element, area and severity of every collision.
pub fn collision(layout: &SlideLayout) -> Vec<Found> {
    let slide = Slide::new(layout);
    let items = slide.items(layout.width * layout.height);
    let mut found = overlaps(&slide, &items);
    let mut parts: Vec<Found> = Vec::new();
    for item in items.iter().filter(|item| item.kind != 0) {
        let panel = |at: &usize| items.iter().any(|i| i.kind == 0 && i.el == *at);
        let Some(k) = slide.up[item.el].iter().position(panel) else { continue };
        if slide.up[item.el][..k].iter().any(|at| slide.e[*at].placed) {
            continue;
        }
        let p = slide.up[item.el][k];
        let x = outside(&item.vis, edges(&slide.e[p].rect));
        parts.push(("Escape", p, x, severity(x, total(&item.raw))));
    }
    for item in items.iter().filter(|item| item.kind == 2) {
        let x = outside(&item.raw, item.clip);
        let cuts = |at: &&usize| **at != 1 && slide.e[**at].clips != [false; 2];
        if let Some(by) = slide.up[item.el].iter().find(cuts) {
            parts.push(("Cut", *by, x, severity(x, total(&item.raw))));
        }
    }
    for kind in ["Escape", "Cut"] {
        for el in 0..slide.e.len() {
            let of: Vec<&Found> = parts.iter().filter(|p| (p.0, p.1) == (kind, el) && p.2 > 0.0).collect();
            if !of.is_empty() {
                let sum = |get: fn(&Found) -> f64| of.iter().map(|p| get(p)).sum::<f64>();
                found.push((kind, el, sum(|p| p.2), sum(|p| p.3).min(1.0)));
            }
        }
    }
    let mut gone: Vec<usize> = Vec::new();
    for item in &items {
        let x = outside(&item.vis, [0.0, 0.0, layout.width, layout.height]);
        if x > 0.0 && !gone.iter().any(|at| slide.within(*at, item.el)) {
            gone.push(item.el);
            found.push(("OffSlide", item.el, x, severity(x, total(&item.raw))));
        }
    }
    found
}

fn overlaps(slide: &Slide, items: &[Item]) -> Vec<Found> {
    let (mut found, mut hits): (Vec<Found>, Vec<[usize; 2]>) = (Vec::new(), Vec::new());
    let mut pairs: Vec<(usize, usize)> =
        (0..items.len()).flat_map(|a| (a + 1..items.len()).map(move |b| (a, b))).collect();
    let depth = |i: usize| slide.up[items[i].el].len();
    pairs.sort_by_key(|(a, b)| (depth(*a) + depth(*b), *a, *b));
    for (a, b) in pairs {
        let (a, b) = (&items[a], &items[b]);
        if slide.within(a.el, b.el) || slide.within(b.el, a.el) {
            continue;
        }
        let mut x = 0.0;
        for r in &a.vis {
            for s in &b.vis {
                x += inter(r, edges(s)).filter(|i| i.w > 2.0 && i.h > 2.0).map_or(0.0, |i| area(&i));
            }
        }
        let below = |[x, y]: &[usize; 2]| {
            slide.within(*x, a.el) && slide.within(*y, b.el)
                || slide.within(*x, b.el) && slide.within(*y, a.el)
        };
        if x <= 0.0 || hits.iter().any(below) {
            continue;
        }
        let m = total(&a.vis).min(total(&b.vis));
        let x = x.min(m);
        match slide.allowed(a, b, x) {
            Some(false) => (),
            Some(true) => hits.push([a.el, b.el]),
            None => {
                hits.push([a.el, b.el]);
                found.push(("Overlap", a.el, x, severity(x, m)));
            }
        }
    }
    found
}

/// The centre's offset, by a walk from the root.
pub fn imbalance(layout: &SlideLayout) -> Option<[f64; 2]> {
    let mut sums = [0.0; 3];
    walk(layout, 0, true, &mut sums);
    let [w, h] = [layout.width, layout.height];
    let centre = |i: usize, side: f64| (sums[i] / sums[0] - side / 2.0) / side;
    (sums[0] > 0.0).then(|| [centre(1, w), centre(2, h)])
}

struct Kept {
    rect: Rect,
    children: usize,
}

fn walk(layout: &SlideLayout, i: usize, around: bool, sums: &mut [f64; 3]) -> Option<Kept> {
    let e = &layout.elements[i];
    let view = [0.0, 0.0, layout.width, layout.height];
    let renderable = around && e.visibility != Visibility::Hidden && e.opacity > 0.0;
    let inside = (i + 1..layout.elements.len()).filter(|j| layout.elements[*j].parent == Some(i as u32));
    let kept: Vec<Kept> = inside.filter_map(|j| walk(layout, j, renderable, sums)).collect();
    let rect = inter(&e.rect, view);
    if kept.is_empty() && !(renderable && rect.is_some()) {
        return None;
    }
    let rect = rect.unwrap_or_default();
    let own = Kept { rect, children: kept.len() };
    if area(&rect) < 4.0 || e.opacity < 0.05 || i < 2 {
        return Some(own);
    }
    let mut add = |r: &Rect, weight: f64| {
        sums[0] += weight;
        sums[1] += weight * (r.x + r.w / 2.0);
        sums[2] += weight * (r.y + r.h / 2.0);
    };
    let lines: Vec<Rect> = e.text_rects.iter().filter_map(|r| inter(r, view)).take(12).collect();
    let text = e.text_len > 0;
    if text && e.text_len > 40 && !lines.is_empty() {
        lines.iter().filter(|r| area(r) >= 2.0).for_each(|r| add(r, area(r)));
    } else if text {
        add(&rect, area(&rect));
    }
    let image = matches!(e.tag.as_str(), "img" | "svg");
    if image {
        add(&rect, area(&rect));
    } else if e.classes.to_lowercase().contains("icon") || e.tag == "i" && e.text_len <= 16 {
        add(&rect, 0.5 * area(&rect));
    }
    let share = area(&rect) / (layout.width * layout.height);
    if !image && e.background_image && (0.002..=0.75).contains(&share) && own.children <= 12 {
        let parts = kept.iter().map(|k| k.rect).chain(lines);
        let taken: f64 = parts.filter_map(|r| inter(&r, edges(&rect))).map(|r| area(&r)).sum();
        let left = area(&rect) - area(&rect).min(taken);
        if left >= 4.0 && left / area(&rect) >= 0.08 {
            add(&rect, left);
        }
    }
    Some(own)
}
