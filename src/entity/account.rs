//! An account: a person, or the name of an imported debate's author.

use sea_orm::FromQueryResult;
use sea_orm::entity::prelude::*;

use crate::accounts::rules::{AccountKind, AccountState, Role};
use crate::clock::Time;
use crate::ids::AccountId;

/// A row of `account`.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "account")]
pub struct Model {
    /// The account.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: AccountId,
    /// As people write it, lower-cased.
    pub username: String,
    /// What it looks like (UTS 39): two names that look alike share it.
    pub username_skeleton: String,
    /// Whether somebody can sign in.
    pub kind: AccountKind,
    /// The address as given.
    pub email: Option<String>,
    /// The address as compared.
    pub email_key: Option<String>,
    /// When its owner proved that it is theirs; then no other account has it.
    pub email_verified_at: Option<Time>,
    /// PHC string; none where nobody can sign in.
    pub password_hash: Option<String>,
    /// When the password was last set to another one.
    pub password_changed_at: Option<Time>,
    /// How the person wants to be called.
    pub display_name: Option<String>,
    /// What the person says of themselves, as plain text.
    pub bio: Option<String>,
    /// The role that readers see: the highest it has for the whole site.
    pub role: Role,
    /// 0 to 3.
    pub trust_level: i16,
    /// Whether it may do anything.
    pub state: AccountState,
    /// Whether everybody sees what they believe and what moved them.
    pub shows_track_record: bool,
    /// Counts the changes, from 1.
    pub version: i32,
    /// When it was made.
    pub created_at: Time,
    /// When it last changed.
    pub updated_at: Time,
}

impl ActiveModelBehavior for ActiveModel {}

/// What everybody sees of an account.
#[derive(Clone, Debug, PartialEq, FromQueryResult)]
pub struct Profile {
    /// The account.
    pub id: AccountId,
    /// As people write it, lower-cased.
    pub username: String,
    /// Whether somebody can sign in.
    pub kind: AccountKind,
    /// How the person wants to be called.
    pub display_name: Option<String>,
    /// What the person says of themselves, as plain text.
    pub bio: Option<String>,
    /// The highest role it has for the whole site.
    pub role: Role,
    /// When it was made.
    pub created_at: Time,
}
