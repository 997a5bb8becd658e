//! The command line as people meet it: black-box tests through the binary, in one program so that
//! it is linked once. They need `cargo xtask setup`, as rendering does.

mod bad_input;
mod common;
mod data;
mod design2code;
mod eval;
mod eval_pages;
mod lint;
#[cfg(feature = "train")]
mod model;
mod pages;
mod report;
mod score;
mod slim;
mod stub;
#[cfg(feature = "train")]
mod train_pages;
