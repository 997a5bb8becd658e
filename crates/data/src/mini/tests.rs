//! Tests that every world must pass.

use super::*;

/// The choices of a layout that do not affect whether it is good.
fn neutral(layout: &impl Layout) -> Vec<(&'static str, usize)> {
    layout.choices().into_iter().filter(|(name, _)| name.ends_with("(neutral)")).collect()
}

/// Hashes of the tasks of charts and of pages.
const HASHES: (u64, u64) = (10_446_496_158_413_170_112, 23_191_945_169_567_241);

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
            let task = task::<C>(split, seed, index);
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

fn no_constant_layout_is_good_for_more_than_a_fifth_of_the_contents<C: Content>() {
    for split in Split::ALL {
        let (best, share) = best_constant::<C>(split, 7, 1000);
        println!("{}/{}: {share} {best:?}", C::DOMAIN.name(), split.name());
        assert!(share <= 0.20, "{}: {best:?} is good for {share}", split.name());
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
        assert_eq!(neutral(&repaired), neutral(&layout), "neutral choices are kept");
        if content.good(&layout) {
            assert_eq!(repaired, layout, "a good layout is kept");
        }
    }
    println!("{}: random layouts good: {good} of 1000", C::DOMAIN.name());
    assert!((5..80).contains(&good), "{good} of 1000 random layouts are good");
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

fn tasks_are_functions_of_split_seed_and_index<C: Content>() {
    let a = task::<C>(Split::Train, 1, 5);
    assert_eq!(a, task::<C>(Split::Train, 1, 5));
    assert_ne!(a.prompt, task::<C>(Split::Train, 1, 6).prompt);
    assert_ne!(a.prompt, task::<C>(Split::Train, 2, 5).prompt);
    println!("{}\n---\n{}", a.prompt, a.reference.unwrap());
}

/// One module per world, so that each test has its own name.
macro_rules! tests_of {
    ($world:ident: $($test:ident)*) => {
        mod $world {
            $(#[test]
            fn $test() {
                super::$test::<crate::mini::$world::Content>();
            })*
        }
    };
}

macro_rules! every_test_of {
    ($($world:ident)*) => {
        $(tests_of! { $world:
            no_constant_layout_is_good_for_more_than_a_fifth_of_the_contents
            random_layouts_are_rarely_good_and_repaired_ones_always
            layouts_are_read_back_from_code
            tasks_are_functions_of_split_seed_and_index
        })*
    };
}

every_test_of! { chart web }

#[test]
fn every_world_has_tasks_of_its_domain_and_constant_answers() {
    for world in [World::Chart, World::Web] {
        assert_eq!(World::of(world.domain()), Some(world));
        let task = world.task(Split::Heldout, 3, 0);
        assert_eq!(task.domain, world.domain());
        assert!(task.id.starts_with(world.benchmark()), "{}", task.id);
        let constant = world.constant_answers(Split::Heldout, 3, 20);
        let choices: Vec<_> = constant.iter().map(|code| world.choices(code)).collect();
        assert!(choices[0].is_some() && choices.iter().all(|c| *c == choices[0]), "one layout for all");
        assert_ne!(constant[0], constant[1]);
    }
}
