//! The aspect ratio: docs/specs/aeslides.md, 2.

/// What every slide should have.
const RATIO: f64 = 16.0 / 9.0;
/// Slope of the penalty on both sides.
const ALPHA: f64 = 16.0;
/// Slope of the further penalty on slides that are too tall.
const BETA: f64 = 64.0;
/// How much too tall, as a logarithm, a slide may be before that penalty.
const MARGIN: f64 = 0.04;

/// Whether a document of this size in pixels is 16:9 to the pixel.
pub(crate) fn compliant(width: f64, height: f64) -> bool {
    height > 0.0 && (height - width / RATIO).abs() <= 1.0
}

/// The reward of a document of this size in pixels, from 0 to 1.
pub(super) fn reward(width: f64, height: f64) -> f64 {
    within(width, height, [RATIO, RATIO])
}

/// The reward where every ratio between the two gets all of it.
pub(super) fn within(width: f64, height: f64, [low, high]: [f64; 2]) -> f64 {
    // Also false for what is not a number.
    let real = width > 0.0 && height > 0.0;
    if !real {
        return 0.0;
    }
    let ratio = width / height;
    if (low..=high).contains(&ratio) {
        return 1.0;
    }
    let error = if ratio > high { (ratio / high).ln() } else { (ratio / low).ln() };
    (-ALPHA * error * error - BETA * (-error - MARGIN).max(0.0).powi(2)).exp()
}
