//! The vocabulary of the whole system: what flows between the stages, as plain data.
//!
//! ```text
//! Task -> Rollout -> Outcome -> Diagnosis -> Credit
//! ```
//!
//! Every stage crate depends on this crate alone, so the stages cannot know each other. There is no
//! input or output here, no clock and no randomness: only data, geometry, the rule that finds the
//! code inside a completion and the resampling of pictures, which two stages need to the last bit.
//!
//! ```
//! use vsdpo_artifact::Region;
//! let a = Region::new(0.0, 0.0, 10.0, 10.0);
//! let b = Region::new(5.0, 0.0, 15.0, 10.0);
//! assert!((a.iou(b) - 1.0 / 3.0).abs() < 1e-6);
//! ```

mod comparison;
mod credit;
mod diagnosis;
mod element;
mod geometry;
mod message;
mod outcome;
mod records;
mod resample;
mod rollout;
mod shape;
mod slide;
mod task;

pub use comparison::{
    BlockMatch, ChartComparison, ChartScores, Comparison, F1, TextBlock, WebComparison, WebScores,
};
pub use credit::{Credit, CreditedStatement, Statement};
pub use diagnosis::{Axis, AxisScore, Defect, Diagnosis, Level, Rubric, shortest};
pub use element::{Align, Attribution, Element, ElementKind, HtmlFacts, MissingGlyphs};
pub use geometry::{Region, Span};
pub use message::{Content, Message, Role};
pub use outcome::{ExecError, FailureKind, Image, Outcome, Page, Rendered, StyleRule};
pub use records::{ChartRecords, ColorToken, GridCell};
pub use resample::{Resampling, resize_rgb};
pub use rollout::{Rollout, extract_code};
pub use shape::{Anchor, Autofit, ShapeEdit, ShapeFacts, ShapeKind};
pub use slide::{LayoutKind, Rect, SlideElement, SlideLayout, Visibility};
pub use task::{BoxRow, Domain, Language, Letters, Requirements, Source, Task};
