//! The contrast of a text with what is behind it, by WCAG 2; charts and pages share it.

use crate::color::contrast;
use crate::scene::{hex, over};
use vsdpo_artifact::{Element, Level};

/// Minimum ratio for text, and for large text (WCAG 2, 1.4.3).
const LEAST: (f32, f32) = (4.5, 3.0);
/// Font size in pixels from which text is large: 18 points of 1/72 inch at 96 dpi.
pub(crate) const LARGE: f32 = 24.0;

/// Ratio from which on a failing text can still be read: small and large text. Such findings are
/// notes.
const LEGIBLE: (f32, f32) = (3.0, 2.0);

/// A text with its two colours.
pub(crate) struct Contrast<'a> {
    pub(crate) element: &'a Element,
    /// Colour of the letters, alpha blended.
    pub(crate) ink: [u8; 3],
    /// Colour behind them.
    pub(crate) ground: [u8; 3],
    /// From 1 to 21.
    pub(crate) ratio: f32,
    large: bool,
}

impl<'a> Contrast<'a> {
    /// The contrast of letters of `color` on `ground`.
    pub(crate) fn new(element: &'a Element, color: [u8; 4], ground: [u8; 3], large: bool) -> Self {
        Self::of_ink(element, over(color, ground), ground, large)
    }

    /// The contrast of letters that are drawn in the colour `ink` on `ground`.
    pub(crate) fn of_ink(element: &'a Element, ink: [u8; 3], ground: [u8; 3], large: bool) -> Self {
        Contrast { element, ink, ground, ratio: contrast(ink, ground), large }
    }

    /// The ratio that is required.
    pub(crate) fn least(&self) -> f32 {
        if self.large { LEAST.1 } else { LEAST.0 }
    }

    pub(crate) fn fails(&self) -> bool {
        self.ratio < self.least()
    }

    /// The ratio as a multiple of the required minimum.
    pub(crate) fn margin(&self) -> f32 {
        self.ratio / self.least()
    }

    /// A note where the text can still be read.
    pub(crate) fn level(&self) -> Level {
        let legible = if self.large { LEGIBLE.1 } else { LEGIBLE.0 };
        if self.ratio >= legible { Level::Note } else { Level::Warning }
    }

    /// The colour for the letters that reaches the minimum with the smallest change, which keeps
    /// their hue; `None` where neither darker nor lighter letters do.
    pub(crate) fn help(&self) -> Option<String> {
        const STEPS: u32 = 64;
        let toward = |end: u8| {
            let mixed = move |step: u32| {
                self.ink.map(|c| {
                    let (c, end) = (u32::from(c), u32::from(end));
                    ((c * (STEPS - step) + end * step) / STEPS) as u8
                })
            };
            (0..=STEPS)
                .map(|step| (step, mixed(step)))
                .find(|(_, c)| contrast(*c, self.ground) >= self.least())
        };
        let nearest = [0, 255].into_iter().filter_map(toward).min_by_key(|(step, _)| *step);
        let (_, ink) = nearest?;
        let reached = (contrast(ink, self.ground) * 10.0 + 1e-3).floor() / 10.0;
        Some(format!("{} on {} reaches {reached:.1}", hex(ink), hex(self.ground)))
    }

    /// As in `#eeeeee on #ffffff 1.2`. The ratio is rounded down, so that a printed 4.5 passes.
    pub(crate) fn colours(&self) -> String {
        format!("{} on {} {:.1}", hex(self.ink), hex(self.ground), (self.ratio * 10.0 + 1e-3).floor() / 10.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vsdpo_artifact::ElementKind;

    #[test]
    fn legible_texts_are_notes_and_the_help_reaches_the_minimum() {
        let e = Element::new(0, ElementKind::Text, [0.0; 4].into());
        let of =
            |ink: [u8; 3], ground, large| Contrast::new(&e, [ink[0], ink[1], ink[2], 255], ground, large);
        let white = [255; 3];
        assert_eq!(of([0x77; 3], white, false).level(), Level::Note, "4.47");
        assert_eq!(of([0xaa; 3], white, false).level(), Level::Warning, "2.3");
        assert_eq!(of([0xaa; 3], white, true).level(), Level::Note, "2.3, large");
        assert_eq!(of([0xee; 3], white, true).level(), Level::Warning, "1.1, large");
        let help = |ink, ground| of(ink, ground, false).help();
        assert_eq!(help([0x77; 3], white).as_deref(), Some("#757575 on #ffffff reaches 4.6"));
        assert_eq!(help([0x40; 3], [0; 3]).as_deref(), Some("#757575 on #000000 reaches 4.5"));
        // On a middle grey white reaches 4.3 at most, and black 4.8.
        assert_eq!(help([255; 3], [0x7a; 3]).as_deref(), Some("#0b0b0b on #7a7a7a reaches 4.5"));
    }
}
