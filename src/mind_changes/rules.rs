//! What a change of mind consists of.

use crate::text::text;

text! {
    /// Why somebody thinks otherwise now, at least a sentence of it.
    pub struct Explanation, 50..=2000, prose
}
