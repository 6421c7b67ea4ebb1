//! Sets of words, of domains and of what somebody is known by, and what of a text or of somebody is in them.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use unicode_normalization::UnicodeNormalization;

use super::SetKind;
use crate::accounts::rules::Email;
use crate::clock::Time;
use crate::config::Network;
use crate::invalid::Invalid;
use crate::text::is_ignorable;

/// How many values a set may have.
pub const MAX_VALUES: usize = 2_000;

/// How many words a value may have.
const MAX_WORDS: usize = 5;

/// The widest networks that a set has, by the bits that say which they are, of IPv4 and of IPv6: whatever is wider is no place
/// that anybody comes from, but much of the internet.
const WIDEST: [u8; 2] = [8, 16];

/// How many stars the pattern of a name may have, and how few other characters.
const MAX_STARS: usize = 5;
const FEWEST_CHARS: usize = 3;

/// A word of a text: in small letters, and where it begins and ends, in code points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// The word.
    pub text: String,
    /// Where its first character stands.
    pub start: u32,
    /// Behind its last one.
    pub end: u32,
}

/// The words of a text: what letters and digits stand together, whatever shows nothing between them.
pub fn words(text: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let mut word = String::new();
    let (mut start, mut end) = (0, 0);
    for (at, c) in (0_u32..).zip(text.chars()) {
        if c.is_alphanumeric() || unicode_normalization::char::is_combining_mark(c) {
            if word.is_empty() {
                start = at;
            }
            word.extend(c.to_lowercase());
            end = at + 1;
        } else if !word.is_empty() && !is_ignorable(c) {
            words.push(Word { text: std::mem::take(&mut word), start, end });
        }
    }
    if !word.is_empty() {
        words.push(Word { text: word, start, end });
    }
    words
}

/// A value in its one form: words in small letters with one space between, a domain as the name system has it, a network
/// without the bits of a host, an address of mail as it is compared (which is not kept, but a keyed hash of it), or the
/// pattern of a name as names are compared.
///
/// # Errors
/// It is none of the kind.
pub fn normalised(kind: SetKind, value: &str) -> Result<String, Invalid> {
    match kind {
        SetKind::Words => {
            let value: String = value.nfc().collect();
            let words: Vec<_> = words(&value).into_iter().map(|word| word.text).collect();
            if (1..=MAX_WORDS).contains(&words.len()) {
                Ok(words.join(" "))
            } else {
                Err(Invalid::new("not_words", format!("From 1 to {MAX_WORDS} words, of letters and digits.")))
            }
        }
        SetKind::Domains => {
            let refused = || {
                Invalid::new(
                    "not_a_domain",
                    "A name such as example.com, with no scheme, no path and no wildcard.",
                )
            };
            let name = value.trim_end_matches('.');
            match url::Host::parse(name) {
                Ok(url::Host::Domain(domain)) if domain.contains('.') && domain.split('.').all(is_label) => {
                    Ok(domain)
                }
                _ => Err(refused()),
            }
        }
        SetKind::Networks => network(value),
        SetKind::EmailHashes => Email::new(value).map(|email| email.key()),
        SetKind::NamePatterns => name_pattern(value),
    }
}

fn network(value: &str) -> Result<String, Invalid> {
    let network = Network::try_from(value.to_owned()).map_err(|_| {
        Invalid::new("not_a_network", "An address, or a network such as 203.0.113.0/24 or 2001:db8::/32.")
    })?;
    let [four, six] = WIDEST;
    if network.prefix() < if network.is_ipv4() { four } else { six } {
        let detail =
            format!("At least /{four} of IPv4, and /{six} of IPv6: this is too much of the internet.");
        return Err(Invalid::new("too_wide", detail));
    }
    Ok(network.to_string())
}

fn name_pattern(value: &str) -> Result<String, Invalid> {
    let mut pattern = comparable_name(value);
    while pattern.contains("**") {
        pattern = pattern.replace("**", "*");
    }
    let stars = pattern.matches('*').count();
    let others = pattern.chars().filter(|c| *c != '*' && !c.is_whitespace()).count();
    if stars > MAX_STARS || others < FEWEST_CHARS {
        let detail = format!(
            "A name with at most {MAX_STARS} `*` in it, and {FEWEST_CHARS} other characters or more."
        );
        return Err(Invalid::new("not_a_name_pattern", detail));
    }
    Ok(pattern)
}

/// A name as it is compared: case does not count, nor does what shows nothing.
pub fn comparable_name(name: &str) -> String {
    name.chars().filter(|c| !is_ignorable(*c)).flat_map(char::to_lowercase).nfc().collect()
}

/// Whether a name is as a pattern has it, in which `*` stands for anything, nothing included. What stands between stars is
/// looked for from the left: where it is found first leaves most for the rest. So each part goes over the name once.
fn name_matches(pattern: &str, name: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == name };
    let (between, last) = rest.rsplit_once('*').unwrap_or(("", rest));
    let inner = name.strip_prefix(first).and_then(|name| name.strip_suffix(last));
    let Some(mut inner) = inner else { return false };
    for part in between.split('*') {
        match inner.find(part) {
            Some(at) => inner = &inner[at + part.len()..],
            None => return false,
        }
    }
    true
}

fn is_label(label: &str) -> bool {
    !label.is_empty()
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

/// The values of a set, ready to be looked for, each with the moment at which it ends.
#[derive(Debug, Default)]
pub struct List {
    values: HashMap<String, Option<Time>>,
    /// How many words the longest value has.
    longest: usize,
    /// The values again, where they are networks.
    networks: Vec<(Network, Option<Time>)>,
}

fn counts(ends: Option<Time>, now: Time) -> bool {
    ends.is_none_or(|ends| ends > now)
}

impl List {
    /// Of a kind of values, each in its one form.
    pub fn new(kind: SetKind, values: impl IntoIterator<Item = (String, Option<Time>)>) -> Self {
        let values: HashMap<_, _> = values.into_iter().collect();
        let longest = values.keys().map(|value| value.split(' ').count()).max().unwrap_or_default();
        let network =
            |(value, ends): (&String, &Option<Time>)| Some((Network::try_from(value.clone()).ok()?, *ends));
        let networks = match kind {
            SetKind::Networks => values.iter().filter_map(network).collect(),
            _ => Vec::new(),
        };
        Self { values, longest, networks }
    }

    /// Whether the set has this very value.
    pub fn has(&self, value: &str, now: Time) -> bool {
        self.values.get(value).is_some_and(|ends| counts(*ends, now))
    }

    /// Whether an address is within a network of the set.
    pub fn has_address(&self, address: IpAddr, now: Time) -> bool {
        self.networks.iter().any(|(network, ends)| counts(*ends, now) && network.contains(address))
    }

    /// Whether a name, as it is compared, is as one of the set.
    pub fn has_name(&self, name: &str, now: Time) -> bool {
        self.values.iter().any(|(pattern, ends)| counts(*ends, now) && name_matches(pattern, name))
    }

    /// Where the first word, or sequence of words, of the set stands in a text: its start and end, in code points.
    pub fn first_of(&self, words: &[Word], now: Time) -> Option<(u32, u32)> {
        for at in 0..words.len() {
            let mut value = String::new();
            for word in words[at..].iter().take(self.longest) {
                if !value.is_empty() {
                    value.push(' ');
                }
                value.push_str(&word.text);
                if self.has(&value, now) {
                    return Some((words[at].start, word.end));
                }
            }
        }
        None
    }

    /// Whether the set has a domain, or one that it is below. Whole labels count: `attacker-example.com` is not below
    /// `example.com`.
    pub fn has_domain(&self, domain: &str, now: Time) -> bool {
        let domain = domain.trim_end_matches('.');
        let below = domain.match_indices('.').map(|(dot, _)| &domain[dot + 1..]);
        std::iter::once(domain).chain(below).any(|name| self.has(name, now))
    }
}

/// Where links lead, in HTML as this server makes it: the domain of each, and nothing for those that name none.
pub fn link_domains(html: &str) -> Vec<Option<String>> {
    // Text is escaped, so this is a link and nothing else.
    let targets = html.split("<a href=\"").skip(1).filter_map(|rest| rest.split('"').next());
    targets.map(|target| domain_of(&target.replace("&amp;", "&"))).collect()
}

fn domain_of(target: &str) -> Option<String> {
    let url = url::Url::parse(target).ok()?;
    if url.scheme() == "mailto" {
        let (_, domain) = url.path().rsplit_once('@')?;
        return normalised(SetKind::Domains, domain).ok();
    }
    match url.host()? {
        url::Host::Domain(domain) => Some(domain.trim_end_matches('.').to_owned()),
        _ => None,
    }
}

/// How many people a text calls, by `@` and a name where a word may begin.
pub fn mentions(text: &str) -> u32 {
    let mut names = HashSet::new();
    for (at, _) in text.match_indices('@') {
        let begins = !text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '@' || c == '/' || c == '.');
        let rest = &text[at + 1..];
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_' && c != '-').unwrap_or(rest.len());
        if begins && end > 0 {
            names.insert(rest[..end].to_lowercase());
        }
    }
    u32::try_from(names.len()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use proptest::prelude::*;

    use super::*;
    use crate::markdown;

    fn now() -> Time {
        "2026-01-15T12:00:00Z".parse().unwrap()
    }

    fn list(values: &[&str]) -> List {
        List::new(SetKind::Words, values.iter().map(|value| ((*value).to_owned(), None)))
    }

    #[test]
    fn v6_domains_match_by_whole_labels() {
        let set = list(&["example.com"]);
        for (domain, is_in) in [
            ("example.com", true),
            ("www.example.com", true),
            ("a.b.example.com.", true),
            ("attacker-example.com", false),
            ("attackerexample.com", false),
            ("example.com.evil.org", false),
            ("example.co", false),
            ("com", false),
            ("", false),
        ] {
            assert_eq!(set.has_domain(domain, now()), is_in, "{domain}");
        }
    }

    #[test]
    fn v6_links_lead_where_browsers_take_them() {
        let set = list(&["example.com", "xn--bcher-kva.example"]);
        let hits = |text: &str| {
            let domains = link_domains(&markdown::render(text));
            domains.iter().flatten().any(|domain| set.has_domain(domain, now()))
        };
        for text in [
            "[a](https://example.com/x)",
            "[a](HTTPS://EXAMPLE.COM)",
            "https://www.example.com/?q=1&r=2",
            "www.example.com",
            "<https://example.com>",
            "[a][b]\n\n[b]: https://sub.example.com",
            "[a](https://user:word@example.com:8080/)",
            "[a](https://example.com./)",
            "[a](https://ex%61mple.com/)",
            "[a](https://B\u{dc}CHER.example/)",
            "![a](https://example.com/x.png)",
            "<mailto:spam@example.com>",
        ] {
            assert!(hits(text), "{text}: {}", markdown::render(text));
        }
        for text in [
            "[example.com](https://example.org)",
            "[a](https://attacker-example.com)",
            "[a](https://example.com@example.org)",
            "[a](https://example.org/example.com)",
            "[a](https://example.org/?to=https://example.com)",
            "`https://example.com`",
            "example.com",
        ] {
            assert!(!hits(text), "{text}: {}", markdown::render(text));
        }
    }

    #[test]
    fn words_are_found_whole_and_whatever_hides_in_them() {
        let set = list(&["spam", "cheap maps", "café"]);
        let found = |text: &str| set.first_of(&words(text), now());
        assert_eq!(found("No Spam here"), Some((3, 7)));
        assert_eq!(found("sp\u{200b}am"), Some((0, 5)));
        assert_eq!(found("CHEAP, maps!"), Some((0, 11)));
        assert_eq!(found("the CAFÉ."), Some((4, 8)));
        for text in ["spammer", "antispam", "cheap old maps", "maps cheap", ""] {
            assert_eq!(found(text), None, "{text}");
        }
    }

    #[test]
    fn values_end_and_have_one_form() {
        let ends = now() + TimeDelta::seconds(1);
        let set = List::new(SetKind::Words, [("spam".to_owned(), Some(ends))]);
        assert!(set.first_of(&words("spam"), now()).is_some());
        assert!(set.first_of(&words("spam"), ends).is_none());
        let words = |value| normalised(SetKind::Words, value).map_err(|refused| refused.code);
        assert_eq!(words(" Cheap,  MAPS").as_deref(), Ok("cheap maps"));
        assert_eq!(words("!!!"), Err("not_words"));
        assert_eq!(words("a b c d e f"), Err("not_words"));
        let domain = |value| normalised(SetKind::Domains, value).map_err(|refused| refused.code);
        assert_eq!(domain("Example.COM.").as_deref(), Ok("example.com"));
        assert_eq!(domain("b\u{fc}cher.example").as_deref(), Ok("xn--bcher-kva.example"));
        for value in [
            "com",
            "https://example.com",
            "example.com/x",
            "*.example.com",
            "127.0.0.1",
            "a b.com",
            "",
            ".",
            "..com",
        ] {
            assert_eq!(domain(value), Err("not_a_domain"), "{value}");
        }
    }

    #[test]
    fn people_are_called_where_a_word_begins() {
        for (text, count) in [
            ("@alice and @bob, @Alice!", 2),
            ("alice@example.com", 0),
            ("(@alice)", 1),
            ("@ alice", 0),
            ("https://example.com/@alice", 0),
            ("@@alice", 0),
        ] {
            assert_eq!(mentions(text), count, "{text}");
        }
    }

    #[test]
    fn networks_have_one_form_and_are_not_half_the_internet() {
        let network = |value| normalised(SetKind::Networks, value).map_err(|refused| refused.code);
        for (value, kept) in [
            ("203.0.113.7", "203.0.113.7/32"),
            ("203.0.113.7/24", "203.0.113.0/24"),
            ("10.255.0.1/8", "10.0.0.0/8"),
            ("2001:DB8:0:0::7", "2001:db8::7/128"),
            ("2001:db8:ffff::/33", "2001:db8:8000::/33"),
            ("::ffff:203.0.113.7", "203.0.113.7/32"),
            ("2001:db8::/16", "2001::/16"),
        ] {
            assert_eq!(network(value).as_deref(), Ok(kept), "{value}");
            assert_eq!(network(kept).as_deref(), Ok(kept));
        }
        for value in ["0.0.0.0/0", "10.0.0.0/7", "::/0", "2000::/15"] {
            assert_eq!(network(value), Err("too_wide"), "{value}");
        }
        for value in [
            "203.0.113.0/33",
            "2001:db8::/129",
            "203.0.113",
            "example.com",
            "/8",
            "10.0.0.0/-1",
            "1.2.3.4/8/8",
        ] {
            assert_eq!(network(value), Err("not_a_network"), "{value}");
        }
        let ends = now() + TimeDelta::seconds(1);
        let values = [("203.0.113.0/24", None), ("2001:db8::/32", None), ("198.51.100.7/32", Some(ends))];
        let set = List::new(SetKind::Networks, values.map(|(value, ends)| (value.to_owned(), ends)));
        let is_in = |address: &str, now| set.has_address(address.parse().unwrap(), now);
        for address in ["203.0.113.255", "::ffff:203.0.113.1", "2001:db8:ffff::1", "198.51.100.7"] {
            assert!(is_in(address, now()), "{address}");
        }
        for address in ["203.0.114.0", "2001:db9::", "198.51.100.8", "::"] {
            assert!(!is_in(address, now()), "{address}");
        }
        assert!(!is_in("198.51.100.7", ends));
    }

    #[test]
    fn addresses_of_mail_are_compared_as_those_of_accounts_are() {
        let email = |value| normalised(SetKind::EmailHashes, value).map_err(|refused| refused.code);
        assert_eq!(email("Ada@Example.ORG").as_deref(), Ok("ada@example.org"));
        assert_eq!(email("nobody"), Err("malformed_email"));
    }

    #[test]
    fn names_match_as_a_whole_and_whatever_case_they_have() {
        let pattern = |value| normalised(SetKind::NamePatterns, value).map_err(|refused| refused.code);
        assert_eq!(pattern("Free***Maps*").as_deref(), Ok("free*maps*"));
        assert_eq!(pattern("a*b*c*d*e*f").as_deref(), Ok("a*b*c*d*e*f"));
        for value in ["a*b*c*d*e*f*", "*", "ab*", "* a b *"] {
            assert_eq!(pattern(value), Err("not_a_name_pattern"), "{value}");
        }
        for (pattern, name, expected) in [
            ("ada", "ADA", true),
            ("ada", "ada1", false),
            ("ada*", "Ada", true),
            ("*ada", "canada", true),
            ("*ada*", "Adam", true),
            ("a*a", "a", false),
            ("a*a", "aa", true),
            ("xx*xx", "xxx", false),
            ("a*bc*bc*d", "abcd", false),
            ("a*bc*bc*d", "abcbcd", true),
            ("free*maps", "Free \u{200b}Ma\u{200d}ps", true),
            ("caf\u{e9}*", "CAFE\u{301} noir", true),
            ("a?c", "abc", false),
        ] {
            let set = List::new(SetKind::NamePatterns, [(comparable_name(pattern), None)]);
            assert_eq!(set.has_name(&comparable_name(name), now()), expected, "{pattern} and {name}");
        }
    }

    proptest! {
        #[test]
        fn names_match_as_a_regular_expression_would(pattern in "[ab*.]{0,8}", name in "[ab.]{0,12}") {
            let expression = pattern.split('*').map(regex::escape).collect::<Vec<_>>().join(".*");
            let expected = regex::Regex::new(&format!("^(?:{expression})$")).unwrap().is_match(&name);
            prop_assert_eq!(name_matches(&pattern, &name), expected);
        }

        #[test]
        fn v6_what_is_in_front_of_a_domain_counts_only_behind_a_dot(before in "[a-z0-9-]{1,12}", dot in any::<bool>()) {
            let set = list(&["example.com"]);
            let domain = format!("{before}{}example.com", if dot { "." } else { "" });
            prop_assert_eq!(set.has_domain(&domain, now()), dot);
        }

        #[test]
        fn words_keep_their_places(text in ".{0,80}") {
            let length = u32::try_from(text.chars().count()).unwrap();
            for word in words(&text) {
                prop_assert!(word.start < word.end && word.end <= length);
            }
        }
    }
}
