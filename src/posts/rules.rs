//! What posts and their relations consist of.

pub mod redaction;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::basis_points::BasisPoints;
use crate::error::Field;
pub use crate::sources::rules::CitationStatus;
use crate::text::{text, text_enum};

text_enum! {
    /// Whether a post is there.
    pub enum PostStatus {
        /// It is.
        Visible = "visible",
        /// Its author took it back: a tombstone.
        Deleted = "deleted",
        /// It was taken out of sight until moderators have looked into it.
        Hidden = "hidden",
        /// Moderators took it out.
        Removed = "removed",
    }
}

impl PostStatus {
    /// Whether the text of a post, and whose it is, are shown to somebody: what was taken out of sight is to its author, and
    /// to whoever looks after the topic.
    pub fn is_shown_to(self, is_author: bool, sees_hidden: bool) -> bool {
        match self {
            Self::Visible => true,
            Self::Hidden | Self::Removed => is_author || sees_hidden,
            Self::Deleted => false,
        }
    }
}

text_enum! {
    /// What a post does to its target.
    pub enum RelationType {
        /// Speaks for it.
        Support = "support",
        /// Attacks the claim.
        Rebut = "rebut",
        /// Attacks the link: the claim may stand, but does not bear on what it is said to bear on (Pollock 1987).
        Undercut = "undercut",
        /// Asks about it.
        Question = "question",
        /// Brings evidence for it.
        Evidence = "evidence",
        /// Grants it.
        Concede = "concede",
    }
}

text_enum! {
    /// To what kind of thing.
    pub enum TargetKind {
        /// The topic's question.
        Topic = "topic",
        /// A post.
        Post = "post",
        /// A relation between two other things.
        Relation = "relation",
        /// A scenario.
        Scenario = "scenario",
        /// A step in a scenario's chain.
        ChainStep = "chain_step",
        /// A fact held fixed, or named as open.
        BackgroundFact = "background_fact",
        /// A variant of the antecedent.
        Variant = "variant",
    }
}

text_enum! {
    /// Which test of a counterfactual a post applies.
    pub enum Criterion {
        /// Antecedent and consequent are specified (Tetlock & Belkin 1996).
        Clarity = "clarity",
        /// The connecting principles go together with the antecedent (Goodman 1947).
        Cotenability = "cotenability",
        /// As little history as possible is rewritten (Tetlock & Belkin 1996).
        HistoricalConsistency = "historical_consistency",
        /// It fits well-established theory (Tetlock & Belkin 1996).
        TheoreticalConsistency = "theoretical_consistency",
        /// It fits well-established statistics (Tetlock & Belkin 1996).
        StatisticalConsistency = "statistical_consistency",
        /// It has implications that the record can show (Tetlock & Belkin 1996).
        Projectability = "projectability",
        /// Later events may return history to its course (Lebow 2010).
        SecondOrder = "second_order",
        /// Few steps and a short time lie between antecedent and consequent (Fearon 1991).
        Proximity = "proximity",
    }
}

text_enum! {
    /// Which way a post moves a scenario, in its author's view.
    pub enum Direction {
        /// Makes it likelier.
        Raises = "raises",
        /// Makes it less likely.
        Lowers = "lowers",
    }
}

text! {
    /// The text of a post, as Markdown.
    pub struct PostBody, 1..=10000, prose
}

/// So many characters a post has at the most.
pub const MAX_BODY: usize = 10_000;

/// What a relation bears on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// What kind of thing.
    pub kind: TargetKind,
    /// Which one.
    pub id: Uuid,
}

/// A relation as the author of a post states it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRelation {
    /// What the post does.
    #[serde(rename = "type")]
    pub relation_type: RelationType,
    /// To what.
    pub target: Target,
    /// For evidence: how likely it is if the target holds. With `p_if_false` or not at all.
    #[serde(default)]
    pub p_if_true: Option<BasisPoints>,
    /// For evidence: how likely it is if the target does not hold.
    #[serde(default)]
    pub p_if_false: Option<BasisPoints>,
    /// For evidence: what kind of test its author takes it to be, whatever the likelihoods make of it.
    #[serde(default)]
    pub claimed_test_kind: Option<TestKind>,
}

impl NewRelation {
    /// What is said of it as evidence.
    pub fn evidence(&self) -> Evidence {
        Evidence {
            p_if_true: self.p_if_true,
            p_if_false: self.p_if_false,
            claimed_test_kind: self.claimed_test_kind,
        }
    }
}

/// What the author of evidence says of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Evidence {
    /// How likely it is if the target holds.
    pub p_if_true: Option<BasisPoints>,
    /// How likely it is if not.
    pub p_if_false: Option<BasisPoints>,
    /// What kind of test they take it to be.
    pub claimed_test_kind: Option<TestKind>,
}

text_enum! {
    /// What a piece of evidence tests, by how likely it is if what it bears on holds and if not (Van Evera, 1997;
    /// Collier, 2011; Mahoney, 2012). What is expected if it holds is found 95 times in 100; what is not expected
    /// otherwise, 5 times.
    pub enum TestKind {
        /// Expected if it holds, and not otherwise: to find it nearly confirms, not to find it nearly refutes.
        DoublyDecisive = "doubly_decisive",
        /// Expected if it holds, and otherwise too: to find it says little, not to find it nearly refutes.
        Hoop = "hoop",
        /// Not expected in any case, still less if it does not hold: to find it nearly confirms, not to find it says little.
        SmokingGun = "smoking_gun",
        /// Neither: it says little either way.
        StrawInTheWind = "straw_in_the_wind",
    }
}

impl TestKind {
    /// The kind of test that these likelihoods make.
    pub fn of(p_if_true: BasisPoints, p_if_false: BasisPoints) -> Self {
        match (i32::from(p_if_true) >= 9500, i32::from(p_if_false) <= 500) {
            (true, true) => Self::DoublyDecisive,
            (true, false) => Self::Hoop,
            (false, true) => Self::SmokingGun,
            (false, false) => Self::StrawInTheWind,
        }
    }

    /// Whether finding it nearly confirms what it bears on, for it is hardly ever found otherwise.
    pub fn confirms(self) -> bool {
        matches!(self, Self::DoublyDecisive | Self::SmokingGun)
    }
}

/// The weight of evidence in decibans, rounded to hundredths: ten times the common logarithm of how many times likelier
/// it is if what it bears on holds (Good, 1950). None where one of the likelihoods is 0, and no finite weight would do.
pub fn weight_in_decibans(p_if_true: BasisPoints, p_if_false: BasisPoints) -> Option<f64> {
    let weight = 10.0 * (p_if_true.probability() / p_if_false.probability()).log10();
    weight.is_finite().then(|| (weight * 100.0).round() / 100.0)
}

/// How a post moves one scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StanceEffect {
    /// Which scenario.
    pub scenario_id: crate::ids::ScenarioId,
    /// Which way.
    pub direction: Direction,
}

/// How many relations, and how many stance effects, a post may have.
pub const MAX_RELATIONS: usize = 20;

/// How deep a thread may go: replies above a post.
pub const MAX_DEPTH: i32 = 10_000;

/// Checks one relation on its own: which type goes with which target, and I16.
pub fn check_relation(
    field: &str,
    relation_type: RelationType,
    target: TargetKind,
    evidence: Evidence,
) -> Option<Field> {
    let on_link = target == TargetKind::Relation;
    if relation_type == RelationType::Undercut && !on_link {
        return Some(Field::new(
            format!("{field}.target.kind"),
            "undercut_needs_relation",
            "An undercut attacks a link: its target is a relation. To attack a claim, rebut it.",
        ));
    }
    if on_link && !matches!(relation_type, RelationType::Undercut | RelationType::Question) {
        return Some(Field::new(
            format!("{field}.type"),
            "relation_needs_undercut",
            "A relation can be undercut or questioned, nothing else.",
        ));
    }
    let is_evidence = relation_type == RelationType::Evidence;
    match (evidence.p_if_true, evidence.p_if_false) {
        (None, None) if evidence.claimed_test_kind.is_some() && !is_evidence => Some(Field::new(
            format!("{field}.claimed_test_kind"),
            "only_evidence",
            "Only evidence is a test of something.",
        )),
        (None, None) => None,
        _ if !is_evidence => {
            Some(Field::new(format!("{field}.p_if_true"), "only_evidence", "Only evidence has likelihoods."))
        }
        (Some(BasisPoints::NONE), Some(BasisPoints::NONE)) => Some(Field::new(
            format!("{field}.p_if_true"),
            "impossible_evidence",
            "Evidence that is impossible either way is not found.",
        )),
        (Some(_), Some(_)) => None,
        _ => {
            Some(Field::new(format!("{field}.p_if_true"), "one_likelihood", "Give both likelihoods or none."))
        }
    }
}

/// Checks the relations of a post before anything is stored.
pub fn check_relations(relations: &[NewRelation]) -> Vec<Field> {
    let mut wrong = Vec::new();
    if relations.len() > MAX_RELATIONS {
        wrong.push(Field::new("relations", "too_many", format!("At most {MAX_RELATIONS}.")));
    }
    for (i, relation) in relations.iter().enumerate() {
        let place = format!("relations[{i}]");
        let NewRelation { relation_type, target, .. } = *relation;
        wrong.extend(check_relation(&place, relation_type, target.kind, relation.evidence()));
        let same = |other: &NewRelation| other.relation_type == relation_type && other.target == target;
        if relations[..i].iter().any(same) {
            wrong.push(Field::new(place, "duplicate", "The post says this already."));
        }
    }
    wrong
}

/// Checks the stance effects of a post before anything is stored.
pub fn check_stance_effects(effects: &[StanceEffect]) -> Vec<Field> {
    let mut wrong = Vec::new();
    if effects.len() > MAX_RELATIONS {
        wrong.push(Field::new("stance_effects", "too_many", format!("At most {MAX_RELATIONS}.")));
    }
    for (i, effect) in effects.iter().enumerate() {
        if effects[..i].iter().any(|other| other.scenario_id == effect.scenario_id) {
            wrong.push(Field::new(
                format!("stance_effects[{i}]"),
                "duplicate",
                "One direction for each scenario.",
            ));
        }
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i8_undercuts_attack_links_and_only_they_and_questions_do() {
        use RelationType::{Concede, Question, Rebut, Support, Undercut};
        let allowed = |relation, target| check_relation("r", relation, target, Evidence::default()).is_none();
        for relation in [Support, Rebut, RelationType::Evidence, Concede] {
            assert!(allowed(relation, TargetKind::Post));
            assert!(!allowed(relation, TargetKind::Relation));
        }
        assert!(allowed(Undercut, TargetKind::Relation));
        assert!(!allowed(Undercut, TargetKind::Post));
        assert!(allowed(Question, TargetKind::Relation));
        assert!(allowed(Question, TargetKind::Topic));
    }

    fn points_of(value: i64) -> BasisPoints {
        BasisPoints::try_from(value).unwrap()
    }

    #[test]
    fn evidence_tests_by_how_likely_it_is_either_way() {
        use TestKind::{DoublyDecisive, Hoop, SmokingGun, StrawInTheWind};
        for (p_if_true, p_if_false, kind, weight) in [
            (9500, 500, DoublyDecisive, Some(12.79)),
            (9500, 501, Hoop, Some(12.78)),
            (9499, 500, SmokingGun, Some(12.79)),
            (9499, 501, StrawInTheWind, Some(12.78)),
            (2000, 6000, StrawInTheWind, Some(-4.77)),
            (5000, 5000, StrawInTheWind, Some(0.0)),
            (10_000, 0, DoublyDecisive, None),
            (0, 10_000, StrawInTheWind, None),
        ] {
            let (p_if_true, p_if_false) = (points_of(p_if_true), points_of(p_if_false));
            assert_eq!(TestKind::of(p_if_true, p_if_false), kind, "{p_if_true:?} {p_if_false:?}");
            assert_eq!(kind.confirms(), p_if_false <= points_of(500), "{p_if_true:?} {p_if_false:?}");
            assert_eq!(weight_in_decibans(p_if_true, p_if_false), weight, "{p_if_true:?} {p_if_false:?}");
        }
    }

    #[test]
    fn i16_likelihoods_come_in_pairs_on_evidence_and_not_both_zero() {
        let check = |relation, a: Option<i64>, b: Option<i64>| {
            let [p_if_true, p_if_false] = [a, b].map(|points| points.map(points_of));
            let evidence = Evidence { p_if_true, p_if_false, claimed_test_kind: None };
            check_relation("r", relation, TargetKind::Post, evidence).map(|field| field.code.into_owned())
        };
        assert_eq!(check(RelationType::Evidence, Some(9500), Some(0)), None);
        assert_eq!(check(RelationType::Evidence, Some(0), Some(0)).as_deref(), Some("impossible_evidence"));
        assert_eq!(check(RelationType::Evidence, Some(1), None).as_deref(), Some("one_likelihood"));
        assert_eq!(check(RelationType::Support, Some(1), Some(1)).as_deref(), Some("only_evidence"));
    }
}
