//! Fingerprints by which texts are found that say nearly the same.
//!
//! A fingerprint has 64 bits, and those of two texts differ in the fewer of them the more the texts have in common
//! (Charikar, 2002); nearly the same texts differ in three or fewer (Manku, Jain and Das Sarma, 2007). What is compared is
//! how often which words occur: posts are short, and longer shingles lose too much with one changed word. In the texts of
//! the debate of 1956, of 15 to 49 words, one word in another's place leaves half of the fingerprints within 3 bits where a
//! shingle is one word, 12 in 100 where it is two, and 7 where it is three; no two of the texts are nearer than 12 bits.

use super::list::words;

/// Texts of fewer words of their own have no fingerprint: everybody says "I agree with this".
pub const MIN_WORDS: usize = 5;

/// The fingerprint of a text without what it quotes; none where too little is left.
///
/// Letters are small, digits are one digit, punctuation does not count, and all links are the same, so that what is
/// changed for the sake of change changes little.
pub fn fingerprint(text: &str) -> Option<u64> {
    // What a reply quotes, others quote as well.
    let own: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with('>')).collect();
    let mut sums = [0_i32; 64];
    let mut count = 0;
    let mut add = |word: &str| {
        count += 1;
        let hash = hash(word);
        for (bit, sum) in sums.iter_mut().enumerate() {
            *sum += if (hash >> bit) & 1 == 1 { 1 } else { -1 };
        }
    };
    for part in own.iter().flat_map(|line| line.split_whitespace()) {
        if part.contains("://") || part.to_lowercase().contains("www.") {
            add("://");
            continue;
        }
        for word in words(part) {
            let word: String = word.text.chars().map(|c| if c.is_numeric() { '0' } else { c }).collect();
            add(&word);
        }
    }
    let bits = sums.iter().enumerate().filter(|(_, sum)| **sum > 0);
    let fingerprint = bits.fold(0, |bits, (bit, _)| bits | (1 << bit));
    (count >= MIN_WORDS).then_some(fingerprint)
}

/// In how many bits two fingerprints differ.
pub fn distance(one: u64, other: u64) -> u32 {
    (one ^ other).count_ones()
}

/// The same for the same word on every server and for all time, since fingerprints are kept: FNV-1a (Fowler, Noll and Vo),
/// whose high bits are poor by themselves, and the last steps of `MurmurHash3` (Appleby), which mix them.
fn hash(word: &str) -> u64 {
    let fnv = word.bytes().fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
    });
    let mixed = (fnv ^ (fnv >> 33)).wrapping_mul(0xFF51_AFD7_ED55_8CCD);
    let mixed = (mixed ^ (mixed >> 33)).wrapping_mul(0xC4CE_B9FE_1A85_EC53);
    mixed ^ (mixed >> 33)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The posts of the debate of 1956.
    fn posts() -> Vec<String> {
        let debate: serde_json::Value =
            serde_json::from_str(include_str!("../../../debates/1956-secret-speech.json")).unwrap();
        let bodies = debate["posts"].as_array().unwrap().iter().filter_map(|post| post["body"].as_str());
        bodies.filter(|body| fingerprint(body).is_some()).map(str::to_owned).collect()
    }

    fn near(one: &str, other: &str) -> bool {
        match (fingerprint(one), fingerprint(other)) {
            (Some(one), Some(other)) => distance(one, other) <= 3,
            _ => false,
        }
    }

    /// Numbers that are the same in every run (splitmix64, Steele, Lea and Flood, 2014).
    struct Random(u64);

    impl Random {
        fn below(&mut self, end: usize) -> usize {
            self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            usize::try_from((mixed ^ (mixed >> 31)) % end as u64).unwrap()
        }
    }

    /// A text of so many words, which occur as often as words do (Zipf, 1949).
    fn generated(random: &mut Random, words: &[String], length: usize) -> Vec<String> {
        let mut word = || {
            let rank = words.len() * random.below(1000) * random.below(1000) / 1_000_000;
            words[rank].clone()
        };
        (0..length).map(|_| word()).collect()
    }

    fn vocabulary() -> Vec<String> {
        let mut counted = std::collections::BTreeMap::new();
        for word in posts().iter().flat_map(|post| words(post)) {
            *counted.entry(word.text).or_insert(0) += 1;
        }
        let mut by_count: Vec<_> = counted.into_iter().map(|(word, count)| (-count, word)).collect();
        by_count.sort();
        by_count.into_iter().map(|(_, word)| word).collect()
    }

    #[test]
    fn v7_what_is_changed_for_the_sake_of_change_is_the_same_text() {
        let posts = posts();
        assert!(posts.len() >= 14, "{}", posts.len());
        for post in &posts {
            for changed in [
                post.to_uppercase(),
                post.replace(' ', "  ").replace('.', " !!"),
                post.replace(',', "\n\n"),
                format!("> {}\n\n{post}", "Something that somebody else had said before."),
                post.chars().flat_map(|c| [c, '\u{200b}']).collect(),
            ] {
                assert!(near(post, &changed), "{changed}");
            }
        }
        let spam = "Buy the best maps of Kent at https://maps.example/a?x=1 for 20 pounds, today only!";
        assert!(near(
            spam,
            "buy the best maps of kent at https://other.example/b for 35 pounds - today only"
        ));
        assert!(near(&format!("{spam} {spam} {spam}"), &format!("{spam} {spam} {spam} Really.")));
    }

    #[test]
    fn v7_texts_that_differ_are_far_apart_and_quoting_brings_them_no_nearer() {
        let posts = posts();
        let mut nearest = 64;
        for (i, one) in posts.iter().enumerate() {
            for other in &posts[..i] {
                let (one, other) = (fingerprint(one).unwrap(), fingerprint(other).unwrap());
                nearest = nearest.min(distance(one, other));
            }
        }
        assert!(nearest >= 10, "{nearest}");
        // Everybody answers the same post, quotes all of it and each other.
        for quoted in &posts {
            let quote = format!("> {}\n", quoted.replace('\n', "\n> "));
            for (i, one) in posts.iter().enumerate() {
                for other in &posts[..i] {
                    assert!(!near(&format!("{quote}\n{one}"), &format!("{quote}\n{other}")));
                }
            }
            assert!(!near(
                quoted,
                &format!("{quote}\nI do not see how the chain of steps holds without the army.")
            ));
        }
        for short in ["I agree.", "Thank you!", "> All of this.\n\nExactly so."] {
            assert_eq!(fingerprint(short), None, "{short}");
        }
    }

    #[test]
    fn v7_of_generated_texts_near_ones_are_found_and_no_others() {
        let (vocabulary, mut random) = (vocabulary(), Random(7));
        let texts: Vec<_> = (0..400).map(|i| generated(&mut random, &vocabulary, 30 + i % 170)).collect();
        let prints: Vec<_> = texts.iter().map(|text| fingerprint(&text.join(" ")).unwrap()).collect();
        let mut wrong = 0;
        for (i, one) in prints.iter().enumerate() {
            wrong += prints[..i].iter().filter(|other| distance(*one, **other) <= 3).count();
        }
        assert_eq!(wrong, 0, "of 79,800 pairs");
        let (mut found, mut tried) = (0, 0);
        for (text, print) in texts.iter().zip(&prints).filter(|(text, _)| text.len() >= 100) {
            let mut changed = text.clone();
            let at = random.below(changed.len());
            "otherwise".clone_into(&mut changed[at]);
            tried += 1;
            found += usize::from(distance(fingerprint(&changed.join(" ")).unwrap(), *print) <= 3);
        }
        assert!(found * 100 >= tried * 90, "{found} of {tried} with one word changed");
    }

    proptest! {
        #[test]
        fn the_order_and_the_dress_of_words_do_not_matter(mut list in proptest::collection::vec("[a-z]{1,8}", 5..40)) {
            let text = list.join(" ");
            list.reverse();
            prop_assert_eq!(fingerprint(&text), fingerprint(&list.join(", ").to_uppercase()));
            prop_assert!(fingerprint(&text).is_some());
        }
    }
}
