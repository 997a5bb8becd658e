//! Perceived colours: contrast, distance, and colour blindness.

/// WCAG 2 contrast ratio of two opaque colours, from 1 to 21.
pub(crate) fn contrast(a: [u8; 3], b: [u8; 3]) -> f32 {
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

/// WCAG 2 relative luminance of an sRGB colour.
fn luminance(c: [u8; 3]) -> f32 {
    let [r, g, b] = linear(c);
    0.2126 * r + 0.7152 * g + 0.0722 * b
}

/// Linear RGB, from 0 to 1, of an sRGB colour.
fn linear(c: [u8; 3]) -> [f32; 3] {
    c.map(|v| {
        let v = v as f32 / 255.0;
        if v <= 0.04045 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) }
    })
}

/// Normal colour vision, and the three kinds of colour blindness.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ColorVision {
    Normal,
    /// No long-wave cones.
    Protan,
    /// No middle-wave cones.
    Deutan,
    /// No short-wave cones.
    Tritan,
}

impl ColorVision {
    pub(crate) const ALL: [ColorVision; 4] =
        [ColorVision::Normal, ColorVision::Protan, ColorVision::Deutan, ColorVision::Tritan];

    /// The name for reports: `protan` and so on; empty for normal vision.
    pub(crate) fn name(self) -> &'static str {
        ["", "protan", "deutan", "tritan"][self as usize]
    }

    /// The condition, with how many people have it (complete or partial, in populations of European
    /// origin; Birch 2012).
    pub(crate) fn condition(self) -> &'static str {
        [
            "normal vision",
            "red-blindness (protan; about 2 men in 100)",
            "green-blindness (deutan; about 6 men in 100)",
            "blue-blindness (tritan; about 1 person in 10,000)",
        ][self as usize]
    }

    /// Linear RGB as perceived with this vision: Machado, Oliveira and Fernandes 2009, severity 1.
    fn simulate(self, [r, g, b]: [f32; 3]) -> [f32; 3] {
        let rows = match self {
            ColorVision::Normal => return [r, g, b],
            ColorVision::Protan => [
                [0.152286, 1.052583, -0.204868],
                [0.114503, 0.786281, 0.099216],
                [-0.003882, -0.048116, 1.051998],
            ],
            ColorVision::Deutan => [
                [0.367322, 0.860646, -0.227968],
                [0.280085, 0.672501, 0.047413],
                [-0.011820, 0.042940, 0.968881],
            ],
            ColorVision::Tritan => [
                [1.255528, -0.076749, -0.178779],
                [-0.078411, 0.930809, 0.147602],
                [0.004733, 0.691367, 0.303900],
            ],
        };
        rows.map(|[x, y, z]| (x * r + y * g + z * b).clamp(0.0, 1.0))
    }
}

/// Perceived difference of two colours: the distance in Oklab (Ottosson 2020) times 100, so that
/// black and white are 100 apart and about 2 is just noticeable side by side.
pub(crate) fn difference(a: [u8; 3], b: [u8; 3], vision: ColorVision) -> f32 {
    let [a, b] = [a, b].map(|c| oklab(vision.simulate(linear(c))));
    100.0 * (0..3).map(|i| (a[i] - b[i]).powi(2)).sum::<f32>().sqrt()
}

fn oklab([r, g, b]: [f32; 3]) -> [f32; 3] {
    let l = (0.412_221_46 * r + 0.536_332_55 * g + 0.051_445_995 * b).cbrt();
    let m = (0.211_903_5 * r + 0.680_699_5 * g + 0.107_396_96 * b).cbrt();
    let s = (0.088_302_46 * r + 0.281_718_85 * g + 0.629_978_7 * b).cbrt();
    [
        0.210_454_26 * l + 0.793_617_8 * m - 0.004_072_047 * s,
        1.977_998_5 * l - 2.428_592_2 * m + 0.450_593_7 * s,
        0.025_904_037 * l + 0.782_771_77 * m - 0.808_675_77 * s,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_match_published_values() {
        assert!((contrast([0; 3], [255; 3]) - 21.0).abs() < 1e-3);
        assert!((contrast([0x77; 3], [255; 3]) - 4.478).abs() < 1e-3);
        assert!((contrast([0x76; 3], [255; 3]) - 4.542).abs() < 1e-3);
        assert!((contrast([255, 0, 0], [255; 3]) - 3.998).abs() < 1e-3);
        assert_eq!(contrast([9, 8, 7], [9, 8, 7]), 1.0);
    }

    #[test]
    fn oklab_matches_published_values() {
        // The values that accompany the definition: red is (0.628, 0.225, 0.126).
        let near = |c: [u8; 3], want: [f32; 3]| {
            let got = oklab(linear(c));
            assert!((0..3).all(|i| (got[i] - want[i]).abs() < 1e-3), "{c:?} {got:?}");
        };
        near([255; 3], [1.0, 0.0, 0.0]);
        near([255, 0, 0], [0.628, 0.225, 0.126]);
        near([0, 255, 0], [0.866, -0.234, 0.179]);
        near([0, 0, 255], [0.452, -0.032, -0.312]);
        assert!((difference([0; 3], [255; 3], ColorVision::Normal) - 100.0).abs() < 0.01);
    }

    #[test]
    fn red_and_green_are_similar_with_colour_blindness() {
        let (red, green) = ([200, 80, 40], [110, 130, 30]);
        let differences = ColorVision::ALL.map(|s| difference(red, green, s));
        assert!(differences[0] > 15.0 && differences[1] < 15.0 && differences[2] < 10.0, "{differences:?}");
        // Greys do not depend on the kind of vision.
        for vision in ColorVision::ALL {
            assert!(
                (difference([40; 3], [200; 3], vision) - difference([40; 3], [200; 3], ColorVision::Normal))
                    .abs()
                    < 1.5
            );
        }
    }
}
