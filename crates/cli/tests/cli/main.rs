//! Black-box tests of the binary, in one test program so that it is linked once. They render, so
//! they need `cargo xtask setup`.

mod aeslides;
mod bad_input;
#[cfg(feature = "train")]
mod campaign;
mod common;
mod compare;
mod data;
mod decks;
mod design2code;
mod endpoint;
mod environment;
mod eval;
mod eval_pages;
mod eval_slides;
mod installed;
mod lint;
mod mcp;
#[cfg(feature = "train")]
mod model;
mod pages;
mod report;
mod score;
mod slides;
mod slim;
mod stub;
#[cfg(feature = "train")]
mod train_pages;
