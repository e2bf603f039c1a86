//! Paths of MAIL and RCPT (RFC 5321 §4.1.2): an address in angle brackets.
//!
//! What it is not: a judge of addresses. It finds where one ends, and refuses what could be taken
//! for two.

/// The longest path, in bytes. RFC 5321 §4.5.3.1.3 asks for 256.
const PATH_BYTES_MAX: usize = 1024;

/// Reads a path at the start of `text`: the address without brackets and source route (which
/// RFC 5321 §4.1.1.3 says to ignore), empty for `<>`, and what follows.
pub(crate) fn path(text: &str) -> Option<(&str, &str)> {
    let inner = text.strip_prefix('<')?;
    let end = end_of(inner)?;
    let (inner, rest) = inner.split_at_checked(end)?;
    let rest = rest.strip_prefix('>')?;
    let well_placed = rest.is_empty() || rest.starts_with(' ');
    let address = without_route(inner)?;
    (well_placed && inner.len() <= PATH_BYTES_MAX && is_address(address)).then_some((address, rest))
}

/// Where the closing bracket stands: not in quotes, and without a second opening one.
fn end_of(inner: &str) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    for (n, c) in inner.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '>' if !quoted => return Some(n),
            '<' | ' ' if !quoted => return None,
            _ => (),
        }
    }
    None
}

fn without_route(inner: &str) -> Option<&str> {
    if inner.starts_with('@') { inner.split_once(':').map(|(_, it)| it) } else { Some(inner) }
}

fn is_address(address: &str) -> bool {
    if address.is_empty() || address.eq_ignore_ascii_case("postmaster") {
        return true;
    }
    let Some((local, domain)) = address.rsplit_once('@') else { return false };
    let quoted = 2 < local.len() && local.starts_with('"') && local.ends_with('"');
    let local_is_fine = quoted || !local.is_empty() && !local.contains(['"', '@', '\\']);
    let in_domain = |c: char| {
        c.is_ascii_alphanumeric() || !c.is_ascii() || matches!(c, '-' | '.' | '_' | '[' | ']' | ':')
    };
    local_is_fine && !domain.is_empty() && domain.chars().all(in_domain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        let good = [
            ("<>", "", ""),
            ("<a@b.example>", "a@b.example", ""),
            ("<a@b.example> SIZE=1", "a@b.example", " SIZE=1"),
            ("<@x,@y:a@b>", "a@b", ""),
            ("<\"a> b\"@b>", "\"a> b\"@b", ""),
            ("<\"a\\\"@c\"@b>", "\"a\\\"@c\"@b", ""),
            ("<a@[127.0.0.1]>", "a@[127.0.0.1]", ""),
            ("<a@[IPv6:::1]>", "a@[IPv6:::1]", ""),
            ("<Postmaster>", "Postmaster", ""),
            ("<ü@bücher.example>", "ü@bücher.example", ""),
            ("<IMCEAEX-_O=X_OU=Y+20Z@b>", "IMCEAEX-_O=X_OU=Y+20Z@b", ""),
        ];
        for (text, address, rest) in good {
            assert_eq!(path(text), Some((address, rest)), "{text}");
        }
        let bad = [
            "",
            "a@b",
            "<a@b",
            "a@b>",
            "<a>",
            "<@b>",
            "<a@>",
            "<a b@c>",
            "<<a@b>>",
            "<a@b>x",
            "<a@b@c>",
            "<a\"b@c>",
            "<\"@b>",
            "<@x a@b>",
            "<a@b,c@d>",
            "<a@b/c>",
            "<\"a@b>",
        ];
        for text in bad {
            assert_eq!(path(text), None, "{text}");
        }
        assert_eq!(path(&format!("<{}@b>", "a".repeat(PATH_BYTES_MAX))), None);
    }
}
