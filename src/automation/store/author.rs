//! What is known of the people whom rules are asked about.

use sea_orm::{FromQueryResult, Value};

use super::email_hash;
use crate::app::App;
use crate::automation::rules::judge::{Person, Wants};
use crate::automation::rules::list::comparable_name;
use crate::clock::Time;
use crate::ids::AccountId;

/// What is asked of an account `a`, as far as rules want it: the columns of an [`AuthorRow`] but for `visible_posts`. The first
/// four values of the statement are those of [`author_values`].
macro_rules! author_columns {
    () => {
        "a.trust_level, a.created_at AS joined_at,
                EXISTS (SELECT FROM role_grant g WHERE g.account_id = a.id AND g.revoked_at IS NULL
                        AND (g.expires_at IS NULL OR g.expires_at > $1) AND gives_rank(g)) AS is_staff,
                CASE WHEN $2 THEN ARRAY(
                    SELECT l.client_address FROM session l
                    WHERE l.account_id = a.id AND l.client_address IS NOT NULL
                    ORDER BY l.created_at DESC LIMIT 20) ELSE ARRAY[]::text[] END AS addresses,
                CASE WHEN $3 THEN a.email_key END AS email_key,
                CASE WHEN $4 THEN a.username END AS username,
                CASE WHEN $4 THEN a.display_name END AS display_name"
    };
}
pub(super) use author_columns;

/// The first values of a statement with these columns.
pub(super) fn author_values(now: Time, wants: Wants) -> [Value; 4] {
    [now.into(), wants.addresses.into(), wants.emails.into(), wants.names.into()]
}

/// What is known of somebody, as the database gives it.
#[derive(FromQueryResult)]
pub(super) struct AuthorRow {
    trust_level: i16,
    joined_at: Time,
    is_staff: bool,
    visible_posts: i32,
    addresses: Vec<String>,
    email_key: Option<String>,
    username: Option<String>,
    display_name: Option<String>,
}

impl AuthorRow {
    /// The same as rules take it, at a moment.
    pub(super) fn person(&self, app: &App, id: AccountId, at: Time) -> Person {
        let names = [&self.username, &self.display_name];
        Person {
            id,
            age_days: (at - self.joined_at).num_days().try_into().unwrap_or_default(),
            trust_level: self.trust_level,
            is_staff: self.is_staff,
            visible_posts: self.visible_posts.try_into().unwrap_or_default(),
            addresses: self.addresses.iter().filter_map(|address| address.parse().ok()).collect(),
            email_hash: self.email_key.as_ref().map(|key| email_hash(app, key)),
            names: names.into_iter().flatten().map(|name| comparable_name(name)).collect(),
        }
    }
}
