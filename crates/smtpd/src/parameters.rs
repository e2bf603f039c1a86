//! Parameters behind the paths of MAIL and RCPT (RFC 5321 §4.1.1.11).

use crate::envelope::Body;

/// What MAIL may say beside the sender.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct MailParameters {
    pub(crate) bytes: Option<u64>,
    pub(crate) body: Body,
    pub(crate) smtp_utf8: bool,
    pub(crate) envelope_id: Option<String>,
    pub(crate) submitter: Option<String>,
}

/// What RCPT may say beside the recipient.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct RcptParameters {
    pub(crate) original: Option<String>,
    pub(crate) notify: Option<String>,
}

/// Why parameters are not accepted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum BadParameter {
    /// We do not know it (555).
    Unknown,
    /// Its value makes no sense, or it came twice (501).
    Value,
}

/// The longest value that is kept, in bytes. RFC 3461 §5 asks for 500 (ORCPT).
const VALUE_BYTES_MAX: usize = 1024;

pub(crate) fn mail(text: &str) -> Result<MailParameters, BadParameter> {
    let mut found = MailParameters::default();
    let mut seen = Vec::new();
    for word in text.split_ascii_whitespace() {
        let (key, value) = parameter(word, &mut seen)?;
        match (key.as_str(), value) {
            ("SIZE", Some(value)) => found.bytes = Some(number(value)?),
            ("BODY", Some(value)) => found.body = body(value)?,
            ("SMTPUTF8", None) => found.smtp_utf8 = true,
            ("AUTH", Some(value)) => found.submitter = Some(kept(value)?),
            ("ENVID", Some(value)) => found.envelope_id = Some(kept(value)?),
            ("RET", Some(_)) => (),
            ("SIZE" | "BODY" | "SMTPUTF8" | "AUTH" | "ENVID" | "RET", _) => {
                return Err(BadParameter::Value);
            }
            _ => return Err(BadParameter::Unknown),
        }
    }
    Ok(found)
}

pub(crate) fn rcpt(text: &str) -> Result<RcptParameters, BadParameter> {
    let mut found = RcptParameters::default();
    let mut seen = Vec::new();
    for word in text.split_ascii_whitespace() {
        let (key, value) = parameter(word, &mut seen)?;
        match (key.as_str(), value) {
            ("ORCPT", Some(value)) => found.original = Some(kept(value)?),
            ("NOTIFY", Some(value)) => found.notify = Some(kept(value)?),
            ("ORCPT" | "NOTIFY", None) => return Err(BadParameter::Value),
            _ => return Err(BadParameter::Unknown),
        }
    }
    Ok(found)
}

fn parameter<'a>(
    word: &'a str,
    seen: &mut Vec<String>,
) -> Result<(String, Option<&'a str>), BadParameter> {
    let (key, value) = match word.split_once('=') {
        Some((key, value)) => (key, Some(value)),
        None => (word, None),
    };
    let key = key.to_ascii_uppercase();
    if seen.contains(&key) {
        return Err(BadParameter::Value);
    }
    seen.push(key.clone());
    Ok((key, value))
}

fn number(value: &str) -> Result<u64, BadParameter> {
    // RFC 1870 §4: one to twenty digits; a number beyond ours is larger than any limit.
    let digits = (1..=20).contains(&value.len()) && value.bytes().all(|it| it.is_ascii_digit());
    if digits { Ok(value.parse().unwrap_or(u64::MAX)) } else { Err(BadParameter::Value) }
}

fn body(value: &str) -> Result<Body, BadParameter> {
    match value.to_ascii_uppercase().as_str() {
        "7BIT" => Ok(Body::SevenBit),
        "8BITMIME" => Ok(Body::EightBitMime),
        "BINARYMIME" => Ok(Body::BinaryMime),
        _ => Err(BadParameter::Value),
    }
}

fn kept(value: &str) -> Result<String, BadParameter> {
    let fits = !value.is_empty() && value.len() <= VALUE_BYTES_MAX;
    if fits { Ok(value.to_owned()) } else { Err(BadParameter::Value) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters() {
        let all = mail(" SIZE=10 body=8bitmime SMTPUTF8 AUTH=<> ENVID=x RET=HDRS").unwrap();
        assert_eq!((all.bytes, all.body, all.smtp_utf8), (Some(10), Body::EightBitMime, true));
        assert_eq!(all.envelope_id.as_deref(), Some("x"));
        assert_eq!(mail("SIZE=99999999999999999999").unwrap().bytes, Some(u64::MAX));
        for text in ["SIZE", "SIZE=", "SIZE=-1", "SIZE=1 size=2", "BODY=9BIT", "SMTPUTF8=1"] {
            assert_eq!(mail(text), Err(BadParameter::Value), "{text}");
        }
        for text in ["X=1", "=", "HOLDFOR=3", "NOTIFY=NEVER"] {
            assert_eq!(mail(text), Err(BadParameter::Unknown), "{text}");
        }
        let all = rcpt(" ORCPT=rfc822;a@b NOTIFY=NEVER").unwrap();
        assert_eq!(all.original.as_deref(), Some("rfc822;a@b"));
        assert_eq!(rcpt("SIZE=1"), Err(BadParameter::Unknown));
        assert_eq!(rcpt("ORCPT="), Err(BadParameter::Value));
    }
}
