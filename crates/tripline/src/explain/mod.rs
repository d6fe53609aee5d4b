//! `tripline explain`: the page of an event, the list of all, and the evidence of an incident.

mod list;
mod page;
mod replay;
mod suggest;

pub use list::{list, list_json};
pub use page::page;
#[cfg(target_os = "linux")]
pub(crate) use replay::add_steps;
pub use replay::{Subject, replay};
pub use suggest::suggest;
