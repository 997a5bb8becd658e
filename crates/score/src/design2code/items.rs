//! The texts of a recoloured page with their colours (docs/specs/design2code.md, 6).

use super::css_color;
use super::html::{Content, Document, Kind, PageError};
use crate::python::strip;

/// A text and the colour that it should be drawn in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// The text, trimmed.
    pub text: String,
    /// As in the style if that is `#...`, else `#` and six digits; more, or a sign, for channels
    /// outside 0 to 255.
    pub color: String,
}

/// The items of a page from [`super::recolor::recolored`], in document order.
pub fn items(page: &str) -> Result<Vec<Item>, PageError> {
    let nodes = Document::parse(page)?.nodes;
    let is_body = |content: &Content| matches!(content, Content::Element { name, .. } if name == "body");
    let Some(body) = nodes.iter().position(|node| is_body(&node.content)) else { return Ok(Vec::new()) };
    let top = nodes[body].depth;
    let inside = nodes[body + 1..].iter().take_while(|node| node.depth > top);
    let mut items = Vec::new();
    // The colours of the elements around a node, from the body on.
    let mut colors: Vec<String> = Vec::new();
    for node in nodes[body..=body].iter().chain(inside) {
        colors.truncate(node.depth - top);
        let outer = colors.last().map_or("#000000", String::as_str).to_owned();
        match &node.content {
            Content::Element { attributes, .. } => {
                let own = attributes.get("style").map(|style| color_of(style)).transpose()?.flatten();
                colors.push(own.unwrap_or(outer));
            }
            Content::Text(Kind::Comment, _) => (),
            Content::Text(_, text) if strip(text).is_empty() => (),
            Content::Text(_, text) => items.push(Item { text: strip(text).to_owned(), color: outer }),
        }
    }
    Ok(items)
}

/// The colour of the last property of a style that has `color` in its name or its value; `None` if
/// that value cannot be parsed.
fn color_of(style: &str) -> Result<Option<String>, PageError> {
    let colored = |piece: &&str| piece.contains("color") && !piece.contains("background-color");
    let Some(piece) = style.split(';').rfind(colored) else { return Ok(None) };
    let value = piece.split(':').nth(1).map(|value| strip(value).replace(" !important", ""));
    let value = value.filter(|v| !v.is_empty()).ok_or_else(|| PageError::Style(style.to_owned()))?;
    if value.starts_with('#') {
        return Ok(Some(value));
    }
    let channels = if value.starts_with("rgb") { listed(&value) } else { css_color::channels(&value) };
    match channels.as_deref() {
        None => Ok(None),
        Some([r, g, b, ..]) => Ok(Some(format!("#{}{}{}", hex(*r), hex(*g), hex(*b)))),
        Some(_) => Err(PageError::Style(style.to_owned())),
    }
}

/// The numbers between the fifth and the last character.
fn listed(value: &str) -> Option<Vec<i64>> {
    let list: String = value.chars().skip(4).collect();
    let list = &list[..list.char_indices().next_back().map_or(0, |(at, _)| at)];
    list.split(',').map(|number| strip(number).parse().ok()).collect()
}

/// At least two digits.
fn hex(n: i64) -> String {
    let sign = if n < 0 { "-" } else { "" };
    let width = 2 - sign.len();
    format!("{sign}{:0width$x}", n.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn colored(style: &str) -> String {
        let page = format!("<body style='color: #123456'><i style='{style}'>x</i></body>");
        items(&page).unwrap().remove(0).color
    }

    #[test]
    fn texts_lie_in_the_first_body_and_inherit() {
        let page = "a<body>\x1c b &nbsp;<p style='color: #FAFAFA'>c<i>d<!--e--></i></p><script>f</script>\
                    <!DOCTYPE g><?h><![CDATA[i]]> </body>j<body>k</body>";
        let all = items(page).unwrap();
        let texts: Vec<(&str, &str)> = all.iter().map(|i| (i.text.as_str(), i.color.as_str())).collect();
        let (black, white) = ("#000000", "#FAFAFA");
        let outer = ["f", "g", "h", "i"].map(|text| (text, black));
        assert_eq!(texts[..3], [("b", black), ("c", white), ("d", white)]);
        assert_eq!(texts[3..], outer);
        assert_eq!(items("<p>x</p>").unwrap(), []);
    }

    #[test]
    fn the_last_property_with_color_counts() {
        assert_eq!(colored("color: #abc !important; border-color: #Def0 !important;x"), "#Def0");
        assert_eq!(colored("color: red; background-color: #000"), "#ff0000");
        assert_eq!(colored("color: #12:3"), "#12");
        assert_eq!(colored("background: colorful; width: 1"), "#123456");
    }

    #[test]
    fn lists_of_numbers_are_read_as_they_are() {
        assert_eq!(colored("color: rgb( 1,+2 ,300)"), "#010212c");
        assert_eq!(colored("color: rgb(-1,2,3,4)"), "#-10203");
        for unread in ["rgba(1,2,3,4)", "rgb(1 2 3)", "rgb(10%,0%,0%)", "rgb", "inherit", "var(--x)"] {
            assert_eq!(colored(&format!("color: {unread}")), "#123456", "{unread}");
        }
        assert_eq!(colored("color: RGB(10%, 50%, 100%)"), "#1a80ff");
    }

    #[test]
    fn a_colour_without_a_value_is_an_error() {
        for style in ["color", "color:", "color: #fff; color: ", "color: rgb(1,2)"] {
            let error = items(&format!("<body style='{style}'>")).unwrap_err();
            assert_eq!(error.to_string(), format!("the style `{style}` names a colour without giving one"));
        }
    }
}
