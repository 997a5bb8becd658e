//! The colour distance of ChartMimic (docs/specs/chartmimic.md, 7.3) and Design2Code
//! (docs/specs/design2code.md, 11): sRGB to CIE L*a*b* under D65, then CIEDE2000 with all weights
//! 1.

/// A colour in CIE L*a*b*.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lab {
    /// Lightness.
    pub l: f64,
    /// Green to red.
    pub a: f64,
    /// Blue to yellow.
    pub b: f64,
}

const TO_XYZ: [[f64; 3]; 3] =
    [[0.412424, 0.357579, 0.180464], [0.212656, 0.715158, 0.0721856], [0.0193324, 0.119193, 0.950444]];
const WHITE: [f64; 3] = [0.95047, 1.0, 1.08883];

impl Lab {
    /// From `#` and six hexadecimal digits; further digits, the alpha, are ignored. `None` for
    /// other texts.
    pub fn of_hex(token: &str) -> Option<Self> {
        let digits = token.strip_prefix('#')?;
        let byte = |at: usize| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok();
        Some(Self::of_rgb([byte(0)?, byte(2)?, byte(4)?].map(f64::from)))
    }

    /// From channels of 0 to 255.
    pub fn of_rgb(rgb: [f64; 3]) -> Self {
        let linear = rgb.map(|v| {
            let v = v / 255.0;
            if v <= 0.04045 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) }
        });
        let mut f = [0.0; 3];
        for (i, row) in TO_XYZ.iter().enumerate() {
            let xyz: f64 = row.iter().zip(linear).map(|(m, v)| m * v).sum();
            let t = xyz / WHITE[i];
            f[i] = if t > 216.0 / 24389.0 { t.powf(1.0 / 3.0) } else { 7.787 * t + 16.0 / 116.0 };
        }
        Self { l: 116.0 * f[1] - 16.0, a: 500.0 * (f[0] - f[1]), b: 200.0 * (f[1] - f[2]) }
    }
}

/// CIEDE2000. The mean hue is not brought below 360 degrees, as in the library that the benchmarks
/// use; this changes the rotation term where the hues lie on both sides of red.
pub fn difference(x: Lab, y: Lab) -> f64 {
    let seventh = |c: f64| (c.powi(7) / (c.powi(7) + 25f64.powi(7))).sqrt();
    let g = 0.5 * (1.0 - seventh((x.a.hypot(x.b) + y.a.hypot(y.b)) / 2.0));
    let polar = |v: Lab| {
        let a = (1.0 + g) * v.a;
        let hue = v.b.atan2(a).to_degrees();
        (a.hypot(v.b), if hue < 0.0 { hue + 360.0 } else { hue })
    };
    let ((c1, h1), (c2, h2)) = (polar(x), polar(y));
    let (l, c) = ((x.l + y.l) / 2.0, (c1 + c2) / 2.0);
    let far = (h1 - h2).abs() > 180.0;
    let h = (h1 + h2 + if far { 360.0 } else { 0.0 }) / 2.0;
    let cos = |degrees: f64| degrees.to_radians().cos();
    let t = 1.0 - 0.17 * cos(h - 30.0) + 0.24 * cos(2.0 * h) + 0.32 * cos(3.0 * h + 6.0)
        - 0.2 * cos(4.0 * h - 63.0);
    let turn = match (far, h2 > h1) {
        (false, _) => h2 - h1,
        (true, true) => h2 - h1 - 360.0,
        (true, false) => h2 - h1 + 360.0,
    };
    let (dl, dc) = (y.l - x.l, c2 - c1);
    let dh = 2.0 * (c1 * c2).sqrt() * (turn / 2.0).to_radians().sin();
    let from_middle = (l - 50.0) * (l - 50.0);
    let sl = 1.0 + 0.015 * from_middle / (20.0 + from_middle).sqrt();
    let (sc, sh) = (1.0 + 0.045 * c, 1.0 + 0.015 * c * t);
    let rotation = 30.0 * (-((h - 275.0) / 25.0).powi(2)).exp();
    let rt = -2.0 * seventh(c) * (2.0 * rotation).to_radians().sin();
    let (l, c, h) = (dl / sl, dc / sc, dh / sh);
    (l * l + c * c + h * h + rt * c * h).max(0.0).sqrt()
}
