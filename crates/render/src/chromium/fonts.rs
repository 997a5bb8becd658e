//! Style sheets of web fonts, as `fonts.googleapis.com` writes them, for the built-in families.

use super::packages::{Found, Package};
use percent_encoding::percent_decode_str;
use std::fmt::Write;
use std::ops::RangeInclusive;

/// Where the style sheets say that the fonts lie.
const FONTS: &str = "fonts.gstatic.com/s/";
/// Faces of one style sheet; ten families in every weight and style.
const MAX_FACES: usize = 180;

/// One face that a page asks for.
#[derive(Debug, PartialEq)]
struct Face {
    family: String,
    italic: bool,
    weight: RangeInclusive<u16>,
}

/// The style sheet or font of this address (without its scheme).
pub fn answer(url: &str, packages: &[Package]) -> Option<Found> {
    if let Some(name) = url.strip_prefix(FONTS) {
        return packages.iter().filter(|p| p.family.is_some()).find_map(|p| p.file(&format!("files/{name}")));
    }
    let query = url.strip_prefix("fonts.googleapis.com/css2?").map(css2);
    let faces = query.or_else(|| url.strip_prefix("fonts.googleapis.com/css?").map(css))?;
    let (mut sheet, mut whole) = (String::new(), faces.len() <= MAX_FACES);
    for face in faces.iter().take(MAX_FACES) {
        let package = packages.iter().find(|p| p.family.as_deref() == Some(&face.family));
        let rules = package.map(|p| face.rules(p)).or_else(|| icons(&face.family, packages));
        let rules = rules.unwrap_or_default();
        whole &= !rules.is_empty();
        sheet += &rules;
    }
    let any = !sheet.is_empty();
    any.then(|| Found { name: "fonts.css".into(), bytes: sheet.into_bytes().into(), whole })
}

/// The style sheet of a family of icons, which has an address of its own and may be asked for among
/// other families.
fn icons(family: &str, packages: &[Package]) -> Option<String> {
    let url = format!("fonts.googleapis.com/icon?family={}", family.replace(' ', "+"));
    let sheet = packages.iter().find_map(|package| package.answer(&url))?;
    String::from_utf8(sheet.bytes.into_owned()).ok()
}

impl Face {
    /// A rule for each file that has this face; none if the package lacks it.
    fn rules(&self, package: &Package) -> String {
        let style = if self.italic { "italic" } else { "normal" };
        let mut rules = String::new();
        for path in &package.files {
            let Some((name, weight)) = weight(path, style) else { continue };
            // A variable font has every weight; the rule cuts it down to those asked for.
            let weights = match weight {
                Some(weight) if self.weight.contains(&weight) => weight..=weight,
                Some(_) => continue,
                None => self.weight.clone(),
            };
            let (family, least, most) = (&self.family, weights.start(), weights.end());
            let _ = writeln!(
                rules,
                "@font-face{{font-family:'{family}';font-style:{style};font-weight:{least} {most};\
                 src:url(https://{FONTS}{name}) format('woff2')}}"
            );
        }
        rules
    }
}

/// The name of a font file of this style and its weight, none for all weights:
/// `files/inter-latin-wght-normal.woff2`, `files/lato-latin-700-normal.woff2`.
fn weight<'p>(path: &'p str, style: &str) -> Option<(&'p str, Option<u16>)> {
    let name = path.strip_prefix("files/")?;
    let stem = name.strip_suffix(".woff2")?.strip_suffix(style)?.strip_suffix('-')?;
    match stem.rsplit('-').next()? {
        "wght" => Some((name, None)),
        number => Some((name, Some(number.parse().ok()?))),
    }
}

/// The values of `family` in a query, decoded.
fn families(query: &str) -> impl Iterator<Item = String> {
    let values = query.split('&').filter_map(|pair| pair.strip_prefix("family="));
    values.map(|value| percent_decode_str(&value.replace('+', " ")).decode_utf8_lossy().into_owned())
}

/// `family=Inter:wght@400;700&family=Lora:ital,wght@0,400..700;1,400`.
fn css2(query: &str) -> Vec<Face> {
    let mut faces = Vec::new();
    for family in families(query) {
        let (family, axes) = family.split_once(':').unwrap_or((&family, "wght@400"));
        let (names, tuples) = axes.split_once('@').unwrap_or((axes, if axes == "ital" { "1" } else { "" }));
        for tuple in tuples.split(';') {
            let mut face = Face { family: family.to_owned(), italic: false, weight: 400..=400 };
            for (name, value) in names.split(',').zip(tuple.split(',')) {
                match name {
                    "ital" => face.italic = value == "1",
                    "wght" => face.weight = range(value).unwrap_or(400..=400),
                    _ => (),
                }
            }
            faces.push(face);
        }
    }
    faces
}

/// `family=Roboto:300,700italic|Open+Sans`.
fn css(query: &str) -> Vec<Face> {
    let mut faces = Vec::new();
    for families in families(query) {
        for family in families.split('|') {
            let (family, styles) = family.split_once(':').unwrap_or((family, "400"));
            for style in styles.split(',') {
                let number = style.trim_end_matches(|c: char| c.is_ascii_alphabetic());
                let bold = style.starts_with("bold") || style == "b";
                let weight = number.parse().unwrap_or(if bold { 700 } else { 400 });
                let italic = style.ends_with('i') || style.ends_with("italic");
                faces.push(Face { family: family.to_owned(), italic, weight: weight..=weight });
            }
        }
    }
    faces
}

/// `400` or `100..900`.
fn range(value: &str) -> Option<RangeInclusive<u16>> {
    let (least, most) = value.split_once("..").unwrap_or((value, value));
    Some(least.parse().ok()?..=most.parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::super::assets;
    use super::*;

    fn face(family: &str, italic: bool, weight: RangeInclusive<u16>) -> Face {
        Face { family: family.into(), italic, weight }
    }

    #[test]
    fn both_forms_of_the_query_are_read() {
        assert_eq!(
            css2("family=Playfair+Display:wght@400;700&family=Lora:ital,wght@0,400..600;1,400&display=swap"),
            [
                face("Playfair Display", false, 400..=400),
                face("Playfair Display", false, 700..=700),
                face("Lora", false, 400..=600),
                face("Lora", true, 400..=400)
            ]
        );
        assert_eq!(css2("family=Bebas+Neue"), [face("Bebas Neue", false, 400..=400)]);
        assert_eq!(
            css("family=Roboto:300,700italic%7COpen+Sans|Lato:bold"),
            [
                face("Roboto", false, 300..=300),
                face("Roboto", true, 700..=700),
                face("Open Sans", false, 400..=400),
                face("Lato", false, 700..=700)
            ]
        );
    }

    #[test]
    fn style_sheets_name_files_that_are_here() {
        let find = |url: &str| assets::find(&format!("https://fonts.googleapis.com/{url}"));
        let inter = find("css2?family=Inter:wght@400;700").unwrap();
        let sheet = String::from_utf8(inter.bytes.into_owned()).unwrap();
        assert_eq!(
            sheet.lines().next(),
            Some(
                "@font-face{font-family:'Inter';font-style:normal;font-weight:400 400;\
                 src:url(https://fonts.gstatic.com/s/inter-latin-wght-normal.woff2) format('woff2')}"
            )
        );
        assert_eq!((sheet.lines().count(), inter.whole), (2, true));
        assert!(assets::find("https://fonts.gstatic.com/s/inter-latin-wght-normal.woff2").is_some());
        // Every weight in the range that a family with a file per weight has.
        let lato = find("css2?family=Lato:wght@100..900").unwrap();
        assert_eq!(lato.bytes.split(|b| *b == b'\n').filter(|line| !line.is_empty()).count(), 4);
        // Icons have an address of their own and may be asked for among families.
        let icons = find("css?family=Roboto:300,700|Material+Icons").unwrap();
        let sheet = String::from_utf8(icons.bytes.into_owned()).unwrap();
        assert!(icons.whole && sheet.contains(".material-icons") && sheet.contains("'Roboto'"));
        // A missing family is reported and does not affect the others.
        assert!(!find("css2?family=Inter&family=Ma+Shan+Zheng").unwrap().whole);
        assert!(find("css2?family=Ma+Shan+Zheng").is_none());
        // A family name cannot close the CSS rule that contains it.
        assert!(find("css2?family=Inter'}body{color:red").is_none());
    }

    #[test]
    fn every_family_has_its_upright_text_weight() {
        for family in assets::list().iter().filter_map(|name| name.strip_prefix("@fontsource")) {
            let slug = family.split_once('/').unwrap().1.split_once(' ').unwrap().0;
            let words = slug.split('-').map(|word| match word {
                "ibm" => "IBM".to_owned(),
                word => word[..1].to_ascii_uppercase() + &word[1..],
            });
            let query = format!("fonts.googleapis.com/css2?family={}", words.collect::<Vec<_>>().join("+"));
            assert!(assets::find(&format!("https://{query}")).is_some_and(|found| found.whole), "{query}");
        }
    }
}
