//! Codes of authenticator apps (RFC 6238), in the form that all of them know: SHA-1, six digits, 30 seconds.

use totp_rs::{Builder, Totp, TotpError};

use crate::clock::Time;

/// How long a secret is, in bytes: 160 bits, as RFC 4226 (section 4, R6) recommends.
pub const SECRET_BYTES: usize = 20;

/// What apps show beside the username.
const ISSUER: &str = "Otherwise";

fn totp(secret: &[u8], username: &str) -> Result<Totp, TotpError> {
    // The library's usual values are those of the heading, with one step of clock difference either way.
    Builder::new().with_secret(secret).with_issuer(Some(ISSUER)).with_account_name(username).build()
}

/// The step of 30 seconds that this code belongs to, if it is one that is good at the moment: the present one,
/// or one before or after it.
///
/// # Errors
/// The secret is not one of ours.
pub fn step_of(secret: &[u8], code: &str, now: Time) -> anyhow::Result<Option<i64>> {
    let seconds = u64::try_from(now.timestamp())?;
    Ok(totp(secret, "")?.check(code, seconds).map(i64::try_from).transpose()?)
}

/// A secret as an address that authenticator apps read, mostly from a QR code.
///
/// # Errors
/// The secret is not one of ours.
pub fn otpauth_url(secret: &[u8], username: &str) -> anyhow::Result<String> {
    Ok(totp(secret, username)?.to_url()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The secret of RFC 6238, appendix B.
    const SECRET: &[u8] = b"12345678901234567890";

    fn at(seconds: i64) -> Time {
        Time::from_timestamp(seconds, 0).unwrap()
    }

    #[test]
    fn m1_codes_are_those_of_rfc_6238() {
        // The last six of the eight digits of appendix B.
        for (seconds, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(step_of(SECRET, code, at(seconds)).unwrap(), Some(seconds / 30), "{code}");
        }
    }

    #[test]
    fn m1_one_step_of_clock_difference_is_forgiven() {
        let first = 1_111_111_110;
        for (off, step) in [(-31, None), (-30, Some(37_037_037)), (59, Some(37_037_037)), (60, None)] {
            assert_eq!(step_of(SECRET, "050471", at(first + off)).unwrap(), step, "{off}");
        }
        for wrong in ["", "50471", "0050471", "+50471", " 050471", "05047a", "０50471"] {
            assert_eq!(step_of(SECRET, wrong, at(first)).unwrap(), None, "{wrong}");
        }
    }

    #[test]
    fn m1_apps_read_the_secret_from_a_url() {
        let url = otpauth_url(SECRET, "алиса.b").unwrap();
        assert_eq!(
            url,
            "otpauth://totp/Otherwise:%D0%B0%D0%BB%D0%B8%D1%81%D0%B0.b?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Otherwise"
        );
        assert!(step_of(b"too short", "050471", at(0)).is_err());
    }
}
