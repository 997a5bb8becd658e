//! The colours of the worlds, and which text colours are readable on which backgrounds. The lists
//! are short because the policy is small.

/// Background colours: four light ones, then four dark ones.
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
pub const LIGHT_GROUNDS: usize = 4;

/// Background colours of pages and slides: two light ones, then two dark ones.
pub const PAGES: [&str; 4] = ["white", "ivory", "black", "navy"];
/// How many of [`PAGES`] are light.
pub const LIGHT_PAGES: usize = 2;

/// Colours of large texts. On light pages the contrast of the first two is between 3 and 4.5 and
/// that of the others above 4.5; on dark pages it is the other way round.
pub const ACCENTED: [&str; 4] = ["orangered", "dodgerblue", "crimson", "teal"];
/// The values of [`ACCENTED`].
pub const ACCENTED_RGB: [[u8; 3]; 4] = [[255, 69, 0], [30, 144, 255], [220, 20, 60], [0, 128, 128]];

/// Text colours: two that are readable on light backgrounds, then two for dark ones.
pub const INKS: [&str; 4] = ["black", "darkblue", "white", "yellow"];

/// How many of [`INKS`] are readable on light backgrounds.
pub const DARK_INKS: usize = 2;

/// Whether text of colour `ink` is readable on background `ground`; both are indices.
pub fn readable(ink: usize, ground: usize) -> bool {
    (ground < LIGHT_GROUNDS) == (ink < DARK_INKS)
}

/// `ink` if it is readable on `ground`, else its counterpart for the other kind of background.
pub fn made_readable(ink: usize, ground: usize) -> usize {
    if readable(ink, ground) { ink } else { (ink + DARK_INKS) % INKS.len() }
}
