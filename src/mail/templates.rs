//! What mails say: short, plain, in English, and always what to do if it was not you.
//!
//! Nothing that people chose stands in a mail as they wrote it: programs that show mail make links of what
//! looks like one, and `evil.example` is a username.

/// A mail's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// One line.
    pub subject: &'static str,
    /// Lines that end with `\n`.
    pub body: String,
}

/// A username as mails show it: in quotation marks, and with `[.]` for each dot, so that no program takes it
/// for the name of a site and makes a link of it. No other character of usernames can do that.
#[derive(Debug, Clone, Copy)]
pub struct Name<'a>(pub &'a str);

impl std::fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "\"{}\"", self.0.replace('.', "[.]"))
    }
}

/// Something that the bearer of a token can do.
#[derive(Debug, Clone, Copy)]
pub struct Link<'a> {
    /// Where the client is, from the configuration.
    pub base: &'a str,
    /// Its page.
    pub page: &'static str,
    /// The operation of the API that takes the token.
    pub operation: &'static str,
    /// The token, which goes behind the `#`: browsers do not send that part to any server.
    pub token: &'a str,
    /// How long it is good, in seconds.
    pub ttl_secs: u32,
}

impl std::fmt::Display for Link<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { base, page, operation, token, ttl_secs } = self;
        write!(
            f,
            "{base}/{page}#token={token}\n\nWithout a browser, send this token to {operation}:\n\n{token}\n\n\
             It is good once, for {}.\n",
            span(*ttl_secs)
        )
    }
}

/// A page of the client for something that can be done for a while by whoever signs in.
#[derive(Debug, Clone, Copy)]
pub struct Page<'a> {
    /// Where the client is, from the configuration.
    pub base: &'a str,
    /// The page.
    pub page: &'static str,
    /// The operation of the API behind it.
    pub operation: &'static str,
    /// For how long, in seconds.
    pub span_secs: u32,
}

impl std::fmt::Display for Page<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { base, page, operation, span_secs } = self;
        write!(
            f,
            "{base}/{page}\n\nWithout a browser, sign in and use\n{operation}.\n\nThat is possible for {}.\n",
            span(*span_secs)
        )
    }
}

/// A time in the largest unit that divides it.
fn span(seconds: u32) -> String {
    let units = [(86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")];
    let whole = |(size, _): &(u32, &str)| seconds.is_multiple_of(*size);
    let (size, unit) = units.into_iter().find(whole).unwrap_or((1, "second"));
    // A day is said in hours: "24 hours" begins now, "1 day" may be tomorrow's.
    match seconds / size {
        1 if unit == "day" => "24 hours".to_owned(),
        1 => format!("1 {unit}"),
        many => format!("{many} {unit}s"),
    }
}

/// Confirm the address of an account.
pub fn email_verification(name: Name, link: Link) -> Text {
    Text {
        subject: "Confirm your address",
        body: format!(
            "The account {name} was registered with this address. If it is yours,\nconfirm the address:\n\n\
             {link}\n\
             If it was not you, do nothing: an address that nobody confirms stays free\nfor its owner.\n"
        ),
    }
}

/// Somebody wanted an address for another account than the one it belongs to.
pub fn email_in_use() -> Text {
    Text {
        subject: "Your address was given for another account",
        body: "Somebody gave this address for an account that is not yours. Nothing changed:\nthe address \
               belongs to your account alone.\n\n\
               If it was you, you have an account already: sign in to it, or reset its\npassword.\n\n\
               If it was not you, there is nothing to do.\n"
            .to_owned(),
    }
}

/// Set a new password.
pub fn password_reset(name: Name, link: Link) -> Text {
    Text {
        subject: "Set a new password",
        body: format!(
            "A new password was asked for, for the account {name}. Set it here:\n\n\
             {link}\n\
             If it was not you, do nothing: without this mail nobody can do it, and your\n\
             password stays as it is.\n"
        ),
    }
}

/// The password is another one.
pub fn password_changed(name: Name) -> Text {
    Text {
        subject: "Your password was changed",
        body: format!(
            "The password of the account {name} was changed, and other sessions were\nended.\n\n\
             If it was not you, reset the password now: ask for a new one with this address.\n"
        ),
    }
}

/// Confirm the address that an account is to have.
pub fn email_change(name: Name, link: Link) -> Text {
    Text {
        subject: "Confirm your new address",
        body: format!(
            "The account {name} is to have this address. If it is yours, confirm it:\n\n\
             {link}\n\
             If it was not you, do nothing: the account keeps the address it has.\n"
        ),
    }
}

/// Another address was asked for.
pub fn email_change_requested(name: Name) -> Text {
    Text {
        subject: "A new address was asked for",
        body: format!(
            "Somebody who knows the password asked for another address for the account\n{name}. \
             Once it is confirmed, mail goes there.\n\n\
             If it was not you, set a new password now: that also takes the request back.\n"
        ),
    }
}

/// The address is another one, and can be restored.
pub fn email_changed(name: Name, link: Link) -> Text {
    Text {
        subject: "Your address was changed",
        body: format!(
            "The account {name} has another address now; this was the last mail to this\none.\n\n\
             If it was not you, take the change back. That restores this address and ends\nall sessions:\n\n\
             {link}"
        ),
    }
}

/// The former address was restored.
pub fn email_reverted(name: Name) -> Text {
    Text {
        subject: "A change of address was taken back",
        body: format!(
            "The account {name} has its former address again, and all its sessions were\nended. \
             The owner of that address took the change back.\n\n\
             If both addresses are yours and it was not you, somebody else reads your mail\n\
             at the former one: secure it first, then reset the password.\n"
        ),
    }
}

/// A refresh token was used twice.
pub fn refresh_token_reused(name: Name) -> Text {
    Text {
        subject: "A session was ended",
        body: format!(
            "A token of the account {name} was used by two parties. One of them is not\nyou, \
             or a program of yours has a fault; the session it belonged to was ended.\n\n\
             If you did not copy a session yourself, change your password and look through\n\
             your sessions.\n"
        ),
    }
}

/// Moderators ended all sessions and revoked all tokens.
pub fn sessions_revoked(name: Name) -> Text {
    Text {
        subject: "Your sessions were ended",
        body: format!(
            "Moderators ended all sessions of the account {name} and revoked its\npersonal access tokens, to keep \
             it safe: somebody else may have got in.\n\n\
             Sign in again and set a new password. Then look through the address, the\npasskeys, the authenticator \
             app and the identities of your account, and remove\nwhat you did not add yourself.\n"
        ),
    }
}

/// Signing in takes a code of an app.
pub fn factor_added(name: Name) -> Text {
    Text {
        subject: "A second factor was added",
        body: format!(
            "From now on, the password alone does not sign in to the account {name}: a\ncode of its authenticator \
             app is needed too. Other sessions were ended.\n\n\
             If it was not you, somebody else knows your password: set a new one with this\naddress, and ask \
             whoever runs this site to remove the second factor.\n"
        ),
    }
}

/// The copy of somebody's data can be had.
pub fn export_ready(name: Name, page: Page) -> Text {
    Text {
        subject: "Your data is ready",
        body: format!(
            "A copy of the data of the account {name} was asked for, and is\nready. Sign in to get it:\n\n\
             {page}\n\
             If it was not you, somebody is signed in to your account: change your password\n\
             and end all sessions.\n"
        ),
    }
}

/// Signing in takes no code of an app any more.
pub fn factor_removed(name: Name) -> Text {
    Text {
        subject: "A second factor was removed",
        body: format!(
            "Signing in to the account {name} takes no code of an authenticator app any\nmore. Unless it has a \
             passkey, the password is enough now.\n\n\
             If it was not you, set a new password now and add a second factor again.\n"
        ),
    }
}

/// A passkey signs in.
pub fn passkey_added(name: Name) -> Text {
    Text {
        subject: "A passkey was added",
        body: format!(
            "A passkey was added to the account {name}. It signs in without the password,\nand the password alone \
             does not sign in any more. Other sessions were ended.\n\n\
             If it was not you, somebody else knows your password: set a new one with this\naddress, and ask \
             whoever runs this site to remove the passkey.\n"
        ),
    }
}

/// A passkey signs in no more.
pub fn passkey_removed(name: Name) -> Text {
    Text {
        subject: "A passkey was removed",
        body: format!(
            "A passkey of the account {name} was removed. Unless there is another one or\nan authenticator app, \
             signing in takes no more than the password now.\n\n\
             If it was not you, set a new password now and add a second factor again.\n"
        ),
    }
}

/// The account is to be erased.
pub fn erasure_requested(name: Name, page: Page) -> Text {
    Text {
        subject: "Your account is to be erased",
        body: format!(
            "Somebody who knows the password asked that the account {name} be\nerased. \
             All its sessions were ended. Until then it can be kept:\n\n\
             {page}\n\
             If it was not you, keep the account and set a new password now.\n"
        ),
    }
}

/// A recovery code took the place of the app.
pub fn recovery_code_used(name: Name) -> Text {
    Text {
        subject: "A recovery code was used",
        body: format!(
            "A recovery code of the account {name} was used in the place of its\nsecond factor. \
             It is good for nothing any more.\n\n\
             If it was not you, somebody else has your password and your codes: set a new\npassword now, \
             and make new codes.\n"
        ),
    }
}

/// There are new recovery codes.
pub fn recovery_codes_replaced(name: Name) -> Text {
    Text {
        subject: "Your recovery codes were replaced",
        body: format!(
            "The account {name} has new recovery codes; the old ones are good for nothing\nany more.\n\n\
             If it was not you, somebody else has your password and a second factor of\nyours: set a new \
             password now, and make new codes.\n"
        ),
    }
}

/// The account stays.
pub fn erasure_cancelled(name: Name) -> Text {
    Text {
        subject: "Your account is not erased",
        body: format!(
            "The account {name} was to be erased, and is kept: its owner took\nthat back.\n\n\
             If it was not you, somebody else knows your password: reset it now.\n"
        ),
    }
}

/// An identity at a provider signs in.
pub fn identity_linked(name: Name) -> Text {
    Text {
        subject: "A way to sign in was added",
        body: format!(
            "From now on, an account that you have elsewhere signs in to the account\n{name} as well.\n\n\
             If it was not you, somebody is signed in to your account: look through the\nidentities that are \
             linked with it and remove what is not yours, then set a new\npassword, which ends all sessions.\n"
        ),
    }
}

/// An identity at a provider signs in no more.
pub fn identity_unlinked(name: Name) -> Text {
    Text {
        subject: "A way to sign in was removed",
        body: format!(
            "An account that you have elsewhere signed in to the account {name}, and does\nso no more. \
             Other sessions were ended.\n\n\
             If it was not you, set a new password now: ask for one with this address.\n"
        ),
    }
}

/// Moderators decided about something of somebody's.
pub fn decision_made(name: Name) -> Text {
    Text {
        subject: "A decision about you",
        body: format!(
            "Moderators decided about something that belongs to the account {name},\nor took a decision back.\n\n\
             Sign in to read what it is and why: GET /api/v1/me/decisions\n\n\
             If you did not break the rule that is named there, appeal: somebody else\nlooks at it again.\n"
        ),
    }
}

/// A webhook of somebody's is told nothing more.
pub fn webhook_disabled(name: Name) -> Text {
    Text {
        subject: "Your webhook was disabled",
        body: format!(
            "A webhook that the account {name} looks after took nothing for so\nlong, or said that it is gone, that it is \
             told nothing more. What happens\nmeanwhile is not sent later.\n\n\
             Sign in to see which one and why: GET /api/v1/mod/webhooks, and the deliveries\nof each. Once it is \
             mended, enable it with PATCH and {{\"enabled\": true}}.\n\n\
             If you did not make one, somebody is signed in to your account: change your\npassword and end all \
             sessions.\n"
        ),
    }
}

/// What somebody appealed against was looked at again.
pub fn appeal_decided(name: Name) -> Text {
    Text {
        subject: "Your appeal was decided",
        body: format!(
            "What was appealed against from the account {name} was looked at\nagain.\n\n\
             Sign in to read what came of it and why: GET /api/v1/me/appeals\n\n\
             If it was not you who appealed, somebody is signed in to your account: change\nyour password and end \
             all sessions.\n"
        ),
    }
}

/// Moderators wrote about a case.
pub fn message_received(name: Name) -> Text {
    Text {
        subject: "The moderators wrote to you",
        body: format!(
            "The moderators wrote to the account {name}, about something that it\nposted or reported. It is no \
             decision, and keeps you from nothing.\n\n\
             Sign in to read it: GET /api/v1/me/messages\nAnswer with POST /api/v1/me/messages.\n\n\
             If you did not post or report anything, somebody is signed in to your account:\nchange your password \
             and end all sessions.\n"
        ),
    }
}

/// The receipt of a notice of something illegal, with the secret by which whoever gave it appeals without an account.
pub fn notice_received(id: &str, secret: &str) -> Text {
    Text {
        subject: "Your notice was received",
        body: format!(
            "A notice of something illegal was given with this address. Its number is\n{id}.\n\n\
             People look into it, and you are told here what they decide. Should they do\nnothing, somebody else \
             looks at it again if you ask for it, with this secret:\n\n{secret}\n\nKeep it: it is told nowhere \
             again.\n\n\
             If it was not you who gave it, there is nothing to do.\n"
        ),
    }
}

/// What came of a notice of something illegal.
#[derive(Debug, Clone, Copy)]
pub struct NoticeOutcome<'a> {
    /// Its number.
    pub id: &'a str,
    /// What came of it, in a sentence.
    pub outcome: &'a str,
    /// Whether anything was found or decided automatically.
    pub is_automated: bool,
    /// Whether it was decided once more, after an appeal.
    pub after_appeal: bool,
    /// Why, where it was an appeal of the reader's.
    pub reasons: Option<&'a str>,
    /// By which operation the reader appeals, where they may, and whether that takes the secret of the receipt.
    pub appeal: Option<(&'a str, bool)>,
    /// For how long, in months.
    pub months: u32,
}

/// What came of a notice of something illegal, to whoever gave it.
pub fn notice_decided(outcome: &NoticeOutcome<'_>) -> Text {
    let NoticeOutcome { id, outcome, is_automated, after_appeal, reasons, appeal, months } = *outcome;
    let automated = if is_automated {
        "A rule met it before people looked into it: automated means were used."
    } else {
        "People decided it: no automated means were used."
    };
    let again = if after_appeal { "Somebody else looked at it again, after an appeal.\n" } else { "" };
    let reasons = reasons.map_or_else(String::new, |reasons| {
        format!("Why, in the words of whoever decided that:\n\n{}\n", Quoted(reasons))
    });
    let appeal = appeal.map_or_else(String::new, |(operation, takes_secret)| {
        let by = if takes_secret { ", with\nthe secret of the receipt" } else { "" };
        format!(
            "Somebody else looks at it again if you ask within {months} months{by}:\nPOST {operation}\n\n"
        )
    });
    Text {
        subject: if after_appeal { "Your notice was decided again" } else { "Your notice was decided" },
        body: format!(
            "This is about your notice\n{id}.\n\n{again}{outcome}\n{automated}\n\n{reasons}{appeal}\
             If you hold that to be wrong, you can also turn to a body that settles\ndisputes out of court, or to \
             a court.\n\n\
             If it was not you who gave the notice, there is nothing to do.\n"
        ),
    }
}

/// What somebody wrote, as mails show it: in lines behind `>`, and so that no program makes a link of anything in it.
struct Quoted<'a>(&'a str);

/// So many characters of what somebody wrote stand in a line.
const QUOTED_LINE: usize = 70;

impl std::fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for paragraph in self.0.lines() {
            let harmless = paragraph.replace('.', "[.]").replace("://", "[:]//").replace('@', "[at]");
            let mut line = String::new();
            for word in harmless.split_whitespace() {
                let letters: Vec<char> = word.chars().collect();
                for part in letters.chunks(QUOTED_LINE) {
                    if !line.is_empty() && line.chars().count() + 1 + part.len() > QUOTED_LINE {
                        writeln!(f, "> {line}")?;
                        line.clear();
                    }
                    if !line.is_empty() {
                        line.push(' ');
                    }
                    line.extend(part);
                }
            }
            if !line.is_empty() {
                writeln!(f, "> {line}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(name: Name, link: Link) -> [Text; 28] {
        let page = Page { base: link.base, page: "own-data", operation: "GET /api/v1/x", span_secs: 86_400 };
        [
            export_ready(name, page),
            erasure_requested(name, page),
            erasure_cancelled(name),
            decision_made(name),
            appeal_decided(name),
            message_received(name),
            notice_received("00000000-0000-7000-8000-000000000001", "otw_ln_AAAAAAAAAAAAAAAAAAAAAA"),
            notice_decided(&NoticeOutcome {
                id: "00000000-0000-7000-8000-000000000001",
                outcome: "It was found not to be against the law: nothing was done.",
                is_automated: true,
                after_appeal: false,
                reasons: None,
                appeal: Some(("/api/v1/legal-notices/00000000-0000-7000-8000-000000000001/appeal", true)),
                months: 6,
            }),
            notice_decided(&NoticeOutcome {
                id: "00000000-0000-7000-8000-000000000001",
                outcome: "It was found not to be against the law: nothing was done.",
                is_automated: false,
                after_appeal: true,
                reasons: Some(
                    "It is quoted, see https://evil.example/a.b or mail me@evil.example.\n\nAnd it is short: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.",
                ),
                appeal: None,
                months: 6,
            }),
            email_verification(name, link),
            email_in_use(),
            password_reset(name, link),
            password_changed(name),
            email_change(name, link),
            email_change_requested(name),
            email_changed(name, link),
            email_reverted(name),
            refresh_token_reused(name),
            webhook_disabled(name),
            sessions_revoked(name),
            factor_added(name),
            factor_removed(name),
            passkey_added(name),
            passkey_removed(name),
            recovery_code_used(name),
            recovery_codes_replaced(name),
            identity_linked(name),
            identity_unlinked(name),
        ]
    }

    /// Whether a program that shows mail may make a link of a word: it has a scheme, an `@`, or a dot with
    /// something on both sides.
    fn looks_like_a_link(word: &str) -> bool {
        let word = word.trim_matches(|c: char| !c.is_alphanumeric());
        word.contains("://")
            || word.contains('@')
            || word.split('.').collect::<Vec<_>>().windows(2).any(|pair| {
                pair[0].ends_with(char::is_alphanumeric) && pair[1].starts_with(char::is_alphanumeric)
            })
    }

    #[test]
    fn n5_names_never_become_links() {
        assert!(looks_like_a_link("\"evil.com\",") && looks_like_a_link("www.evil-site.co.uk"));
        let link = Link {
            base: "https://debates.example.org",
            page: "verify-email",
            operation: "POST /api/v1/x",
            token: "otw_et_x",
            ttl_secs: 60,
        };
        for name in ["evil.com", "www.evil-site.co.uk", "пример.рф", "a.b.c"] {
            for text in all(Name(name), link) {
                let links: Vec<_> =
                    text.body.split_whitespace().filter(|word| looks_like_a_link(word)).collect();
                assert!(
                    links.iter().all(|link| link.starts_with("https://debates.example.org/")),
                    "{links:?} in\n{}",
                    text.body
                );
                assert!(!text.body.contains(name), "{}", text.body);
                assert!(!text.subject.contains(name));
            }
        }
        assert_eq!(Name("evil.com").to_string(), "\"evil[.]com\"");
    }

    #[test]
    fn every_mail_says_what_to_do_if_it_was_not_you() {
        let link = Link { base: "http://x", page: "y", operation: "POST /z", token: "t", ttl_secs: 1_800 };
        for text in all(Name("alice"), link) {
            assert!(text.body.contains("not you") || text.body.contains("did not"), "{}", text.body);
            assert!(text.body.ends_with('\n') && !text.body.contains("\n\n\n"), "{:?}", text.body);
            for line in text.body.lines() {
                assert!(line.len() <= 80, "{line}");
            }
        }
    }

    #[test]
    fn times_are_told_in_the_unit_that_fits() {
        assert_eq!(span(86_400), "24 hours");
        assert_eq!(span(604_800), "7 days");
        assert_eq!(span(1_800), "30 minutes");
        assert_eq!(span(3_600), "1 hour");
        assert_eq!(span(90), "90 seconds");
    }
}
