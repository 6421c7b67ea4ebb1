//! Compressing what is kept, once for all who take it compressed.

use axum::body::Bytes;
use axum::http::{HeaderMap, header};
use flate2::{Compress, Compression, FlushCompress, Status};

/// How hard it tries. What is kept lasts for a tenth of a second at worst, and harder saves little.
const LEVEL: Compression = Compression::new(4);

/// The head of a member without a name and a time (RFC 1952, 2.3).
const HEAD: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];

/// The last block, with nothing in it.
const LAST: [u8; 5] = [1, 0, 0, 0xff, 0xff];

/// Whether a client takes answers in this form (RFC 9110, 12.5.3).
pub(super) fn is_accepted(headers: &HeaderMap) -> bool {
    let codings = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    codings.flat_map(|value| value.split(',')).any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        let is_gzip = parts
            .next()
            .is_some_and(|name| name.eq_ignore_ascii_case("gzip") || name.eq_ignore_ascii_case("x-gzip"));
        let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
        is_gzip && weight.is_none_or(|weight| weight.parse::<f32>().is_ok_and(|weight| weight > 0.0))
    })
}

/// Pieces of a text, each compressed, between which others can be put that are not.
#[derive(Debug)]
pub(super) struct Pieces(Vec<Bytes>);

impl Pieces {
    /// Compresses a text that is cut at these places. At each there will be `gap` more bytes: what follows is found to
    /// resemble what stands before them, across them.
    pub(super) fn of(text: &[u8], cuts: &[usize], gap: usize) -> Option<Self> {
        let mut stream = Compress::new(LEVEL, false);
        let mut pieces = Vec::with_capacity(cuts.len() + 1);
        // Bytes that no text in UTF-8 has, so that nothing is found to resemble them.
        let gap = vec![0xff; gap];
        let mut rest = 0;
        for cut in cuts {
            pieces.push(flushed(&mut stream, text.get(rest..*cut)?)?.into());
            flushed(&mut stream, &gap)?;
            rest = *cut;
        }
        pieces.push(flushed(&mut stream, text.get(rest..)?)?.into());
        Some(Self(pieces))
    }

    /// The pieces with something between each two, as one member of gzip; `text` is the same uncompressed.
    pub(super) fn joined<'a>(&self, between: impl Iterator<Item = &'a [u8]>, text: &[u8]) -> Bytes {
        let length: usize = self.0.iter().map(|piece| piece.len() + 64).sum();
        let mut joined = Vec::with_capacity(length + 32);
        joined.extend_from_slice(&HEAD);
        let mut between = between;
        for piece in &self.0 {
            joined.extend_from_slice(piece);
            if let Some(stored) = between.next() {
                // A block that is not compressed (RFC 1951, 3.2.4); what is put between is short.
                let length = u16::try_from(stored.len()).unwrap_or(u16::MAX);
                joined.push(0);
                joined.extend_from_slice(&length.to_le_bytes());
                joined.extend_from_slice(&(!length).to_le_bytes());
                joined.extend_from_slice(&stored[..usize::from(length)]);
            }
        }
        joined.extend_from_slice(&LAST);
        joined.extend_from_slice(&crc32fast::hash(text).to_le_bytes());
        // Modulo 2^32, as the format has it.
        #[expect(clippy::cast_possible_truncation, reason = "that is what the format asks for")]
        joined.extend_from_slice(&(text.len() as u32).to_le_bytes());
        joined.into()
    }
}

/// Compresses more of a stream, up to a boundary of bytes.
fn flushed(stream: &mut Compress, text: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() / 2 + 64);
    let before = stream.total_in();
    loop {
        let done = usize::try_from(stream.total_in() - before).ok()?;
        let status = stream.compress_vec(text.get(done..)?, &mut out, FlushCompress::Sync).ok()?;
        let is_all_taken = stream.total_in() - before == text.len() as u64;
        if is_all_taken && out.len() < out.capacity() {
            return Some(out);
        }
        if status == Status::StreamEnd {
            return None;
        }
        out.reserve(out.capacity().max(64));
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use axum::http::HeaderValue;
    use flate2::read::MultiGzDecoder;
    use proptest::prelude::*;

    use super::*;

    fn read(bytes: &[u8]) -> Vec<u8> {
        let mut text = Vec::new();
        MultiGzDecoder::new(bytes).read_to_end(&mut text).unwrap();
        text
    }

    #[test]
    fn who_takes_it_says_so() {
        for (value, accepted) in [
            ("gzip", true),
            ("deflate, GZIP;q=0.5", true),
            ("x-gzip", true),
            ("br", false),
            ("gzip;q=0", false),
            ("gzip; q=0.000", false),
            ("gzip;q=x", false),
            ("identity;q=1, *;q=0", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(value));
            assert_eq!(is_accepted(&headers), accepted, "{value}");
        }
        assert!(!is_accepted(&HeaderMap::new()));
    }

    #[test]
    fn likeness_is_found_across_what_is_put_between() {
        let text = br#"{"author":"alice","body":"If the speech had not been made"}"#.repeat(50);
        let cuts: Vec<usize> = (1..50).map(|number| number * text.len() / 50).collect();
        let gap = [b'x'; 8];
        let pieces = Pieces::of(&text, &cuts, gap.len()).unwrap();
        let mut whole = text.clone();
        cuts.iter().rev().for_each(|cut| drop(whole.splice(cut..cut, gap)));
        let joined = pieces.joined(cuts.iter().map(|_| gap.as_slice()), &whole);
        assert_eq!(read(&joined), whole);
        assert!(joined.len() < whole.len() / 2, "{} of {}", joined.len(), whole.len());
    }

    proptest! {
        #[test]
        fn what_is_joined_is_read_again(
            parts in proptest::collection::vec(".{0,300}", 1..12),
            between in proptest::collection::vec("[a-z]{7}", 12),
        ) {
            let text = parts.concat();
            let mut cuts = Vec::new();
            for part in &parts[..parts.len() - 1] {
                cuts.push(cuts.last().unwrap_or(&0) + part.len());
            }
            let pieces = Pieces::of(text.as_bytes(), &cuts, 7).unwrap();
            let mut whole = String::new();
            for (place, part) in parts.iter().enumerate() {
                whole += part;
                if place < cuts.len() {
                    whole += &between[place];
                }
            }
            let joined = pieces.joined(between.iter().map(String::as_bytes).take(cuts.len()), whole.as_bytes());
            prop_assert_eq!(read(&joined), whole.as_bytes());
        }
    }
}
