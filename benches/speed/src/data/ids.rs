//! Identifiers that SQL and Lua can compute from a number.

/// What an identifier is of.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Post = 0,
    Account = 1,
    Topic = 2,
    Relation = 3,
}

/// An identifier as text: the number stands in its last twelve digits.
pub(crate) fn text(kind: Kind, number: u64) -> String {
    format!("0190000{}-0000-7000-8000-{number:012}", kind as u8)
}

/// The same as bytes.
pub(crate) fn bytes(kind: Kind, mut number: u64) -> [u8; 16] {
    let mut id = [0x01, 0x90, 0, kind as u8, 0, 0, 0x70, 0, 0x80, 0, 0, 0, 0, 0, 0, 0];
    // Decimal digits are hexadecimal ones too: two to a byte.
    for byte in id.iter_mut().skip(10).rev() {
        let pair = u8::try_from(number % 100).unwrap_or_default();
        *byte = (pair / 10) << 4 | (pair % 10);
        number /= 100;
    }
    id
}

/// The same as an expression of SQL, from an expression that is a number.
pub(crate) fn sql(kind: Kind, number: &str) -> String {
    format!("{}::uuid", sql_text(kind, number))
}

/// The same, before it is made an identifier.
pub(crate) fn sql_text(kind: Kind, number: &str) -> String {
    format!("('0190000{}-0000-7000-8000-' || lpad(({number})::text, 12, '0'))", kind as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_those_of_the_text() {
        for (kind, number) in
            [(Kind::Post, 7), (Kind::Account, 512), (Kind::Topic, 1_200_345), (Kind::Relation, 99)]
        {
            let whole = u128::from_be_bytes(bytes(kind, number));
            assert_eq!(format!("{whole:032x}"), text(kind, number).replace('-', ""));
        }
    }
}
