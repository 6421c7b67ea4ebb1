//! Handing mail over: to an SMTP server, or to files while developing. The only part that speaks SMTP; what
//! mails say, and when they are tried again, is decided elsewhere.

use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use lettre::message::header::{ContentTransferEncoding, ContentType, HeaderName, HeaderValue};
use lettre::message::{Body, Mailbox};
use lettre::transport::smtp::extension::ClientId;
use lettre::{Address, AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use tokio::io::AsyncWriteExt;

use crate::clock::Time;
use crate::config::{self, Config, MailTransport};

/// The name beside the sender's address.
const SENDER: &str = "Otherwise";

/// Replies that say something of the server or of us, not of the mail: it shuts down, or it wants other
/// credentials (RFC 5321, 4.2.3; RFC 4954, 6).
const ABOUT_THE_SERVER: [u16; 6] = [421, 454, 530, 534, 535, 538];

/// A mail as it is handed over: plain text for one reader.
#[derive(Debug)]
pub struct Message {
    /// Its `Message-ID`, angle brackets included: the same at every attempt.
    pub message_id: String,
    /// The reader's address.
    pub to: String,
    /// One line.
    pub subject: String,
    /// Lines that end with `\n`.
    pub body: String,
    /// When it was asked for.
    pub date: Time,
}

/// Why a mail was not handed over.
#[derive(Debug)]
pub enum Failure {
    /// This mail was refused; others may fare better.
    Refused(String),
    /// Nobody answers, or not as agreed: any other mail would fail as well.
    Away(String),
}

/// Hands mail over.
#[derive(Debug)]
pub enum Mailer {
    /// Into files, one a mail, whose names sort by time.
    Folder {
        /// Where they are put.
        folder: PathBuf,
        /// The sender's address.
        from: String,
    },
    /// To an SMTP server.
    Smtp(Box<config::Mail>),
    /// Nowhere.
    Off,
}

impl Mailer {
    /// Prepares to hand mail over as configured. Nobody is connected to yet.
    pub fn new(config: &Config) -> Self {
        match config.mail.transport {
            MailTransport::Folder => {
                Self::Folder { folder: config.mail_folder(), from: config.mail.from.clone() }
            }
            MailTransport::Smtp => Self::Smtp(Box::new(config.mail.clone())),
            MailTransport::Off => Self::Off,
        }
    }

    /// Hands a mail over. Success means that somebody else answers for it now, or that it is on the disk.
    ///
    /// # Errors
    /// It was refused, or there was nobody to take it within the time that is allowed. It may have been
    /// taken all the same: then the next attempt brings it again, under the same `Message-ID`.
    pub async fn hand_over(&self, message: &Message) -> Result<(), Failure> {
        match self {
            Self::Off => Ok(()),
            Self::Folder { folder, from } => {
                let text = build(message, from)?.formatted();
                let name = format!(
                    "{}-{}.eml",
                    message.date.format("%Y%m%dT%H%M%S%6fZ"),
                    plain(&message.message_id)
                );
                let file = folder.join(name);
                keep(folder, &file, &text)
                    .await
                    .map_err(|error| Failure::Away(format!("writing {}: {error}", file.display())))?;
                tracing::info!(file = %file.display(), "wrote a mail (mail.transport is \"folder\")");
                Ok(())
            }
            Self::Smtp(settings) => {
                let mail = build(message, &settings.from)?;
                let limit = Duration::from_secs(settings.smtp_timeout_secs.into());
                let sent = tokio::time::timeout(limit, send(settings, mail, limit));
                sent.await.unwrap_or_else(|_| {
                    Err(Failure::Away(format!("the SMTP server did not answer within {limit:?}")))
                })
            }
        }
    }
}

async fn send(settings: &config::Mail, mail: lettre::Message, limit: Duration) -> Result<(), Failure> {
    let server = settings.smtp_server().map_err(|error| Failure::Away(format!("{error:#}")))?;
    let domain = settings.from.rsplit('@').next().unwrap_or_default().to_owned();
    let transport: AsyncSmtpTransport<Tokio1Executor> =
        AsyncSmtpTransport::<Tokio1Executor>::from_url(server.as_str())
            .map_err(|error| Failure::Away(told(&error)))?
            .hello_name(ClientId::Domain(domain))
            .timeout(Some(limit))
            .build();
    match transport.send(mail).await {
        Ok(_) => Ok(()),
        Err(error) => {
            let about_the_mail = match error.status() {
                Some(status) => !ABOUT_THE_SERVER.contains(&u16::from(status)),
                // What this mail needs and the server does not offer.
                None => error.is_client(),
            };
            Err(if about_the_mail { Failure::Refused(told(&error)) } else { Failure::Away(told(&error)) })
        }
    }
}

/// An error with its causes, which name what really went wrong.
fn told(error: &dyn std::error::Error) -> String {
    let mut told = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !told.contains(&text) {
            told = format!("{told}: {text}");
        }
        cause = error.source();
    }
    told
}

/// What of an identifier can be part of a file's name.
fn plain(message_id: &str) -> &str {
    message_id.trim_start_matches('<').split('@').next().unwrap_or_default()
}

/// Builds the mail by RFC 5322. Addresses and headers have types that cannot hold a line break.
fn build(message: &Message, from: &str) -> Result<lettre::Message, Failure> {
    let refused = |what: &str, error: &dyn std::error::Error| Failure::Refused(format!("{what}: {error}"));
    let from = from.parse::<Address>().map_err(|error| refused("mail.from", &error))?;
    let to = addressed(&message.to).map_err(|error| refused("the recipient's address", &error))?;
    let text = message.body.replace('\n', "\r\n");
    // Left as it is where SMTP allows that (RFC 5321, 4.5.3.1.6), so that links can be copied from the raw text.
    let is_plain = text.is_ascii() && !text.contains('\0') && text.lines().all(|line| line.len() <= 998);
    let body = if is_plain {
        Body::dangerous_pre_encoded(text.into_bytes(), ContentTransferEncoding::SevenBit)
    } else {
        Body::new(text)
    };
    let generated =
        HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".to_owned());
    lettre::Message::builder()
        .message_id(Some(message.message_id.clone()))
        .date(message.date.into())
        .from(Mailbox::new(Some(SENDER.to_owned()), from))
        .to(Mailbox::new(None, to))
        .subject(message.subject.clone())
        // No holiday notices in return (RFC 3834).
        .raw_header(generated)
        .header(ContentType::TEXT_PLAIN)
        .body(body)
        .map_err(|error| refused("building the mail", &error))
}

/// An address as SMTP has it: with the domain in its ASCII form, which every server takes.
fn addressed(address: &str) -> Result<Address, lettre::address::AddressError> {
    let (local, domain) = address.rsplit_once('@').unwrap_or((address, ""));
    let domain = url::Host::parse(domain).map_or_else(|_| domain.to_owned(), |host| host.to_string());
    Address::new(local, domain)
}

/// Writes a file for the owner's eyes only, whole or not at all: whoever looks finds no half of a mail.
async fn keep(folder: &Path, file: &Path, text: &[u8]) -> std::io::Result<()> {
    let (folder, beside) = (folder.to_owned(), file.with_extension("new"));
    let opened = {
        let beside = beside.clone();
        tokio::task::spawn_blocking(move || {
            std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
            std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(beside)
        })
    };
    let mut new = tokio::fs::File::from_std(opened.await??);
    new.write_all(text).await?;
    new.sync_all().await?;
    tokio::fs::rename(beside, file).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(to: &str, subject: &str, body: &str) -> Message {
        Message {
            message_id: "<1@example.org>".to_owned(),
            to: to.to_owned(),
            subject: subject.to_owned(),
            body: body.to_owned(),
            date: "2026-01-15T12:00:00Z".parse().unwrap(),
        }
    }

    fn text(message: &Message) -> Result<String, Failure> {
        build(message, "otherwise@example.org").map(|mail| String::from_utf8(mail.formatted()).unwrap())
    }

    #[test]
    fn a_mail_is_plain_text_with_few_headers() {
        let long = format!("https://example.org/verify#token={}", "x".repeat(60));
        let mail = message("alice@example.org", "Confirm", &format!("First.\n\n{long}\n"));
        let expected = format!(
            "Message-ID: <1@example.org>\r\nDate: Thu, 15 Jan 2026 12:00:00 +0000\r\n\
             From: Otherwise <otherwise@example.org>\r\nTo: alice@example.org\r\nSubject: Confirm\r\n\
             Auto-Submitted: auto-generated\r\nContent-Type: text/plain; charset=utf-8\r\n\
             Content-Transfer-Encoding: 7bit\r\n\r\nFirst.\r\n\r\n{long}\r\n"
        );
        let mut got: Vec<_> = text(&mail).unwrap().lines().map(str::to_owned).collect();
        let mut expected: Vec<_> = expected.lines().map(str::to_owned).collect();
        got.sort();
        expected.sort();
        assert_eq!(got, expected);
    }

    #[test]
    fn n5_nothing_becomes_another_header_or_recipient() {
        for address in [
            "alice@example.org\r\nBcc: bob@example.org",
            "alice@example.org\nBcc: bob@example.org",
            "alice@example.org, bob@example.org",
            "alice@example.org>, <bob@example.org",
            "Alice <alice@example.org>",
            "alice\r\n@example.org",
            "",
        ] {
            let built = text(&message(address, "Confirm", "Text.\n"));
            assert!(matches!(built, Err(Failure::Refused(_))), "{address:?}: {built:?}");
        }
        let mail = text(&message("alice@example.org", "Confirm\r\nBcc: bob@example.org", "Text.\n")).unwrap();
        assert!(!mail.lines().any(|line| line.to_ascii_lowercase().starts_with("bcc")), "{mail}");
    }

    #[test]
    fn domains_are_sent_in_their_ascii_form() {
        assert_eq!(addressed("ada@bücher.example").unwrap().to_string(), "ada@xn--bcher-kva.example");
        assert_eq!(addressed("ada@localhost").unwrap().to_string(), "ada@localhost");
        assert_eq!(addressed("дарья@example.org").unwrap().to_string(), "дарья@example.org");
    }
}
