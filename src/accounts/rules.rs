//! What accounts are made of: names, addresses, passwords, roles and states.

mod blocklist;

pub use blocklist::refuse_guessable;

use std::collections::HashSet;
use std::fmt;
use std::sync::LazyLock;

use sea_orm::{DeriveActiveEnum, EnumIter};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;
use unicode_security::{GeneralSecurityProfile, RestrictionLevel, RestrictionLevelDetection};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::invalid::Invalid;
use crate::text::{is_bidi_control, is_ignorable, longest_run_of_marks};

/// The least length of a username in code points.
const MIN_USERNAME: usize = 3;
/// The greatest length of a username in code points.
const MAX_USERNAME: usize = 30;
/// How many combining marks may follow each other in a username. Living scripts need two.
const MAX_USERNAME_MARKS: usize = 2;

/// The greatest length of an address, and of the part before its `@`, in bytes (RFC 5321, §4.5.3.1).
const MAX_EMAIL: usize = 254;
const MAX_EMAIL_LOCAL: usize = 64;
/// The greatest length of a label of a domain in bytes (RFC 1035, §2.3.4).
const MAX_DOMAIN_LABEL: usize = 63;

/// The least length of a new password in code points (NIST SP 800-63B-4, §3.1.1: the only factor).
const MIN_PASSWORD: usize = 15;
/// The greatest length of a password in code points and in bytes.
const MAX_PASSWORD: usize = 256;
const MAX_PASSWORD_BYTES: usize = 1_024;

crate::text::string_value! {
    /// The name under which an account is known: 3 to 30 letters, digits, `_`, `-` and `.`.
    ///
    /// Letters are of one script, digits are 0 to 9, and `_`, `-` and `.` stand between other characters.
    /// Case and width do not count: the name is kept and shown in lower case. A name that looks like that
    /// of another account or like a reserved one is refused.
    pub struct Username, parse_username, |schema| schema
        .min_length(Some(MIN_USERNAME))
        .max_length(Some(MAX_USERNAME))
        .examples(["ada.lovelace"]);

    /// An email address. It is kept as given; case does not make it another one.
    pub struct Email, parse_email, |schema| schema
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Email)))
        .min_length(Some(3))
        .max_length(Some(MAX_EMAIL))
        .examples(["ada@example.org"])
}

crate::text::text! {
    /// The name that readers see beside the username.
    pub struct DisplayName, 1..=60, line;

    /// What people say about themselves: plain text.
    pub struct Bio, 1..=2000, prose
}

/// Usernames that nobody gets, nor any that looks like them: they would pass for the staff or the service,
/// or be taken for a part of an address.
pub const RESERVED: [&str; 92] = [
    "about",
    "abuse",
    "account",
    "accounts",
    "admin",
    "administration",
    "administrator",
    "administrators",
    "admins",
    "anonymous",
    "api",
    "assets",
    "auth",
    "billing",
    "bot",
    "contact",
    "credences",
    "current",
    "debates",
    "deleted",
    "docs",
    "everyone",
    "events",
    "export",
    "favicon.ico",
    "feed",
    "guest",
    "health",
    "help",
    "here",
    "home",
    "hostmaster",
    "import",
    "index.html",
    "info",
    "legal",
    "localhost",
    "login",
    "logout",
    "mail",
    "me",
    "metrics",
    "mod",
    "moderation",
    "moderator",
    "moderators",
    "mods",
    "myself",
    "new",
    "nobody",
    "none",
    "null",
    "official",
    "openapi.json",
    "otherwise",
    "owner",
    "password",
    "postmaster",
    "posts",
    "privacy",
    "profile",
    "register",
    "removed",
    "robots.txt",
    "root",
    "scenarios",
    "search",
    "security",
    "self",
    "service",
    "sessions",
    "settings",
    "signin",
    "signout",
    "signup",
    "sources",
    "staff",
    "static",
    "status",
    "support",
    "suspended",
    "sysadmin",
    "system",
    "team",
    "terms",
    "topics",
    "undefined",
    "unknown",
    "user",
    "users",
    "votes",
    "webmaster",
];

static RESERVED_SKELETONS: LazyLock<HashSet<String>> =
    LazyLock::new(|| RESERVED.into_iter().map(skeleton).collect());

/// What the names of erased accounts begin with.
const TOMBSTONE: &str = "deleted-";

impl Username {
    /// The name of an erased account, made of the random part of its identifier.
    pub fn tombstone(id: crate::ids::AccountId) -> Self {
        let (_, _, _, [_, _, rest @ ..]) = id.0.as_fields();
        let number = rest.iter().fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
        Self(format!("{TOMBSTONE}{number:012x}"))
    }

    /// Refuses a name that would pass for that of an erased account. Imported debates may have such names.
    ///
    /// # Errors
    /// `reserved`.
    pub fn refuse_tombstone(&self) -> Result<(), Invalid> {
        if self.skeleton().starts_with(&skeleton(TOMBSTONE)) {
            return Err(Invalid::new("reserved", "Names like this are those of deleted accounts."));
        }
        Ok(())
    }

    /// What this name looks like: names with the same skeleton must not exist beside each other.
    ///
    /// The skeleton of Unicode Technical Standard 39, §4. It is for comparison only, and another version of
    /// Unicode may give another one: recompute those that are stored when `unicode-security` is updated.
    pub fn skeleton(&self) -> String {
        skeleton(self.as_str())
    }
}

fn skeleton(name: &str) -> String {
    // The two sigmas are one letter, and lower-casing keeps them apart.
    unicode_security::skeleton(&name.replace('ς', "σ")).collect()
}

/// Checks a username and gives it in the form in which it is kept.
///
/// The form is close to `UsernameCaseMapped` of PRECIS (RFC 8265, §3.3): NFKC and lower case. The
/// characters are those that UTS 39 allows in identifiers, at most "highly restrictive".
///
/// Codes: `control_character`, `bidi_control`, `invisible_character`, `forbidden_character`,
/// `misplaced_separator`, `too_many_marks`, `mixed_scripts`, `too_short`, `too_long`, `reserved`.
fn parse_username(text: &str) -> Result<String, Invalid> {
    // On what was given: normalising must not be a way around this.
    if let Some(c) = text.chars().find(|&c| c.is_control() || is_bidi_control(c) || is_ignorable(c)) {
        let code = match c {
            c if c.is_control() => "control_character",
            c if is_bidi_control(c) => "bidi_control",
            _ => "invisible_character",
        };
        return Err(Invalid::new(code, format!("A username cannot contain U+{:04X}.", u32::from(c))));
    }
    let folded: String = text.nfkc().collect::<String>().to_lowercase().nfkc().collect();
    if let Some(c) = folded.chars().find(|&c| !is_username_character(c)) {
        return Err(Invalid::new(
            "forbidden_character",
            format!(
                "A username is made of letters, digits, \"_\", \"-\" and \".\": not of U+{:04X}.",
                u32::from(c)
            ),
        ));
    }
    let words = || folded.split(is_separator);
    if words().any(str::is_empty) {
        return Err(Invalid::new(
            "misplaced_separator",
            "In a username \"_\", \"-\" and \".\" stand between other characters, one at a time.",
        ));
    }
    if words().any(|word| word.starts_with(is_combining_mark))
        || longest_run_of_marks(&folded) > MAX_USERNAME_MARKS
    {
        return Err(Invalid::new(
            "too_many_marks",
            format!("In a username at most {MAX_USERNAME_MARKS} combining marks stand on one letter."),
        ));
    }
    let letters: String = words().collect();
    if !letters.as_str().check_restriction_level(RestrictionLevel::HighlyRestrictive) {
        return Err(Invalid::new("mixed_scripts", "The letters of a username are of one script."));
    }
    let length = folded.chars().count();
    if length < MIN_USERNAME {
        return Err(Invalid::new(
            "too_short",
            format!("At least {MIN_USERNAME} characters: this has {length}."),
        ));
    }
    if length > MAX_USERNAME {
        return Err(Invalid::new(
            "too_long",
            format!("At most {MAX_USERNAME} characters: this has {length}."),
        ));
    }
    if RESERVED_SKELETONS.contains(&skeleton(&folded)) {
        return Err(Invalid::new("reserved", "This username is reserved, or looks like one that is."));
    }
    Ok(folded)
}

fn is_separator(c: char) -> bool {
    matches!(c, '_' | '-' | '.')
}

fn is_username_character(c: char) -> bool {
    let of_kind = c.is_alphabetic() || is_combining_mark(c) || c.is_ascii_digit();
    is_separator(c) || of_kind && c.identifier_allowed()
}

impl Email {
    /// By this addresses are compared: the whole address in lower case.
    pub fn key(&self) -> String {
        self.as_str().to_lowercase().nfc().collect()
    }
}

/// Checks an address and gives it in NFC.
///
/// Only mail to it can show that it works. This keeps out what is surely wrong, and all that could become
/// another header or another recipient. Quoted local parts and address literals are refused; a domain of
/// one label, like `localhost`, is not. Codes: `malformed_email`, `too_long`.
fn parse_email(text: &str) -> Result<String, Invalid> {
    let text: String = text.nfc().collect();
    if text.len() > MAX_EMAIL {
        return Err(Invalid::new("too_long", format!("At most {MAX_EMAIL} bytes: this has {}.", text.len())));
    }
    let malformed = |detail: &'static str| Err(Invalid::new("malformed_email", detail));
    let Some((local, domain)) = text.split_once('@') else {
        return malformed("An email address has an \"@\".");
    };
    if domain.contains('@') {
        return malformed("An email address has one \"@\".");
    }
    let hidden = |c: char| c.is_control() || c.is_whitespace() || is_bidi_control(c) || is_ignorable(c);
    if local.is_empty() || local.contains(|c| hidden(c) || "\"(),:;<>[]\\".contains(c)) {
        return malformed("Before the \"@\" is a name without spaces, quotes, brackets, commas and colons.");
    }
    if local.starts_with('.') || local.ends_with('.') || local.contains("..") {
        return malformed("Before the \"@\" dots stand between other characters, one at a time.");
    }
    if local.len() > MAX_EMAIL_LOCAL {
        let detail = format!("At most {MAX_EMAIL_LOCAL} bytes before the \"@\": this has {}.", local.len());
        return Err(Invalid::new("too_long", detail));
    }
    let is_label = |label: &str| {
        (1..=MAX_DOMAIN_LABEL).contains(&label.len())
            && label
                .chars()
                .all(|c| c.is_alphanumeric() || is_combining_mark(c) && !is_ignorable(c) || c == '-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if !domain.split('.').all(is_label) {
        return malformed(
            "After the \"@\" is a domain: letters, digits and hyphens, in labels parted by dots.",
        );
    }
    Ok(text)
}

/// A password that somebody wants from now on: 15 to 256 code points of any kind, in NFC.
///
/// It is never trimmed and never cut. It cannot be printed or serialised.
#[derive(Clone, Deserialize)]
#[serde(try_from = "String")]
pub struct NewPassword(SecretString);

impl NewPassword {
    /// Checks a password.
    ///
    /// # Errors
    /// `too_short` and `too_long` for the length in code points after normalisation to NFC (NIST SP
    /// 800-63B-4), and for more than 1,024 bytes; `control_character` for U+0000. The detail never repeats
    /// the password.
    pub fn new(text: &str) -> Result<Self, Invalid> {
        let text: String = text.nfc().collect();
        let length = text.chars().count();
        if length < MIN_PASSWORD {
            return Err(Invalid::new(
                "too_short",
                format!("At least {MIN_PASSWORD} characters: this has {length}."),
            ));
        }
        if length > MAX_PASSWORD || text.len() > MAX_PASSWORD_BYTES {
            return Err(Invalid::new(
                "too_long",
                format!("At most {MAX_PASSWORD} characters: this has {length}."),
            ));
        }
        if text.contains('\0') {
            return Err(Invalid::new("control_character", "A password cannot contain U+0000."));
        }
        Ok(Self(text.into()))
    }

    /// The password, for hashing.
    pub fn expose(&self) -> &SecretString {
        &self.0
    }

    /// The password itself, to compare it with what it must not be.
    pub fn as_str(&self) -> &str {
        self.0.expose_secret()
    }
}

impl TryFrom<String> for NewPassword {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        Self::new(&text)
    }
}

impl fmt::Debug for NewPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NewPassword(…)")
    }
}

impl PartialSchema for NewPassword {
    fn schema() -> RefOr<Schema> {
        password_schema()
            .description(Some(
                "A new password: 15 to 256 characters of any kind, spaces included. Never trimmed, never cut.",
            ))
            .min_length(Some(MIN_PASSWORD))
            .max_length(Some(MAX_PASSWORD))
            .into()
    }
}

impl ToSchema for NewPassword {
    fn name() -> std::borrow::Cow<'static, str> {
        "NewPassword".into()
    }
}

/// A password with which somebody tries to sign in. Anything may be tried.
///
/// It cannot be printed or serialised.
#[derive(Clone, Deserialize)]
#[serde(from = "String")]
pub struct PasswordAttempt(SecretString);

impl PasswordAttempt {
    /// What to compare with a hash: the attempt in NFC.
    ///
    /// An attempt of more than 256 code points or 1,024 bytes is never right, because no password is so
    /// long. It is exposed as the empty string, which is never right either: the comparison runs as always,
    /// takes as long as always, and works on a bounded input.
    pub fn expose(&self) -> &SecretString {
        &self.0
    }
}

impl From<String> for PasswordAttempt {
    fn from(text: String) -> Self {
        let text: String = text.nfc().collect();
        let possible = text.len() <= MAX_PASSWORD_BYTES && text.chars().count() <= MAX_PASSWORD;
        Self(if possible { text } else { String::new() }.into())
    }
}

impl fmt::Debug for PasswordAttempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordAttempt(…)")
    }
}

impl PartialSchema for PasswordAttempt {
    fn schema() -> RefOr<Schema> {
        password_schema().description(Some("The password of the account.")).into()
    }
}

impl ToSchema for PasswordAttempt {
    fn name() -> std::borrow::Cow<'static, str> {
        "PasswordAttempt".into()
    }
}

fn password_schema() -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Password)))
        .write_only(true)
}

/// What an account is called by what it may do for the whole site. Each role may do what those before it may.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Default,
    Serialize,
    Deserialize,
    ToSchema,
    EnumIter,
    DeriveActiveEnum,
)]
#[serde(rename_all = "snake_case")]
#[sea_orm(rs_type = "String", db_type = "Text")]
pub enum Role {
    /// Takes part in debates.
    #[default]
    #[sea_orm(string_value = "member")]
    Member,
    /// Also looks after topics and posts of others.
    #[sea_orm(string_value = "moderator")]
    Moderator,
    /// Also looks after accounts.
    #[sea_orm(string_value = "administrator")]
    Administrator,
}

/// Whether an account may be used.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    Default,
    Serialize,
    Deserialize,
    ToSchema,
    EnumIter,
    DeriveActiveEnum,
)]
#[serde(rename_all = "snake_case")]
#[sea_orm(rs_type = "String", db_type = "Text")]
pub enum AccountState {
    /// In use.
    #[default]
    #[sea_orm(string_value = "active")]
    Active,
    /// Given up: its posts stay, without a name.
    #[sea_orm(string_value = "deleted")]
    Deleted,
}

/// Who is behind an account.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    Default,
    Serialize,
    Deserialize,
    ToSchema,
    EnumIter,
    DeriveActiveEnum,
)]
#[serde(rename_all = "snake_case")]
#[sea_orm(rs_type = "String", db_type = "Text")]
pub enum AccountKind {
    /// Somebody who can sign in.
    #[default]
    #[sea_orm(string_value = "person")]
    Person,
    /// An author of an imported debate: a name, and nobody who could sign in.
    #[sea_orm(string_value = "imported")]
    Imported,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sea_orm::{ActiveEnum, Iterable};
    use serde_json::json;

    use super::*;

    fn username(text: &str) -> Result<String, &'static str> {
        Username::new(text).map(String::from).map_err(|invalid| invalid.code)
    }

    fn email(text: &str) -> Result<String, &'static str> {
        Email::new(text).map(String::from).map_err(|invalid| invalid.code)
    }

    fn attempt(text: String) -> String {
        PasswordAttempt::from(text).expose().expose_secret().to_owned()
    }

    #[test]
    fn usernames_are_kept_in_one_form() {
        for (given, kept) in [
            ("ada", "ada"),
            ("Ada.Lovelace-1815_x", "ada.lovelace-1815_x"),
            ("\u{ff21}da\u{ff11}", "ada1"),
            ("e\u{301}lan", "\u{e9}lan"),
            ("ﬁsh", "fish"),
            ("STRASSE", "strasse"),
            ("Хрущёв", "хрущёв"),
            ("ΣΊΣΥΦΟΣ", "σίσυφος"),
            ("山田太郎", "山田太郎"),
            ("たなかさん", "たなかさん"),
            ("राधिका", "राधिका"),
            ("שלום", "שלום"),
            ("محمد", "محمد"),
        ] {
            assert_eq!(username(given).as_deref(), Ok(kept), "{given}");
        }
    }

    #[test]
    fn x4_names_that_deceive_are_refused() {
        for (given, code) in [
            ("р\u{430}ypal", "mixed_scripts"),
            ("pаypal", "mixed_scripts"),
            ("αdam", "mixed_scripts"),
            ("admin\u{200b}", "invisible_character"),
            ("ad\u{ad}am", "invisible_character"),
            ("ad\u{200d}am", "invisible_character"),
            ("\u{feff}adam", "invisible_character"),
            ("ad\u{fe0f}am", "invisible_character"),
            ("\u{202e}nimda", "bidi_control"),
            ("ad\u{2067}am", "bidi_control"),
            ("ad\u{200f}am", "invisible_character"),
            ("ad\0am", "control_character"),
            ("adam\r\nx", "control_character"),
            ("ADMIN", "reserved"),
            ("admin", "reserved"),
            ("\u{ff41}\u{ff44}\u{ff4d}\u{ff49}\u{ff4e}", "reserved"),
            ("𝐚𝐝𝐦𝐢𝐧", "reserved"),
            ("adrnin", "reserved"),
            ("Otherwise", "reserved"),
            ("rnod", "reserved"),
            ("nu11", "reserved"),
            ("a", "too_short"),
            ("ab", "too_short"),
            ("", "misplaced_separator"),
            ("ada lovelace", "forbidden_character"),
            (" ada", "forbidden_character"),
            ("ada@x", "forbidden_character"),
            ("ada/x", "forbidden_character"),
            ("ada😀", "forbidden_character"),
            ("ada²³½", "forbidden_character"),
            ("adaⅷ", "ok"),
            ("١٢٣", "forbidden_character"),
            ("ᚠᚢᚦ", "forbidden_character"),
            (".ada", "misplaced_separator"),
            ("ada_", "misplaced_separator"),
            ("ada..x", "misplaced_separator"),
            ("ada-_x", "misplaced_separator"),
            ("a\u{316}\u{316}\u{316}da", "forbidden_character"),
            ("\u{93f}\u{93f}क", "too_many_marks"),
            ("कि\u{93f}\u{93f}", "too_many_marks"),
        ] {
            assert_eq!(username(given).map_or_else(|code| code, |_| "ok"), code, "{given:?}");
        }
        assert_eq!(username(&"a".repeat(30)), Ok("a".repeat(30)));
        assert_eq!(username(&"a".repeat(31)), Err("too_long"));
        // One ligature, eighteen characters.
        assert_eq!(username("\u{fdfa}\u{fdfa}"), Err("forbidden_character"));
    }

    #[test]
    fn names_that_look_alike_have_one_skeleton() {
        let skeleton = |name| Username::new(name).unwrap().skeleton();
        assert_eq!(skeleton("paypal"), skeleton("PayPal"));
        assert_eq!(skeleton("раурау"), skeleton("paypay"));
        assert_eq!(skeleton("modern"), skeleton("modem"));
        assert_eq!(skeleton("bill"), skeleton("bi1l"));
        assert_eq!(skeleton("σίσυφος"), skeleton("σίσυφοσ"));
        assert_ne!(skeleton("a_b"), skeleton("a.b"));
        assert_ne!(skeleton("a_bc"), skeleton("abc"));
    }

    #[test]
    fn every_reserved_name_is_refused_as_such() {
        for name in RESERVED {
            let code = username(name).unwrap_err();
            assert!(code == "reserved" || code == "too_short" && name.len() < MIN_USERNAME, "{name}: {code}");
        }
        for name in ["administer", "modest", "apiary", "members"] {
            assert!(username(name).is_ok(), "{name}");
        }
    }

    #[test]
    fn addresses_are_kept_as_given() {
        for address in [
            "a@b",
            "Ada.Lovelace+tag@Example.ORG",
            "o'hara@example.org",
            "root@localhost",
            "ada@xn--bcher-kva.example",
            "ada@bücher.example",
            "дарья@почта.рф",
            "x@1.2.3.4",
        ] {
            assert_eq!(email(address).as_deref(), Ok(address));
        }
        assert_eq!(email("e\u{301}@example.org").as_deref(), Ok("\u{e9}@example.org"));
        assert_eq!(Email::new("Ada@Example.ORG").unwrap().key(), "ada@example.org");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for address in [
            "",
            "@",
            "a@",
            "@b",
            "ada",
            "a@b@c",
            "a b@c",
            " a@b",
            "a@b ",
            "a@b\n",
            "a@b\r\nBcc: c@d",
            "a\r\nBcc:x@b",
            "a\0@b",
            "a@b..c",
            "a@.b",
            "a@b.",
            "a@-b",
            "a@b-",
            "a@b_c",
            "a@[127.0.0.1]",
            "\"a b\"@c",
            "<a@b>",
            "a,b@c",
            "a;b@c",
            ".a@b",
            "a.@b",
            "a..b@c",
            "a\u{200b}@b",
            "a\u{202e}@b",
            "a@b\u{200b}",
            "a@b/c",
            "a@b?c",
            "a@b%20c",
            "a@\u{34f}b",
        ] {
            assert_eq!(email(address), Err("malformed_email"), "{address:?}");
        }
        let address = |local: usize, domain: usize| {
            let labels = format!("{}.", "d".repeat(61)).repeat(domain / 62) + &"e".repeat(domain % 62);
            format!("{}@{labels}", "l".repeat(local))
        };
        assert!(email(&address(64, 189)).is_ok());
        assert_eq!(email(&address(64, 190)), Err("too_long"));
        assert_eq!(email(&address(65, 20)), Err("too_long"));
        assert!(email(&format!("a@{}", "b".repeat(63))).is_ok());
        assert_eq!(email(&format!("a@{}", "b".repeat(64))), Err("malformed_email"));
    }

    #[test]
    fn p1_passwords_have_15_to_256_characters() {
        let code = |n| NewPassword::new(&"x".repeat(n)).map(|_| ()).map_err(|invalid| invalid.code);
        assert_eq!((code(14), code(15)), (Err("too_short"), Ok(())));
        assert_eq!((code(256), code(257)), (Ok(()), Err("too_long")));
        assert!(NewPassword::new(&"😀".repeat(256)).is_ok());
        let long = |end| NewPassword::new(&("x".repeat(200) + end)).unwrap();
        assert_ne!(long("a").as_str(), long("b").as_str());
    }

    #[test]
    fn p2_passwords_are_composed_and_never_trimmed() {
        let composed = NewPassword::new(&"\u{e9}".repeat(15)).unwrap();
        let decomposed = NewPassword::new(&"e\u{301}".repeat(15)).unwrap();
        assert_eq!(composed.as_str(), decomposed.as_str());
        assert_eq!(NewPassword::new(&"e\u{301}".repeat(14)).unwrap_err().code, "too_short");
        assert_eq!(attempt("e\u{301}".repeat(15)), composed.as_str());
        for password in ["  leading and trailing  ", "tab\tand\nline feed", "correct horse battery staple"] {
            assert_eq!(NewPassword::new(password).unwrap().as_str(), password);
            assert_eq!(attempt(password.to_owned()), password);
        }
        assert_eq!(NewPassword::new(&"\0".repeat(20)).unwrap_err().code, "control_character");
    }

    #[test]
    fn impossible_attempts_are_bounded() {
        assert_eq!(attempt("x".repeat(256)).len(), 256);
        assert_eq!(attempt("x".repeat(257)), "");
        assert_eq!(attempt("😀".repeat(257)), "");
        assert_eq!(attempt(String::new()), "");
    }

    #[test]
    fn passwords_do_not_show() {
        let secret = "correct horse battery staple";
        let password: NewPassword = serde_json::from_value(json!(secret)).unwrap();
        assert_eq!(format!("{password:?}"), "NewPassword(…)");
        let attempt: PasswordAttempt = serde_json::from_value(json!(secret)).unwrap();
        assert_eq!(format!("{attempt:?}"), "PasswordAttempt(…)");
        let message = serde_json::from_value::<NewPassword>(json!("hunter2")).unwrap_err().to_string();
        assert_eq!(Invalid::split(&message), Some(("too_short", "At least 15 characters: this has 7.")));
    }

    #[test]
    fn schemas_say_what_is_allowed() {
        let json = |schema| serde_json::to_value::<RefOr<Schema>>(schema).unwrap();
        let username = json(Username::schema());
        assert_eq!((&username["minLength"], &username["maxLength"]), (&json!(3), &json!(30)));
        assert!(username["description"].as_str().unwrap().starts_with("The name under which"));
        assert_eq!(json(Email::schema())["format"], "email");
        let password = json(NewPassword::schema());
        assert_eq!((&password["format"], &password["writeOnly"]), (&json!("password"), &json!(true)));
        assert_eq!(json(Bio::schema())["maxLength"], 2000);
        assert_eq!(json(Role::schema())["enum"], json!(["member", "moderator", "administrator"]));
    }

    #[test]
    fn json_and_the_database_use_the_same_words() {
        fn words<T: ActiveEnum<Value = String> + Iterable + Serialize>() -> Vec<String> {
            T::iter()
                .map(|value| {
                    let word = value.to_value();
                    assert_eq!(serde_json::to_value(&value).unwrap(), word);
                    word
                })
                .collect()
        }
        assert_eq!(words::<Role>(), ["member", "moderator", "administrator"]);
        assert_eq!(words::<AccountState>(), ["active", "deleted"]);
        assert_eq!(words::<AccountKind>(), ["person", "imported"]);
        assert!(Role::Member < Role::Moderator && Role::Moderator < Role::Administrator);
    }

    proptest! {
        #[test]
        fn usernames_do_not_change_again(text in "[a-zA-Zß_.-]{3,12}|[α-ωΑ-Ω]{3,8}|[Ａ-Ｚ]{3,8}|\\PC{3,10}") {
            if let Ok(name) = Username::new(&text) {
                prop_assert_eq!(Username::new(name.as_str()), Ok(name.clone()));
                prop_assert!(!name.as_str().contains(char::is_whitespace));
                prop_assert!(!name.skeleton().is_empty());
            }
        }

        #[test]
        fn case_never_makes_another_name(text in "[a-zA-Z0-9]{3,20}") {
            prop_assert_eq!(Username::new(&text), Username::new(&text.to_uppercase()));
        }

        #[test]
        fn addresses_stay_on_one_line(text in "\\PC{0,20}@\\PC{0,20}|[a-z\\r\\n\\t @.]{1,12}") {
            if let Ok(address) = Email::new(&text) {
                prop_assert!(!address.as_str().contains(|c: char| c.is_whitespace() || c.is_control()));
                prop_assert_eq!(Email::new(&address.key()).unwrap().key(), address.key());
            }
        }
    }
}
