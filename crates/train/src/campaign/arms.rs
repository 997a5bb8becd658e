//! The arms of `reproduce`: one table for every domain.

use super::{Arm, Kind};

/// The arm that all others are compared with.
pub const MAIN: &str = "visual-sdpo";

/// A row: name, label, recipe, what becomes of it, overrides. The recipe's file is
/// `recipes/<domain>-<recipe>.toml`.
type Row = (&'static str, &'static str, &'static str, Kind, &'static [&'static str]);

const GOLD: &[&str] = &["data.references=gold"];
const REALISTIC: &[&str] = &["data.references=realistic"];

use Kind::{Base, Constant, Trained};

#[rustfmt::skip]
const ROWS: [Row; 15] = [
    ("base", "Base model", "visual-sdpo", Base, &[]),
    ("best-constant", "Best constant layout", "visual-sdpo", Constant, &[]),
    ("sft-realistic", "SFT, realistic references", "sft", Trained, REALISTIC),
    ("sft-gold", "SFT, gold references", "sft", Trained, GOLD),
    ("rft", "RFT on its own clean rollouts", "rft", Trained, &[]),
    ("opsd-realistic", "OPSD, realistic references", "opsd", Trained, REALISTIC),
    ("opsd-gold", "OPSD, gold references", "opsd", Trained, GOLD),
    ("grpo", "GRPO", "grpo", Trained, &[]),
    ("distillation", "Distillation alone", "visual-sdpo", Trained, &["grpo.weight=0"]),
    ("visual-sdpo-1", "Visual-SDPO, amplify 1", "visual-sdpo", Trained, &["credit.amplify=1"]),
    (MAIN, "Visual-SDPO, amplify 3", "visual-sdpo", Trained, &["credit.amplify=3"]),
    ("visual-sdpo-10", "Visual-SDPO, amplify 10", "visual-sdpo", Trained, &["credit.amplify=10"]),
    ("shuffled-weights", "Control: weights shuffled among statements", "visual-sdpo", Trained,
        &["credit.amplify=3", "credit.placement=shuffled"]),
    ("no-picture", "Visual-SDPO without the picture", "visual-sdpo", Trained,
        &["credit.amplify=3", "distill.channels=[\"rubric\"]"]),
    ("shuffled-feedback", "Control: feedback on another task", "visual-sdpo", Trained,
        &["credit.amplify=3", "distill.feedback=shuffled"]),
];

/// The arms of `reproduce`, in the order of the table.
pub fn reproduce() -> Vec<Arm> {
    let arm = |(name, label, recipe, kind, set): Row| Arm {
        name: name.into(),
        label: label.into(),
        recipe: recipe.into(),
        set: set.iter().map(|s| (*s).to_owned()).collect(),
        kind,
        world_only: kind == Constant || set == GOLD,
    };
    ROWS.map(arm).into()
}
