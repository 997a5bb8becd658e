use super::words::{NOTES, POINTS, TAGS, TITLES};
use super::*;
use crate::mini::font::width;
use crate::mini::{Content as _, Layout as _, Slip as _, Split, stream};

fn contents<L: Written>(split: Split, n: u64) -> impl Iterator<Item = Content<L>> {
    (0..n).map(move |i| Content::draw(split, &mut stream(split, 7, i)))
}

fn is_short_and_contains_the_required_texts<L: Written>(quoted: fn(&str) -> String, most: usize) {
    let (mut longest, mut longest_prompt) = (0, 0);
    for (i, content) in contents::<L>(Split::Train, 500).enumerate() {
        let layout = Layout::random(&mut stream(Split::Train, 3, i as u64));
        let (code, prompt) = (content.code(&layout, None), content.prompt());
        (longest, longest_prompt) = (longest.max(code.len()), longest_prompt.max(prompt.len()));
        for text in &content.requirements().texts {
            assert!(code.contains(&quoted(text)), "{text} in\n{code}");
            assert!(prompt.contains(text), "{text} in\n{prompt}");
        }
        assert!(prompt.contains(content.facts.ground_name()) && code.contains(content.facts.ground_name()));
    }
    println!("longest code {longest} bytes, longest prompt {longest_prompt} bytes");
    assert!(longest <= most && longest_prompt <= 520, "{longest} {longest_prompt}");
}

#[test]
fn pages_are_short_and_contain_the_required_texts() {
    is_short_and_contains_the_required_texts::<Html>(|text| format!(">{text}<"), 1200);
}

#[test]
fn scripts_are_short_and_contain_the_required_texts() {
    is_short_and_contains_the_required_texts::<Python>(|text| format!("'{text}'"), 1700);
}

/// Both languages show the same facts with the same layouts.
#[test]
fn languages_differ_in_the_code_alone() {
    for (i, page) in contents::<Html>(Split::Dev, 50).enumerate() {
        let script = Content::<Python> { facts: page.facts.clone(), language: std::marker::PhantomData };
        assert_eq!(page.requirements(), script.requirements());
        assert_ne!(page.prompt(), script.prompt());
        let layout = Layout::random(&mut stream(Split::Dev, 2, i as u64));
        let [page, script] = [page.code(&layout, None), script.code(&layout, None)];
        assert_eq!((Layout::read(&page), Layout::read(&script)), (Some(layout.clone()), Some(layout)));
    }
}

fn a_slip_breaks_the_code_or_removes_one_point<L: Written>() {
    for (i, content) in contents::<L>(Split::Feedback, 100).enumerate() {
        let mut rng = stream(Split::Feedback, 5, i as u64);
        let (layout, slip) = (Layout::random(&mut rng), Slip::random(&mut rng));
        let (whole, code) = (content.code(&layout, None), content.code(&layout, Some(slip)));
        if slip.renders_nothing() {
            assert_eq!(code.len() + 1, whole.len(), "{code}");
        } else {
            let missing = |t: &&String| !code.contains(t.as_str());
            assert_eq!(content.requirements().texts.iter().filter(missing).count(), 1, "{code}");
            assert_eq!(Layout::read(&code), Some(layout), "the layout can be read");
        }
    }
}

#[test]
fn slips_break_the_code_or_remove_one_point() {
    a_slip_breaks_the_code_or_removes_one_point::<Html>();
    a_slip_breaks_the_code_or_removes_one_point::<Python>();
}

#[test]
fn every_character_of_the_words_has_a_width() {
    let words = TITLES.iter().flatten().chain(POINTS.iter().flatten()).chain(TAGS.iter().flatten());
    for word in words.chain(&NOTES) {
        assert!(word.bytes().all(|b| width(&char::from(b).to_string(), 1.0, false) > 0.0), "{word}");
    }
}
