//! What came by mail: the background work is done on the spot, and the files it wrote are read.

use std::fs;

use otherwise::worker::{Delivery, deliver_next};

use super::TestApp;

/// A mail as it was delivered.
#[derive(Debug, Clone)]
pub struct Mail {
    /// The whole file.
    pub text: String,
    pub to: String,
    pub subject: String,
    pub message_id: String,
    /// What stands below the headers.
    pub body: String,
}

impl Mail {
    /// Reads a mail whose text is plain ASCII.
    pub fn parse(text: String) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains("Content-Transfer-Encoding: 7bit"), "{text}");
        let header = |name: &str| {
            let mut lines = head.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
            let value = lines.next().unwrap_or_else(|| panic!("no {name} in {head}")).to_owned();
            assert_eq!(lines.next(), None, "{name} is there twice");
            value
        };
        let (to, subject, message_id) = (header("To"), header("Subject"), header("Message-ID"));
        Self { to, subject, message_id, body: body.replace("\r\n", "\n"), text }
    }

    /// The token in its link, if it has one; the same stands on a line of its own.
    pub fn find_token(&self) -> Option<String> {
        let link = self.body.lines().find(|line| line.contains("#token="))?;
        let token = link.split_once("#token=").unwrap().1.to_owned();
        assert!(self.body.lines().any(|line| line == token), "{}", self.body);
        Some(token)
    }

    /// The token in its link.
    #[track_caller]
    pub fn token(&self) -> String {
        self.find_token().unwrap_or_else(|| panic!("no token in {}", self.body))
    }
}

impl TestApp {
    /// Delivers what is due and gives what was delivered since the last time.
    pub async fn mails(&self) -> Vec<Mail> {
        while deliver_next(&self.app).await.unwrap() == Delivery::Done {}
        let Ok(folder) = fs::read_dir(self.app.config.mail_folder()) else {
            return Vec::new();
        };
        let mut files: Vec<_> = folder.map(|entry| entry.unwrap().path()).collect();
        files.sort();
        let read = |file: std::path::PathBuf| {
            let text = fs::read_to_string(&file).unwrap();
            fs::remove_file(file).unwrap();
            Mail::parse(text)
        };
        files.into_iter().map(read).collect()
    }

    /// Delivers what is due and gives the one mail to this address with this subject.
    pub async fn mail(&self, to: &str, subject: &str) -> Mail {
        let mut mails = self.mails().await;
        let mut wanted = mails.extract_if(.., |mail| mail.to == to && mail.subject == subject);
        let found = wanted.next();
        assert!(wanted.next().is_none(), "{subject:?} went to {to} twice");
        drop(wanted);
        found.unwrap_or_else(|| panic!("{subject:?} did not go to {to}: {mails:#?}"))
    }
}

pub const CONFIRM: &str = "Confirm your address";
pub const CONFIRM_NEW: &str = "Confirm your new address";
pub const IN_USE: &str = "Your address was given for another account";
pub const RESET: &str = "Set a new password";
pub const PASSWORD_CHANGED: &str = "Your password was changed";
pub const CHANGE_REQUESTED: &str = "A new address was asked for";
pub const CHANGED: &str = "Your address was changed";
pub const REVERTED: &str = "A change of address was taken back";
pub const SESSION_ENDED: &str = "A session was ended";
