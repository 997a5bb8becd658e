//! The arms of `tune`: one search of learning rate and clip, the same for every arm.

use super::arms::reproduce;
use super::{Arm, Kind, wrong};
use crate::error::TrainError;

/// Learning rates.
const RATES: [&str; 4] = ["1e-4", "2e-4", "5e-4", "1e-3"];
/// Largest norms of a gradient.
const CLIPS: [&str; 2] = ["0.3", "1.0"];

/// Every learning rate with every clip of an arm of `reproduce`.
///
/// # Errors
/// An arm that is unknown or not trained.
pub fn search(name: &str) -> Result<Vec<Arm>, TrainError> {
    let arms: Vec<Arm> = reproduce().into_iter().filter(|arm| arm.kind == Kind::Trained).collect();
    let Some(arm) = arms.iter().find(|arm| arm.name == name) else {
        let names: Vec<&str> = arms.iter().map(|arm| arm.name.as_str()).collect();
        return Err(wrong(
            "tune",
            format!("no trained arm is called {name:?}"),
            &format!("use {}", names.join(", ")),
        ));
    };
    let all = CLIPS.iter().flat_map(|clip| RATES.map(|rate| (rate, *clip)));
    Ok(all.map(|(rate, clip)| variant(arm, rate, clip)).collect())
}

fn variant(arm: &Arm, rate: &str, clip: &str) -> Arm {
    let mut set = arm.set.clone();
    set.extend([format!("optim.lr={rate}"), format!("optim.max_grad_norm={clip}")]);
    let label = format!("{}, lr {rate}, clip {clip}", arm.label);
    Arm { name: format!("lr-{rate}-clip-{clip}"), label, set, ..arm.clone() }
}
