//! Text items of a recoloured page (specs/design2code.md, 6).

/// A piece of text with the colour that it must have on the recoloured screenshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// The text, trimmed, in its own case.
    pub text: String,
    /// The colour as written, such as `#0A0A0A`.
    pub color: String,
}
