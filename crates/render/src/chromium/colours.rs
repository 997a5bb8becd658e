//! Computed colours as sRGB, whatever notation the page uses.
//!
//! Browsers keep the space that a colour was written in: `oklch(0.7 0.1 200)`, `lab(90 0 0)`,
//! `color(display-p3 0.9 0.9 0.9 / 0.5)`. What lies outside of sRGB is cut per channel, as
//! Chromium does when it paints. The matrices are those of CSS Color 4, section 18.

/// A row-major matrix.
type Matrix = [[f64; 3]; 3];

const OKLAB_TO_LMS: Matrix = [
    [1.0, 0.396_337_777_376_174_9, 0.215_803_757_309_913_6],
    [1.0, -0.105_561_345_815_658_6, -0.063_854_172_825_813_3],
    [1.0, -0.089_484_177_529_811_9, -1.291_485_548_019_409_2],
];
const LMS_TO_LINEAR: Matrix = [
    [4.076_741_661_347_994, -3.307_711_590_408_193, 0.230_969_928_729_428_9],
    [-1.268_438_004_092_176, 2.609_757_400_663_372, -0.341_319_396_310_219_6],
    [-0.004_196_086_541_837, -0.703_418_614_459_450, 1.707_614_700_930_944_6],
];
/// From XYZ with the white of 5000 K to XYZ with that of 6500 K.
const D50_TO_D65: Matrix = [
    [0.955_473_421_488_075, -0.023_098_454_948_764_71, 0.063_259_243_200_570_72],
    [-0.028_369_709_333_863_7, 1.009_995_398_081_304_1, 0.021_041_441_191_917_323],
    [0.012_314_014_864_481_998, -0.020_507_649_298_898_964, 1.330_365_926_242_124],
];
const XYZ_TO_LINEAR: Matrix = [
    [3.240_969_941_904_522_6, -1.537_383_177_570_094, -0.498_610_760_293_003_4],
    [-0.969_243_636_280_879_6, 1.875_967_501_507_720_2, 0.041_555_057_407_175_59],
    [0.055_630_079_696_993_66, -0.203_976_958_888_976_52, 1.056_971_514_242_878_6],
];
const P3_TO_XYZ: Matrix = [
    [0.486_570_948_648_216_2, 0.265_667_693_169_093_06, 0.198_217_285_234_362_5],
    [0.228_974_564_069_748_8, 0.691_738_521_836_506_4, 0.079_286_914_093_745],
    [0.0, 0.045_113_381_858_902_64, 1.043_944_368_900_976],
];
const A98_TO_XYZ: Matrix = [
    [0.576_669_042_910_131_3, 0.185_558_237_906_546_3, 0.188_228_646_234_994_7],
    [0.297_344_975_250_536_05, 0.627_363_566_255_465_9, 0.075_291_458_493_997_86],
    [0.027_031_361_386_412_34, 0.070_688_852_535_827_23, 0.991_337_536_837_638_9],
];
const PROPHOTO_TO_XYZ: Matrix = [
    [0.797_766_644_905_644_2, 0.135_181_297_401_053_08, 0.031_347_738_417_928_85],
    [0.288_074_826_198_011_2, 0.711_835_234_241_873, 0.000_089_936_932_872_56],
    [0.0, 0.0, 0.825_104_602_510_460_2],
];
const REC2020_TO_XYZ: Matrix = [
    [0.636_958_048_301_291_4, 0.144_616_903_586_208_4, 0.168_880_975_164_172_1],
    [0.262_700_212_011_267_03, 0.677_998_071_518_871, 0.059_301_716_469_861_96],
    [0.0, 0.028_072_693_049_087_508, 1.060_985_057_710_791],
];
/// X, Y and Z of the white of 5000 K.
const D50: [f64; 3] = [0.3457 / 0.3585, 1.0, (1.0 - 0.3457 - 0.3585) / 0.3585];

/// A computed colour, its alpha times the opacity around it; `None` for what is no colour.
pub fn color(css: &str, opacity: f32) -> Option<[u8; 4]> {
    let (function, list) = css.trim().strip_suffix(')')?.split_once('(')?;
    let (space, list) = match function {
        "color" => list.split_once(' ')?,
        _ => (function, list),
    };
    let numbers = list.split([' ', ',', '/']).filter(|part| !part.is_empty());
    let numbers: Vec<f64> = numbers.map(number).collect::<Option<_>>()?;
    let (parts, alpha) = match *numbers.as_slice() {
        [a, b, c] => ([a, b, c], 1.0),
        [a, b, c, alpha] => ([a, b, c], alpha),
        _ => return None,
    };
    let rgb = match space {
        "rgb" | "rgba" => parts.map(|channel| channel / 255.0),
        _ => srgb(space, parts)?,
    };
    let [r, g, b] = rgb.map(|channel| (channel * 255.0).round() as u8);
    Some([r, g, b, (alpha as f32 * opacity * 255.0).round() as u8])
}

/// A number of a computed colour; channels without a value count as 0.
fn number(part: &str) -> Option<f64> {
    match part {
        "none" => Some(0.0),
        _ => part.trim_end_matches("deg").parse().ok().filter(|v: &f64| v.is_finite()),
    }
}

/// A colour of another space as sRGB, from 0 to 1.
fn srgb(space: &str, parts: [f64; 3]) -> Option<[f64; 3]> {
    let linear = match space {
        "srgb" => return Some(parts),
        "srgb-linear" => parts,
        "oklab" => oklab(parts),
        "oklch" => oklab(polar(parts)),
        "lab" => linear_of(times(D50_TO_D65, lab(parts))),
        "lch" => linear_of(times(D50_TO_D65, lab(polar(parts)))),
        "display-p3" => linear_of(times(P3_TO_XYZ, parts.map(linear_channel))),
        "a98-rgb" => linear_of(times(A98_TO_XYZ, parts.map(|v| power(v, 563.0 / 256.0)))),
        "prophoto-rgb" => {
            let linear = |v: f64| if v.abs() <= 16.0 / 512.0 { v / 16.0 } else { power(v, 1.8) };
            linear_of(times(D50_TO_D65, times(PROPHOTO_TO_XYZ, parts.map(linear))))
        }
        "rec2020" => linear_of(times(REC2020_TO_XYZ, parts.map(bt2020))),
        "xyz" | "xyz-d65" => linear_of(parts),
        "xyz-d50" => linear_of(times(D50_TO_D65, parts)),
        _ => return None,
    };
    Some(linear.map(|v| {
        let size = v.abs();
        let gamma = if size <= 0.003_130_8 { 12.92 * size } else { 1.055 * size.powf(1.0 / 2.4) - 0.055 };
        gamma.copysign(v)
    }))
}

fn times(m: Matrix, v: [f64; 3]) -> [f64; 3] {
    m.map(|row| row[0] * v[0] + row[1] * v[1] + row[2] * v[2])
}

fn power(v: f64, exponent: f64) -> f64 {
    v.abs().powf(exponent).copysign(v)
}

/// The linear value of a channel of BT.2020, which the browser decodes with the standard's own
/// curve.
fn bt2020(v: f64) -> f64 {
    let (alpha, beta) = (1.099_296_826_809_44, 0.018_053_968_510_807);
    let size = v.abs();
    let linear = if size < 4.5 * beta { size / 4.5 } else { ((size + alpha - 1.0) / alpha).powf(1.0 / 0.45) };
    linear.copysign(v)
}

fn linear_channel(v: f64) -> f64 {
    let size = v.abs();
    let linear = if size <= 0.040_45 { size / 12.92 } else { ((size + 0.055) / 1.055).powf(2.4) };
    linear.copysign(v)
}

fn linear_of(xyz: [f64; 3]) -> [f64; 3] {
    times(XYZ_TO_LINEAR, xyz)
}

/// From lightness, chroma and hue in degrees to lightness and two axes.
fn polar([l, c, h]: [f64; 3]) -> [f64; 3] {
    let (sin, cos) = h.to_radians().sin_cos();
    [l, c * cos, c * sin]
}

fn oklab(parts: [f64; 3]) -> [f64; 3] {
    times(LMS_TO_LINEAR, times(OKLAB_TO_LMS, parts).map(|v| v.powi(3)))
}

/// From CIE Lab to XYZ, both with the white of 5000 K.
fn lab([l, a, b]: [f64; 3]) -> [f64; 3] {
    let (k, e) = (24_389.0 / 27.0, 216.0 / 24_389.0);
    let y = (l + 16.0) / 116.0;
    let solve = |f: f64| if f.powi(3) > e { f.powi(3) } else { (116.0 * f - 16.0) / k };
    let parts = [solve(a / 500.0 + y), if l > k * e { y.powi(3) } else { l / k }, solve(y - b / 200.0)];
    [parts[0] * D50[0], parts[1] * D50[1], parts[2] * D50[2]]
}

#[cfg(test)]
mod tests {
    use super::color;

    /// The pixels that Chromium paints for these computed colours.
    #[test]
    fn every_notation_is_what_the_browser_paints() {
        for (css, want) in PAINTED {
            let got = color(css, 1.0).unwrap_or_else(|| panic!("{css}"));
            let near = (0..3).all(|i| got[i].abs_diff(want[i]) <= 1);
            assert!(near && got[3] == 255, "{css}: {got:?}, painted {want:?}");
        }
        assert_eq!(color("rgba(1, 2, 3, 0.5)", 0.5), Some([1, 2, 3, 64]));
        assert_eq!(color("color(display-p3 0 0 0 / 0.5)", 1.0), Some([0, 0, 0, 128]));
        for none in ["", "none", "rgb(1, 2)", "color(nowhere 1 1 1)", "rgb(a, b, c)", "url(\"x\")", "lab()"] {
            assert_eq!(color(none, 1.0), None, "{none}");
        }
    }

    const PAINTED: [(&str, [u8; 3]); 19] = [
        ("rgb(51, 119, 153)", [51, 119, 153]),
        ("oklch(0.7 0.1 200)", [64, 177, 183]),
        ("oklch(0.55 0.22 264)", [43, 98, 239]),
        ("oklch(0.8 0.3 150)", [0, 237, 56]),
        ("oklch(0.539974 0.285457 326.643)", [186, 0, 194]),
        ("oklab(0.85 0.05 -0.03)", [228, 193, 225]),
        ("oklab(0.849995 0.0000387326 0.0000170738)", [206, 206, 206]),
        ("lab(90 0 0)", [226, 226, 226]),
        ("lab(52 40 59)", [197, 92, 10]),
        ("lch(50 30 20)", [167, 99, 103]),
        ("color(display-p3 0.9 0.9 0.9)", [229, 230, 230]),
        ("color(display-p3 0.2 0.6 0.3)", [0, 156, 66]),
        ("color(srgb 0.85 0.5 0.1)", [217, 128, 26]),
        ("color(srgb-linear 0.2 0.5 0.8)", [124, 188, 231]),
        ("color(a98-rgb 0.4 0.5 0.6)", [89, 128, 155]),
        ("color(prophoto-rgb 0.4 0.5 0.6)", [69, 151, 173]),
        ("color(rec2020 0.4 0.5 0.6)", [92, 142, 166]),
        ("color(xyz-d65 0.3 0.4 0.2)", [139, 182, 107]),
        ("color(xyz-d50 0.3 0.4 0.2)", [122, 184, 127]),
    ];
}
