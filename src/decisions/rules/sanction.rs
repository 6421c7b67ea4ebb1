//! What people are kept from.

use serde::Deserialize;

use crate::clock::Timestamp;
use crate::ids::{ActionId, TopicId};
use crate::text::text_enum;

text_enum! {
    /// What somebody may not do. A warning keeps nobody from anything.
    pub enum SanctionKind {
        /// A warning.
        Warn = "warn",
        /// Posting.
        Silence = "silence",
        /// Anything in one debate.
        Restrict = "restrict",
        /// Voting and stating credences.
        VoteBan = "vote_ban",
        /// Anything but reading, for a while.
        Suspend = "suspend",
        /// Anything but reading.
        Ban = "ban",
    }
}

/// A sanction in force.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Sanction {
    /// The action that it comes from.
    pub id: ActionId,
    /// What it keeps somebody from.
    pub kind: SanctionKind,
    /// In which topic, if not everywhere.
    pub topic_id: Option<TopicId>,
    /// Until when; no end where there is none.
    pub ends_at: Option<Timestamp>,
}

/// What somebody is about to do, as far as sanctions are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// To say something for others to read.
    Speak,
    /// To vote, or to state what one believes.
    Vote,
    /// Anything else that changes something.
    Other,
}

impl Sanction {
    /// Whether it keeps somebody from this, in this topic or in none.
    pub fn forbids(&self, deed: Deed, topic: Option<TopicId>) -> bool {
        let holds_here = self.topic_id.is_none() || self.topic_id == topic;
        holds_here
            && match self.kind {
                SanctionKind::Warn => false,
                SanctionKind::Silence => deed == Deed::Speak,
                SanctionKind::VoteBan => deed == Deed::Vote,
                SanctionKind::Restrict => deed != Deed::Other,
                SanctionKind::Suspend | SanctionKind::Ban => true,
            }
    }

    /// Whether nothing but reading is left.
    pub fn is_total(&self) -> bool {
        matches!(self.kind, SanctionKind::Suspend | SanctionKind::Ban)
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use sea_orm::Iterable;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn what_sanctions_forbid() {
        let (here, elsewhere) = (TopicId(Uuid::from_u128(1)), TopicId(Uuid::from_u128(2)));
        let mut table = String::new();
        for kind in SanctionKind::iter() {
            for topic_id in [None, Some(here)] {
                let sanction = Sanction { id: ActionId(Uuid::nil()), kind, topic_id, ends_at: None };
                let place = if topic_id.is_some() { "here" } else { "everywhere" };
                write!(table, "{kind:?} {place}:").unwrap();
                for deed in [Deed::Speak, Deed::Vote, Deed::Other] {
                    for (name, topic) in
                        [("here", Some(here)), ("elsewhere", Some(elsewhere)), ("nowhere", None)]
                    {
                        if sanction.forbids(deed, topic) {
                            write!(table, " {deed:?}/{name}").unwrap();
                        }
                    }
                }
                writeln!(table).unwrap();
            }
        }
        expect_test::expect![[r"
            Warn everywhere:
            Warn here:
            Silence everywhere: Speak/here Speak/elsewhere Speak/nowhere
            Silence here: Speak/here
            Restrict everywhere: Speak/here Speak/elsewhere Speak/nowhere Vote/here Vote/elsewhere Vote/nowhere
            Restrict here: Speak/here Vote/here
            VoteBan everywhere: Vote/here Vote/elsewhere Vote/nowhere
            VoteBan here: Vote/here
            Suspend everywhere: Speak/here Speak/elsewhere Speak/nowhere Vote/here Vote/elsewhere Vote/nowhere Other/here Other/elsewhere Other/nowhere
            Suspend here: Speak/here Vote/here Other/here
            Ban everywhere: Speak/here Speak/elsewhere Speak/nowhere Vote/here Vote/elsewhere Vote/nowhere Other/here Other/elsewhere Other/nowhere
            Ban here: Speak/here Vote/here Other/here
        "]].assert_eq(&table);
    }
}
