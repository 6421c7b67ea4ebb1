//! Where a case goes from where. Each move is by somebody who may make it: the policy decides that.

use super::{CaseEventKind, CaseOutcome, CaseState};
use crate::clock::Time;
use crate::error::{Code, Error};
use crate::ids::AccountId;

/// Where a case stands, and with whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// The state.
    pub state: CaseState,
    /// Whether it takes more than a moderator to decide it.
    pub is_escalated: bool,
    /// Who claimed it and until when, while it is claimed.
    pub claim: Option<(AccountId, Time)>,
    /// What came of it, once it is resolved.
    pub resolution: Option<CaseOutcome>,
}

/// What moderators do with a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Move {
    /// Take it on until then, or go on with it.
    Claim(Time),
    /// Give it back.
    Release,
    /// Pass it on to those who decide what is difficult.
    Escalate,
    /// Decide it.
    Resolve(CaseOutcome),
}

impl Move {
    /// What it is in the history of the case.
    pub fn event(self) -> CaseEventKind {
        match self {
            Self::Claim(_) => CaseEventKind::Claimed,
            Self::Release => CaseEventKind::Released,
            Self::Escalate => CaseEventKind::Escalated,
            Self::Resolve(_) => CaseEventKind::Resolved,
        }
    }
}

impl Standing {
    /// A case that nobody has looked at yet.
    pub const OPEN: Self =
        Self { state: CaseState::Open, is_escalated: false, claim: None, resolution: None };

    /// Where it waits for somebody to claim it.
    fn waiting(is_escalated: bool) -> Self {
        let state = if is_escalated { CaseState::Escalated } else { CaseState::Open };
        Self { state, is_escalated, ..Self::OPEN }
    }

    /// Where somebody takes it who appeals against what was decided; none where it does not stand decided.
    pub fn appealed(self) -> Option<Self> {
        (self.state == CaseState::Resolved).then_some(Self { state: CaseState::Appealed, ..self })
    }

    /// Where it goes when no appeal waits any more, with what came of it by now; none where it had gone elsewhere.
    pub fn settled(self, resolution: CaseOutcome) -> Option<Self> {
        (self.state == CaseState::Appealed).then_some(Self {
            state: CaseState::Resolved,
            resolution: Some(resolution),
            ..self
        })
    }

    /// Whether what was to be decided was decided.
    pub fn is_decided(self) -> bool {
        matches!(self.state, CaseState::Resolved | CaseState::Appealed)
    }

    /// Where it stands at a moment: a claim that has run out is none, whether anybody has noticed or not.
    #[must_use]
    pub fn at(self, now: Time) -> Self {
        match self.claim {
            Some((_, until)) if until <= now => Self::waiting(self.is_escalated),
            _ => self,
        }
    }

    /// Where a move by somebody takes it, as it stands at the moment; none where it stands there already.
    ///
    /// # Errors
    /// 409 where there is no such move from here, or somebody else is at it.
    pub fn after(self, act: Move, by: AccountId) -> Result<Option<Self>, Error> {
        let with_another = self.claim.is_some_and(|(assignee, _)| assignee != by);
        if with_another {
            return Err(
                Code::CaseClaimed.error("Somebody else is at it: wait until they are done, or let go.")
            );
        }
        let no_such_move = |detail: &'static str| Err(Code::InvalidStateTransition.error(detail));
        match (self.state, act) {
            (CaseState::Open | CaseState::Escalated | CaseState::Claimed, Move::Claim(until)) => {
                let claimed = Self { state: CaseState::Claimed, claim: Some((by, until)), ..self };
                Ok((claimed != self).then_some(claimed))
            }
            (CaseState::Claimed, Move::Release) => Ok(Some(Self::waiting(self.is_escalated))),
            (CaseState::Open | CaseState::Escalated, Move::Release)
            | (CaseState::Escalated, Move::Escalate) => Ok(None),
            (CaseState::Open, Move::Escalate) => Ok(Some(Self::waiting(true))),
            (CaseState::Claimed, Move::Escalate) if !self.is_escalated => Ok(Some(Self::waiting(true))),
            (CaseState::Claimed, Move::Escalate) => no_such_move("It was passed on already: decide it."),
            (CaseState::Open | CaseState::Claimed, Move::Resolve(outcome)) => Ok(Some(Self {
                state: CaseState::Resolved,
                claim: None,
                resolution: Some(outcome),
                is_escalated: self.is_escalated,
            })),
            (CaseState::Escalated, Move::Resolve(_)) => {
                no_such_move("Claim what was passed on, then decide it.")
            }
            (CaseState::Resolved, Move::Resolve(outcome)) if self.resolution == Some(outcome) => Ok(None),
            (CaseState::Resolved, _) => no_such_move("It was decided."),
            (CaseState::Appealed, _) => no_such_move("It was decided, and an appeal waits: decide that."),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use chrono::TimeDelta;
    use uuid::Uuid;

    use super::*;

    fn time(minutes: i64) -> Time {
        "2026-01-15T12:00:00Z".parse::<Time>().unwrap() + TimeDelta::minutes(minutes)
    }

    /// Every standing there is, as seen by the first of two people.
    fn standings() -> Vec<(&'static str, Standing)> {
        let (own, other) = (AccountId(Uuid::from_u128(1)), AccountId(Uuid::from_u128(2)));
        let claimed = |by, is_escalated| Standing {
            state: CaseState::Claimed,
            claim: Some((by, time(15))),
            ..Standing::waiting(is_escalated)
        };
        let resolved = |resolution| Standing {
            state: CaseState::Resolved,
            resolution: Some(resolution),
            ..Standing::OPEN
        };
        vec![
            ("open", Standing::OPEN),
            ("escalated", Standing::waiting(true)),
            ("mine", claimed(own, false)),
            ("mine, escalated", claimed(own, true)),
            ("another's", claimed(other, false)),
            ("upheld", resolved(CaseOutcome::Upheld)),
            ("rejected", resolved(CaseOutcome::Rejected)),
            ("appealed", resolved(CaseOutcome::Upheld).appealed().unwrap()),
        ]
    }

    #[test]
    fn every_move_from_everywhere() {
        let moves = [
            ("claim", Move::Claim(time(20))),
            ("claim as before", Move::Claim(time(15))),
            ("release", Move::Release),
            ("escalate", Move::Escalate),
            ("uphold", Move::Resolve(CaseOutcome::Upheld)),
        ];
        let mut table = String::new();
        for (from, standing) in standings() {
            for (name, act) in moves {
                let to = match standing.after(act, AccountId(Uuid::from_u128(1))) {
                    Ok(Some(to)) if to.is_escalated => format!("{:?}, escalated", to.state),
                    Ok(Some(to)) => format!("{:?}", to.state),
                    Ok(None) => "-".to_owned(),
                    Err(error) => format!("{:?}", error.code),
                };
                writeln!(table, "{from}: {name}: {to}").unwrap();
            }
        }
        expect_test::expect![[r"
            open: claim: Claimed
            open: claim as before: Claimed
            open: release: -
            open: escalate: Escalated, escalated
            open: uphold: Resolved
            escalated: claim: Claimed, escalated
            escalated: claim as before: Claimed, escalated
            escalated: release: -
            escalated: escalate: -
            escalated: uphold: InvalidStateTransition
            mine: claim: Claimed
            mine: claim as before: -
            mine: release: Open
            mine: escalate: Escalated, escalated
            mine: uphold: Resolved
            mine, escalated: claim: Claimed, escalated
            mine, escalated: claim as before: -
            mine, escalated: release: Escalated, escalated
            mine, escalated: escalate: InvalidStateTransition
            mine, escalated: uphold: Resolved, escalated
            another's: claim: CaseClaimed
            another's: claim as before: CaseClaimed
            another's: release: CaseClaimed
            another's: escalate: CaseClaimed
            another's: uphold: CaseClaimed
            upheld: claim: InvalidStateTransition
            upheld: claim as before: InvalidStateTransition
            upheld: release: InvalidStateTransition
            upheld: escalate: InvalidStateTransition
            upheld: uphold: -
            rejected: claim: InvalidStateTransition
            rejected: claim as before: InvalidStateTransition
            rejected: release: InvalidStateTransition
            rejected: escalate: InvalidStateTransition
            rejected: uphold: InvalidStateTransition
            appealed: claim: InvalidStateTransition
            appealed: claim as before: InvalidStateTransition
            appealed: release: InvalidStateTransition
            appealed: escalate: InvalidStateTransition
            appealed: uphold: InvalidStateTransition
        "]]
        .assert_eq(&table);
    }

    #[test]
    fn only_what_was_decided_is_appealed_against() {
        for (name, standing) in standings() {
            let decided = ["upheld", "rejected"].contains(&name);
            assert_eq!(standing.appealed().is_some(), decided, "{name}");
            assert_eq!(standing.settled(CaseOutcome::Upheld).is_some(), name == "appealed", "{name}");
            assert_eq!(standing.is_decided(), decided || name == "appealed", "{name}");
            if let Some(appealed) = standing.appealed() {
                let settled = appealed.settled(CaseOutcome::Rejected).unwrap();
                assert_eq!(
                    (settled.state, settled.resolution),
                    (CaseState::Resolved, Some(CaseOutcome::Rejected))
                );
            }
        }
    }

    #[test]
    fn a_claim_that_has_run_out_is_none() {
        let own = AccountId(Uuid::from_u128(1));
        let until = time(15);
        for is_escalated in [false, true] {
            let waiting = Standing::waiting(is_escalated);
            let claimed = waiting.after(Move::Claim(until), own).unwrap().unwrap();
            assert_eq!(claimed.at(time(14)), claimed);
            assert_eq!(claimed.at(until), waiting);
        }
    }
}
