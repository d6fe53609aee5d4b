//! The rules of docs/decode.md, on frames that are built layer by layer.

mod build;
mod link;
mod reader;
mod tunnel;
