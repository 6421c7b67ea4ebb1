//! What a change of mind consists of.

use crate::text::text;

text! {
    /// Why somebody thinks otherwise now, at least a sentence of it.
    pub struct MindChangeExplanation, 50..=2000, prose
}
