//! Who answers for the parts of a deck.

use std::collections::HashMap;
use vsdpo_artifact::{ShapeEdit, Span};

/// Origins by the name of the slide's part and the shape's id. Where a slide has an id several
/// times, the origins are in the order of the tree.
#[derive(Default)]
pub(crate) struct Sources {
    pub slides: HashMap<String, Origin>,
    pub shapes: HashMap<(String, u32), Vec<Origin>>,
}

/// The statements behind one slide or shape.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Origin {
    /// The call that made it, innermost first.
    pub made: Vec<Span>,
    /// Later calls that changed it, in their order.
    pub edits: Vec<ShapeEdit>,
}
