//! Colours: of the theme, of the file, and what is done to them.

use super::xml::{Node, number, share};
use std::collections::BTreeMap;

/// The colours of one slide's theme as its master maps them. RGBA.
#[derive(Clone, Debug, Default)]
pub(super) struct Palette {
    /// Colours by their names in the theme: `dk1`, `lt1`, `accent1`, ...
    pub theme: BTreeMap<String, [u8; 3]>,
    /// Names in slides (`bg1`, `tx1`) to names in the theme.
    pub map: BTreeMap<String, String>,
    /// What `phClr` stands for inside a style of the theme.
    pub placeholder: Option<[u8; 4]>,
}

impl Palette {
    /// The colour in an element that holds one (`solidFill`, `gs`, `fgClr`, `fontRef`).
    pub fn inside(&self, holder: Node<'_>) -> Option<[u8; 4]> {
        holder.children().filter(Node::is_element).find_map(|color| self.of(color))
    }

    /// As [`Self::inside`], where `phClr` stands for `color`.
    pub fn with_placeholder(&self, color: Option<[u8; 4]>) -> Self {
        Self { placeholder: color, ..self.clone() }
    }

    /// The colour that an element is.
    fn of(&self, node: Node<'_>) -> Option<[u8; 4]> {
        let val = node.attribute("val");
        let base = match node.tag_name().name() {
            "srgbClr" => opaque(hex(val?)?),
            "sysClr" => opaque(node.attribute("lastClr").and_then(hex).or_else(|| system(val?))?),
            "prstClr" => opaque(preset(val?)?),
            "schemeClr" => self.scheme(val?)?,
            "scrgbClr" => {
                let channel = |name: &str| Some(byte(encode(share(node, name)?)));
                opaque([channel("r")?, channel("g")?, channel("b")?])
            }
            "hslClr" => {
                let hue = number(node, "hue")? / 60_000.0 / 360.0;
                opaque(from_hsl([hue, share(node, "sat")?, share(node, "lum")?]).map(byte))
            }
            _ => return None,
        };
        // Between changes nothing is rounded: two of them in a row are common.
        let exact = base.map(|c| f64::from(c) / 255.0);
        Some(node.children().filter(Node::is_element).fold(exact, change).map(byte))
    }

    fn scheme(&self, name: &str) -> Option<[u8; 4]> {
        if name == "phClr" {
            return self.placeholder;
        }
        let name = self.map.get(name).map_or(name, String::as_str);
        let plain = match name {
            "tx1" => "dk1",
            "bg1" => "lt1",
            "tx2" => "dk2",
            "bg2" => "lt2",
            other => other,
        };
        self.theme.get(plain).copied().map(opaque)
    }
}

fn opaque([r, g, b]: [u8; 3]) -> [u8; 4] {
    [r, g, b, 255]
}

/// Six hexadecimal digits.
pub(super) fn hex(digits: &str) -> Option<[u8; 3]> {
    let value = (digits.len() == 6).then(|| u32::from_str_radix(digits, 16).ok())??;
    Some([(value >> 16) as u8, (value >> 8) as u8, value as u8])
}

/// Colours of the reader's desktop, of which these two occur.
pub(super) fn system(name: &str) -> Option<[u8; 3]> {
    match name {
        "window" => Some([255; 3]),
        "windowText" => Some([0; 3]),
        _ => None,
    }
}

/// The named colours that files use; the names are those of CSS with their prefixes cut short.
fn preset(name: &str) -> Option<[u8; 3]> {
    const NAMES: [(&str, u32); 24] = [
        ("black", 0x000000),
        ("white", 0xffffff),
        ("red", 0xff0000),
        ("green", 0x008000),
        ("lime", 0x00ff00),
        ("blue", 0x0000ff),
        ("yellow", 0xffff00),
        ("cyan", 0x00ffff),
        ("magenta", 0xff00ff),
        ("gray", 0x808080),
        ("ltGray", 0xd3d3d3),
        ("dkGray", 0xa9a9a9),
        ("silver", 0xc0c0c0),
        ("orange", 0xffa500),
        ("purple", 0x800080),
        ("navy", 0x000080),
        ("teal", 0x008080),
        ("maroon", 0x800000),
        ("olive", 0x808000),
        ("brown", 0xa52a2a),
        ("pink", 0xffc0cb),
        ("gold", 0xffd700),
        ("dkBlue", 0x00008b),
        ("dkRed", 0x8b0000),
    ];
    let value = NAMES.iter().find(|(known, _)| *known == name)?.1;
    Some([(value >> 16) as u8, (value >> 8) as u8, value as u8])
}

/// One change of a colour of channels in `[0, 1]`. Changes apply in the order in which they are
/// written.
fn change(color: [f64; 4], node: Node<'_>) -> [f64; 4] {
    let Some(by) = share(node, "val") else { return color };
    let [r, g, b, alpha] = color;
    let rgb = [r, g, b];
    let join = |[r, g, b]: [f64; 3]| [r, g, b, alpha];
    let see_through = |alpha: f64| [r, g, b, alpha.clamp(0.0, 1.0)];
    let in_hsl = |part: usize, with: fn(f64, f64) -> f64| {
        let mut hsl = to_hsl(rgb);
        hsl[part] = with(hsl[part], by).clamp(0.0, 1.0);
        join(from_hsl(hsl))
    };
    match node.tag_name().name() {
        "alpha" => see_through(by),
        "alphaMod" => see_through(alpha * by),
        "alphaOff" => see_through(alpha + by),
        "lum" => in_hsl(2, |_, by| by),
        "lumMod" => in_hsl(2, |old, by| old * by),
        "lumOff" => in_hsl(2, |old, by| old + by),
        "sat" => in_hsl(1, |_, by| by),
        "satMod" => in_hsl(1, |old, by| old * by),
        "satOff" => in_hsl(1, |old, by| old + by),
        // Both mix in linear light: a shade with black, a tint with white.
        "shade" => join(rgb.map(|c| encode(linear(c) * by))),
        "tint" => join(rgb.map(|c| encode(1.0 - (1.0 - linear(c)) * by))),
        _ => color,
    }
}

fn byte(value: f64) -> u8 {
    (value * 255.0).round().clamp(0.0, 255.0) as u8
}

/// Linear light of a channel.
fn linear(c: f64) -> f64 {
    if c <= 0.040_45 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
}

/// The channel of linear light.
fn encode(light: f64) -> f64 {
    let light = light.clamp(0.0, 1.0);
    if light <= 0.003_130_8 { light * 12.92 } else { 1.055 * light.powf(1.0 / 2.4) - 0.055 }
}

/// Hue, saturation and luminance, each in `[0, 1]`.
fn to_hsl([r, g, b]: [f64; 3]) -> [f64; 3] {
    let (high, low) = (r.max(g).max(b), r.min(g).min(b));
    let (sum, range) = (high + low, high - low);
    if range <= 0.0 {
        return [0.0, 0.0, sum / 2.0];
    }
    let saturation = if sum > 1.0 { range / (2.0 - sum) } else { range / sum };
    let sixth = if high == r {
        ((g - b) / range).rem_euclid(6.0)
    } else if high == g {
        (b - r) / range + 2.0
    } else {
        (r - g) / range + 4.0
    };
    [sixth / 6.0, saturation, sum / 2.0]
}

fn from_hsl([hue, saturation, luminance]: [f64; 3]) -> [f64; 3] {
    let chroma = (1.0 - (2.0 * luminance - 1.0).abs()) * saturation;
    let channel = |shift: f64| {
        let at = (hue.rem_euclid(1.0) * 6.0 + shift).rem_euclid(6.0);
        let part = (2.0 - (at - 3.0).abs()).clamp(0.0, 1.0);
        luminance - chroma / 2.0 + chroma * (1.0 - part)
    };
    [channel(0.0), channel(4.0), channel(2.0)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn color(inner: &str) -> Option<[u8; 4]> {
        let palette = Palette {
            theme: [("accent1".to_owned(), [0x4f, 0x81, 0xbd]), ("dk1".to_owned(), [0; 3])].into(),
            map: [("tx1".to_owned(), "dk1".to_owned())].into(),
            placeholder: Some([1, 2, 3, 4]),
        };
        let text = format!("<solidFill>{inner}</solidFill>");
        let document = super::super::xml::parse(&text).unwrap();
        palette.inside(document.root_element())
    }

    #[test]
    fn colours_resolve_through_map_theme_and_changes() {
        assert_eq!(color(r#"<srgbClr val="4F81BD"/>"#), Some([0x4f, 0x81, 0xbd, 255]));
        assert_eq!(color(r#"<schemeClr val="tx1"/>"#), Some([0, 0, 0, 255]));
        assert_eq!(color(r#"<schemeClr val="phClr"/>"#), Some([1, 2, 3, 4]));
        assert_eq!(color(r#"<schemeClr val="accent9"/>"#), None);
        assert_eq!(color(r#"<srgbClr val="FF0000"><alpha val="50000"/></srgbClr>"#), Some([255, 0, 0, 128]));
        // PowerPoint's "lighter 40 %" of this blue is 95B3D7; its "darker 25 %" is 366092, which is
        // 54.8 rounded down.
        let lighter = r#"<schemeClr val="accent1"><lumMod val="60000"/><lumOff val="40000"/></schemeClr>"#;
        assert_eq!(color(lighter), Some([0x95, 0xb3, 0xd7, 255]));
        assert_eq!(
            color(r#"<schemeClr val="accent1"><lumMod val="75000"/></schemeClr>"#),
            Some([0x37, 0x60, 0x92, 255])
        );
        // Half the light of white is BC.
        assert_eq!(
            color(r#"<srgbClr val="FFFFFF"><shade val="50000"/></srgbClr>"#),
            Some([188, 188, 188, 255])
        );
        assert_eq!(color(r#"<srgbClr val="12345"/>"#), None);
    }

    #[test]
    fn hsl_goes_there_and_back() {
        for rgb in [[0, 0, 0], [255, 255, 255], [255, 0, 0], [18, 200, 90], [79, 129, 189], [3u8, 2, 1]] {
            let exact = rgb.map(|c| f64::from(c) / 255.0);
            assert_eq!(from_hsl(to_hsl(exact)).map(byte), rgb);
        }
    }
}
