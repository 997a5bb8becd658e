//! Colours that both worlds use: few words for a small policy, and the same rule of what can be
//! read on what.

/// Colours of the ground that text stands on: four light ones, then four dark ones.
pub const GROUNDS: [(&str, [u8; 3]); 8] = [
    ("white", [255, 255, 255]),
    ("ivory", [255, 255, 240]),
    ("lightcyan", [224, 255, 255]),
    ("lavender", [230, 230, 250]),
    ("black", [0, 0, 0]),
    ("navy", [0, 0, 128]),
    ("maroon", [128, 0, 0]),
    ("indigo", [75, 0, 130]),
];

/// How many of [`GROUNDS`] are light.
const LIGHT_GROUNDS: usize = 4;

/// Colours of text: two that stand out on light ground, then two for dark ground.
pub const INKS: [&str; 4] = ["black", "darkblue", "white", "yellow"];

/// How many of [`INKS`] suit light ground.
pub const DARK_INKS: usize = 2;

/// Whether text of colour `ink` can be read on `ground`.
pub fn readable(ink: usize, ground: usize) -> bool {
    (ground < LIGHT_GROUNDS) == (ink < DARK_INKS)
}

/// The colour itself if it can be read on `ground`, else its counterpart that can.
pub fn made_readable(ink: usize, ground: usize) -> usize {
    if readable(ink, ground) { ink } else { (ink + DARK_INKS) % INKS.len() }
}
