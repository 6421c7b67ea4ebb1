//! What moderators, and rules in their name, decide of posts, topics and people: each act with its reasons, what it
//! changed, and what it keeps somebody from.
//!
//! An act that restricts anybody is never without a statement of reasons to whom it restricts; both are written in the
//! transaction that restricts. No act is ever taken out of the record: taking it back is another one. What has an end
//! is over when that has come, by the clock of whoever asks and without anybody's doing.
//!
//! This stands before the features whose things are decided about: who may do what asks it, and a rule acts while a post
//! is made. Cases, appeals and what moderators are shown are in `moderation`.

pub mod rules;
mod store;

pub use store::{
    Act, account_queue, by_rule, erase, find, find_for_update, find_statement, forget_texts, hidden_by_rules,
    last_of_kind, list_decisions, note_case, record, revert, reverted_by, rule, rule_as_it_held,
    sanctions_of, standing_of_batch, strikes_of, with_external_id,
};
