//! Labels of domain names that are written in ASCII (`xn--…`), back to the letters they stand for.
//!
//! What it is not: a check of domain names. What is no valid label stays as it is: two spellings
//! of something wrong are then two things.

/// A label without its `xn--`, decoded (RFC 3492 §6.2); `None` when it stands for nothing.
pub(crate) fn decode(label: &str) -> Option<String> {
    let (basic, encoded) = label.rsplit_once('-').unwrap_or(("", label));
    let mut output: Vec<char> = basic.chars().collect();
    let mut code: u32 = 128;
    let mut position: u32 = 0;
    let mut bias: u32 = 72;
    let mut digits = encoded.chars().peekable();
    while digits.peek().is_some() {
        let before = position;
        let mut weight: u32 = 1;
        let mut step: u32 = BASE;
        loop {
            let digit = digit(digits.next()?)?;
            position = position.checked_add(digit.checked_mul(weight)?)?;
            let threshold = step.saturating_sub(bias).clamp(THRESHOLD_MIN, THRESHOLD_MAX);
            if digit < threshold {
                break;
            }
            weight = weight.checked_mul(BASE - threshold)?;
            step += BASE;
        }
        let count = u32::try_from(output.len()).ok()?.checked_add(1)?;
        bias = adapt(position - before, count, before == 0);
        code = code.checked_add(position / count)?;
        position %= count;
        output.insert(usize::try_from(position).ok()?, char::from_u32(code)?);
        position += 1;
    }
    (!encoded.is_empty() && output.len() <= LABEL_CHARS_MAX).then(|| output.into_iter().collect())
}

/// RFC 3492 §5: the parameters of Punycode.
const BASE: u32 = 36;
const THRESHOLD_MIN: u32 = 1;
const THRESHOLD_MAX: u32 = 26;
const SKEW: u32 = 38;
const DAMP: u32 = 700;

/// A label has at most 63 bytes, and decoding gives no more characters than those.
const LABEL_CHARS_MAX: usize = 63;

fn digit(c: char) -> Option<u32> {
    match c {
        'a'..='z' => Some(u32::from(c) - u32::from('a')),
        '0'..='9' => Some(u32::from(c) - u32::from('0') + 26),
        _ => None,
    }
}

/// RFC 3492 §6.1.
fn adapt(delta: u32, count: u32, is_first: bool) -> u32 {
    let mut delta = if is_first { delta / DAMP } else { delta / 2 };
    delta += delta / count;
    let mut steps = 0;
    while delta > ((BASE - THRESHOLD_MIN) * THRESHOLD_MAX) / 2 {
        delta /= BASE - THRESHOLD_MIN;
        steps += BASE;
    }
    steps + (BASE * delta) / (delta + SKEW)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels() {
        let cases = [
            ("mnchen-3ya", Some("münchen")),
            ("bcher-kva", Some("bücher")),
            ("strae-oqa", Some("straße")),
            // RFC 3492 §7.1 (A), (B) and (L).
            ("egbpdaj6bu4bxfgehfvwxn", Some("ليهمابتكلموشعربي؟")),
            ("ihqwcrb4cv8a8dqg056pqjye", Some("他们为什么不说中文")),
            ("3b-ww4c5e180e575a65lsy2b", Some("3年b組金八先生")),
            ("", None),
            ("a-", None),
            ("a-!", None),
            ("99999999999999", None),
        ];
        for (label, want) in cases {
            assert_eq!(decode(label).as_deref(), want, "{label}");
        }
    }
}
