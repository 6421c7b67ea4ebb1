//! The kinds of mail, and when one is tried again.

use std::time::Duration;

use sea_orm::{DeriveActiveEnum, EnumIter};

/// What a mail is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text")]
pub enum MailKind {
    /// To an account's address: confirm it.
    #[sea_orm(string_value = "email_verification")]
    EmailVerification,
    /// To an address for which a reset was asked: set a new password, if there is an account.
    #[sea_orm(string_value = "password_reset")]
    PasswordReset,
    /// To an account's address: the password is another one.
    #[sea_orm(string_value = "password_changed")]
    PasswordChanged,
    /// To the address that an account is to have: confirm it.
    #[sea_orm(string_value = "email_change")]
    EmailChange,
    /// To the address that an account has: another one was asked for.
    #[sea_orm(string_value = "email_change_requested")]
    EmailChangeRequested,
    /// To the address that an account had: it is another one, and can be restored.
    #[sea_orm(string_value = "email_changed")]
    EmailChanged,
    /// To the address that an account had until its former one was restored.
    #[sea_orm(string_value = "email_reverted")]
    EmailReverted,
    /// To an account's address: a refresh token was used twice.
    #[sea_orm(string_value = "refresh_token_reused")]
    RefreshTokenReused,
    /// To an account's address: moderators ended its sessions and revoked its tokens.
    #[sea_orm(string_value = "sessions_revoked")]
    SessionsRevoked,
    /// To an account's address: signing in takes a second factor from now on.
    #[sea_orm(string_value = "factor_added")]
    FactorAdded,
    /// To an account's address: it takes none any more.
    #[sea_orm(string_value = "factor_removed")]
    FactorRemoved,
    /// To an account's address: a passkey signs in to it from now on.
    #[sea_orm(string_value = "passkey_added")]
    PasskeyAdded,
    /// To an account's address: a passkey signs in to it no more.
    #[sea_orm(string_value = "passkey_removed")]
    PasskeyRemoved,
    /// To an account's address: a recovery code took the place of the app.
    #[sea_orm(string_value = "recovery_code_used")]
    RecoveryCodeUsed,
    /// To an account's address: there are new recovery codes.
    #[sea_orm(string_value = "recovery_codes_replaced")]
    RecoveryCodesReplaced,
    /// To an account's address: the copy of their data can be had.
    #[sea_orm(string_value = "export_ready")]
    ExportReady,
    /// To an account's address: moderators decided about something of theirs.
    #[sea_orm(string_value = "decision_made")]
    DecisionMade,
    /// To an account's address: what they appealed against was looked at again.
    #[sea_orm(string_value = "appeal_decided")]
    AppealDecided,
    /// To an account's address: moderators wrote to its owner about a case.
    #[sea_orm(string_value = "message_received")]
    MessageReceived,
    /// To an account's address: a webhook of theirs is told nothing more.
    #[sea_orm(string_value = "webhook_disabled")]
    WebhookDisabled,
    /// To whoever gave notice of something illegal: the receipt.
    #[sea_orm(string_value = "notice_received")]
    NoticeReceived,
    /// To the same: what came of it.
    #[sea_orm(string_value = "notice_decided")]
    NoticeDecided,
    /// To an account's address: the account is to be erased.
    #[sea_orm(string_value = "erasure_requested")]
    ErasureRequested,
    /// To an account's address: the account stays.
    #[sea_orm(string_value = "erasure_cancelled")]
    ErasureCancelled,
    /// To an account's address: an identity at a provider signs in to it from now on.
    #[sea_orm(string_value = "identity_linked")]
    IdentityLinked,
    /// To an account's address: one does no more.
    #[sea_orm(string_value = "identity_unlinked")]
    IdentityUnlinked,
}

/// How long to wait after so many failures: twice as long each time, from `first` up to `longest`, and up to
/// a quarter more or less by `chance`, so that what failed together does not come back together.
pub fn backoff(failures: u32, first: Duration, longest: Duration, chance: u8) -> Duration {
    let doubled = first.saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1))).min(longest);
    doubled.mul_f64(0.75 + f64::from(chance) / 510.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest() {
        let wait = |failures, chance| {
            backoff(failures, Duration::from_secs(4), Duration::from_mins(1), chance).as_millis()
        };
        assert_eq!([wait(1, 0), wait(2, 0), wait(3, 0), wait(4, 0)], [3_000, 6_000, 12_000, 24_000]);
        assert_eq!([wait(1, 255), wait(2, 255)], [5_000, 10_000]);
        assert_eq!([wait(5, 0), wait(99, 0), wait(u32::MAX, 255)], [45_000, 45_000, 75_000]);
    }
}
