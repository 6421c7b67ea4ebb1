//! Mail on its way: what is to be said is ordered in the transaction that makes it true, and the background
//! work writes it and hands it over.
//!
//! An order costs a request one row, whoever it is for and whatever comes of it: who has an account, and
//! which link the mail will hold, is found out when it is written. So an answer takes as long for addresses
//! that are known as for others, and an SMTP server that is away holds up nobody. A mail goes out at least
//! once, under one `Message-ID`; twice only where the server took it and its answer was lost.

pub mod rules;
mod store;
mod templates;

pub use store::{
    CHANNEL, Content, Order, Outcome, Taken, erase, finish, forget_finished, keep_message, next_due, notify,
    order, order_written, put_off, take,
};
pub use templates::{
    Link, Name, NoticeOutcome, Page, Text, appeal_decided, decision_made, email_change,
    email_change_requested, email_changed, email_in_use, email_reverted, email_verification,
    erasure_cancelled, erasure_requested, export_ready, factor_added, factor_removed, identity_linked,
    identity_unlinked, message_received, notice_decided, notice_received, passkey_added, passkey_removed,
    password_changed, password_reset, recovery_code_used, recovery_codes_replaced, refresh_token_reused,
    sessions_revoked, webhook_disabled,
};
