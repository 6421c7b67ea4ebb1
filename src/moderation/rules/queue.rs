//! What a queue of cases consists of.

use crate::error::Field;

/// How many rules of the site, or tags, a queue names at the most in one list.
pub const MAX_NAMED: usize = 20;

/// What is wrong with a list of a queue, whose field has this name: it is too long, or names something twice.
pub fn check_list<T: PartialEq>(field: &str, list: &[T]) -> Vec<Field> {
    if list.len() > MAX_NAMED {
        let detail = format!("At most {MAX_NAMED}: these are {}.", list.len());
        return vec![Field::new(field, "too_many", detail)];
    }
    (0..list.len())
        .filter(|i| list[..*i].contains(&list[*i]))
        .map(|i| Field::new(format!("{field}[{i}]"), "duplicate", "It is named already."))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(list: &[&str]) -> Vec<(String, String)> {
        check_list("tags", list).into_iter().map(|field| (field.field, field.code.into_owned())).collect()
    }

    #[test]
    fn everything_is_named_once_and_not_too_much() {
        assert_eq!(wrong(&["a", "b"]), []);
        let again = |i: usize| (format!("tags[{i}]"), "duplicate".to_owned());
        assert_eq!(wrong(&["a", "b", "a", "a"]), [again(2), again(3)]);
        let many: Vec<String> = (0..=MAX_NAMED).map(|n| n.to_string()).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(wrong(&many[..MAX_NAMED]), []);
        assert_eq!(wrong(&many), [("tags".to_owned(), "too_many".to_owned())]);
    }
}
