//! Colours that are not written as `#...`: names and functions, as Pillow 10.2.0's
//! `ImageColor.getrgb` reads them.

use crate::python::is_space;

/// Characters of a colour at most.
const LONGEST: usize = 100;

/// Red, green, blue and possibly alpha; values may exceed 255.
pub(super) fn channels(color: &str) -> Option<Vec<i64>> {
    if color.chars().count() > LONGEST {
        return None;
    }
    let color = color.to_lowercase();
    if let Some(rgb) = named(&color) {
        return Some(vec![rgb >> 16, rgb >> 8 & 0xff, rgb & 0xff]);
    }
    let (function, list) = color.strip_suffix(')')?.split_once('(')?;
    let list: Vec<&str> = list.split(',').map(|part| part.trim_matches(is_space)).collect();
    match (function, list.as_slice()) {
        ("rgb", [_, _, _]) => all(&list, whole).or_else(|| all(&list, share)),
        ("rgba", [_, _, _, _]) => all(&list, whole),
        ("hsl", [h, s, l]) => Some(rounded(hsl(decimal(h)? / 360.0, percent(s)?, percent(l)?))),
        ("hsv" | "hsb", [h, s, v]) => Some(rounded(hsv(decimal(h)? / 360.0, percent(s)?, percent(v)?))),
        _ => None,
    }
}

fn all(list: &[&str], of: impl Fn(&str) -> Option<i64>) -> Option<Vec<i64>> {
    list.iter().map(|part| of(part)).collect()
}

/// Digits only.
fn whole(text: &str) -> Option<i64> {
    text.parse().ok().filter(|_| text.starts_with(|c: char| c.is_ascii_digit()))
}

/// `n%` of 255.
fn share(text: &str) -> Option<i64> {
    Some(((whole(text.strip_suffix('%')?)? * 255) as f64 / 100.0 + 0.5) as i64)
}

/// Digits, optionally followed by a point and more digits.
fn decimal(text: &str) -> Option<f64> {
    let plain = text.starts_with(|c: char| c.is_ascii_digit());
    text.parse().ok().filter(|_| plain && text.chars().all(|c| c.is_ascii_digit() || c == '.'))
}

fn percent(text: &str) -> Option<f64> {
    Some(decimal(text.strip_suffix('%')?)? / 100.0)
}

fn rounded(rgb: [f64; 3]) -> Vec<i64> {
    rgb.iter().map(|c| (c * 255.0 + 0.5) as i64).collect()
}

/// Python's `colorsys.hls_to_rgb`.
fn hsl(h: f64, s: f64, l: f64) -> [f64; 3] {
    if s == 0.0 {
        return [l; 3];
    }
    let high = if l <= 0.5 { l * (1.0 + s) } else { l + s - l * s };
    let low = 2.0 * l - high;
    [h + 1.0 / 3.0, h, h - 1.0 / 3.0].map(|hue| {
        let hue = hue.rem_euclid(1.0);
        if hue < 1.0 / 6.0 {
            low + (high - low) * hue * 6.0
        } else if hue < 0.5 {
            high
        } else if hue < 2.0 / 3.0 {
            low + (high - low) * (2.0 / 3.0 - hue) * 6.0
        } else {
            low
        }
    })
}

/// Python's `colorsys.hsv_to_rgb`.
fn hsv(h: f64, s: f64, v: f64) -> [f64; 3] {
    if s == 0.0 {
        return [v; 3];
    }
    let sector = (h * 6.0).trunc();
    let f = h * 6.0 - sector;
    let (p, q, t) = (v * (1.0 - s), v * (1.0 - s * f), v * (1.0 - s * (1.0 - f)));
    match (sector % 6.0) as u8 {
        0 => [v, t, p],
        1 => [q, v, p],
        2 => [p, v, t],
        3 => [p, q, v],
        4 => [t, p, v],
        _ => [v, p, q],
    }
}

/// The colour of a CSS name, as 0xRRGGBB.
fn named(name: &str) -> Option<i64> {
    let mut words = NAMES.split_ascii_whitespace();
    while let (Some(known), Some(color)) = (words.next(), words.next()) {
        if known == name {
            return i64::from_str_radix(color, 16).ok();
        }
    }
    None
}

/// Each name with its colour behind it.
const NAMES: &str = "
    aliceblue f0f8ff antiquewhite faebd7 aqua 00ffff aquamarine 7fffd4 azure f0ffff beige f5f5dc bisque
    ffe4c4 black 000000 blanchedalmond ffebcd blue 0000ff blueviolet 8a2be2 brown a52a2a burlywood deb887
    cadetblue 5f9ea0 chartreuse 7fff00 chocolate d2691e coral ff7f50 cornflowerblue 6495ed cornsilk fff8dc
    crimson dc143c cyan 00ffff darkblue 00008b darkcyan 008b8b darkgoldenrod b8860b darkgray a9a9a9
    darkgrey a9a9a9 darkgreen 006400 darkkhaki bdb76b darkmagenta 8b008b darkolivegreen 556b2f darkorange
    ff8c00 darkorchid 9932cc darkred 8b0000 darksalmon e9967a darkseagreen 8fbc8f darkslateblue 483d8b
    darkslategray 2f4f4f darkslategrey 2f4f4f darkturquoise 00ced1 darkviolet 9400d3 deeppink ff1493
    deepskyblue 00bfff dimgray 696969 dimgrey 696969 dodgerblue 1e90ff firebrick b22222 floralwhite fffaf0
    forestgreen 228b22 fuchsia ff00ff gainsboro dcdcdc ghostwhite f8f8ff gold ffd700 goldenrod daa520 gray
    808080 grey 808080 green 008000 greenyellow adff2f honeydew f0fff0 hotpink ff69b4 indianred cd5c5c
    indigo 4b0082 ivory fffff0 khaki f0e68c lavender e6e6fa lavenderblush fff0f5 lawngreen 7cfc00
    lemonchiffon fffacd lightblue add8e6 lightcoral f08080 lightcyan e0ffff lightgoldenrodyellow fafad2
    lightgreen 90ee90 lightgray d3d3d3 lightgrey d3d3d3 lightpink ffb6c1 lightsalmon ffa07a lightseagreen
    20b2aa lightskyblue 87cefa lightslategray 778899 lightslategrey 778899 lightsteelblue b0c4de
    lightyellow ffffe0 lime 00ff00 limegreen 32cd32 linen faf0e6 magenta ff00ff maroon 800000
    mediumaquamarine 66cdaa mediumblue 0000cd mediumorchid ba55d3 mediumpurple 9370db mediumseagreen 3cb371
    mediumslateblue 7b68ee mediumspringgreen 00fa9a mediumturquoise 48d1cc mediumvioletred c71585
    midnightblue 191970 mintcream f5fffa mistyrose ffe4e1 moccasin ffe4b5 navajowhite ffdead navy 000080
    oldlace fdf5e6 olive 808000 olivedrab 6b8e23 orange ffa500 orangered ff4500 orchid da70d6 palegoldenrod
    eee8aa palegreen 98fb98 paleturquoise afeeee palevioletred db7093 papayawhip ffefd5 peachpuff ffdab9
    peru cd853f pink ffc0cb plum dda0dd powderblue b0e0e6 purple 800080 rebeccapurple 663399 red ff0000
    rosybrown bc8f8f royalblue 4169e1 saddlebrown 8b4513 salmon fa8072 sandybrown f4a460 seagreen 2e8b57
    seashell fff5ee sienna a0522d silver c0c0c0 skyblue 87ceeb slateblue 6a5acd slategray 708090 slategrey
    708090 snow fffafa springgreen 00ff7f steelblue 4682b4 tan d2b48c teal 008080 thistle d8bfd8 tomato
    ff6347 turquoise 40e0d0 violet ee82ee wheat f5deb3 white ffffff whitesmoke f5f5f5 yellow ffff00
    yellowgreen 9acd32
";

#[cfg(test)]
mod tests {
    use super::*;

    /// Given by Pillow 10.2.0.
    #[test]
    fn colours_are_those_of_pillow() {
        let known = [
            ("RebeccaPurple", vec![102, 51, 153]),
            ("black", vec![0, 0, 0]),
            ("HSL(120, 50%, 50%)", vec![64, 191, 64]),
            ("hsl(400,250%,120%)", vec![179, 263, 433]),
            ("hsl(1.,2%,3%)", vec![8, 8, 7]),
            ("hsl(200,0%,40%)", vec![102, 102, 102]),
            ("hsv(300.5,40%,60%)", vec![153, 92, 152]),
            ("hsb( 900,120%,50% )", vec![-24, 128, 128]),
            ("rgb(10%,50%,100%)", vec![26, 128, 255]),
            ("rgb(300,1,2)", vec![300, 1, 2]),
            ("rgba(1,2,3,4)", vec![1, 2, 3, 4]),
        ];
        for (color, want) in known {
            assert_eq!(channels(color), Some(want), "{color}");
        }
        let unknown =
            ["transparent", "hsl (1,2%,3%)", "hsl(1deg,2%,3%)", "rgba(1,2,3,.5)", "hwb(1,2%,3%)", "f0f8ff"];
        assert!(unknown.iter().all(|color| channels(color).is_none()));
        assert_eq!(channels(&format!("rgb(1,2,{}3)", " ".repeat(100))), None);
    }

    #[test]
    fn the_names_are_those_of_css() {
        let words: Vec<&str> = NAMES.split_ascii_whitespace().collect();
        assert_eq!(words.len(), 2 * 148);
        assert!(words.chunks(2).all(|pair| named(pair[0]).is_some() && pair[1].len() == 6));
    }
}
