use super::words::{LABELS, NOTES, TITLES};
use super::*;
use crate::mini::colors::{GROUNDS, INKS, readable};
use crate::mini::font::width;
use crate::mini::{Content as _, Layout as _, Slip as _, Split, stream};

fn contents(split: Split, n: u64) -> impl Iterator<Item = Content> {
    (0..n).map(move |i| Content::draw(split, &mut stream(split, 7, i)))
}

#[test]
fn pages_are_short_and_contain_the_required_texts() {
    let (mut longest, mut longest_prompt) = (0, 0);
    for (i, content) in contents(Split::Train, 500).enumerate() {
        let layout = Layout::random(&mut stream(Split::Train, 3, i as u64));
        let (page, prompt) = (content.code(&layout, None), content.prompt());
        (longest, longest_prompt) = (longest.max(page.len()), longest_prompt.max(prompt.len()));
        for text in &content.requirements().texts {
            assert!(page.contains(&format!(">{text}<")), "{text} in\n{page}");
            assert!(prompt.contains(text), "{text} in\n{prompt}");
        }
        assert!(prompt.contains(content.ground_name()) && page.contains(content.ground_name()));
    }
    println!("longest page {longest} bytes, longest prompt {longest_prompt} bytes");
    assert!(longest <= 880 && longest_prompt <= 380, "{longest} {longest_prompt}");
}

#[test]
fn slips_remove_the_closing_style_tag_or_one_number() {
    for (i, content) in contents(Split::Feedback, 100).enumerate() {
        let mut rng = stream(Split::Feedback, 5, i as u64);
        let (layout, slip) = (Layout::random(&mut rng), Slip::random(&mut rng));
        let (whole, page) = (content.code(&layout, None), content.code(&layout, Some(slip)));
        if slip.renders_nothing() {
            assert_eq!(page, whole.replace("</style>\n", ""));
        } else {
            assert_eq!(whole.matches("></b>").count(), 0);
            assert_eq!(page.matches("<b></b>").count(), 1, "{page}");
            let missing = |t: &&String| !page.contains(&format!(">{t}<"));
            assert_eq!(content.requirements().texts.iter().filter(missing).count(), 1, "{page}");
            assert_eq!(Layout::read(&page), Some(layout), "the layout can be read");
        }
    }
}

/// The expected widths were measured in Chromium with Liberation Sans in place of Arial.
#[test]
fn widths_are_those_of_the_browser() {
    let check = |text: &str, px: f32, bold: bool, browser: f32| {
        let table = width(text, px, bold);
        assert!(
            (table - browser).abs() < 2.0,
            "{text}: {table} px from the table, {browser} px in the browser"
        );
    };
    check("Weekly sales of the year so far", 24.0, true, 349.1);
    check("Subscriptions", 14.0, false, 84.0);
    check("Orders", 14.0, false, 42.8);
    check("64", 28.0, true, 31.2);
    check("Buy now", 13.0, false, 49.9);
    check("Limited", 13.0, false, 41.9);
}

#[test]
fn every_character_of_the_words_has_a_width() {
    let words = TITLES.iter().flatten().chain(LABELS.iter().flatten()).chain(&NOTES);
    for word in words {
        assert!(word.bytes().all(|b| width(&char::from(b).to_string(), 1.0, false) > 0.0), "{word}");
    }
}

/// The literals are the RGB values of the named CSS colours.
#[test]
fn readable_text_has_contrast() {
    let inks = [[0, 0, 0], [0, 0, 139], [255, 255, 255], [255, 255, 0]];
    for (g, (ground, rgb)) in GROUNDS.into_iter().enumerate() {
        for (i, ink) in inks.into_iter().enumerate() {
            let ratio = contrast(ink, rgb);
            let clear = if readable(i, g) { ratio > 5.0 } else { ratio < 2.0 };
            assert!(clear, "{} on {ground}: {ratio}", INKS[i]);
        }
    }
    for accent in [[0, 128, 128], [220, 20, 60], [128, 0, 128], [160, 82, 45]] {
        assert!(contrast(accent, [255; 3]) > 4.7, "{accent:?}");
    }
}

/// The contrast ratio of WCAG 2.
fn contrast(a: [u8; 3], b: [u8; 3]) -> f64 {
    let linear = |v: u8| {
        let v = f64::from(v) / 255.0;
        if v <= 0.04045 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) }
    };
    let [a, b] = [a, b].map(|c| 0.2126 * linear(c[0]) + 0.7152 * linear(c[1]) + 0.0722 * linear(c[2]));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}
