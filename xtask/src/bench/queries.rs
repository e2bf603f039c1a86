//! Two hundred queries of five kinds, taken from the mail itself.

use super::mail::Corpus;

/// How many of each kind.
const N_EACH: usize = 40;

/// One query in both languages.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Mixed {
    pub(super) kind: &'static str,
    pub(super) posthold: String,
    pub(super) notmuch: String,
}

/// Words, phrases, senders, date ranges and beginnings of words, in turn. Words are as frequent
/// as in the mail: some are in most messages, some in a few.
pub(super) fn mixed(corpus: &Corpus) -> Vec<Mixed> {
    let step = (corpus.mails.len() / 400).max(1);
    let mails = corpus.mails.iter().step_by(step);
    let texts: Vec<String> =
        mails.map(|it| String::from_utf8_lossy(&it.bytes).into_owned()).collect();
    let pairs: Vec<(String, String)> = texts.iter().filter_map(|it| pair(it)).collect();
    let mut senders: Vec<String> = texts.iter().filter_map(|it| sender(it)).collect();
    senders.dedup();
    let years: Vec<u32> = texts.iter().filter_map(|it| year(it)).collect();
    let mut queries = Vec::new();
    for n in 0..N_EACH {
        let pair = |skip: usize| pairs.get((n * 5 + skip) % pairs.len().max(1));
        if let Some((word, _)) = pair(0) {
            push(&mut queries, "word", word.clone(), word.clone());
        }
        if let Some((a, b)) = pair(1) {
            push(&mut queries, "phrase", format!("\"{a} {b}\""), format!("\"{a} {b}\""));
        }
        if let Some(sender) = senders.get(n * 7 % senders.len().max(1)) {
            push(&mut queries, "from", format!("from:{sender}"), format!("from:{sender}"));
        }
        let year = years.get(n * 7 % years.len().max(1)).copied().unwrap_or(2020);
        let month = 1 + n % 12;
        let posthold = format!("after:{year}-{month:02}-01 before:{}-{month:02}-01", year + 1);
        let notmuch = format!("date:{year}-{month:02}-01..{}-{month:02}-01", year + 1);
        push(&mut queries, "date", posthold, notmuch);
        if let Some((word, _)) = pair(2) {
            let start: String = word.chars().take(4).collect();
            push(&mut queries, "prefix", format!("{start}*"), format!("{start}*"));
        }
    }
    queries
}

fn push(queries: &mut Vec<Mixed>, kind: &'static str, posthold: String, notmuch: String) {
    queries.push(Mixed { kind, posthold, notmuch });
}

/// Two words that follow each other in the text of a message.
fn pair(text: &str) -> Option<(String, String)> {
    let (_, body) =
        text.replace("\r\n", "\n").split_once("\n\n").map(|(a, b)| (a.len(), b.to_owned()))?;
    let is_word =
        |it: &str| (4..12).contains(&it.len()) && it.bytes().all(|it| it.is_ascii_lowercase());
    for line in body.lines().filter(|it| !it.contains(['=', '<', '/', ':'])) {
        let words: Vec<&str> = line.split(' ').collect();
        for two in words.windows(2) {
            if let [a, b] = two
                && is_word(a)
                && is_word(b)
            {
                return Some(((*a).to_owned(), (*b).to_owned()));
            }
        }
    }
    None
}

/// The year of a message.
fn year(text: &str) -> Option<u32> {
    let line = text.lines().find(|it| it.starts_with("Date: "))?;
    let mut numbers = line.split(' ').filter_map(|it| it.parse().ok());
    numbers.find(|it| (1990..2030).contains(it))
}

/// The local part of the sender's address.
fn sender(text: &str) -> Option<String> {
    let line = text.lines().find(|it| it.starts_with("From: "))?;
    let (local, _) = line.split_once('@')?;
    let local = local.rsplit([' ', '<', '"', ':', '(']).next()?;
    let fine = |it: char| it.is_ascii_alphanumeric() || it == '.' || it == '-';
    (2 < local.len() && local.chars().all(fine)).then(|| local.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_forty_of_each() {
        let queries = mixed(&Corpus::make(500));
        for kind in ["word", "phrase", "from", "date", "prefix"] {
            assert_eq!(queries.iter().filter(|it| it.kind == kind).count(), N_EACH, "{kind}");
        }
    }

    #[test]
    fn senders_and_years() {
        assert_eq!(year("From: x\nDate: Tue, 1 Jan 2019 14:27:55 +0000\n"), Some(2019));
        assert_eq!(sender("To: x\nFrom: A. B <Ann.Lee@example.org>\n"), Some("ann.lee".into()));
        assert_eq!(sender("From: nobody\n"), None);
    }
}
