//! Frames of almost the right form, from a number.

use crate::matplotlib::result::{MAX_NOTES, MAX_POINTS, MAX_STACK, MAX_VALUES};
use crate::python::buffer::{FRAME, RECORDS_AT, RECORDS_MAX};

/// A repeatable source of choices (SplitMix64).
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn pick<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[self.below(of.len())]
    }
}

/// What could stand where a JSON value stands.
const ODD: [&str; 34] = [
    "0",
    "-0",
    "-1",
    "1",
    "65",
    "0.5",
    "-3.25",
    "1e38",
    "1e39",
    "-1e39",
    "1e308",
    "1e999",
    "-1e999",
    "1e-999",
    "NaN",
    "Infinity",
    "4294967295",
    "4294967296",
    "18446744073709551616",
    "true",
    "null",
    "[]",
    "{}",
    "[[]]",
    "\"\"",
    "\"text\"",
    "\"\\u001b[2J\"",
    "\"\\ud800\"",
    "\"\\u202eabc\"",
    "\"\u{9b}\u{2028}\"",
    "[0,0,1,1]",
    "[1,1,0,0]",
    "[0,0,1e39,1]",
    "{\"start\":0,\"end\":16}",
];
const KINDS: [&str; 6] = ["axes", "title", "legend", "text", "line", "other"];
const TEXTS: [&str; 6] = ["", "a", "a\\nb\\tc", "\\u001b]0;x\\u0007", "\\u202e\\u2066é", "漢"];

/// A number that a coordinate could have.
fn number(dice: &mut Dice) -> String {
    match dice.below(120) {
        0 => dice.pick(&ODD).to_string(),
        1 => format!("{:e}", f32::from_bits(dice.next() as u32)),
        2 => format!("{:e}", f64::from_bits(dice.next())),
        _ => format!("{}", dice.below(4000) as f32 / 32.0 - 20.0),
    }
}

fn list(dice: &mut Dice, most: usize, item: impl Fn(&mut Dice) -> String) -> String {
    // Now and then just over the limit.
    if dice.one_in(150) {
        let n = most + dice.below(3);
        return format!("[{}]", vec![item(dice); n].join(","));
    }
    let items: Vec<String> = (0..dice.below(4)).map(|_| item(dice)).collect();
    format!("[{}]", items.join(","))
}

/// One of `usual`, seldom one of `odd`.
fn rare<'a>(dice: &mut Dice, usual: &[&'a str], odd: &[&'a str]) -> &'a str {
    let of = if dice.one_in(40) { odd } else { usual };
    dice.pick(of)
}

fn region(dice: &mut Dice) -> String {
    let (x, y) = (dice.below(60) as i32 - 10, dice.below(40) as i32 - 10);
    match dice.below(8) {
        0 => format!("[{},{},{},{}]", number(dice), number(dice), number(dice), number(dice)),
        _ => format!("[{x},{y},{},{}]", x + dice.below(50) as i32, y + dice.below(50) as i32),
    }
}

fn span(dice: &mut Dice) -> String {
    match dice.below(12) {
        0 => format!(r#"{{"start":{},"end":{}}}"#, dice.below(60), dice.below(60)),
        1 if dice.one_in(6) => dice.pick(&ODD).into(),
        _ => r#"{"start":0,"end":15}"#.into(),
    }
}

fn text(dice: &mut Dice) -> String {
    let repeat = if dice.one_in(300) { 2500 } else { 1 };
    format!("\"{}\"", dice.pick(&TEXTS).repeat(repeat))
}

fn element(dice: &mut Dice, id: usize, count: usize) -> String {
    let kind = if dice.one_in(100) { "nonsense" } else { dice.pick(&KINDS) };
    let mut fields: Vec<(&str, String)> = vec![
        ("id", if dice.one_in(60) { dice.below(9).to_string() } else { id.to_string() }),
        ("kind", format!("\"{}\"", if id == 0 { "axes" } else { kind })),
        ("class", format!("\"{}\"", dice.pick(&["creator", "text", "modifier", "axis", "container"]))),
        ("stack", list(dice, MAX_STACK, span)),
        ("region", region(dice)),
        ("order", id.to_string()),
    ];
    let link = |dice: &mut Dice| if dice.one_in(16) { dice.below(count + 1) } else { 0 }.to_string();
    let point = |dice: &mut Dice| format!("[{},{}]", number(dice), number(dice));
    for name in [
        "layout", "parent", "axes", "axis", "text", "color", "font_px", "rotation", "align", "label",
        "pattern", "values", "points",
    ] {
        // Only the first element is nothing's part.
        if dice.one_in(3) && (name != "parent" || id > 0 || dice.one_in(20)) {
            let value = match name {
                "layout" => region(dice),
                "parent" | "axes" => link(dice),
                "axis" => format!("\"{}\"", rare(dice, &["x", "y", "z"], &["é", "xy", "\\u001b", ""])),
                "text" | "label" | "pattern" => text(dice),
                "color" => rare(dice, &["[1,2,3,4]", "[0,0,0,255]"], &["[0,0,0,256]", "[0,0,0]"]).into(),
                "align" => format!("\"{}\"", rare(dice, &["left", "center", "right"], &["up"])),
                "values" => list(dice, MAX_VALUES, number),
                "points" => list(dice, MAX_POINTS, point),
                _ => number(dice),
            };
            fields.push((name, value));
        }
    }
    if dice.one_in(60) {
        let at = dice.below(fields.len());
        match dice.below(4) {
            0 => drop(fields.remove(at)),
            1 => fields.push(fields[at].clone()),
            2 => fields[at].0 = dice.pick(&["unknown", "", "id"]),
            _ => fields[at].1 = dice.pick(&ODD).into(),
        }
    }
    let fields: Vec<String> = fields.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
    format!("{{{}}}", fields.join(","))
}

fn table(dice: &mut Dice) -> String {
    if dice.one_in(500) {
        return dice.pick(&["[", "{\"elements\":", "[[{\"a\":"]).repeat(dice.below(400));
    }
    let count = if dice.one_in(10) { 0 } else { 1 + dice.below(3) };
    let elements: Vec<String> = (0..count).map(|id| element(dice, id, count)).collect();
    let notes = list(dice, MAX_NOTES, text);
    format!(r#"{{"elements":[{}],"notes":{notes}}}"#, elements.join(","))
}

fn report(dice: &mut Dice) -> String {
    let kind = dice.pick(&["syntax", "exception", "memory", "no-figure", "limit", "timeout", "crash", "x"]);
    let mut report = format!(r#"{{"kind":"{kind}","message":{}"#, text(dice));
    for (name, value) in [("traceback", text(dice)), ("span", span(dice))] {
        if dice.one_in(2) {
            report += &format!(",\"{name}\":{value}");
        }
    }
    report + "}"
}

/// Changes single bytes, or cuts and repeats pieces.
fn spoil(dice: &mut Dice, bytes: &mut Vec<u8>) {
    for _ in 0..dice.below(4) {
        let at = dice.below(bytes.len() + 1);
        let end = (at + dice.below(12)).min(bytes.len());
        match dice.below(5) {
            0 => bytes.truncate(at),
            1 => drop(bytes.drain(at..end)),
            2 => bytes.splice(at..at, bytes[at..end].to_vec()).for_each(drop),
            3 => bytes.insert(at, dice.next() as u8),
            _ if at < bytes.len() => bytes[at] ^= 1 << dice.below(8),
            _ => (),
        }
    }
}

/// A header for `records` bytes, mostly of a small picture; one in a few is spoilt.
fn header(dice: &mut Dice, failed: bool, records: usize) -> [u8; RECORDS_AT as usize] {
    let side = |dice: &mut Dice| 1 + dice.below(48) as u32;
    let (mut width, mut height) = (side(dice), side(dice));
    let (mut version, mut status, mut records) = (1, u32::from(failed), records as u64);
    if dice.one_in(40) {
        width = [0, 1, 65_535, 65_536, 1 << 24, u32::MAX][dice.below(6)];
        height = [0, 1, 2, 257, 1 << 24, u32::MAX][dice.below(6)];
    }
    let mut pixels = u64::from(width).wrapping_mul(u64::from(height)).wrapping_mul(4);
    match dice.below(60) {
        0 => version = dice.below(3) as u32,
        1 => status = dice.next() as u32,
        2 => records = [0, 1, records + 1, RECORDS_MAX + 1, u64::MAX, 1 << 32][dice.below(6)],
        3 => pixels = [0, 4, pixels + 1, u64::MAX, 1 << 32][dice.below(5)],
        // Reading so much takes long, so it is rare.
        4 if dice.one_in(50) => records = RECORDS_MAX,
        _ => (),
    }
    let mut bytes = [0; RECORDS_AT as usize];
    bytes[..8].copy_from_slice(FRAME);
    for (at, word) in [(8, version), (12, status), (16, width), (20, height)] {
        bytes[at..at + 4].copy_from_slice(&word.to_le_bytes());
    }
    bytes[24..32].copy_from_slice(&records.to_le_bytes());
    bytes[32..40].copy_from_slice(&pixels.to_le_bytes());
    if dice.one_in(50) {
        bytes[dice.below(40)] ^= 1 << dice.below(8);
    }
    if dice.one_in(2000) { [0; RECORDS_AT as usize] } else { bytes }
}

/// Input number `i` of a seed: header and records.
pub fn input(seed: u64, i: u64) -> ([u8; RECORDS_AT as usize], Vec<u8>) {
    let mut dice = Dice(seed ^ i.wrapping_mul(0x2545_f491_4f6c_dd1d));
    let failed = dice.one_in(5);
    let mut records = if failed { report(&mut dice) } else { table(&mut dice) }.into_bytes();
    if dice.one_in(4) {
        spoil(&mut dice, &mut records);
    }
    (header(&mut dice, failed, records.len()), records)
}
