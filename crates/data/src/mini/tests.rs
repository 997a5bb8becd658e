//! Tests that every world must pass.

use super::*;
use vsdpo_artifact::{Domain, Language};

/// The choices of a layout that do not affect whether it is good, the held-back ones included.
fn free(layout: &impl Layout) -> Vec<(&'static str, usize)> {
    layout.choices().into_iter().filter(|(name, _)| name.ends_with(')')).collect()
}

/// Hashes of the tasks of charts and of pages.
const HASHES: (u64, u64) = (6_611_027_899_960_523_612, 4_344_171_875_844_990_191);

/// The embedded policy was trained on these tasks, so they must not change.
#[test]
fn tasks_are_those_of_the_trained_policy() {
    assert_eq!((task_hash::<super::chart::Content>(), task_hash::<super::web::Content>()), HASHES);
}

/// FNV-1a of prompts, references, random answers with a mistake, and repaired answers.
fn task_hash<C: Content>() -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325u64;
    let mut take = |text: &str| {
        hash = text.bytes().fold(hash, |h, b| (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3));
    };
    for split in Split::ALL {
        for (seed, index) in (1..4).flat_map(|seed| (0..40).map(move |index| (seed, index))) {
            let task = task::<C>(References::Gold, split, seed, index);
            take(&format!("{} {} {:?}", task.id, task.prompt, task.reference));
            let mut rng = stream(split, seed, index);
            let content = C::draw_not_held_out(&mut rng);
            let layout = C::Layout::random(&mut rng);
            take(&content.code(&layout, Some(C::Slip::random(&mut rng))));
            take(&content.code(&content.repair(&layout, &mut rng), None));
        }
    }
    hash
}

fn reading_less_than_two_fields_per_choice_is_not_enough<C: Content>() {
    const N: u64 = 5000;
    let (_, constant) = best_constant::<C>(Split::Test, 7, N);
    let rules = best_single_field_rules::<C>(7, N);
    println!("{}: best constant on test {constant}, {rules:?}", C::DOMAIN.name());
    assert!(constant <= 0.10, "a constant layout is good for {constant}");
    assert!(rules.test <= 0.20, "{rules:?}");
    assert_eq!(rules, best_single_field_rules::<C>(7, N), "the search is deterministic");
}

/// Counts of a field's values in each split.
type Counts = std::collections::BTreeMap<(&'static str, usize), [f64; 4]>;

fn every_field_has_the_same_shares_in_all_splits<C: Content>() {
    const N: u64 = 20_000;
    let mut counts = Counts::new();
    for (s, split) in Split::ALL.into_iter().enumerate() {
        for i in 0..N {
            for field in C::draw(split, &mut stream(split, 13, i)).fields() {
                counts.entry(field).or_default()[s] += 1.0;
            }
        }
    }
    // The largest difference from the share over all splits, chi-square, and degrees of freedom.
    let mut fields: std::collections::BTreeMap<&str, (f64, f64, f64)> = Default::default();
    for ((name, value), counts) in counts {
        let mean = counts.iter().sum::<f64>() / 4.0;
        let entry = fields.entry(name).or_insert((0.0, 0.0, -3.0));
        for count in counts {
            let off = (count - mean).abs() / N as f64;
            assert!(off <= 0.02, "{name} {value}: {counts:?}");
            entry.0 = entry.0.max(off);
            entry.1 += (count - mean).powi(2) / mean;
        }
        entry.2 += 3.0;
    }
    for (name, (off, chi, freedom)) in fields {
        println!("{} {name}: {:.2} points, chi-square {chi:.1} / {freedom}", C::DOMAIN.name(), 100.0 * off);
        assert!(chi <= freedom + 5.0 * (2.0 * freedom).sqrt(), "{name}: chi-square {chi} / {freedom}");
    }
}

fn splits_share_no_combination<C: Content>() {
    assert!(Split::ALL.iter().all(|s| C::held_out()["splits"][s.name()]["first"].is_array()));
    let mut seen: std::collections::HashMap<String, Split> = Default::default();
    for split in Split::ALL {
        for i in 0..5000 {
            let content = C::draw(split, &mut stream(split, 7, i));
            assert_eq!(content.split(), Some(split));
            let other = *seen.entry(content.prompt()).or_insert(split);
            assert_eq!(other, split, "two splits share a prompt: {}", content.prompt());
        }
    }
}

fn random_layouts_are_rarely_good_and_repaired_ones_always<C: Content>() {
    let mut good = 0;
    for i in 0..1000 {
        let content = C::draw(Split::Train, &mut stream(Split::Train, 7, i));
        let mut rng = stream(Split::Train, 8, i);
        let layout = C::Layout::random(&mut rng);
        good += usize::from(content.good(&layout));
        let repaired = content.repair(&layout, &mut rng);
        assert!(content.good(&repaired), "{content:?} {repaired:?}");
        assert_eq!(free(&repaired), free(&layout), "other choices are kept");
        if content.good(&layout) {
            assert_eq!(repaired, layout, "a good layout is kept");
        }
        let surely = content.repair_surely(&layout, &mut rng);
        assert!(content.good(&surely), "{content:?} {surely:?}");
        assert_eq!(free(&surely), free(&layout), "other choices are kept");
    }
    println!("{}: random layouts good: {good} of 1000", C::DOMAIN.name());
    assert!((5..80).contains(&good), "{good} of 1000 random layouts are good");
}

fn a_third_of_the_realistic_references_is_not_good<C: Content>() {
    const N: u64 = 900;
    let world = World::of(C::DOMAIN, C::LANGUAGE).unwrap();
    let mut flawed = 0;
    for i in 0..N {
        let [gold, realistic] = [References::Gold, References::Realistic]
            .map(|references| world.task_with(references, Split::Train, 3, i));
        assert_eq!(gold, world.task(Split::Train, 3, i));
        assert_eq!((&gold.id, &gold.prompt), (&realistic.id, &realistic.prompt));
        assert_eq!(realistic, world.task_with(References::Realistic, Split::Train, 3, i), "one per task");
        let good = world.good(Split::Train, 3, i, realistic.reference.as_deref().unwrap()).unwrap();
        assert!(good.exact);
        assert!(!good.layout || gold == realistic, "a good reference is the gold one");
        flawed += u64::from(!good.layout);
    }
    println!("{}: {flawed} of {N} realistic references are not good", C::DOMAIN.name());
    // Four standard deviations of a binomial.
    let (mean, deviation) = (N as f64 / 3.0, (N as f64 * 2.0 / 9.0).sqrt());
    assert!((flawed as f64 - mean).abs() <= 4.0 * deviation, "{flawed} of {N}");
}

fn layouts_are_read_back_from_code<C: Content>() {
    for i in 0..200 {
        let mut rng = stream(Split::Train, 9, i);
        let (content, layout) = (C::draw(Split::Train, &mut rng), C::Layout::random(&mut rng));
        let code = content.code(&layout, None);
        assert_eq!(C::Layout::read(&code).as_ref(), Some(&layout));
        let slip = C::Slip::random(&mut rng);
        assert_ne!(content.code(&layout, Some(slip)), code, "{slip:?}");
        for (at, _) in code.char_indices() {
            C::Layout::read(&code[..at]);
        }
    }
    assert_eq!(C::Layout::read("print(1)"), None);
}

fn choices_are_read_and_made_from_numbers<C: Content>() {
    let all = C::Layout::every();
    for (i, layout) in all.iter().enumerate() {
        let choices = layout.choices();
        let names: Vec<_> = C::Layout::CHOICES.iter().map(|c| c.0).collect();
        assert_eq!(choices[..names.len()].iter().map(|c| c.0).collect::<Vec<_>>(), names);
        assert!(choices[names.len()..].iter().all(|(name, _)| name.ends_with(')')));
        let values: Vec<usize> = choices[..names.len()].iter().map(|c| c.1).collect();
        assert_eq!(&C::Layout::FIRST.with(&values), layout);
        assert_eq!(all.iter().position(|l| l == layout), Some(i));
    }
}

fn answers_are_evaluated_by_geometry<C: Content>() {
    let world = World::of(C::DOMAIN, C::LANGUAGE).unwrap();
    let (mut held_back, n) = (0, 400);
    for i in 0..n {
        let task = world.task(Split::Dev, 5, i);
        let code = task.reference.unwrap();
        let good = world.good(Split::Dev, 5, i, &code).unwrap();
        assert!(good.layout && good.exact, "{good:?}\n{code}");
        held_back += u64::from(good.held_back);
        let content = C::draw(Split::Dev, &mut stream(Split::Dev, 5, i));
        let other = C::Layout::random(&mut stream(Split::Dev, 6, i));
        let good = world.good(Split::Dev, 5, i, &content.code(&other, None)).unwrap();
        assert_eq!((good.layout, good.held_back), (content.good(&other), content.held_back_ok(&other)));
        assert!(!world.good(Split::Dev, 5, i, &format!("{code}\nx")).unwrap().exact);
    }
    println!("{}: held-back choice good in {held_back} of {n} references", C::DOMAIN.name());
    assert!((n / 2..n * 9 / 10).contains(&held_back), "{held_back} of {n}");
    assert_eq!(world.good(Split::Dev, 5, 0, "print(1)"), None);
}

fn tasks_are_functions_of_split_seed_and_index<C: Content>() {
    let a = task::<C>(References::Gold, Split::Train, 1, 5);
    assert_eq!(a, task::<C>(References::Gold, Split::Train, 1, 5));
    assert_ne!(a.prompt, task::<C>(References::Gold, Split::Train, 1, 6).prompt);
    assert_ne!(a.prompt, task::<C>(References::Gold, Split::Train, 2, 5).prompt);
    println!("{}\n---\n{}", a.prompt, a.reference.unwrap());
}

/// One module per world, so that each test has its own name.
macro_rules! tests_of {
    ($world:ident $content:ty: $($test:ident)*) => {
        mod $world {
            $(#[test]
            fn $test() {
                super::$test::<$content>();
            })*
        }
    };
}

macro_rules! every_test_of {
    ($($world:ident $content:ty;)*) => {
        $(tests_of! { $world $content:
            reading_less_than_two_fields_per_choice_is_not_enough
            every_field_has_the_same_shares_in_all_splits
            splits_share_no_combination
            random_layouts_are_rarely_good_and_repaired_ones_always
            a_third_of_the_realistic_references_is_not_good
            layouts_are_read_back_from_code
            choices_are_read_and_made_from_numbers
            answers_are_evaluated_by_geometry
            tasks_are_functions_of_split_seed_and_index
        })*
    };
}

every_test_of! {
    chart crate::mini::chart::Content;
    web crate::mini::web::Content;
    slide crate::mini::slide::Content<crate::mini::slide::Html>;
    deck crate::mini::slide::Content<crate::mini::slide::Python>;
}

#[test]
fn every_world_has_tasks_of_its_domain_and_constant_answers() {
    for world in World::ALL {
        assert_eq!(World::of(world.domain(), world.language()), Some(world));
        let task = world.task(Split::Test, 3, 0);
        assert_eq!((task.domain, task.language), (world.domain(), world.language()));
        assert!(task.id.starts_with(world.benchmark()), "{}", task.id);
        let constant = world.constant_answers(Split::Test, 3, 20);
        let choices: Vec<_> = constant.iter().map(|code| world.choices(code)).collect();
        assert!(choices[0].is_some() && choices.iter().all(|c| *c == choices[0]), "one layout for all");
        assert_ne!(constant[0], constant[1]);
    }
    assert_eq!(World::of(Domain::Chart, Language::Html), None);
}

#[test]
fn the_old_name_of_the_evaluation_split_names_the_new_ones() {
    for split in Split::ALL {
        assert_eq!(split.name().parse(), Ok(split));
    }
    let error = "heldout".parse::<Split>().unwrap_err().to_string();
    assert!(error.contains("\"dev\"") && error.contains("\"test\"") && !error.contains('\n'), "{error}");
    assert!("none".parse::<Split>().unwrap_err().to_string().contains("; help: use"));
}
