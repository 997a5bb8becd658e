//! What only elements of slides that come from a .pptx file have.

use crate::{Region, Span};
use serde::{Deserialize, Serialize};

/// What a shape of a slide is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ShapeKind {
    /// A text box or a placeholder for text.
    Text,
    /// Another drawn shape, which may hold text.
    #[default]
    Shape,
    /// A picture.
    Picture,
    /// A table.
    Table,
    /// A chart.
    Chart,
    /// A diagram (SmartArt).
    Diagram,
    /// An embedded object of another program.
    Ole,
    /// A video or a sound.
    Media,
    /// A group; its members follow it.
    Group,
    /// A line or a connector.
    Connector,
    /// Another frame, which the reader does not know.
    Frame,
}

impl ShapeKind {
    /// The lower-case name.
    pub fn name(self) -> &'static str {
        const NAMES: [&str; 11] = [
            "text",
            "shape",
            "picture",
            "table",
            "chart",
            "diagram",
            "ole",
            "media",
            "group",
            "connector",
            "frame",
        ];
        NAMES[self as usize]
    }
}

/// Where a text begins inside its frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Anchor {
    /// At the upper edge.
    #[default]
    Top,
    /// Its middle in the middle of the frame.
    Middle,
    /// It ends at the lower edge.
    Bottom,
}

/// What becomes of a text that does not fit into its shape. The file stores the result; a program
/// that opens it may compute it anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Autofit {
    /// It runs over.
    #[default]
    None,
    /// It shrinks: sizes are multiplied by `scale`, and `line_reduction` is subtracted from the
    /// line spacing (both are shares of 1).
    Shrink {
        /// Factor of every font size.
        scale: f32,
        /// What is taken off the line spacing.
        line_reduction: f32,
    },
    /// The shape grows.
    Grow,
}

/// A later statement that changed a shape.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ShapeEdit {
    /// What it changed, as the file names it: `sz`, `off`, `t`, `solidFill`.
    pub what: String,
    /// The calls, innermost first; byte spans in the source.
    pub stack: Vec<Span>,
}

/// What a .pptx file says of a shape beside its box. Boxes are in pixels of the page.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ShapeFacts {
    /// Name of the slide's part in the package.
    pub part: String,
    /// The shape's id in the file, unique on the slide unless the file is damaged.
    pub shape: u32,
    /// The shape's name in the file.
    pub name: String,
    /// What it is.
    pub kind: ShapeKind,
    /// The description for those who do not see it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The type of the placeholder that it fills (`title`, `body`, `pic`, ...).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placeholder: Option<String>,
    /// Whether it is a placeholder without contents, which a show leaves out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub empty: bool,
    /// The frame before it is rotated.
    pub frame: Region,
    /// Whether it is an arrow whose point lies in the notch of the next one in a row.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub interlocks: bool,
    /// Its fill; of a gradient or pattern the mean colour. Absent where nothing is filled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fill: Option<[u8; 4]>,
    /// Whether the fill is a gradient, a pattern or a picture, so that `fill` does not tell its
    /// colour.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub painted: bool,
    /// Colour of the outline; absent where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outline: Option<[u8; 4]>,
    /// Width of the outline in pixels.
    #[serde(default)]
    pub outline_px: f32,
    /// The part of `frame` that text is laid out in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text_frame: Option<Region>,
    /// Where the text begins.
    #[serde(default)]
    pub anchor: Anchor,
    /// Whether lines break at the edges of `text_frame`.
    #[serde(default)]
    pub wrap: bool,
    /// What becomes of a text that does not fit.
    #[serde(default)]
    pub autofit: Autofit,
    /// The smallest letters as shown, in pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub smallest_px: Option<f32>,
    /// Width and height of the picture file in its own pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub natural: Option<[u32; 2]>,
    /// Shares of the picture that are cut away: left, top, right, bottom.
    #[serde(default)]
    pub crop: [f32; 4],
    /// What is broken in the file, in a sentence each; of the slide itself only. The first slide
    /// also has what is broken outside all slides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<String>,
    /// The statements that changed it after it was made, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub edits: Vec<ShapeEdit>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::de::IntoDeserializer;
    use serde::de::value::{Error, StrDeserializer};

    #[test]
    fn names_of_kinds_are_those_of_their_json() {
        use ShapeKind::*;
        for kind in [Text, Shape, Picture, Table, Chart, Diagram, Ole, Media, Group, Connector, Frame] {
            let name: StrDeserializer<Error> = kind.name().into_deserializer();
            assert_eq!(ShapeKind::deserialize(name), Ok(kind));
        }
    }
}
