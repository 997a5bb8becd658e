//! Which items each update of a step takes.

use crate::batch::Item;
use crate::step::StepContext;

/// One update of a step.
#[derive(Debug, PartialEq)]
pub(super) struct Update {
    /// The pass over the batch, from 0.
    pub pass: usize,
    /// Positions in the batch.
    pub items: Vec<usize>,
    /// Prompts of the batch over prompts of this update. With it, the mean of the losses over the
    /// updates of one pass is the loss of the batch, whose denominators the multipliers hold.
    pub scale: f32,
}

/// The updates of a step: the whole batch in its order, or every pass in mini-batches. These hold
/// whole prompts, in an order that depends on seed, step and pass alone.
pub(super) fn updates(items: &[Item], context: &StepContext) -> Vec<Update> {
    let optim = &context.recipe.optim;
    let prompts = by_prompt(items);
    let parts = optim.mini_batches.min(prompts.len());
    if parts <= 1 {
        let whole = |pass| Update { pass, items: (0..items.len()).collect(), scale: 1.0 };
        return (0..optim.updates_per_batch).map(whole).collect();
    }
    let mut all = Vec::new();
    for pass in 0..optim.updates_per_batch {
        let order = shuffled(prompts.len(), [context.recipe.seed, context.step as u64, pass as u64]);
        for part in 0..parts {
            let chosen = &order[part * order.len() / parts..(part + 1) * order.len() / parts];
            let mut items: Vec<usize> = chosen.iter().flat_map(|&p| prompts[p].iter().copied()).collect();
            items.sort_unstable();
            all.push(Update { pass, items, scale: prompts.len() as f32 / chosen.len() as f32 });
        }
    }
    all
}

/// The positions of the items of each prompt.
fn by_prompt(items: &[Item]) -> Vec<Vec<usize>> {
    let mut groups: Vec<(*const _, Vec<usize>)> = Vec::new();
    for (i, item) in items.iter().enumerate() {
        let prompt = std::ptr::from_ref(item.prompt);
        match groups.iter_mut().find(|(p, _)| *p == prompt) {
            Some((_, group)) => group.push(i),
            None => groups.push((prompt, vec![i])),
        }
    }
    groups.into_iter().map(|(_, group)| group).collect()
}

/// A permutation of `0..n`, by the order of a hash.
fn shuffled(n: usize, key: [u64; 3]) -> Vec<usize> {
    let key = key.into_iter().fold(0, |hash, part| mix(hash ^ part));
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by_key(|&i| mix(key ^ i as u64));
    order
}

/// The finalizer of splitmix64.
fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}
