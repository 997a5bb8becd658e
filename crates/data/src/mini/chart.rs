//! Mini charts: two series, a legend, a note and tick labels that fit only if the layout follows the content.
//!
//! A task fixes the *content*: kind of chart, shapes of the two series, tick labels, spacing of the y ticks,
//! colour of the plot area, the note and the point that it belongs to. A script adds the *layout*: where the legend
//! goes, how labels turn, how much room they get, how the note is aligned and coloured. No fixed layout suits
//! more than a small share of the contents (checked by a test), so a policy must read its prompt.
//!
//! | layout choice | what it depends on |
//! |---|---|
//! | legend location | kind, shapes of both series, position of the note, height of the axes |
//! | bottom margin, label rotation | length of the tick labels against the density of the y ticks |
//! | alignment of the note | the point that it marks: notes at the ends run out of the picture |
//! | colour of the note | the plot area |
//! | colours of the series, grid | nothing: neutral choices, to see what training drifts |
//!
//! Contents are split by combinations on two axes (see [`Split`]). What a good layout is comes from plain geometry
//! ([`Content::good`]); that the real renderer and rules agree is a test of the command line's crate.

mod content;
mod layout;
mod script;
mod words;

pub use content::{Content, Kind, Mark, Shape, Split};
pub use layout::{Align, Layout, Location};
pub use script::{Slip, read_layout, script};

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use vsdpo_artifact::{Domain, Task};

/// The random stream of one task: a function of split, seed and index only.
pub fn stream(split: Split, seed: u64, index: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed ^ ((split as u64 + 1) << 56));
    rng.set_stream(index);
    rng
}

/// Task `index` of a split. The reference is a script with a good layout, drawn at random among the good ones.
pub fn task(split: Split, seed: u64, index: u64) -> Task {
    let mut rng = stream(split, seed, index);
    let content = Content::draw(split, &mut rng);
    let layout = content.good_layout(&mut rng);
    task_of(&content, format!("mini-chart/{}/{seed}/{index}", split.name()), &layout)
}

/// The script that answers task `index` of a split with a given layout.
pub fn script_of(split: Split, seed: u64, index: u64, layout: &Layout) -> String {
    script(&Content::draw(split, &mut stream(split, seed, index)), layout, None)
}

/// The task of a content, with the script of `layout` as its reference.
pub fn task_of(content: &Content, id: String, layout: &Layout) -> Task {
    Task {
        id,
        domain: Domain::Chart,
        prompt: content.prompt(),
        images: Vec::new(),
        reference: Some(script(content, layout, None)),
        requirements: Some(content.requirements()),
    }
}

/// The rules by which contents are held out, for a run's manifest.
pub fn held_out() -> serde_json::Value {
    serde_json::json!({
        "combinations": ["kind x first shape x second shape x marked point", "plot colour x tick labels"],
        "heldout": "both combinations are held out: neither occurs in feedback pairs or in training prompts",
        "feedback_and_train": "differ in the first combination",
    })
}

/// Every layout, neutral choices left at their first value.
fn every_layout() -> impl Iterator<Item = Layout> {
    use layout::ROTATIONS;
    let cells = Location::ALL.into_iter().flat_map(|l| Align::ALL.into_iter().map(move |a| (l, a)));
    let cells = cells.flat_map(|(l, a)| ROTATIONS.into_iter().map(move |r| (l, a, r)));
    let cells = cells.flat_map(|c| [false, true].into_iter().map(move |m| (c, m)));
    cells.flat_map(|((location, align, rotation), wide_margin)| {
        (0..words::INKS.len()).map(move |ink| Layout {
            location,
            wide_margin,
            rotation,
            align,
            ink,
            hues: [0, 1],
            grid: false,
        })
    })
}

/// The best content-blind policy: the one layout that is good for the most contents of a split, with its share of `n` of them.
/// An exhaustive search by geometry; render its scripts to score it as any other policy.
pub fn best_constant(split: Split, seed: u64, n: u64) -> (Layout, f64) {
    let contents: Vec<Content> = (0..n).map(|i| Content::draw(split, &mut stream(split, seed, i))).collect();
    let share = |l: &Layout| contents.iter().filter(|c| c.good(l)).count();
    let best = every_layout().max_by_key(share).expect("there are layouts");
    let good = share(&best);
    (best, good as f64 / n as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contents(split: Split, n: u64) -> impl Iterator<Item = Content> {
        (0..n).map(move |i| Content::draw(split, &mut stream(split, 7, i)))
    }

    #[test]
    fn no_constant_layout_suits_more_than_a_fifth_of_the_contents() {
        for split in [Split::Feedback, Split::Train, Split::Heldout] {
            let (best, share) = best_constant(split, 7, 500);
            println!("{}: {share} {best:?}", split.name());
            assert!(share <= 0.20, "{}: {best:?} suits {share}", split.name());
        }
    }

    #[test]
    fn random_layouts_are_seldom_good_and_repaired_ones_always() {
        let mut good = 0;
        for (i, content) in contents(Split::Train, 1000).enumerate() {
            let mut rng = stream(Split::Train, 8, i as u64);
            let layout = Layout::random(&mut rng);
            good += content.good(&layout) as usize;
            let repaired = content.repair(&layout, &mut rng).expect("drawn contents are feasible");
            assert!(content.good(&repaired), "{content:?} {repaired:?}");
            assert_eq!(
                (repaired.hues, repaired.grid),
                (layout.hues, layout.grid),
                "neutral choices are kept"
            );
            if content.good(&layout) {
                assert_eq!(repaired, layout, "what fits is kept");
            }
        }
        println!("random layouts good: {good} of 1000");
        assert!((5..80).contains(&good), "{good} of 1000 random layouts are good");
    }

    #[test]
    fn splits_share_no_combination_of_shapes_kind_and_mark() {
        use std::collections::HashSet;
        let combos = |split| -> HashSet<String> {
            contents(split, 800).map(|c| format!("{:?}{:?}{:?}", c.kind, c.shapes, c.mark)).collect()
        };
        let grounds = |split| -> HashSet<(usize, usize)> {
            contents(split, 800).map(|c| (c.ground, c.labels)).collect()
        };
        let (f, t, h) = (combos(Split::Feedback), combos(Split::Train), combos(Split::Heldout));
        assert!(f.is_disjoint(&t) && f.is_disjoint(&h) && t.is_disjoint(&h));
        assert!(f.len() > 20 && t.len() > 20 && h.len() > 10, "{} {} {}", f.len(), t.len(), h.len());
        assert!(grounds(Split::Heldout).is_disjoint(&grounds(Split::Feedback)));
        assert!(grounds(Split::Heldout).is_disjoint(&grounds(Split::Train)));
    }

    #[test]
    fn a_script_gives_its_layout_back() {
        for (i, content) in contents(Split::Train, 200).enumerate() {
            let layout = Layout::random(&mut stream(Split::Train, 9, i as u64));
            assert_eq!(read_layout(&script(&content, &layout, None)), Some(layout));
        }
        assert_eq!(read_layout("print(1)"), None);
    }

    #[test]
    fn tasks_are_functions_of_split_seed_and_index() {
        let a = task(Split::Train, 1, 5);
        assert_eq!(a, task(Split::Train, 1, 5));
        assert_ne!(a.prompt, task(Split::Train, 1, 6).prompt);
        assert_ne!(a.prompt, task(Split::Train, 2, 5).prompt);
        println!("{}\n---\n{}", a.prompt, a.reference.unwrap());
    }
}
