//! An entry of the audit log.

use sea_orm::entity::prelude::*;

use crate::audit::rules::Outcome;
use crate::clock::Time;

/// A row of `audit_log`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_log")]
pub struct Model {
    /// Its place in the chain, from 1 without gaps.
    #[sea_orm(primary_key, auto_increment = false)]
    pub seq: i64,
    /// When.
    pub at: Time,
    /// Who; nobody where that is not known, or where the server or its operator acted.
    pub actor_id: Option<Uuid>,
    /// In which session.
    pub session_id: Option<Uuid>,
    /// From where: a keyed hash of the address.
    pub client_hash: Option<Vec<u8>>,
    /// What was done or tried.
    pub verb: String,
    /// To what kind of thing.
    pub object_kind: Option<String>,
    /// To which one.
    pub object_id: Option<Uuid>,
    /// Whether it was done.
    pub outcome: Outcome,
    /// Why, in the words of whoever did it: in old entries only, for here it cannot be erased.
    pub reason: Option<String>,
    /// Further facts.
    pub data: Json,
    /// The hash of the entry before; zeros for the first.
    pub prev_hash: Vec<u8>,
    /// The hash of this entry.
    pub hash: Vec<u8>,
}

impl ActiveModelBehavior for ActiveModel {}
