//! Evidence: what an observation weighs.

use serde::Deserialize;

/// The likelihood table, as read from `catalog/likelihood.toml`.
#[derive(Clone, Debug, Deserialize)]
pub struct Likelihoods {}
