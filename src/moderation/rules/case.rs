//! Where a case goes from where. Each move is by somebody who may make it: the policy decides that.

use super::{CaseEventKind, CaseOutcome, CaseState};
use crate::clock::Time;
use crate::error::{Code, Error};
use crate::ids::{AccountId, CaseId};

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
    /// Until when it is left out of the queue, if it was muted.
    pub muted_until: Option<Time>,
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
    /// Have it decided anew.
    Reopen,
    /// Leave it out of the queue until then, wherever it stands.
    Mute(Time),
    /// Have it in the queue again.
    Unmute,
}

impl Move {
    /// What it is in the history of the case.
    pub fn event(self) -> CaseEventKind {
        match self {
            Self::Claim(_) => CaseEventKind::Claimed,
            Self::Release => CaseEventKind::Released,
            Self::Escalate => CaseEventKind::Escalated,
            Self::Resolve(_) => CaseEventKind::Resolved,
            Self::Reopen => CaseEventKind::Reopened,
            Self::Mute(_) => CaseEventKind::Muted,
            Self::Unmute => CaseEventKind::Unmuted,
        }
    }
}

impl Standing {
    /// A case that nobody has looked at yet.
    pub const OPEN: Self = Self {
        state: CaseState::Open,
        is_escalated: false,
        claim: None,
        resolution: None,
        muted_until: None,
    };

    /// Where it waits for somebody to claim it.
    fn waiting(is_escalated: bool) -> Self {
        let state = if is_escalated { CaseState::Escalated } else { CaseState::Open };
        Self { state, is_escalated, ..Self::OPEN }
    }

    /// The same, left out of the queue for as long as it is.
    fn waiting_as_muted(self) -> Self {
        Self { muted_until: self.muted_until, ..Self::waiting(self.is_escalated) }
    }

    /// Where a report takes it that says something new: in the queue, unless it was muted.
    #[must_use]
    pub fn reopened(self) -> Self {
        Self { muted_until: self.muted_until, ..Self::OPEN }
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

    /// Whether something changes when somebody has it decided with another case, or by itself again (none), as it stands at the
    /// moment: `merged` says with which it is decided now, and whether others are decided with it.
    ///
    /// # Errors
    /// 409 where it was decided, or somebody else is at it; where others are decided with it, or it is with another one.
    pub fn merges(
        self,
        by: AccountId,
        (merged_into, has_merged): (Option<CaseId>, bool),
        into: Option<CaseId>,
    ) -> Result<bool, Error> {
        if self.claim.is_some_and(|(assignee, _)| assignee != by) {
            return Err(
                Code::CaseClaimed.error("Somebody else is at it: wait until they are done, or let go.")
            );
        }
        if merged_into == into {
            return Ok(false);
        }
        let detail = match (merged_into, into) {
            _ if self.is_decided() => "It was decided.",
            (Some(_), Some(_)) => "It is merged into another case: take it out of that first.",
            (None, Some(_)) if has_merged => "Others are merged into it: take them out of it first.",
            _ => return Ok(true),
        };
        Err(Code::InvalidStateTransition.error(detail))
    }

    /// Whether what was to be decided was decided.
    pub fn is_decided(self) -> bool {
        matches!(self.state, CaseState::Resolved | CaseState::Appealed)
    }

    /// Where it stands at a moment: a claim that has run out is none, whether anybody has noticed or not, and so it is with
    /// being muted.
    #[must_use]
    pub fn at(self, now: Time) -> Self {
        let present = Self { muted_until: self.muted_until.filter(|until| *until > now), ..self };
        match self.claim {
            Some((_, until)) if until <= now => present.waiting_as_muted(),
            _ => present,
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
            (CaseState::Claimed, Move::Release) => Ok(Some(self.waiting_as_muted())),
            (CaseState::Open | CaseState::Escalated, Move::Release | Move::Reopen)
            | (CaseState::Escalated, Move::Escalate) => Ok(None),
            // Whoever passes it on, or wants it decided anew, wants it to be seen.
            (CaseState::Open, Move::Escalate) => Ok(Some(Self::waiting(true))),
            (CaseState::Claimed, Move::Escalate) if !self.is_escalated => Ok(Some(Self::waiting(true))),
            (CaseState::Claimed, Move::Escalate) => no_such_move("It was passed on already: decide it."),
            (CaseState::Open | CaseState::Claimed, Move::Resolve(outcome)) => {
                Ok(Some(Self { state: CaseState::Resolved, claim: None, resolution: Some(outcome), ..self }))
            }
            (CaseState::Escalated, Move::Resolve(_)) => {
                no_such_move("Claim what was passed on, then decide it.")
            }
            (CaseState::Resolved, Move::Resolve(outcome)) if self.resolution == Some(outcome) => Ok(None),
            (CaseState::Resolved, Move::Reopen) if self.resolution == Some(CaseOutcome::Moot) => {
                no_such_move("What it was about is gone.")
            }
            (CaseState::Resolved, Move::Reopen) => Ok(Some(Self::waiting(self.is_escalated))),
            (CaseState::Claimed, Move::Reopen) => no_such_move("It was not decided: give it back instead."),
            (_, Move::Mute(until)) => {
                let muted = Self { muted_until: Some(until), ..self };
                Ok((muted != self).then_some(muted))
            }
            (_, Move::Unmute) => Ok(self.muted_until.is_some().then_some(Self { muted_until: None, ..self })),
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
            ("moot", resolved(CaseOutcome::Moot)),
            ("appealed", resolved(CaseOutcome::Upheld).appealed().unwrap()),
            ("muted", Standing { muted_until: Some(time(30)), ..Standing::OPEN }),
            ("mine, muted", Standing { muted_until: Some(time(30)), ..claimed(own, false) }),
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
            ("reopen", Move::Reopen),
            ("mute", Move::Mute(time(30))),
            ("mute for longer", Move::Mute(time(40))),
            ("unmute", Move::Unmute),
        ];
        let mut table = String::new();
        for (from, standing) in standings() {
            let leads = |(name, act): (&str, Move)| match standing.after(act, AccountId(Uuid::from_u128(1))) {
                Ok(Some(to)) => {
                    let escalated = if to.is_escalated { ", escalated" } else { "" };
                    let muted = if to.muted_until.is_some() { ", muted" } else { "" };
                    format!("{name}: {:?}{escalated}{muted}", to.state)
                }
                Ok(None) => format!("{name}: -"),
                Err(error) => format!("{name}: {:?}", error.code),
            };
            writeln!(table, "{from} | {}", moves.map(leads).join(" | ")).unwrap();
        }
        expect_test::expect![[r"
            open | claim: Claimed | claim as before: Claimed | release: - | escalate: Escalated, escalated | uphold: Resolved | reopen: - | mute: Open, muted | mute for longer: Open, muted | unmute: -
            escalated | claim: Claimed, escalated | claim as before: Claimed, escalated | release: - | escalate: - | uphold: InvalidStateTransition | reopen: - | mute: Escalated, escalated, muted | mute for longer: Escalated, escalated, muted | unmute: -
            mine | claim: Claimed | claim as before: - | release: Open | escalate: Escalated, escalated | uphold: Resolved | reopen: InvalidStateTransition | mute: Claimed, muted | mute for longer: Claimed, muted | unmute: -
            mine, escalated | claim: Claimed, escalated | claim as before: - | release: Escalated, escalated | escalate: InvalidStateTransition | uphold: Resolved, escalated | reopen: InvalidStateTransition | mute: Claimed, escalated, muted | mute for longer: Claimed, escalated, muted | unmute: -
            another's | claim: CaseClaimed | claim as before: CaseClaimed | release: CaseClaimed | escalate: CaseClaimed | uphold: CaseClaimed | reopen: CaseClaimed | mute: CaseClaimed | mute for longer: CaseClaimed | unmute: CaseClaimed
            upheld | claim: InvalidStateTransition | claim as before: InvalidStateTransition | release: InvalidStateTransition | escalate: InvalidStateTransition | uphold: - | reopen: Open | mute: Resolved, muted | mute for longer: Resolved, muted | unmute: -
            rejected | claim: InvalidStateTransition | claim as before: InvalidStateTransition | release: InvalidStateTransition | escalate: InvalidStateTransition | uphold: InvalidStateTransition | reopen: Open | mute: Resolved, muted | mute for longer: Resolved, muted | unmute: -
            moot | claim: InvalidStateTransition | claim as before: InvalidStateTransition | release: InvalidStateTransition | escalate: InvalidStateTransition | uphold: InvalidStateTransition | reopen: InvalidStateTransition | mute: Resolved, muted | mute for longer: Resolved, muted | unmute: -
            appealed | claim: InvalidStateTransition | claim as before: InvalidStateTransition | release: InvalidStateTransition | escalate: InvalidStateTransition | uphold: InvalidStateTransition | reopen: InvalidStateTransition | mute: Appealed, muted | mute for longer: Appealed, muted | unmute: -
            muted | claim: Claimed, muted | claim as before: Claimed, muted | release: - | escalate: Escalated, escalated | uphold: Resolved, muted | reopen: - | mute: - | mute for longer: Open, muted | unmute: Open
            mine, muted | claim: Claimed, muted | claim as before: - | release: Open, muted | escalate: Escalated, escalated | uphold: Resolved, muted | reopen: InvalidStateTransition | mute: - | mute for longer: Claimed, muted | unmute: Claimed
        "]].assert_eq(&table);
    }

    #[test]
    fn only_what_waits_is_merged_and_only_once() {
        let own = AccountId(Uuid::from_u128(1));
        let [main, other] = [3, 4].map(|id| Some(CaseId(Uuid::from_u128(id))));
        for (name, standing) in standings() {
            let merges = |before, into| standing.merges(own, before, into).map_err(|error| error.code);
            // As it is already, and where somebody else is at it not even that.
            let refused = match name {
                "another's" => Err(Code::CaseClaimed),
                _ if standing.is_decided() => Err(Code::InvalidStateTransition),
                _ => Ok(true),
            };
            let as_before = if name == "another's" { refused } else { Ok(false) };
            assert_eq!(merges((main, false), main), as_before, "{name}");
            assert_eq!(merges((None, true), None), as_before, "{name}");
            assert_eq!(merges((None, false), main), refused, "{name}");
            assert_eq!(merges((main, false), None), refused, "{name}");
            for (before, into) in [((main, false), other), ((None, true), main)] {
                assert_eq!(merges(before, into), refused.and(Err(Code::InvalidStateTransition)), "{name}");
            }
        }
    }

    #[test]
    fn only_what_was_decided_is_appealed_against() {
        for (name, standing) in standings() {
            let decided = ["upheld", "rejected", "moot"].contains(&name);
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

    #[test]
    fn a_case_is_muted_until_then_unless_it_is_to_be_seen() {
        let own = AccountId(Uuid::from_u128(1));
        let muted = Standing { muted_until: Some(time(30)), ..Standing::OPEN };
        assert_eq!((muted.at(time(29)), muted.at(time(30))), (muted, Standing::OPEN));
        let after = |from: Standing, act| from.after(act, own).unwrap().unwrap();
        let claimed = after(muted, Move::Claim(time(15)));
        let decided = after(claimed, Move::Resolve(CaseOutcome::Ignored));
        // What others do with it leaves it muted, and so do further reports.
        for stays in
            [claimed, claimed.at(time(15)), after(claimed, Move::Release), decided, decided.reopened()]
        {
            assert_eq!(stays.muted_until, muted.muted_until, "{stays:?}");
        }
        for seen in [after(muted, Move::Escalate), after(decided, Move::Reopen), after(muted, Move::Unmute)] {
            assert_eq!(seen.muted_until, None, "{seen:?}");
        }
        // Whoever decides what was passed on opens it again, too.
        let escalated = after(Standing::waiting(true), Move::Claim(time(15)));
        let decided = after(escalated, Move::Resolve(CaseOutcome::Rejected));
        assert_eq!(after(decided, Move::Reopen), Standing::waiting(true));
    }
}
