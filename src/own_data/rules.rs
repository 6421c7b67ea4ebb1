//! The file that a copy of somebody's data is.

use sea_orm::{DeriveActiveEnum, EnumIter};
use serde_json::Value;

/// The format of the file, with its version: a field more is the same version.
pub const FORMAT: &str = "otherwise-own-data/1";

/// What came of preparing a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text")]
pub enum ExportOutcome {
    /// It can be had.
    #[sea_orm(string_value = "ready")]
    Ready,
    /// It would have been larger than copies may be.
    #[sea_orm(string_value = "too_large")]
    TooLarge,
}

/// A file that would be larger than it may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLarge;

/// One JSON object, written field by field, so that no more than its text is ever in memory.
#[derive(Debug)]
pub struct FileWriter {
    text: String,
    limit: usize,
    in_list: bool,
}

impl FileWriter {
    /// Begins a file of at most `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self { text: "{".to_owned(), limit, in_list: false }
    }

    fn separate(&mut self) {
        if !self.text.ends_with(['{', '[']) {
            self.text.push(',');
        }
    }

    fn name(&mut self, name: &str) {
        if self.in_list {
            self.text.push(']');
            self.in_list = false;
        }
        self.separate();
        self.text.push_str(&Value::from(name).to_string());
        self.text.push(':');
    }

    fn value(&mut self, value: &Value) -> Result<(), TooLarge> {
        let value = value.to_string();
        // Two more end it.
        if self.text.len() + value.len() + 2 > self.limit {
            return Err(TooLarge);
        }
        self.text.push_str(&value);
        Ok(())
    }

    /// Writes a field.
    ///
    /// # Errors
    /// The file is full.
    pub fn field(&mut self, name: &str, value: &Value) -> Result<(), TooLarge> {
        self.name(name);
        self.value(value)
    }

    /// Begins a field that is a list; the items follow.
    pub fn list(&mut self, name: &str) {
        self.name(name);
        self.text.push('[');
        self.in_list = true;
    }

    /// Writes an item of the list that was begun last.
    ///
    /// # Errors
    /// The file is full.
    pub fn item(&mut self, value: &Value) -> Result<(), TooLarge> {
        self.separate();
        self.value(value)
    }

    /// The whole file.
    pub fn finish(mut self) -> Vec<u8> {
        if self.in_list {
            self.text.push(']');
        }
        self.text.push('}');
        self.text.into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_file_is_one_object_whatever_is_in_it() {
        let mut file = FileWriter::new(1_000);
        file.list("empty");
        file.field("one", &json!({ "a": "\"" })).unwrap();
        file.list("many");
        file.item(&json!(1)).unwrap();
        file.item(&json!([])).unwrap();
        file.item(&json!({})).unwrap();
        assert_eq!(
            serde_json::from_slice::<Value>(&file.finish()).unwrap(),
            json!({ "empty": [], "one": { "a": "\"" }, "many": [1, [], {}] })
        );
        assert_eq!(FileWriter::new(2).finish(), b"{}");
    }

    #[test]
    fn l1_a_file_is_never_larger_than_it_may_be() {
        for limit in 0..60 {
            let mut file = FileWriter::new(limit);
            file.list("many");
            while file.item(&json!("text")).is_ok() {}
            let length = FileWriter::new(limit).field("a", &json!(1)).map_or(0, |()| 7);
            assert!(length <= limit.max(2));
        }
        let mut file = FileWriter::new(11);
        assert_eq!(file.field("a", &json!("12345")), Err(TooLarge));
    }
}
