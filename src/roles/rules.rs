//! Permissions, the places where they hold, and who has which.

use sea_orm::{EnumIter, Iterable};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::accounts::rules::Role;
use crate::ids::TopicId;

crate::text::text! {
    /// Why somebody is given a role, for whoever asks later.
    pub struct GrantReason, 1..=500, line;
}

/// Something that not everybody may do.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema, EnumIter,
)]
pub enum Permission {
    /// See drafts of others, and change topics at any time.
    #[serde(rename = "topic.edit")]
    TopicEdit,
    /// Read reports and their cases.
    #[serde(rename = "report.read")]
    ReportRead,
    /// Hide posts and show them again.
    #[serde(rename = "content.hide")]
    ContentHide,
    /// Suspend accounts.
    #[serde(rename = "user.suspend")]
    UserSuspend,
    /// See who voted how.
    #[serde(rename = "vote.inspect")]
    VoteInspect,
    /// See addresses and other personal data.
    #[serde(rename = "pii.read")]
    PiiRead,
    /// Act on many things at a time.
    #[serde(rename = "job.bulk")]
    JobBulk,
    /// Write the rules of the site and of automatic moderation.
    #[serde(rename = "rule.edit")]
    RuleEdit,
    /// Remove for good.
    #[serde(rename = "purge")]
    Purge,
    /// Grant roles and permissions, and take them back.
    #[serde(rename = "role.grant")]
    RoleGrant,
    /// Decide the cases that moderators pass on.
    #[serde(rename = "escalation.decide")]
    EscalationDecide,
    /// Have one's notices looked at first, as a trusted flagger (Regulation 2022/2065, article 22).
    #[serde(rename = "notice.trusted")]
    NoticeTrusted,
}

impl Permission {
    /// The word on the wire and in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::TopicEdit => "topic.edit",
            Self::ReportRead => "report.read",
            Self::ContentHide => "content.hide",
            Self::UserSuspend => "user.suspend",
            Self::VoteInspect => "vote.inspect",
            Self::PiiRead => "pii.read",
            Self::JobBulk => "job.bulk",
            Self::RuleEdit => "rule.edit",
            Self::Purge => "purge",
            Self::RoleGrant => "role.grant",
            Self::EscalationDecide => "escalation.decide",
            Self::NoticeTrusted => "notice.trusted",
        }
    }

    /// The permission of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::iter().find(|permission| permission.name() == name)
    }

    /// Whether a role includes it.
    pub fn is_of(self, role: Role) -> bool {
        match role {
            Role::Member => false,
            Role::Moderator => matches!(
                self,
                Self::TopicEdit
                    | Self::ReportRead
                    | Self::ContentHide
                    | Self::UserSuspend
                    | Self::VoteInspect
                    | Self::JobBulk
            ),
            Role::Administrator => true,
        }
    }
}

/// Where a grant holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// Everywhere.
    Site,
    /// Within one topic.
    Topic(TopicId),
    /// Within the topics of one tag.
    Tag(String),
}

/// Where something is to be done.
#[derive(Debug, Clone, Copy)]
pub enum Place<'a> {
    /// Not within a topic.
    Site,
    /// Within a topic.
    Topic {
        /// The topic.
        id: TopicId,
        /// Its tags.
        tags: &'a [String],
    },
}

impl Scope {
    fn holds_in(&self, place: Place<'_>) -> bool {
        match (self, place) {
            (Self::Site, _) => true,
            (_, Place::Site) => false,
            (Self::Topic(topic), Place::Topic { id, .. }) => *topic == id,
            (Self::Tag(tag), Place::Topic { tags, .. }) => tags.contains(tag),
        }
    }

    /// Whether it holds wherever the other one does. A topic is not taken to be within a tag: tags change.
    fn covers(&self, other: &Self) -> bool {
        *self == Self::Site || self == other
    }
}

/// What one grant gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Power {
    /// The role, where it is one.
    pub role: Option<Role>,
    /// The permissions, where it is a set without a name.
    pub permissions: Vec<Permission>,
    /// Where.
    pub scope: Scope,
}

impl Power {
    /// Reads what a row of `role_grant` gives.
    pub fn read(
        role: Option<Role>,
        permissions: &[String],
        topic_id: Option<TopicId>,
        tag: Option<String>,
    ) -> Self {
        let scope = match (topic_id, tag) {
            (Some(topic), _) => Scope::Topic(topic),
            (None, Some(tag)) => Scope::Tag(tag),
            (None, None) => Scope::Site,
        };
        // A permission that only a newer server knows is one that this server cannot give.
        let permissions = permissions.iter().filter_map(|name| Permission::named(name)).collect();
        Self { role, permissions, scope }
    }

    /// Whether it includes a permission.
    pub fn includes(&self, permission: Permission) -> bool {
        self.role.is_some_and(|role| permission.is_of(role)) || self.permissions.contains(&permission)
    }

    /// The rank that goes with it. Whoever has permissions without a role ranks with moderators, whichever
    /// permissions these are: nobody is an administrator by a permission, and acts on administrators. A trusted flagger
    /// acts on nobody, and has none by that.
    pub fn rank(&self) -> Role {
        let flags_only = self.permissions == [Permission::NoticeTrusted];
        self.role.unwrap_or(if flags_only { Role::Member } else { Role::Moderator })
    }
}

/// All that somebody may do beyond what everybody may: the grants in force.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Powers(Vec<Power>);

impl FromIterator<Power> for Powers {
    fn from_iter<I: IntoIterator<Item = Power>>(powers: I) -> Self {
        Self(powers.into_iter().collect())
    }
}

impl Powers {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether they include a permission in a place.
    pub fn include(&self, permission: Permission, place: Place<'_>) -> bool {
        self.0.iter().any(|power| power.includes(permission) && power.scope.holds_in(place))
    }

    /// Whether they include a permission anywhere.
    pub fn include_somewhere(&self, permission: Permission) -> bool {
        self.0.iter().any(|power| power.includes(permission))
    }

    /// Whether somebody was given a permission in a place by name, and not as part of a role.
    pub fn name(&self, permission: Permission, place: Place<'_>) -> bool {
        self.0.iter().any(|power| power.permissions.contains(&permission) && power.scope.holds_in(place))
    }

    /// The topics and the tags within which they include a permission.
    pub fn scopes_of(&self, permission: Permission) -> (Vec<TopicId>, Vec<String>) {
        let (mut topics, mut tags) = (Vec::new(), Vec::new());
        for power in self.0.iter().filter(|power| power.includes(permission)) {
            match &power.scope {
                Scope::Site => {}
                Scope::Topic(id) => topics.push(*id),
                Scope::Tag(tag) => tags.push(tag.clone()),
            }
        }
        (topics, tags)
    }

    /// Whether whoever has these may give another power, or take it back: they may grant where it holds, and
    /// have all of it themselves.
    pub fn may_hand_on(&self, given: &Power) -> bool {
        let have = |permission: Permission| {
            self.0.iter().any(|power| power.includes(permission) && power.scope.covers(&given.scope))
        };
        have(Permission::RoleGrant)
            && given.role.is_none_or(|role| self.rank() >= role)
            && Permission::iter().filter(|permission| given.includes(*permission)).all(have)
    }

    /// The highest rank of any of them.
    pub fn rank(&self) -> Role {
        self.0.iter().map(Power::rank).max().unwrap_or_default()
    }

    /// What readers see: the highest role held for the whole site.
    pub fn role(&self) -> Role {
        let of_site = self.0.iter().filter(|power| power.scope == Scope::Site);
        of_site.filter_map(|power| power.role).max().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn power(role: Option<Role>, permissions: &[Permission], scope: Scope) -> Power {
        Power { role, permissions: permissions.to_vec(), scope }
    }

    fn topic(n: u128) -> TopicId {
        TopicId(Uuid::from_u128(n))
    }

    #[test]
    fn the_wire_and_the_database_use_the_same_words() {
        for permission in Permission::iter() {
            assert_eq!(serde_json::to_value(permission).unwrap(), permission.name());
            assert_eq!(Permission::named(permission.name()), Some(permission));
        }
        assert_eq!(Permission::named("everything"), None);
    }

    #[test]
    fn a_power_holds_where_its_scope_does() {
        let tags = ["armada".to_owned(), "england".to_owned()];
        let here = Place::Topic { id: topic(1), tags: &tags };
        let there = Place::Topic { id: topic(2), tags: &[] };
        let holds = |scope, place| {
            let powers: Powers = [power(Some(Role::Moderator), &[], scope)].into_iter().collect();
            powers.include(Permission::TopicEdit, place)
        };
        assert!(holds(Scope::Site, here) && holds(Scope::Site, there) && holds(Scope::Site, Place::Site));
        assert!(holds(Scope::Topic(topic(1)), here));
        assert!(!holds(Scope::Topic(topic(1)), there) && !holds(Scope::Topic(topic(1)), Place::Site));
        assert!(holds(Scope::Tag("armada".to_owned()), here));
        assert!(!holds(Scope::Tag("armada".to_owned()), there));
        assert!(!holds(Scope::Tag("arm".to_owned()), here));
        assert!(!holds(Scope::Tag("armada".to_owned()), Place::Site));
    }

    #[test]
    fn a_role_includes_what_the_lower_ones_do() {
        for permission in Permission::iter() {
            assert!(!permission.is_of(Role::Member));
            assert!(permission.is_of(Role::Administrator));
        }
        assert!(!Permission::RoleGrant.is_of(Role::Moderator) && !Permission::PiiRead.is_of(Role::Moderator));
    }

    #[test]
    fn nobody_hands_on_what_they_do_not_have_there() {
        let all: Powers = [power(Some(Role::Administrator), &[], Scope::Site)].into_iter().collect();
        let everything = power(Some(Role::Administrator), &[], Scope::Site);
        let moderator = |scope| power(Some(Role::Moderator), &[], scope);
        assert!(all.may_hand_on(&everything) && all.may_hand_on(&moderator(Scope::Tag("a".to_owned()))));

        let of_tag: Powers = [
            moderator(Scope::Tag("a".to_owned())),
            power(None, &[Permission::RoleGrant], Scope::Tag("a".to_owned())),
        ]
        .into_iter()
        .collect();
        assert!(of_tag.may_hand_on(&moderator(Scope::Tag("a".to_owned()))));
        assert!(!of_tag.may_hand_on(&moderator(Scope::Tag("b".to_owned()))));
        assert!(!of_tag.may_hand_on(&moderator(Scope::Site)));
        assert!(!of_tag.may_hand_on(&moderator(Scope::Topic(topic(1)))));
        assert!(!of_tag.may_hand_on(&everything));
        assert!(!of_tag.may_hand_on(&power(None, &[Permission::Purge], Scope::Tag("a".to_owned()))));

        let moderators: Powers = [moderator(Scope::Site)].into_iter().collect();
        assert!(!moderators.may_hand_on(&moderator(Scope::Site)), "without role.grant");
        assert!(!Powers::default().may_hand_on(&moderator(Scope::Site)));
    }

    #[test]
    fn readers_see_roles_of_the_whole_site() {
        let role = |list: &[Power]| list.iter().cloned().collect::<Powers>().role();
        assert_eq!(role(&[]), Role::Member);
        assert_eq!(role(&[power(Some(Role::Moderator), &[], Scope::Tag("a".to_owned()))]), Role::Member);
        assert_eq!(role(&[power(None, &[Permission::Purge], Scope::Site)]), Role::Member);
        let both = [
            power(Some(Role::Moderator), &[], Scope::Site),
            power(Some(Role::Administrator), &[], Scope::Site),
        ];
        assert_eq!(role(&both), Role::Administrator);
    }
}
