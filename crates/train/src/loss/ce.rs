//! Cross-entropy on given tokens (SFT, warm start).

/// The loss of one token, -log p(y_t), and its slope with respect to log p(y_t).
pub(super) fn token(logp: f32) -> (f32, f32) {
    (-logp, -1.0)
}

/// Multipliers mask / N_ce for the tokens of one micro-batch, with N_ce counted over the whole
/// step.
pub fn mean_over(mask: &[bool], tokens_of_step: usize) -> Vec<f32> {
    let one = 1.0 / tokens_of_step.max(1) as f32;
    mask.iter().map(|&m| if m { one } else { 0.0 }).collect()
}
