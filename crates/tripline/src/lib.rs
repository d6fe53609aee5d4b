//! The program around the detector.

pub mod data;
pub mod explain;
pub mod human;
mod prose;
pub mod report;
pub mod settings;
pub mod term;
