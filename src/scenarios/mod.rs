//! Rival answers to a topic's question, each with the causal chain that leads to it.
//!
//! Live top-level scenarios are exclusive, and one of them, the residual, stands for everything that has
//! no scenario of its own. A change of the set makes a new version of it.

pub mod rules;
mod store;

pub use store::{InsertedScenarios, ScenarioToInsert, StoredScenario, add, insert, read, retire};
