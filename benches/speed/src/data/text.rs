//! Words that look like English, in paragraphs as long as people write them.

use rand::RngExt;
use rand::rngs::StdRng;
use rand_distr::{Distribution, LogNormal};

/// What syllables begin with, have in the middle and end in.
const SOUNDS: [&[u8]; 3] = [b"bcdfghlmnprstvw", b"aeiouea", b"nrstldm"];

const SHORT: [&str; 24] = [
    "the", "of", "and", "to", "a", "in", "that", "it", "was", "for", "on", "with", "as", "had", "but", "not",
    "by", "this", "they", "from", "would", "have", "which", "if",
];

/// Writes texts.
pub(crate) struct Writer {
    words: Vec<String>,
    length: LogNormal<f64>,
}

/// A text, and the same as HTML.
#[derive(Default)]
pub(crate) struct Text {
    pub(crate) body: String,
    pub(crate) html: String,
}

impl Writer {
    pub(crate) fn new(rng: &mut StdRng) -> Self {
        let syllable = |rng: &mut StdRng| {
            // Every other syllable ends in a vowel.
            let sounds = rng.random_range(2..=3);
            SOUNDS
                .map(|of| char::from(of[rng.random_range(0..of.len())]))
                .into_iter()
                .take(sounds)
                .collect::<String>()
        };
        let word = |rng: &mut StdRng| (0..rng.random_range(1..=4)).map(|_| syllable(rng)).collect::<String>();
        let words = (0..2048).map(|_| word(rng)).collect();
        // A median of 430 characters and a mean near 500.
        Self { words, length: LogNormal::new(430_f64.ln(), 0.6).unwrap() }
    }

    fn word(&self, rng: &mut StdRng) -> &str {
        if rng.random_bool(0.45) {
            SHORT[rng.random_range(0..SHORT.len())]
        } else {
            // Squared, so that some words are used far more often than others.
            let place: f64 = rng.random();
            &self.words[(place * place * self.words.len() as f64) as usize]
        }
    }

    /// Writes a sentence of about so many characters behind what is there.
    fn sentence(&self, body: &mut String, length: usize, rng: &mut StdRng) {
        let end = body.len() + length;
        let first = self.word(rng);
        body.push_str(&first[..1].to_uppercase());
        body.push_str(&first[1..]);
        while body.len() < end {
            body.push_str(if rng.random_bool(0.06) { ", " } else { " " });
            body.push_str(self.word(rng));
        }
        body.push('.');
    }

    /// Writes a text of a usual length over the one before.
    pub(crate) fn write(&self, text: &mut Text, rng: &mut StdRng) {
        text.body.clear();
        text.html.clear();
        let length = (self.length.sample(rng) as usize).clamp(30, 6000);
        let mut paragraph = 0;
        while text.body.len() < length {
            if text.body.len() > paragraph {
                text.body.push(' ');
            }
            self.sentence(&mut text.body, rng.random_range(40..120), rng);
            if text.body.len() - paragraph > 350 && text.body.len() < length {
                close(text, paragraph);
                text.body.push_str("\n\n");
                paragraph = text.body.len();
            }
        }
        close(text, paragraph);
    }

    /// A title of a topic.
    pub(crate) fn title(&self, rng: &mut StdRng) -> String {
        let mut title = String::from("What if ");
        for _ in 0..7 {
            title.push_str(self.word(rng));
            title.push(' ');
        }
        title.push_str("had not happened?");
        title.chars().take(140).collect()
    }
}

/// Ends the paragraph that begins at a place of the body.
fn close(text: &mut Text, paragraph: usize) {
    text.html.push_str("<p>");
    text.html.push_str(&text.body[paragraph..]);
    text.html.push_str("</p>\n");
}
