//! Passwords that are guessed first: those that many people have, and those made of what everybody knows
//! about their owner.
//!
//! `common_passwords.txt` has the passwords of 15 characters or more among the million most common ones of
//! the "10 million passwords" that Mark Burnett released into the public domain (2015), most common first, in
//! lower case and without those that hold an address.

use std::collections::HashSet;
use std::sync::LazyLock;

use super::NewPassword;
use crate::invalid::Invalid;

/// The common passwords, a line each.
const COMMON: &str = include_str!("common_passwords.txt");

static KNOWN: LazyLock<HashSet<&str>> = LazyLock::new(|| COMMON.lines().collect());

/// Words that somebody thinks of here.
const SITE_WORDS: [&str; 8] =
    ["otherwise", "counterfactual", "debate", "scenario", "antecedent", "credence", "argument", "history"];

/// How much of a password its strength is estimated by: the estimate takes the cube of the length.
const MEASURED_CHARS: usize = 100;

/// The least strength that is taken, on the scale of zxcvbn from 0 to 4: 3 is more than 10⁸ guesses
/// (Wheeler 2016), which the limits of sign-ins make hopeless and Argon2 makes dear.
const LEAST_STRENGTH: zxcvbn::Score = zxcvbn::Score::Three;

/// How many characters a password has to have besides what everybody knows of its owner: a year and a few
/// exclamation marks behind a name are soon tried.
const LEAST_BESIDES: usize = 10;

/// Whether a password consists of known words and little else.
fn is_known_and_little_else(password: &str, known: &[&str]) -> bool {
    let mut besides = password.to_lowercase();
    let mut words: Vec<&str> = known.iter().copied().filter(|word| word.chars().count() >= 3).collect();
    words.sort_by_key(|word| std::cmp::Reverse(word.len()));
    for word in words {
        besides = besides.replace(&word.to_lowercase(), "");
    }
    besides.len() < password.to_lowercase().len() && besides.chars().count() < LEAST_BESIDES
}

/// Checks a new password of whoever has this username and address against what is guessed first (NIST SP
/// 800-63B-4, 3.1.1.2).
///
/// # Errors
/// `common_password` for one that many people have, `guessable_password` for one that takes few guesses given
/// the username, the address and the words of this place. The detail says what makes it so, and never
/// repeats the password.
pub fn refuse_guessable(password: &NewPassword, [username, email]: [&str; 2]) -> Result<(), Invalid> {
    let text = password.as_str();
    if KNOWN.contains(text.to_lowercase().as_str()) {
        return Err(Invalid::new(
            "common_password",
            "Many people have this password, so it is tried first. Take another one: a few words that have \
             nothing to do with each other are good.",
        ));
    }
    let local = email.split('@').next().unwrap_or_default();
    let mut known = vec![username, email, local];
    known.extend(SITE_WORDS);
    let measured: String = text.chars().take(MEASURED_CHARS).collect();
    let estimate = zxcvbn::zxcvbn(&measured, &known);
    if estimate.score() >= LEAST_STRENGTH && !is_known_and_little_else(text, &known) {
        return Ok(());
    }
    let why = estimate
        .feedback()
        .and_then(zxcvbn::feedback::Feedback::warning)
        .map(|warning| format!(" {warning}"));
    Err(Invalid::new(
        "guessable_password",
        format!(
            "This password takes few guesses for somebody who knows your name and this place.{} Take another one: \
             a few words that have nothing to do with each other are good.",
            why.unwrap_or_default()
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(password: &str, username: &str) -> Option<&'static str> {
        let email = format!("{username}.lovelace@example.org");
        let password = NewPassword::new(password).unwrap();
        refuse_guessable(&password, [username, &email]).err().map(|refused| refused.code)
    }

    #[test]
    fn p3_the_most_common_passwords_that_are_long_enough_are_refused() {
        let common: Vec<&str> = COMMON.lines().collect();
        assert!(common.len() > 9000, "{}", common.len());
        for password in common {
            assert_eq!(check(password, "ada"), Some("common_password"), "{password}");
        }
        assert_eq!(check("PasswordPassword", "ada"), Some("common_password"));
        assert_eq!(check("1QAZ2wsx3edc4RFV", "ada"), Some("common_password"));
    }

    #[test]
    fn p3_what_everybody_knows_of_somebody_is_refused() {
        for password in [
            "gardener2026!!!!",
            "Gardener.Gardener",
            "gardener.lovelace",
            "gardener.lovelace@example.org",
            "otherwiseotherwise",
            "counterfactual1",
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            "abcdefghijklmnopqrstuvwxyz",
            "qwertyuiop[]asdf",
        ] {
            assert_eq!(check(password, "gardener"), Some("guessable_password"), "{password}");
        }
    }

    #[test]
    fn p3_what_is_hard_to_guess_is_taken() {
        for password in [
            "correct horse battery staple",
            "an entirely different phrase",
            "the quick brown fox naps",
            "несколько случайных слов вместе",
            "kX9#vQ2$mL7&pR4!",
            &"long and winding ".repeat(15),
        ] {
            assert_eq!(check(password, "gardener"), None, "{password}");
        }
    }
}
